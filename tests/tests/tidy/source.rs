//! A file and the places in it that break a rule; what the rules share for finding them.

/// A text file of the repository; its path is relative to the root and has forward slashes.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

/// A place that breaks a rule, and what to do about it.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) advice: String,
}

impl Broken {
    pub(super) fn new(line: usize, advice: impl Into<String>) -> Self {
        Self {
            line,
            advice: advice.into(),
        }
    }
}

impl Source {
    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_in_src(&self) -> bool {
        self.path.contains("/src/")
    }

    /// The same lines, those empty that are comments.
    pub(super) fn without_comments(&self) -> Self {
        let is_comment = |line: &str| line.trim_start().starts_with("//");
        let code = |line| if is_comment(line) { "" } else { line };
        let lines: Vec<&str> = self.text.lines().map(code).collect();
        Self {
            path: self.path.clone(),
            text: lines.join("\n"),
        }
    }
}

pub(super) fn words(
    source: &Source,
    banned: &[&str],
    advice: impl Fn(&str) -> String,
) -> Vec<Broken> {
    find(source, banned, has_word, advice)
}

pub(super) fn texts(
    source: &Source,
    banned: &[&str],
    advice: impl Fn(&str) -> String,
) -> Vec<Broken> {
    find(source, banned, |line, text| line.contains(text), advice)
}

fn find(
    source: &Source,
    banned: &[&str],
    has: fn(&str, &str) -> bool,
    advice: impl Fn(&str) -> String,
) -> Vec<Broken> {
    let lines = source.text.lines().zip(1..);
    let places = lines.flat_map(|(line, number)| {
        banned
            .iter()
            .filter(move |word| has(line, word))
            .map(move |word| (number, word))
    });
    places
        .map(|(number, word)| Broken::new(number, advice(word)))
        .collect()
}

/// Whether the word stands in the line on its own, not as a part of a longer one.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (&line[..start], &line[start + word.len()..]);
        !before.ends_with(is_part_of_word) && !after.starts_with(is_part_of_word)
    })
}

pub(super) fn is_part_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Asserts in which lines the rule is broken by a file of this path and text.
#[track_caller]
pub(super) fn breaks(rule: fn(&Source) -> Vec<Broken>, path: &str, text: &str, lines: &[usize]) {
    let source = Source {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let found: Vec<usize> = rule(&source).iter().map(|broken| broken.line).collect();
    assert_eq!(found, lines, "{path}: {text}");
}
