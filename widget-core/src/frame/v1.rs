//! Frames of version 1, the tutorial's: a collector's commands only. Its replies are bare.
//!
//! | bytes | field |
//! |---|---|
//! | 2 | magic, 1234 |
//! | 2 | version, 1 |
//! | 4 | the collector's time, seconds since 1970 |
//! | 4 | length of the payload |
//! | … | payload |
//! | 4 | CRC-32 (IEEE) of the payload |
//!
//! Numbers are big-endian, those in the payload are not: see [`crate::v1`].

use bytes::{BufMut, BytesMut};

use super::crc::checksum;
use super::{FrameError, MAGIC, MAX_V1};

/// The version in the head.
pub const VERSION: u16 = 1;
/// Bytes before the payload.
pub const HEAD: usize = 12;
/// Bytes behind the payload.
pub const TAIL: usize = 4;

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The collector's time, in seconds since 1970 UTC.
    pub secs: u32,
    length: usize,
}

impl Head {
    pub(super) fn parse(bytes: &[u8; HEAD]) -> Result<Self, FrameError> {
        let [m0, m1, v0, v1, s0, s1, s2, s3, l0, l1, l2, l3] = *bytes;
        let magic = u16::from_be_bytes([m0, m1]);
        if magic != MAGIC {
            return Err(FrameError::Magic(magic));
        }
        let version = u16::from_be_bytes([v0, v1]);
        if version != VERSION {
            return Err(FrameError::Version(version));
        }
        let claimed = u32::from_be_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length > MAX_V1 {
            return Err(FrameError::Length {
                claimed: length,
                limit: MAX_V1,
            });
        }
        Ok(Self {
            secs: u32::from_be_bytes([s0, s1, s2, s3]),
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
        let (before, crc) = frame.split_last_chunk().ok_or(FrameError::Checksum)?;
        let payload = before.get(HEAD..).unwrap_or_default();
        if checksum(payload) != u32::from_be_bytes(*crc) {
            return Err(FrameError::Checksum);
        }
        Ok(Self { head, payload })
    }
}

/// Appends a frame with this payload.
///
/// # Errors
/// [`FrameError::Length`] for a payload above [`MAX_V1`]; `out` is then as it was before.
pub fn encode(out: &mut BytesMut, secs: u32, payload: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= MAX_V1);
    let Some(length) = length else {
        return Err(FrameError::Length {
            claimed: payload.len(),
            limit: MAX_V1,
        });
    };
    out.reserve(HEAD + payload.len() + TAIL);
    out.put_u16(MAGIC);
    out.put_u16(VERSION);
    out.put_u32(secs);
    out.put_u32(length);
    out.put_slice(payload);
    out.put_u32(checksum(payload));
    Ok(())
}
