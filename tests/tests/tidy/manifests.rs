//! The rules for dependencies: each stands once, in the workspace's manifest, and has a row in the
//! table of docs/dependencies.md.

use super::source::Broken;

const TABLE: &str = "[workspace.dependencies]";
const OURS: &str = "widget-";

/// Dependencies that the page has no row for.
pub(super) fn undocumented(manifest: &str, page: &str) -> Vec<Broken> {
    let documented: Vec<&str> = rows(page).map(|(_, name)| name).collect();
    let missing = foreign(manifest).filter(|(_, name)| !documented.contains(name));
    let advice = |name| {
        format!("add a row for `{name}` to docs/dependencies.md: what for, why this one, cost")
    };
    missing
        .map(|(line, name)| Broken::new(line, advice(name)))
        .collect()
}

/// Rows whose dependency is gone.
pub(super) fn documented_in_vain(manifest: &str, page: &str) -> Vec<Broken> {
    let known: Vec<&str> = foreign(manifest).map(|(_, name)| name).collect();
    let stale = rows(page).filter(|(_, name)| !known.contains(name));
    let advice = |name| format!("`{name}` is no dependency of the workspace: delete its row");
    stale
        .map(|(line, name)| Broken::new(line, advice(name)))
        .collect()
}

/// Dependencies of a member that do not come from the workspace.
pub(super) fn not_inherited(manifest: &str) -> Vec<Broken> {
    let own =
        entries(manifest, |table| table.ends_with("dependencies]")).filter(|(_, name, value)| {
            !name.ends_with(".workspace") && !value.contains("workspace = true")
        });
    let advice = |name| format!("move the version of `{name}` to {TABLE} and inherit it");
    own.map(|(line, name, _)| Broken::new(line, advice(name)))
        .collect()
}

fn foreign(manifest: &str) -> impl Iterator<Item = (usize, &str)> {
    entries(manifest, |table| table == TABLE)
        .filter(|(_, name, _)| !name.starts_with(OURS))
        .map(|(line, name, _)| (line, name))
}

/// Line, key and value of each entry in the tables that are wanted.
fn entries(
    manifest: &str,
    wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut inside = false;
    manifest.lines().zip(1..).filter_map(move |(line, number)| {
        if line.starts_with('[') {
            inside = wanted(line.trim_end());
        }
        // A line that goes on with the list above is indented.
        let is_entry = inside && line.starts_with(|c: char| c.is_alphanumeric());
        let (name, value) = line.split_once('=').filter(|_| is_entry)?;
        Some((number, name.trim(), value))
    })
}

/// Line and name of each row of a table whose first cell is a name in backticks.
fn rows(page: &str) -> impl Iterator<Item = (usize, &str)> {
    page.lines().zip(1..).filter_map(|(line, number)| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some((number, name))
    })
}

mod samples {
    //! A rule that finds nothing in a bad file is no rule.
    use super::*;

    const MANIFEST: &str = "\
[workspace]
members = [
    \"a\",
]

[workspace.dependencies]
widget-core = { path = \"widget-core\" }
# A comment.
serde = \"1\"
tokio = { version = \"1\" }

[profile.dev]
debug = true
";

    fn lines(broken: &[Broken]) -> Vec<usize> {
        broken.iter().map(|broken| broken.line).collect()
    }

    #[test]
    fn a_dependency_without_a_row_is_found() {
        let page = "| crate | for |\n|---|---|\n| `serde` | tokio |\n";
        assert_eq!(lines(&undocumented(MANIFEST, page)), [10]);
        assert_eq!(lines(&documented_in_vain(MANIFEST, page)), [0; 0]);
    }

    #[test]
    fn a_row_without_a_dependency_is_found() {
        let page = "| `serde` | x |\n| `tokio` | y |\n| `smol` | z |\n";
        assert_eq!(lines(&documented_in_vain(MANIFEST, page)), [3]);
        assert_eq!(lines(&undocumented(MANIFEST, page)), [0; 0]);
    }

    #[test]
    fn a_version_in_a_member_is_found() {
        let manifest = "\
[package]
version = \"1\"
[dependencies]
serde.workspace = true
tokio = { workspace = true, features = [
    \"rt\",
] }
smol = \"2\"
[dev-dependencies]
uuid = { version = \"1\" }
[features]
json = []
";
        assert_eq!(lines(&not_inherited(manifest)), [8, 10]);
    }
}
