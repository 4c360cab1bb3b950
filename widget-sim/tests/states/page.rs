//! The tables as text, and the page of the documentation that has them.

use std::fs;
use std::path::Path;

/// Rows of cells, the first of which are the heads.
pub(crate) type Table = Vec<Vec<String>>;

/// Whether the page has this table between its marks.
#[track_caller]
pub(crate) fn stands(name: &str, table: &Table) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/states.md");
    let page = fs::read_to_string(page).unwrap();
    let (begin, end) = (
        format!("<!-- {name} -->\n\n"),
        format!("\n<!-- end of {name} -->"),
    );
    let text = text(table);
    let (_, rest) = page.split_once(&begin).expect("the table's begin");
    let (written, _) = rest.split_once(&end).expect("the table's end");
    if written == text {
        return;
    }
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.md"));
    fs::write(&fresh, &text).unwrap();
    for (line, now) in written.lines().zip(text.lines()) {
        assert_eq!(line, now, "the table is now in {}", fresh.display());
    }
    panic!("the table has other rows: it is now in {}", fresh.display());
}

fn text(table: &Table) -> String {
    let mut text = String::new();
    for (at, row) in table.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if at == 0 {
            text.push_str(&format!("|{}\n", "---|".repeat(row.len())));
        }
    }
    text
}
