//! [`SimDisk`]: a disk in memory that refuses when it is told to, and that knows what may be on it
//! after the power was cut at any moment ([`Moment`]).
//!
//! The model of a cut: what was synced is there. Of what was written to a file since, each piece of
//! 512 bytes is as some write left it, or as it was synced; the file is as long as some write, or
//! some piece, made it; bytes that were never written are zero. Of the names that changed since the
//! directory was synced, the first changes are made and the last are not.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::fixtures::Noise;
use crate::spool::{Disk, DiskFile};
use crate::stop::{Stop, StopSignal};

/// What a disk writes as a whole or not at all, in bytes.
const SECTOR: usize = 512;

/// The files of a disk by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Arc<Mutex<State>>);

/// One call of a [`Disk`] or [`DiskFile`] that can be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// A file was read.
    Read,
    /// A file was made or opened.
    Open,
    /// Bytes were written.
    Append,
    /// A file was synced.
    Sync,
    /// A file got another name or lost its own.
    Rename,
    /// Names were synced.
    SyncNames,
}

/// What a disk was before one of its calls.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Which call came then.
    pub call: Call,
    /// What [`SimDisk::note`] had noted.
    pub note: u64,
    files: BTreeMap<u64, File>,
    /// Names as they are synced, then as each change since has made them.
    names: Vec<BTreeMap<String, u64>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<u64, File>,
    names: Vec<BTreeMap<String, u64>>,
    next: u64,
    note: u64,
    moments: Option<Vec<Moment>>,
    calls: u64,
    refuse: Option<Refuse>,
    refused: u64,
    end_at: Option<u64>,
    ended: Option<Moment>,
    on_end: Option<Stop>,
}

#[derive(Debug, Clone, Default)]
struct File {
    data: Vec<u8>,
    /// Bytes that are synced, then the length after each write since.
    ends: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Refuse {
    from: u64,
    through: u64,
    kind: ErrorKind,
}

impl SimDisk {
    /// A disk with these files, all synced.
    #[must_use]
    pub fn with(image: Image) -> Self {
        let disk = Self::default();
        let mut state = disk.state();
        for (name, data) in image {
            let number = state.next;
            state.next += 1;
            let ends = vec![data.len()];
            state.files.insert(number, File { data, ends });
            state.names().insert(name, number);
        }
        drop(state);
        disk
    }

    /// The files as every process sees them.
    #[must_use]
    pub fn image(&self) -> Image {
        let mut state = self.state();
        let names = state.names().clone();
        let read = |number| {
            state
                .files
                .get(&number)
                .map_or(Vec::new(), |f| f.data.clone())
        };
        names
            .into_iter()
            .map(|(name, number)| (name, read(number)))
            .collect()
    }

    /// The disk as the next process finds it: what was written by then is there, and what was not synced
    /// can still be lost.
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        let next = moment.files.keys().last().map_or(0, |last| last + 1);
        Self(Arc::new(Mutex::new(State {
            files: moment.files,
            names: moment.names,
            next,
            ..State::default()
        })))
    }

    /// What it is now.
    #[must_use]
    pub fn moment(&self) -> Moment {
        let mut state = self.state();
        state.names();
        state.moment(Call::Read)
    }

    /// Its process ends before the call that comes after `after` more: that one and all later ones are
    /// refused and change nothing. [`ended`](Self::ended) has the moment then, and the signal is asked,
    /// for whoever is to end the process itself.
    pub fn end_after(&self, after: u64) -> StopSignal {
        let mut state = self.state();
        state.end_at = Some(state.calls + after);
        state.on_end.get_or_insert_default().signal()
    }

    /// The moment in which its process ended, if [it was to](Self::end_after) and has.
    #[must_use]
    pub fn ended(&self) -> Option<Moment> {
        self.state().ended.clone()
    }

    /// Begins to keep the moment before each call.
    pub fn record(&self) {
        self.state().moments = Some(Vec::new());
    }

    /// The moments that were kept since the last time.
    #[must_use]
    pub fn moments(&self) -> Vec<Moment> {
        let mut state = self.state();
        state
            .moments
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// What comes with the next moments: how far the caller is.
    pub fn note(&self, note: u64) {
        self.state().note = note;
    }

    /// How many calls that could be refused there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Refuses calls, so many from the one that comes after `after` more. A refused write leaves
    /// about half of it, up to the end of a piece, as file systems do that run full; a
    /// refused sync loses what it was to keep, and the next one would say that all is well.
    pub fn refuse(&self, after: u64, count: u64, kind: ErrorKind) {
        let mut state = self.state();
        let from = state.calls + after;
        let through = from.saturating_add(count);
        state.refuse = Some(Refuse {
            from,
            through,
            kind,
        });
    }

    /// Refuses what another one would refuse from here on: the same disk, as the next process finds it.
    pub fn refuse_as(&self, earlier: &Self) {
        let (calls, refuse, refused) = {
            let earlier = earlier.state();
            (earlier.calls, earlier.refuse, earlier.refused)
        };
        let mut state = self.state();
        state.refused += refused;
        state.refuse = refuse.map(|refuse| Refuse {
            from: state.calls + refuse.from.saturating_sub(calls),
            through: state
                .calls
                .saturating_add(refuse.through.saturating_sub(calls)),
            kind: refuse.kind,
        });
    }

    /// How many calls were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.state().refused
    }

    /// Refuses nothing any more, and does not end its process either.
    pub fn heal(&self) {
        let mut state = self.state();
        state.refuse = None;
        state.end_at = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The names as every process sees them.
    fn names(&mut self) -> &mut BTreeMap<String, u64> {
        if self.names.is_empty() {
            self.names.push(BTreeMap::new());
        }
        self.names.last_mut().expect("there are names")
    }

    fn change_names(&mut self, change: impl FnOnce(&mut BTreeMap<String, u64>)) {
        let mut names = self.names().clone();
        change(&mut names);
        self.names.push(names);
    }

    fn moment(&self, call: Call) -> Moment {
        Moment {
            call,
            note: self.note,
            files: self.files.clone(),
            names: self.names.clone(),
        }
    }

    /// Each call that can be refused comes by here first.
    fn call(&mut self, call: Call) -> io::Result<()> {
        self.names();
        if self.ended.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        if self.end_at.is_some_and(|end| self.calls >= end) {
            self.ended = Some(self.moment(call));
            self.on_end = None;
            return Err(ErrorKind::BrokenPipe.into());
        }
        let moment = self.moments.is_some().then(|| self.moment(call));
        if let Some(moments) = &mut self.moments {
            moments.extend(moment);
        }
        self.calls += 1;
        match self.refuse {
            Some(refuse) if (refuse.from..refuse.through).contains(&(self.calls - 1)) => {
                self.refused += 1;
                Err(refuse.kind.into())
            }
            _ => Ok(()),
        }
    }

    fn file(&mut self, number: u64) -> io::Result<&mut File> {
        let file = self.files.get_mut(&number);
        file.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn number(&mut self, name: &str) -> io::Result<u64> {
        let number = self.names().get(name).copied();
        number.ok_or_else(|| ErrorKind::NotFound.into())
    }
}

impl Disk for SimDisk {
    fn read(&mut self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        let mut state = self.state();
        state.call(Call::Read)?;
        let number = state.number(name)?;
        let data = state.files[&number].data.clone();
        if data.len() as u64 > most {
            return Err(ErrorKind::FileTooLarge.into());
        }
        Ok(data)
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call(Call::Open)?;
        let number = state.next;
        state.next += 1;
        let file = File {
            data: Vec::new(),
            ends: vec![0],
        };
        state.files.insert(number, file);
        state.change_names(|names| {
            names.insert(name.to_owned(), number);
        });
        Ok(Box::new(SimFile(self.clone(), number)))
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.call(Call::Open)?;
        let number = state.number(name)?;
        Ok(Box::new(SimFile(self.clone(), number)))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Rename)?;
        let number = state.number(from)?;
        state.change_names(|names| {
            names.remove(from);
            names.insert(to.to_owned(), number);
        });
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::Rename)?;
        state.number(name)?;
        state.change_names(|names| {
            names.remove(name);
        });
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.call(Call::SyncNames)?;
        let names = state.names().clone();
        state
            .files
            .retain(|number, _| names.values().any(|named| named == number));
        state.names = vec![names];
        Ok(())
    }
}

#[derive(Debug)]
struct SimFile(SimDisk, u64);

impl DiskFile for SimFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.state();
        let called = state.call(Call::Append);
        if state.ended.is_some() {
            return called;
        }
        let file = state.file(self.1)?;
        let before = file.data.len();
        let half = (before + bytes.len() / 2) / SECTOR * SECTOR;
        let written = match called {
            Ok(()) => bytes.len(),
            Err(_) => half.saturating_sub(before),
        };
        file.data.extend_from_slice(&bytes[..written]);
        file.ends.push(file.data.len());
        called
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.state();
        let called = state.call(Call::Sync);
        if state.ended.is_some() {
            return called;
        }
        let file = state.file(self.1)?;
        if called.is_err() {
            let synced = file.ends[0];
            file.data[synced..].fill(0);
        }
        file.ends = vec![file.data.len()];
        called
    }
}

impl Moment {
    /// What every process sees: so it is when the process alone dies.
    #[must_use]
    pub fn seen(&self) -> Image {
        self.assemble(self.names.len() - 1, |file| file.data.clone())
    }

    /// The fewest and the most that may be there: nothing that was not synced, and after each change
    /// of names all that was written.
    #[must_use]
    pub fn ends(&self) -> Vec<Image> {
        let least = self.assemble(0, |file| file.data[..file.ends[0]].to_vec());
        let most = (0..self.names.len()).map(|names| self.assemble(names, |f| f.data.clone()));
        std::iter::once(least).chain(most).collect()
    }

    /// Something that may be there: a part of what was written, torn.
    #[must_use]
    pub fn torn(&self, noise: &mut Noise) -> Image {
        let names = noise.below(self.names.len() as u64) as usize;
        self.assemble(names, |file| file.torn(noise))
    }

    /// How many bytes were written and not synced.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        let files = self.files.values();
        files.map(|file| file.data.len() - file.ends[0]).sum()
    }

    fn assemble(&self, names: usize, mut content: impl FnMut(&File) -> Vec<u8>) -> Image {
        let names = self.names[names].iter();
        names
            .map(|(name, number)| (name.clone(), content(&self.files[number])))
            .collect()
    }
}

impl File {
    fn torn(&self, noise: &mut Noise) -> Vec<u8> {
        let synced = self.ends[0];
        let (first, last) = (synced / SECTOR, self.data.len().div_ceil(SECTOR));
        // As long as a write made it, or a piece.
        let length = if noise.below(2) == 0 {
            self.ends[noise.below(self.ends.len() as u64) as usize]
        } else {
            let pieces = noise.below((last - first) as u64 + 1) as usize;
            ((first + pieces) * SECTOR).clamp(synced, self.data.len())
        };
        let mut torn = self.data.clone();
        for piece in first..last {
            let end = self.ends[noise.below(self.ends.len() as u64) as usize];
            let from = (piece * SECTOR).max(end);
            let to = ((piece + 1) * SECTOR).min(torn.len());
            if from < to {
                torn[from..to].fill(0);
            }
        }
        torn.truncate(length);
        torn
    }
}

/// Changes one bit of a file, which must not be empty.
pub fn flip(image: &mut Image, name: &str, noise: &mut Noise) {
    let bytes = image.get_mut(name).expect("the file is there");
    let at = noise.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << noise.below(8);
}
