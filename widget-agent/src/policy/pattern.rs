//! [`Patterns`]: the kinds, or those who ask, that a rule is for.

/// A list of patterns, in which `*` stands for any characters, also none, and `?` for any one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patterns(Vec<String>);

impl Patterns {
    /// Reads a list with commas. The error is the part that is none.
    pub(super) fn parse(list: &str, is_allowed: impl Fn(char) -> bool) -> Result<Self, &str> {
        let is_pattern = |part: &str| {
            let wild = |c| matches!(c, '*' | '?');
            !part.is_empty() && part.chars().all(|c| wild(c) || is_allowed(c))
        };
        match list.split(',').find(|part| !is_pattern(part)) {
            Some(part) => Err(part),
            None => Ok(Self(list.split(',').map(str::to_owned).collect())),
        }
    }

    /// Whether one of them fits the whole text.
    pub(super) fn fit(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| fits(pattern, text))
    }
}

/// Whether a pattern fits the whole text. Takes at most the product of their lengths.
fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on if the latest star has to take one character more.
    let mut star = None;
    loop {
        let mut rest = pattern.clone();
        let (wanted, mut left) = (rest.next(), text.clone());
        let found = left.next();
        match (wanted, found) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((rest.clone(), text.clone()));
                pattern = rest;
                continue;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after, mut taken)) = star else {
                    return false;
                };
                if taken.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), taken.clone());
                star = Some((after, taken));
                continue;
            }
        }
        (pattern, text) = (rest, left);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_is_one() {
        for (pattern, text, is) in [
            ("backup", "backup", true),
            ("backup", "backup.db", false),
            ("backup.*", "backup.db", true),
            ("backup.*", "backup.", true),
            ("backup.*", "backup", false),
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("?", "ü", true),
            ("*.db", "a.db.db", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a?c*", "abcd", true),
            ("**", "x", true),
        ] {
            assert_eq!(fits(pattern, text), is, "{pattern} {text}");
        }
    }

    #[test]
    fn a_long_pattern_takes_no_time_worth_naming() {
        let pattern = "*a".repeat(250);
        assert!(!fits(&pattern, &["a".repeat(4_000).as_str(), "b"].concat()));
    }

    #[test]
    fn a_list_has_no_empty_parts_and_allowed_characters_only() {
        let lower = |c: char| c.is_ascii_lowercase();
        assert!(Patterns::parse("a*,b?", lower).unwrap().fit("bc"));
        assert!(!Patterns::parse("a*,b?", lower).unwrap().fit("cb"));
        for (list, part) in [("a,,b", ""), ("", ""), ("a,B", "B"), ("a b", "a b")] {
            assert_eq!(Patterns::parse(list, lower), Err(part));
        }
    }

    /// The same, as it is defined.
    fn fits_by_definition(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|at| fits_by_definition(rest, &text[at..])),
            ['?', rest @ ..] => !text.is_empty() && fits_by_definition(rest, &text[1..]),
            [one, rest @ ..] => text.first() == Some(one) && fits_by_definition(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_as_it_is_defined(pattern in "[ab*?]{0,7}", text in "[ab]{0,9}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let defined = fits_by_definition(&chars(&pattern), &chars(&text));
            prop_assert_eq!(fits(&pattern, &text), defined);
        }
    }
}
