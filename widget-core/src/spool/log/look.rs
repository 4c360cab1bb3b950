//! What a spool's file is found to be: [`Damage`], or an [`Inspection`] of one that is good.

use super::{read, size};
use crate::id::SpoolEpoch;
use crate::spool::{KeptStage, SpoolStats};

/// A file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The name that it has now.
    pub name: String,
    /// What is wrong with it.
    pub damage: Damage,
}

/// Why a file cannot be read as a spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is no file of a spool.
    Foreign,
    /// A newer version has written it.
    Newer,
    /// Its first bytes were changed or are missing.
    Header,
    /// Bytes were changed or are missing that the disk had promised to keep.
    Content,
    /// It is larger than any spool.
    TooLarge,
    /// The disk does not give it.
    Unreadable,
}

impl Damage {
    /// A few words for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "it is no file of a spool",
            Self::Newer => "a newer version has written it",
            Self::Header => "its first bytes were changed or are missing",
            Self::Content => "bytes were changed or are missing",
            Self::TooLarge => "it is larger than any spool",
            Self::Unreadable => "the disk does not give it",
        }
    }
}

/// What a spool's file holds, looked at without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Which memory it is.
    pub epoch: SpoolEpoch,
    /// How much it holds. No limit is kept in the file: it is 0 here.
    pub stats: SpoolStats,
    /// Tasks that have not started.
    pub waiting: usize,
    /// Tasks that have, and are not over.
    pub started: usize,
    /// Tasks that are over, of which the server has not heard.
    pub over: usize,
}

impl Inspection {
    /// What these bytes of a file hold. Of a file that is being written, the last bytes may be
    /// missing, which can look like damage: then look again.
    ///
    /// # Errors
    /// Why it is no file of a spool.
    pub fn of(bytes: &[u8]) -> Result<Self, Damage> {
        let loaded = read::load(bytes)?;
        let tasks = &loaded.contents.tasks;
        let count = |of: fn(&KeptStage) -> bool| tasks.iter().filter(|t| of(&t.stage)).count();
        Ok(Self {
            epoch: loaded.epoch,
            stats: SpoolStats {
                bytes: size(bytes.len()),
                ..loaded.contents.stats()
            },
            waiting: count(|stage| matches!(stage, KeptStage::Waiting)),
            started: count(|stage| matches!(stage, KeptStage::Started { .. })),
            over: count(|stage| matches!(stage, KeptStage::Over(_))),
        })
    }
}
