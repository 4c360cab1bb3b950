//! [`Takes`]: what the path of a request says that its body is.

use crate::paths::ROOT;

/// The openings that have a path.
pub(crate) const OPENINGS: &[&str] = &["hello", "enrol"];
/// The commands that have a path.
pub(crate) const COMMANDS: &[&str] = &["describe", "submit", "request-work", "update", "goodbye"];

/// What a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// An opening of this name.
    Opening(&'static str),
    /// A command of this name.
    Command(&'static str),
}

impl Takes {
    pub(crate) fn at(path: &str) -> Option<Self> {
        let word = path.strip_prefix(ROOT)?;
        let find = |words: &[&'static str]| words.iter().copied().find(|known| *known == word);
        find(OPENINGS)
            .map(Self::Opening)
            .or_else(|| find(COMMANDS).map(Self::Command))
    }
}
