//! Texts of other people's making as a terminal may show them: agents, and whoever sends tasks, choose
//! theirs.

use std::fmt::Write;

/// The same text with everything that does not show, or acts on what stands beside it, as `\u{..}`.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The same JSON with those characters as JSON escapes them, so that it reads as the same value.
pub(crate) fn plain_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            // In JSON these stand between values only: in strings they are escaped.
            '\n' | '\t' => shown.push(c),
            '\r' => shown.push(' '),
            c if acts(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Into a string it cannot fail.
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Whether it moves a cursor, turns the direction of writing, or shows nothing.
const fn acts(c: char) -> bool {
    c.is_ascii_control()
        || matches!(c,
            // C1, in which a terminal may see escapes, and the soft hyphen.
            '\u{80}'..='\u{9f}' | '\u{ad}'
            // Directions of writing.
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}'
            // Lines and paragraphs.
            | '\u{2028}' | '\u{2029}'
            // Without width.
            | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            // Tags, and variants of what stands before.
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each sort.
    const ACTING: [char; 14] = [
        '\0',
        '\n',
        '\r',
        '\u{1b}',
        '\u{7f}',
        '\u{85}',
        '\u{9b}',
        '\u{ad}',
        '\u{200b}',
        '\u{200f}',
        '\u{202e}',
        '\u{2067}',
        '\u{feff}',
        '\u{e0041}',
    ];

    #[test]
    fn what_acts_on_a_terminal_is_shown_as_its_number() {
        for c in ACTING {
            let number = format!("\\u{{{:x}}}", u32::from(c));
            assert_eq!(plain(&format!("a{c}b")), format!("a{number}b"));
        }
        for text in ["web-1", "Zürich", "東京", "naïve café", "\\u{1b}"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let text: String = ACTING.iter().chain(&['a', 'ü', '"', '\\']).collect();
        let json = serde_json::json!({ "text": text }).to_string();
        let shown = plain_json(&format!("{json}\r\n"));
        assert!(!shown.trim_end().contains(acts), "{shown:?}");
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["text"], text);
    }
}
