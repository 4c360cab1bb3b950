//! [`End`]: why a listener ends a connection, and what it says and counts then.

use widget_core::codec::{self, CodecError};
use widget_core::frame::{FrameError, GoAway, GoAwayReason};

#[derive(Debug)]
pub(crate) enum End {
    /// The other side has closed, or everything was said.
    Gone,
    /// The listener stops.
    Stopping,
    /// The other side broke a rule.
    Broken(Broken),
}

#[derive(Debug)]
pub(crate) struct Broken {
    /// For counters.
    pub(crate) word: &'static str,
    pub(crate) reason: GoAwayReason,
    /// For people.
    pub(crate) text: String,
}

impl End {
    pub(crate) fn protocol(word: &'static str, text: impl Into<String>) -> Self {
        Self::broken(word, GoAwayReason::Protocol, text)
    }

    pub(crate) fn slow(word: &'static str, text: impl Into<String>) -> Self {
        Self::broken(word, GoAwayReason::Slow, text)
    }

    pub(crate) fn codec(id: u8) -> Self {
        let text = format!("codec {id} is not spoken here");
        Self::broken("codec", GoAwayReason::Codec, text)
    }

    fn broken(word: &'static str, reason: GoAwayReason, text: impl Into<String>) -> Self {
        Self::Broken(Broken {
            word,
            reason,
            text: text.into(),
        })
    }

    /// The last words, if there is anything to say.
    pub(crate) fn bye(&self) -> Option<GoAway> {
        let (reason, text) = match self {
            Self::Gone => return None,
            Self::Stopping => (GoAwayReason::Stopping, "the server stops"),
            Self::Broken(broken) => (broken.reason, broken.text.as_str()),
        };
        Some(GoAway {
            reason,
            codecs: codec::ALL.iter().map(|codec| codec.id()).collect(),
            text: text.to_owned(),
        })
    }
}

impl From<FrameError> for End {
    fn from(error: FrameError) -> Self {
        Self::protocol(error.as_str(), error.to_string())
    }
}

impl From<CodecError> for End {
    fn from(error: CodecError) -> Self {
        let word = match error {
            CodecError::Trailing(_) => "trailing",
            _ => "undecodable",
        };
        Self::protocol(word, error.to_string())
    }
}

impl From<std::io::Error> for End {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}
