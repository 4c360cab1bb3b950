//! The format of a spool's file: the header, and the frame around each record. Numbers are
//! little-endian.
//!
//! | header | bytes |
//! |---|---|
//! | `WidgetSp` | 8 |
//! | version of the format | 2 |
//! | spool epoch | 16 |
//! | CRC-32 of these | 4 |
//!
//! | frame | bytes |
//! |---|---|
//! | `W` | 1 |
//! | what the body is ([`Kind`]) | 1 |
//! | length of the body | 4 |
//! | number of the frame in this file, from 1 | 8 |
//! | how much of the file was synced before this was written | 8 |
//! | CRC-32 of the epoch and these | 4 |
//! | body, see [`body`](super::body), each bit inverted | |
//! | CRC-32 of the epoch, all before it and the body | 4 |
//! | `.`, twice if the frame would end on a multiple of 512 | 1 or 2 |
//!
//! Marks at both ends and an inverted body have one purpose: no 512 bytes, and no beginning or end
//! of a frame, are all zero. (Texts have no byte 0xff, and numbers not so many of them.) So zeros
//! are bytes that were never written, and a file that ends on a multiple of 512 was cut.

use std::ops::Range;

use bytes::{BufMut, BytesMut};

use crate::frame::checksum_of;
use crate::id::SpoolEpoch;

/// What disks write as a whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;
const MAGIC: &[u8; 8] = b"WidgetSp";
const VERSION: u16 = 1;
/// Length of the header, in bytes.
pub(super) const HEADER: usize = 30;
const HEAD: usize = 26;
/// What a frame takes beside its body at most, in bytes.
pub(super) const AROUND: usize = HEAD + 4 + 2;
const BEGIN: u8 = b'W';
const END: u8 = b'.';

/// What the body of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A group of [`Record`](crate::spool::Record)s.
    Group = 1,
    /// A report.
    Report = 2,
    /// A number: every report through it was delivered.
    Delivered = 3,
    /// The marks, as they are when the file is begun; the last frame of that.
    Marks = 4,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Group, Self::Report, Self::Delivered, Self::Marks];
}

/// Why a header is not one of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoHeader {
    Foreign,
    Newer,
    Damaged,
}

pub(super) fn header(epoch: SpoolEpoch) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(epoch.as_bytes());
    out.extend_from_slice(&checksum_of(&[&out]).to_le_bytes());
    out
}

pub(super) fn read_header(bytes: &[u8]) -> Result<SpoolEpoch, NoHeader> {
    let magic = bytes.first_chunk::<8>();
    if magic != Some(MAGIC) {
        // An empty file, or the beginning of one, was ours.
        return Err(match MAGIC.starts_with(bytes) {
            true => NoHeader::Damaged,
            false => NoHeader::Foreign,
        });
    }
    let (Some(start), Some(sum)) = (bytes.get(..26), number::<4>(bytes, 26)) else {
        return Err(NoHeader::Damaged);
    };
    if u32::from_le_bytes(sum) != checksum_of(&[start]) {
        return Err(NoHeader::Damaged);
    }
    match number::<2>(bytes, 8).map(u16::from_le_bytes) {
        Some(VERSION) => {}
        Some(newer) if newer > VERSION => return Err(NoHeader::Newer),
        _ => return Err(NoHeader::Damaged),
    }
    let epoch = number::<16>(bytes, 10).ok_or(NoHeader::Damaged)?;
    Ok(SpoolEpoch::from_bytes(epoch))
}

/// Where a frame stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) epoch: SpoolEpoch,
    /// Its number.
    pub(super) number: u64,
    /// How many bytes are before it.
    pub(super) at: u64,
    /// How many of these were synced.
    pub(super) synced: u64,
}

/// Appends a frame to `out`.
pub(super) fn write(out: &mut BytesMut, place: Place, kind: Kind, body: &[u8]) {
    let start = out.len();
    out.put_u8(BEGIN);
    out.put_u8(kind as u8);
    out.put_u32_le(u32::try_from(body.len()).unwrap_or(u32::MAX));
    out.put_u64_le(place.number);
    out.put_u64_le(place.synced);
    let epoch = place.epoch.as_bytes().as_slice();
    out.put_u32_le(checksum_of(&[epoch, out.get(start..).unwrap_or_default()]));
    out.extend(body.iter().map(|byte| !byte));
    out.put_u32_le(checksum_of(&[epoch, out.get(start..).unwrap_or_default()]));
    out.put_u8(END);
    let end = usize::try_from(place.at).unwrap_or(0) + out.len() - start;
    if end.is_multiple_of(SECTOR) {
        out.put_u8(END);
    }
}

/// A frame that was found.
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) number: u64,
    pub(super) body: Vec<u8>,
    /// Where the next one begins.
    pub(super) end: usize,
}

/// The frame at this place, if it is whole.
pub(super) fn read(bytes: &[u8], at: usize, epoch: SpoolEpoch) -> Option<Frame> {
    let head = head(bytes, at, epoch)?;
    let body: Range<usize> = at + HEAD..(at + HEAD).checked_add(head.length)?;
    let sum = u32::from_le_bytes(number(bytes, body.end)?);
    if sum != checksum_of(&[epoch.as_bytes(), bytes.get(at..body.end)?]) {
        return None;
    }
    let mut end = body.end + 4;
    loop {
        if *bytes.get(end)? != END {
            return None;
        }
        end += 1;
        if !end.is_multiple_of(SECTOR) {
            break;
        }
    }
    Some(Frame {
        kind: head.kind,
        number: head.number,
        body: bytes.get(body)?.iter().map(|byte| !byte).collect(),
        end,
    })
}

/// Whether a frame after `from` was written when more than `from` bytes were synced.
pub(super) fn was_synced(bytes: &[u8], from: usize, epoch: SpoolEpoch) -> bool {
    let limit = u64::try_from(from).unwrap_or(u64::MAX);
    let marks = bytes.iter().enumerate().skip(from + 1);
    let mut marks = marks.filter(|(_, byte)| **byte == BEGIN);
    marks.any(|(at, _)| {
        synced(bytes, at).is_some_and(|synced| synced > limit) && head(bytes, at, epoch).is_some()
    })
}

struct Head {
    kind: Kind,
    length: usize,
    number: u64,
}

fn head(bytes: &[u8], at: usize, epoch: SpoolEpoch) -> Option<Head> {
    if *bytes.get(at)? != BEGIN || synced(bytes, at)? > u64::try_from(at).ok()? {
        return None;
    }
    let start = bytes.get(at..at + 22)?;
    if u32::from_le_bytes(number(bytes, at + 22)?) != checksum_of(&[epoch.as_bytes(), start]) {
        return None;
    }
    let kind = *start.get(1)?;
    Some(Head {
        kind: *Kind::ALL.iter().find(|known| **known as u8 == kind)?,
        length: usize::try_from(u32::from_le_bytes(number(start, 2)?)).ok()?,
        number: u64::from_le_bytes(number(start, 6)?),
    })
}

fn synced(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at + 14).map(u64::from_le_bytes)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
