//! Frames of version 2, in both directions.
//!
//! | bytes | field |
//! |---|---|
//! | 2 | magic, 1234 |
//! | 2 | version, 2 |
//! | 1 | codec of the payload, 0 in a go-away |
//! | 1 | kind: 0 command (or opening), 1 response, 2 go-away |
//! | 2 | flags, 0 |
//! | 4 | request id: a response bears that of its command |
//! | 4 | length of the payload |
//! | … | payload |
//! | 4 | CRC-32 (IEEE) of everything before |
//!
//! Numbers are big-endian.

use bytes::{BufMut, BytesMut};

use super::crc::checksum;
use super::{FrameError, MAGIC};

/// The version in the head.
pub const VERSION: u16 = 2;
/// Bytes before the payload.
pub const HEAD: usize = 16;
/// Bytes behind the payload.
pub const TAIL: usize = 4;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An opening, first, or a command.
    Command,
    /// The answer to one.
    Response,
    /// The server closes and says why.
    GoAway,
}

impl Kind {
    const fn number(self) -> u8 {
        match self {
            Self::Command => 0,
            Self::Response => 1,
            Self::GoAway => 2,
        }
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Codec of the payload.
    pub codec: u8,
    /// What the payload is.
    pub kind: Kind,
    /// Ties a response to its command.
    pub request: u32,
    length: usize,
}

impl Head {
    pub(super) fn parse(bytes: &[u8; HEAD], limit: usize) -> Result<Self, FrameError> {
        let [
            m0,
            m1,
            v0,
            v1,
            codec,
            kind,
            f0,
            f1,
            r0,
            r1,
            r2,
            r3,
            l0,
            l1,
            l2,
            l3,
        ] = *bytes;
        let magic = u16::from_be_bytes([m0, m1]);
        if magic != MAGIC {
            return Err(FrameError::Magic(magic));
        }
        let version = u16::from_be_bytes([v0, v1]);
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let kind = match kind {
            0 => Kind::Command,
            1 => Kind::Response,
            2 => Kind::GoAway,
            other => return Err(FrameError::Kind(other)),
        };
        let flags = u16::from_be_bytes([f0, f1]);
        if flags != 0 {
            return Err(FrameError::Flags(flags));
        }
        let claimed = u32::from_be_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length > limit {
            return Err(FrameError::Length {
                claimed: length,
                limit,
            });
        }
        Ok(Self {
            codec,
            kind,
            request: u32::from_be_bytes([r0, r1, r2, r3]),
            length,
        })
    }

    pub(super) const fn frame_len(&self) -> usize {
        HEAD + self.length + TAIL
    }
}

/// A whole frame whose checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its head.
    pub head: Head,
    /// Its payload.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) fn check(head: Head, frame: &'a [u8]) -> Result<Self, FrameError> {
        let (covered, crc) = frame.split_last_chunk().ok_or(FrameError::Checksum)?;
        if checksum(covered) != u32::from_be_bytes(*crc) {
            return Err(FrameError::Checksum);
        }
        Ok(Self {
            head,
            payload: covered.get(HEAD..).unwrap_or_default(),
        })
    }
}

/// Appends a frame whose payload `write` appends.
///
/// # Errors
/// What `write` says, or [`FrameError::Length`] for a payload above `limit`; `out` is then as it
/// was before.
pub fn encode<E: From<FrameError>>(
    out: &mut BytesMut,
    (codec, kind, request): (u8, Kind, u32),
    limit: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    // A buffer of its own view: the part before it may be frames that wait to be sent.
    let mut frame = out.split_off(out.len());
    frame.put_u16(MAGIC);
    frame.put_u16(VERSION);
    frame.put_u8(codec);
    frame.put_u8(kind.number());
    frame.put_u16(0);
    frame.put_u32(request);
    frame.put_u32(0);
    write(&mut frame)?;
    let length = frame.len() - HEAD;
    let written = u32::try_from(length).ok().filter(|_| length <= limit);
    let Some(written) = written else {
        return Err(FrameError::Length {
            claimed: length,
            limit,
        }
        .into());
    };
    if let Some(field) = frame.get_mut(HEAD - 4..HEAD) {
        field.copy_from_slice(&written.to_be_bytes());
    }
    let crc = checksum(&frame);
    frame.put_u32(crc);
    out.unsplit(frame);
    Ok(())
}
