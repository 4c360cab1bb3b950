//! [`Output`]: what goes to standard output, and [`Table`], which stands in columns.

use std::io::{self, Write};

use serde_json::Value;

use crate::plain::{plain, plain_json};

/// What goes to standard output.
#[derive(Debug)]
pub(crate) struct Output {
    /// What the API says, instead of what people read.
    is_json: bool,
}

impl Output {
    pub(crate) const fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether programs read it.
    pub(crate) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        write(&format!("{}\n", plain(text)))
    }

    /// JSON as the API said it.
    pub(crate) fn json(&mut self, json: &str) -> io::Result<()> {
        write(&format!("{}\n", plain_json(json.trim_end())))
    }

    /// A table.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        write(&table.text())
    }
}

/// At once, so that whoever reads a pipe has it.
fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Lines of as many cells each.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Vec<Vec<String>>,
}

impl Table {
    /// With these heads of its columns.
    pub(crate) fn new(heads: &[&str]) -> Self {
        let mut table = Self::bare();
        table.line(heads.iter().map(|head| (*head).to_owned()));
        table
    }

    /// Without heads.
    pub(crate) const fn bare() -> Self {
        Self { lines: Vec::new() }
    }

    /// One more line.
    pub(crate) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| match cell.is_empty() {
            true => "-".to_owned(),
            false => plain(&cell),
        };
        self.lines.push(cells.into_iter().map(shown).collect());
    }

    fn text(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for line in &self.lines {
            widths.resize(widths.len().max(line.len()), 0);
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for line in &self.lines {
            let cells = line.iter().zip(&widths);
            let cells: Vec<_> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// A field as text: nothing if it is not there, JSON if it is no word.
pub(crate) fn text(of: &Value, field: &str) -> String {
    match of.get(field) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// A list of words, or labels as `key=value`, with commas.
pub(crate) fn words(of: &Value, field: &str) -> String {
    let words: Vec<String> = match of.get(field) {
        Some(Value::Object(labels)) => {
            let word = |(key, value): (&String, &Value)| match value {
                Value::String(value) => format!("{key}={value}"),
                value => format!("{key}={value}"),
            };
            labels.iter().map(word).collect()
        }
        Some(Value::Array(words)) => {
            let word = |word: &Value| word.as_str().unwrap_or_default().to_owned();
            words.iter().map(word).collect()
        }
        _ => Vec::new(),
    };
    words.join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_shown_in_them() {
        let mut table = Table::new(&["A", "B"]);
        table.line(["\u{1b}".to_owned(), "x".to_owned()]);
        table.line([String::new(), "ü".to_owned()]);
        assert_eq!(table.text(), "A       B\n\\u{1b}  x\n-       ü\n");
    }

    #[test]
    fn a_field_is_text_whatever_it_is() {
        let value = json!({"a": "x", "b": 7, "c": null, "labels": {"k": "v", "l": "w"}, "kinds": ["e", "f"]});
        assert_eq!(
            (text(&value, "a"), text(&value, "b")),
            ("x".into(), "7".into())
        );
        assert_eq!(
            (text(&value, "c"), text(&value, "d")),
            (String::new(), String::new())
        );
        assert_eq!(
            (words(&value, "labels"), words(&value, "kinds")),
            ("k=v,l=w".into(), "e,f".into())
        );
    }
}
