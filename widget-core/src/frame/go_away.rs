//! [`GoAway`]: the server's last words on a connection, in a form that needs no codec.

use bytes::{BufMut, BytesMut};

use super::{FrameError, v2};

/// The longest text, in bytes.
const MAX_TEXT: usize = 512;

/// Why the server closes a connection.
///
/// | bytes | field |
/// |---|---|
/// | 1 | reason |
/// | 1 | how many codecs follow |
/// | 1 each | ids of the codecs that the server speaks |
/// | rest | UTF-8 text for people, at most 512 bytes |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoAway {
    /// Why, for programs.
    pub reason: GoAwayReason,
    /// The codecs that the server speaks.
    pub codecs: Vec<u8>,
    /// Why, for people.
    pub text: String,
}

/// Why the server closes a connection, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoAwayReason {
    /// It does not speak the codec.
    Codec,
    /// The agent broke the protocol.
    Protocol,
    /// A frame, or the opening, took too long.
    Slow,
    /// The server stops; come back later.
    Stopping,
    /// The server is full; come back later.
    Full,
    /// A reason that only a newer version knows.
    Other(u8),
}

impl GoAwayReason {
    const fn number(self) -> u8 {
        match self {
            Self::Codec => 1,
            Self::Protocol => 2,
            Self::Slow => 3,
            Self::Stopping => 4,
            Self::Full => 5,
            Self::Other(number) => number,
        }
    }

    const fn from_number(number: u8) -> Self {
        match number {
            1 => Self::Codec,
            2 => Self::Protocol,
            3 => Self::Slow,
            4 => Self::Stopping,
            5 => Self::Full,
            other => Self::Other(other),
        }
    }
}

impl GoAway {
    /// Appends it as a frame.
    ///
    /// # Errors
    /// None in practice: the payload is below every limit.
    pub fn encode(&self, out: &mut BytesMut) -> Result<(), FrameError> {
        let head = (0, v2::Kind::GoAway, 0);
        v2::encode(out, head, super::MAX_OPENING, |out| {
            out.put_u8(self.reason.number());
            let count = u8::try_from(self.codecs.len()).unwrap_or(u8::MAX);
            out.put_u8(count);
            out.extend(self.codecs.iter().take(usize::from(count)));
            let end = self.text.floor_char_boundary(MAX_TEXT);
            out.put_slice(self.text.as_bytes().get(..end).unwrap_or_default());
            Ok(())
        })
    }

    /// Reads the payload of a go-away frame.
    ///
    /// # Errors
    /// [`FrameError::GoAway`] if it ends too early.
    pub fn decode(payload: &[u8]) -> Result<Self, FrameError> {
        let [reason, count, rest @ ..] = payload else {
            return Err(FrameError::GoAway);
        };
        let (codecs, text) = rest
            .split_at_checked(usize::from(*count))
            .ok_or(FrameError::GoAway)?;
        Ok(Self {
            reason: GoAwayReason::from_number(*reason),
            codecs: codecs.to_vec(),
            text: String::from_utf8_lossy(text.get(..MAX_TEXT).unwrap_or(text)).into_owned(),
        })
    }
}
