//! How a spool's file is read, and how what a power cut leaves is told from damage.
//!
//! Frames are read until one is not whole or not the next one. What is before that place counts.
//! What is from there on was either never synced, then nobody was promised anything of it, or it
//! was, then something has changed what the disk had promised to keep.
//!
//! - The file got its name after everything through the [`Kind::Marks`] frame was synced: a bad place
//!   before the end of that is damage.
//! - A frame says how much was synced before it was written. If the head of any later frame is
//!   whole and says more than the place, the place is damage. What was written since the last sync
//!   says no more than that, so a hole in it, with whole frames behind, is no damage.
//! - What is left is a bad place in the last group. A disk writes pieces of 512 bytes, each as a whole
//!   or not at all. So a write that was cut leaves a file that ends on a multiple of 512, or a piece
//!   with nothing but zeros; whole frames have neither (see [`frame`]). Anything else is damage:
//!   above all one changed bit in a group that was synced last, which must not be taken for one that
//!   never was.
//!
//! What this cannot tell: a file that was cut short by others at the end of a frame or on a multiple
//! of 512, and a changed bit in the last synced group together with a write after it that was cut.

use super::body;
use super::forms::Rest;
use super::frame::{self, HEADER, Kind, NoHeader, SECTOR};
use crate::id::SpoolEpoch;
use crate::spool::Damage;
use crate::spool::contents::Contents;

/// What a file comes to.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) epoch: SpoolEpoch,
    pub(super) contents: Contents,
    /// Length of what counts, in bytes.
    pub(super) length: usize,
    /// The number of the next frame.
    pub(super) number: u64,
    /// There is more behind that, which was never synced.
    pub(super) torn: bool,
}

/// Reads a file; if it is damaged, says how.
pub(super) fn load(bytes: &[u8]) -> Result<Loaded, Damage> {
    let epoch = frame::read_header(bytes).map_err(|why| match why {
        NoHeader::Foreign => Damage::Foreign,
        NoHeader::Newer => Damage::Newer,
        NoHeader::Damaged => Damage::Header,
    })?;
    let mut loaded = Loaded {
        epoch,
        contents: Contents::default(),
        length: HEADER,
        number: 1,
        torn: false,
    };
    let mut begun = false;
    while loaded.length < bytes.len() {
        let next = frame::read(bytes, loaded.length, epoch);
        let Some(next) = next.filter(|frame| frame.number == loaded.number) else {
            loaded.torn = begun && is_torn(bytes, loaded.length, epoch);
            if loaded.torn {
                break;
            }
            return Err(Damage::Content);
        };
        apply(&mut loaded.contents, next.kind, &next.body).ok_or(Damage::Content)?;
        begun |= next.kind == Kind::Marks;
        loaded.number += 1;
        loaded.length = next.end;
    }
    if begun {
        Ok(loaded)
    } else {
        Err(Damage::Content)
    }
}

fn apply(contents: &mut Contents, kind: Kind, bytes: &[u8]) -> Option<()> {
    let rest = &mut Rest::new(bytes);
    match kind {
        Kind::Group => {
            while rest.goes_on() {
                let record = body::record(rest);
                contents.apply(&record);
            }
        }
        Kind::Report => {
            let report = body::report(rest);
            // Numbers only rise.
            (report.seq >= contents.marks.next_seq).then_some(())?;
            contents.push(report);
        }
        Kind::Delivered => contents.trim(rest.number()),
        Kind::Marks => {
            let marks = body::marks(rest);
            (marks.next_seq >= contents.marks.next_seq).then_some(())?;
            contents.marks = marks;
        }
    }
    rest.end()
}

/// Whether what begins here can be what is left of writes that were never synced.
fn is_torn(bytes: &[u8], from: usize, epoch: SpoolEpoch) -> bool {
    if frame::was_synced(bytes, from, epoch) {
        return false;
    }
    let mut rest = bytes.get(from..).unwrap_or_default();
    let mut piece = SECTOR - from % SECTOR;
    while !rest.is_empty() {
        let (first, others) = rest.split_at(piece.min(rest.len()));
        if first.iter().all(|byte| *byte == 0) {
            return true;
        }
        rest = others;
        piece = SECTOR;
    }
    bytes.len().is_multiple_of(SECTOR)
}
