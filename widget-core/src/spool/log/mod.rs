//! [`LogSpool`]: a spool on disk, an append-only log of our own in one file.
//!
//! Each group of records is one frame, and one sync makes it last. When more than half of the file
//! is dead, what is alive is written into a new file beside it, which is synced and then renamed, so
//! that at any time one good file has the name. The content is in memory too, so nothing is read
//! but at the start.
//!
//! # When the disk refuses
//!
//! A write or sync that failed is never tried again on the same file: what a disk says after a
//! failed sync means nothing. From then on the spool cannot be used until a whole new file was
//! written; each [`commit`](Spool::commit) tries that, other calls now and then. Until that works,
//! reports are kept in memory, thinned as ever, and none of them is given to be sent.
//!
//! # Its bounds
//!
//! The limit is for the file and for the new one beside it together: what is alive counts for three
//! eighths of it at most, and the file grows to five eighths. Files that were set aside are not in
//! it. Each task counts with its input and with [`END_ROOM`](super::END_ROOM) for its end; once it is
//! over, with its output instead of the input. Reports have what tasks leave.

mod body;
mod forms;
mod frame;
mod look;
mod read;

use std::fmt;
use std::io;

use bytes::BytesMut;

pub use self::look::{Damage, Inspection, SetAside};

use self::frame::{AROUND, Kind, Place};
use super::contents::Contents;
use super::{Backlog, Disk, DiskFile, Recall, Record, Spool, SpoolError, SpoolStats};
use crate::id::SpoolEpoch;
use crate::report::Report;
use crate::time::Timestamp;

/// The name of the file.
pub const LOG: &str = "spool.log";
/// The name of the file that is to replace it.
pub const LOG_NEW: &str = "spool.log.new";
/// How many bytes a spool takes at most unless said otherwise: 16 MiB.
pub const DEFAULT_LIMIT: u64 = 16 * 1024 * 1024;
/// The smallest and the largest limit, in bytes: 2 MiB and 1 GiB.
pub const LIMITS: (u64, u64) = (2 * 1024 * 1024, 1024 * 1024 * 1024);

/// A file shorter than this is not rewritten for what is dead in it.
const SLACK: u64 = 64 * 1024;
/// How much of a new file is written in one go, in bytes.
const CHUNK: usize = 64 * 1024;
/// The most calls that are refused between two tries of a new file.
const MAX_SKIPPED: u32 = 63;

/// A spool in a file. What it promises is told at [`Spool`], how it does that in the module's docs.
pub struct LogSpool {
    disk: Box<dyn Disk>,
    /// None from a failure until there is a new file.
    file: Option<Box<dyn DiskFile>>,
    epoch: SpoolEpoch,
    limit: u64,
    contents: Contents,
    /// Bytes of the file, and how many of them are synced.
    length: u64,
    synced: u64,
    /// The number of the next frame.
    number: u64,
    /// Reports through this number are synced.
    safe: u64,
    /// The length from which the file is rewritten, if enough of it is dead.
    rewrite_at: u64,
    /// The file that has the name is none of this spool's and could not be set aside.
    foreign: Option<String>,
    failure: Failure,
    body: BytesMut,
    out: BytesMut,
}

/// The last failure, and how patient it has made.
struct Failure {
    kind: io::ErrorKind,
    skipped: u32,
    skip: u32,
}

/// A spool that was opened, and what was found.
#[derive(Debug)]
pub struct Opened {
    /// The spool.
    pub spool: LogSpool,
    /// The file that was there and cannot be read. The spool is then a new one.
    pub aside: Option<SetAside>,
    /// The disk refuses: nothing is kept until it does not.
    pub trouble: Option<io::Error>,
}

impl LogSpool {
    /// Opens the spool on this disk, which must be this process's alone. If there is none, or none
    /// that can be read, a new one begins with the epoch `fresh`, which should be random; what was
    /// there is set aside under a name with the seconds of `now`. `limit` is in bytes and brought
    /// within [`LIMITS`].
    ///
    /// This never fails: where the disk refuses, the spool is one that cannot be used yet.
    #[must_use]
    pub fn open(disk: Box<dyn Disk>, limit: u64, fresh: SpoolEpoch, now: Timestamp) -> Opened {
        let mut spool = Self {
            disk,
            file: None,
            epoch: fresh,
            limit: limit.max(LIMITS.0).min(LIMITS.1),
            contents: Contents::default(),
            length: 0,
            synced: 0,
            number: 1,
            safe: 0,
            rewrite_at: SLACK,
            foreign: None,
            failure: Failure {
                kind: io::ErrorKind::Other,
                skipped: 0,
                skip: 0,
            },
            body: BytesMut::new(),
            out: BytesMut::new(),
        };
        let (loaded, damage) = match spool.disk.read(LOG, LIMITS.1) {
            Ok(bytes) => match read::load(&bytes) {
                Ok(loaded) => (Some(loaded), None),
                Err(damage) => (None, Some(damage)),
            },
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => (None, None),
                io::ErrorKind::FileTooLarge => (None, Some(Damage::TooLarge)),
                _ => (None, Some(Damage::Unreadable)),
            },
        };
        let aside = damage.map(|damage| SetAside {
            name: spool.name_for(damage, now),
            damage,
        });
        spool.foreign = aside.as_ref().map(|aside| aside.name.clone());
        let begun = match loaded {
            Some(loaded) => {
                let (torn, length) = (loaded.torn, size(loaded.length));
                spool.epoch = loaded.epoch;
                spool.number = loaded.number;
                spool.contents = loaded.contents;
                spool.contents.fit(spool.room());
                if torn {
                    spool.rewrite()
                } else {
                    spool.go_on(length)
                }
            }
            None => spool.rewrite(),
        };
        Opened {
            trouble: begun.err(),
            spool,
            aside,
        }
    }

    /// Goes on with the file that is there. What a process wrote that died may not be synced, and if it
    /// died while it began the file, its name is not.
    fn go_on(&mut self, length: u64) -> io::Result<()> {
        let opened = self.disk.open(LOG).and_then(|mut file| {
            file.sync()?;
            self.disk.sync()?;
            Ok(file)
        });
        let file = opened.inspect_err(|error| self.failure.kind = error.kind())?;
        self.has(file, length);
        Ok(())
    }

    /// A file has everything.
    fn has(&mut self, file: Box<dyn DiskFile>, length: u64) {
        self.file = Some(file);
        self.length = length;
        self.synced = length;
        self.safe = self.contents.marks.next_seq - 1;
        self.rewrite_at = SLACK;
        self.failure.skipped = 0;
        self.failure.skip = 0;
    }

    /// How many bytes that are alive may count for.
    const fn room(&self) -> u64 {
        self.limit / 8 * 3
    }

    /// A name that no file has.
    fn name_for(&mut self, damage: Damage, now: Timestamp) -> String {
        let what = match damage {
            Damage::Newer => ".newer-",
            _ => ".damaged-",
        };
        let mut seconds = now.as_secs();
        loop {
            let name = [LOG, what, &seconds.to_string()].concat();
            match self.disk.read(&name, 0) {
                Err(error) if error.kind() != io::ErrorKind::FileTooLarge => return name,
                _ => seconds = seconds.saturating_add(1),
            }
        }
    }

    /// Writes what there is into a new file, which then takes the place of the old one.
    fn rewrite(&mut self) -> io::Result<()> {
        let number = std::mem::replace(&mut self.number, 1);
        let (file, length) = match self.write_whole() {
            Ok(written) => written,
            Err(error) => {
                // The old one, if it is good, goes on. What was begun only takes room.
                self.number = number;
                self.rewrite_at = self.length + SLACK;
                let _ = self.disk.remove(LOG_NEW);
                self.failure.kind = error.kind();
                return Err(error);
            }
        };
        // From here until all has answered it is not known which of the two has the name.
        self.file = None;
        let renamed = self.disk.rename(LOG_NEW, LOG);
        let renamed = renamed.and_then(|()| self.disk.sync());
        renamed.inspect_err(|error| self.failure.kind = error.kind())?;
        self.has(file, length);
        Ok(())
    }

    fn write_whole(&mut self) -> io::Result<(Box<dyn DiskFile>, u64)> {
        if let Some(name) = &self.foreign {
            match self.disk.rename(LOG, name) {
                // It could not be read then, and so it was not known that it is not there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => renamed?,
            }
            // Whatever comes of the sync: there is nothing of this name to rename any more.
            self.foreign = None;
            self.disk.sync()?;
        }
        let mut whole = Whole {
            file: self.disk.create(LOG_NEW)?,
            length: 0,
            out: BytesMut::new(),
        };
        whole.out.extend_from_slice(&frame::header(self.epoch));
        let contents = std::mem::take(&mut self.contents);
        let written = self.write_contents(&mut whole, &contents);
        self.contents = contents;
        written?;
        whole.flush()?;
        whole.file.sync()?;
        Ok((whole.file, whole.length))
    }

    fn write_contents(&mut self, whole: &mut Whole, contents: &Contents) -> io::Result<()> {
        for task in &contents.tasks {
            self.put_group(&task.records());
            self.add(whole, Kind::Group)?;
        }
        for report in &contents.reports {
            self.body.clear();
            body::put_report(&mut self.body, report);
            self.add(whole, Kind::Report)?;
        }
        self.body.clear();
        body::put_marks(&mut self.body, &contents.marks);
        self.add(whole, Kind::Marks)
    }

    fn put_group(&mut self, group: &[Record]) {
        self.body.clear();
        for record in group {
            body::put_record(&mut self.body, record);
        }
    }

    /// Writes the body behind what is in the new file.
    fn add(&mut self, whole: &mut Whole, kind: Kind) -> io::Result<()> {
        let place = Place {
            epoch: self.epoch,
            number: self.number,
            at: whole.length + size(whole.out.len()),
            synced: 0,
        };
        frame::write(&mut whole.out, place, kind, &self.body);
        self.number += 1;
        if whole.out.len() >= CHUNK {
            whole.flush()?;
        }
        Ok(())
    }

    /// Writes the body behind what is in the file. If there is no room in the file, it is
    /// rewritten first.
    fn write(&mut self, kind: Kind) -> Result<(), SpoolError> {
        let most = size(self.body.len() + AROUND);
        // With a limit that was lowered below what is there, tasks still come to their end.
        let full = |spool: &Self| {
            let limit = (spool.limit / 8 * 5).max(spool.contents.bytes() / 3 * 5);
            spool.length + most > limit
        };
        if full(self) {
            let body = std::mem::take(&mut self.body);
            let rewritten = self.rewrite();
            self.body = body;
            rewritten?;
            if full(self) {
                return Err(SpoolError::Full);
            }
        }
        let place = Place {
            epoch: self.epoch,
            number: self.number,
            at: self.length,
            synced: self.synced,
        };
        self.out.clear();
        frame::write(&mut self.out, place, kind, &self.body);
        let Some(file) = &mut self.file else {
            return Err(self.unusable());
        };
        if let Err(error) = file.append(&self.out) {
            return Err(self.fail(error));
        }
        self.length += size(self.out.len());
        self.number += 1;
        Ok(())
    }

    /// Writes a body that is of reports. If that fails, only memory has it, and the next whole file.
    fn note(&mut self, kind: Kind) {
        if self.file.is_some() && self.write(kind).is_err() {
            self.file = None;
        }
    }

    fn sync_file(&mut self) -> Result<(), SpoolError> {
        let Some(file) = &mut self.file else {
            return Err(self.unusable());
        };
        if self.synced < self.length {
            if let Err(error) = file.sync() {
                return Err(self.fail(error));
            }
            self.synced = self.length;
        }
        Ok(())
    }

    /// Gives the file up.
    fn fail(&mut self, error: io::Error) -> SpoolError {
        self.file = None;
        self.failure.kind = error.kind();
        SpoolError::Unusable(error)
    }

    fn unusable(&self) -> SpoolError {
        SpoolError::Unusable(self.failure.kind.into())
    }

    /// Sees to it that there is a file; not at each call after it has failed.
    fn repair(&mut self) -> Result<(), SpoolError> {
        if self.file.is_some() {
            return Ok(());
        }
        if self.failure.skip > 0 {
            self.failure.skip -= 1;
            return Err(self.unusable());
        }
        self.failure.skipped = (self.failure.skipped * 2 + 1).min(MAX_SKIPPED);
        self.failure.skip = self.failure.skipped;
        Ok(self.rewrite()?)
    }

    /// Rewrites the file if more than half of it is dead. If it cannot be, it goes on as it is.
    fn tidy(&mut self) {
        let dead = self.length.saturating_sub(self.contents.bytes());
        if self.file.is_some() && self.length > self.rewrite_at && dead > self.length / 2 {
            let _ = self.rewrite();
        }
    }
}

/// A whole new file on its way.
struct Whole {
    file: Box<dyn DiskFile>,
    length: u64,
    out: BytesMut,
}

impl Whole {
    fn flush(&mut self) -> io::Result<()> {
        self.file.append(&self.out)?;
        self.length += size(self.out.len());
        self.out.clear();
        Ok(())
    }
}

fn size(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Spool for LogSpool {
    fn epoch(&self) -> SpoolEpoch {
        self.epoch
    }

    fn is_durable(&self) -> bool {
        true
    }

    fn next_seq(&self) -> u64 {
        self.contents.marks.next_seq
    }

    fn append(&mut self, mut report: Report) -> Result<(), SpoolError> {
        // Numbers rise, or the file could not be read again.
        report.seq = report.seq.max(self.contents.marks.next_seq);
        self.body.clear();
        body::put_report(&mut self.body, &report);
        self.note(Kind::Report);
        self.contents.push(report);
        self.contents.fit(self.room());
        self.tidy();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SpoolError> {
        self.repair()?;
        self.sync_file()?;
        self.safe = self.contents.marks.next_seq - 1;
        Ok(())
    }

    /// Only what is synced: the number of a report that went out and was then lost with the power
    /// would be given again, and the server would take the next one for a repeat.
    fn read(&mut self, after: u64, limit: usize) -> Result<Backlog, SpoolError> {
        if self.file.is_some() {
            // If it fails, there is still what was synced before.
            let _ = self.sync();
        }
        Ok(self.contents.read(after, self.safe, limit))
    }

    fn trim(&mut self, through: u64) -> Result<(), SpoolError> {
        // Not synced: what comes back after a power cut is sent again, and skipped by the server.
        self.body.clear();
        forms::put_number(&mut self.body, through);
        self.note(Kind::Delivered);
        self.contents.trim(through);
        self.tidy();
        Ok(())
    }

    fn recall(&self) -> Recall {
        self.contents.recall()
    }

    fn commit(&mut self, group: &[Record]) -> Result<(), SpoolError> {
        if group.is_empty() {
            return Ok(());
        }
        if !self.contents.fits(group, self.room()) {
            return Err(SpoolError::Full);
        }
        self.failure.skip = 0;
        self.repair()?;
        self.put_group(group);
        self.write(Kind::Group)?;
        self.sync()?;
        group.iter().for_each(|record| self.contents.apply(record));
        self.contents.fit(self.room());
        self.tidy();
        Ok(())
    }

    fn stats(&self) -> SpoolStats {
        SpoolStats {
            bytes: self.length,
            limit: self.limit,
            ..self.contents.stats()
        }
    }
}

impl fmt::Debug for LogSpool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSpool")
    }
}
