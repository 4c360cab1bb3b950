//! [`Fault`]: why a command did not do what it was asked for, in one line, and the exit code that says so.

use std::io;

use crate::plain::plain;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) struct Fault {
    code: u8,
    text: Option<String>,
}

impl Fault {
    /// It was tried: 1.
    pub(crate) fn failed(text: impl Into<String>) -> Self {
        Self::new(1, text.into())
    }

    /// It makes no sense: 2, as for flags.
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::new(2, text.into())
    }

    /// The server does not know whoever asks, or does not let it do that: 3.
    pub(crate) fn refused(text: impl Into<String>) -> Self {
        Self::new(3, text.into())
    }

    fn new(code: u8, text: String) -> Self {
        let text = Some(text);
        Self { code, text }
    }

    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        self.code
    }

    /// One line, in which nothing acts on a terminal; nothing if nobody would read it.
    pub(crate) fn text(&self) -> Option<String> {
        self.text.as_deref().map(plain)
    }
}

/// What is printed is not taken.
impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        // Whoever read it has enough, such as `head`.
        if error.kind() == io::ErrorKind::BrokenPipe {
            let text = None;
            return Self { code: 1, text };
        }
        Self::failed(format!("the answer cannot be printed: {error}"))
    }
}
