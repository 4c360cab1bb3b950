//! Frames: how messages are cut out of a stream of bytes, without any I/O.
//!
//! [`FrameBuffer`] takes bytes as they come and gives frames of [`v2`] or [`v1`]; each module also
//! writes its frames. A frame that claims more than its limit is refused from its head alone, and
//! memory follows what came, never what was claimed.

mod buffer;
mod crc;
mod go_away;
pub mod v1;
pub mod v2;

pub use buffer::FrameBuffer;
pub(crate) use crc::checksum_of;
pub use go_away::{GoAway, GoAwayReason};

/// The first two bytes of every frame, as a big-endian number.
pub const MAGIC: u16 = 1234;
/// The longest payload of version 2 towards the server, in bytes.
pub const MAX_TO_SERVER: usize = 2 * 1024 * 1024;
/// The longest payload of version 2 towards the agent, in bytes.
pub const MAX_TO_AGENT: usize = 4 * 1024 * 1024;
/// The longest payload before the agent was welcomed, in bytes.
pub const MAX_OPENING: usize = 4 * 1024;
/// The longest payload of version 1, in bytes: its longest message has 40.
pub const MAX_V1: usize = 4 * 1024;

/// Why bytes are not a frame. After any of them the stream cannot be understood any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The stream does not begin as a frame does.
    #[error("a frame begins with the number {MAGIC}, this one with {0}")]
    Magic(u16),
    /// A version that is not spoken here.
    #[error("version {0} of the protocol is not spoken here")]
    Version(u16),
    /// An unknown kind of frame.
    #[error("there is no kind of frame with the number {0}")]
    Kind(u8),
    /// Flags that mean nothing yet.
    #[error("flags are {0:#06x}, but none are in use")]
    Flags(u16),
    /// The payload is longer than allowed.
    #[error("a payload of {claimed} bytes, but at most {limit} are allowed here")]
    Length {
        /// Length that the head claims, in bytes.
        claimed: usize,
        /// Longest that is allowed, in bytes.
        limit: usize,
    },
    /// The checksum does not fit the bytes.
    #[error("the checksum does not fit")]
    Checksum,
    /// The payload of a go-away cannot be read.
    #[error("a go-away that ends too early")]
    GoAway,
}

impl FrameError {
    /// The word for logs and counters.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Magic(_) => "magic",
            Self::Version(_) => "version",
            Self::Kind(_) => "kind",
            Self::Flags(_) => "flags",
            Self::Length { .. } => "length",
            Self::Checksum => "checksum",
            Self::GoAway => "go_away",
        }
    }
}
