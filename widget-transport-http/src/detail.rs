//! [`detail`]: the sentence in a problem (RFC 9457), without a reader of JSON: an agent may be
//! built with none.

use std::str::Chars;

/// The most characters of it that are kept.
const MOST: usize = 300;

/// What a problem says in `detail`, in one line and not too long.
pub(crate) fn detail(problem: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(problem).ok()?;
    let mut rest = text.trim_start().strip_prefix('{')?;
    loop {
        let (name, after) = string(rest)?;
        let value = after.trim_start().strip_prefix(':')?;
        rest = match string(value) {
            Some((text, _)) if name == "detail" => return Some(line(&text)),
            Some((_, after)) => after,
            // A number or a word. What is nested ends the search.
            None => value.find(',').and_then(|end| value.get(end..))?,
        };
        rest = rest.trim_start().strip_prefix(',')?;
    }
}

/// Text of a peer as one line of a log: no control characters, not too long.
pub(crate) fn line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(plain).take(MOST).collect()
}

/// The JSON string that `text` begins with, and what follows it.
fn string(text: &str) -> Option<(String, &str)> {
    let mut chars = text.trim_start().strip_prefix('"')?.chars();
    let mut value = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(escaped(&mut chars)?),
            c => value.push(c),
        }
    }
}

fn escaped(chars: &mut Chars<'_>) -> Option<char> {
    Some(match chars.next()? {
        'b' | 'f' | 'n' | 'r' | 't' => ' ',
        'u' => {
            let digits: String = chars.take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok()?;
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        c => c,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_of_a_problem_is_found() {
        for (json, expected) in [
            (r#"{"detail":"a"}"#, Some("a")),
            (
                r#" { "type" : "about:blank", "status": 400 , "detail" : "say \"x\", \u00e4\n\\" }"#,
                Some("say \"x\", \u{e4} \\"),
            ),
            (
                r#"{"title":"\"detail\":\"no\"","detail":"yes"}"#,
                Some("yes"),
            ),
            (r#"{"detail":4,"title":"x"}"#, None),
            (r#"{"a":[1,"detail"],"detail":"x"}"#, None),
            (r#"{"detail":"a"#, None),
            (r#"{"detail":"\u12"#, None),
            (r#"{"title":"x"}"#, None),
            ("{}", None),
            ("[]", None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(detail(json.as_bytes()).as_deref(), expected, "{json}");
        }
        assert_eq!(detail(b"{\"detail\":\"\xff\"}"), None);
    }

    #[test]
    fn a_long_detail_is_cut_and_stays_one_line() {
        let json = format!("{{\"detail\":\"a\u{1b}b{}\"}}", "\u{e4}".repeat(1_000));
        let text = detail(json.as_bytes()).unwrap();
        assert!(text.starts_with("a b"));
        assert_eq!(text.chars().count(), MOST);
    }
}
