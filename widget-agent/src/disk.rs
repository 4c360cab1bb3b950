//! [`FileDisk`]: the disk of a spool as files in a directory, which one process at a time has locked.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use widget_core::id::SpoolEpoch;
use widget_core::runtime::{Runtime, RuntimeExt};
use widget_core::spool::{Disk, DiskFile, LogSpool, Opened};
#[cfg(feature = "join")]
use widget_core::{
    spool::{Inspection, LIMITS, LOG},
    time::Timestamp,
};

use crate::identity::{IdentityError, Lock};

const LOCK: &str = "spool.lock";

/// Opens the spool in a directory, which is made if it is missing. It takes at most `limit` bytes there
/// (see [`LIMITS`](widget_core::spool::LIMITS); usual is
/// [`DEFAULT_LIMIT`](widget_core::spool::DEFAULT_LIMIT)), but for files that had to be set aside because
/// they are damaged, of a newer version or of something else: [`Opened::aside`] says so. It may be the
/// directory of the [`Identity`](crate::Identity). This blocks for a moment.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
/// use widget_agent::runtime::TokioRuntime;
/// use widget_agent::widget_core::spool::DEFAULT_LIMIT;
/// use widget_agent::{Agent, open_spool};
///
/// let runtime = TokioRuntime::current().ok_or("not on tokio")?;
/// let opened = open_spool("state", DEFAULT_LIMIT, &runtime)?;
/// if let Some(aside) = &opened.aside {
///     eprintln!("{}: {}", aside.name, aside.damage.as_str());
/// }
/// let builder = Agent::builder().spool(opened.spool);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`IdentityError`] if another process has the spool, or if there can be no directory. A disk that
/// refuses later is no error: see [`Opened::trouble`].
pub fn open_spool(
    directory: impl AsRef<Path>,
    limit: u64,
    runtime: &dyn Runtime,
) -> Result<Opened, IdentityError> {
    let disk = FileDisk::open(directory)?;
    let now = runtime.wall();
    let fresh = SpoolEpoch::generate(now, runtime.random_pair());
    Ok(LogSpool::open(Box::new(disk), limit, fresh, now))
}

/// The name that a spool has from here on, and how many reports are in it, if that can be told.
#[cfg(feature = "join")]
pub(crate) type Aside = (String, Option<usize>);

/// Sets the spool of a directory aside, if there is one.
#[cfg(feature = "join")]
pub(crate) fn set_aside(directory: &Path, now: Timestamp) -> Result<Option<Aside>, IdentityError> {
    let mut disk = FileDisk::open(directory)?;
    let unusable = |source| IdentityError::Unusable {
        directory: directory.to_owned(),
        source,
    };
    let reports = match disk.read(LOG, LIMITS.1) {
        Ok(bytes) => Inspection::of(&bytes).ok().map(|found| found.stats.reports),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) => None,
    };
    let name = [LOG, ".before-join-", &now.as_secs().to_string()].concat();
    disk.rename(LOG, &name).map_err(unusable)?;
    disk.sync().map_err(unusable)?;
    Ok(Some((name, reports)))
}

/// The files of a directory, which no other process has as long as this lives.
pub struct FileDisk {
    directory: PathBuf,
    _lock: Lock,
}

impl FileDisk {
    /// The files of this directory, which is made if it is missing.
    ///
    /// # Errors
    /// [`IdentityError`] if another process has it, or if there can be none.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, IdentityError> {
        let directory = directory.as_ref();
        Ok(Self {
            _lock: Lock::take(directory, LOCK)?,
            directory: directory.to_owned(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The content of a file, if it is a plain file of at most so many bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let found = fs::metadata(path)?;
    if !found.is_file() {
        // To open a pipe would wait.
        return Err(ErrorKind::InvalidInput.into());
    }
    if found.len() > most {
        return Err(ErrorKind::FileTooLarge.into());
    }
    // Nobody else makes it longer: it is locked.
    fs::read(path)
}

impl Disk for FileDisk {
    fn read(&mut self, name: &str, most: u64) -> io::Result<Vec<u8>> {
        read(&self.path(name), most)
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(LogFile(File::create(self.path(name))?)))
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = File::options().append(true).open(self.path(name))?;
        Ok(Box::new(LogFile(file)))
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path(name))
    }

    fn sync(&mut self) -> io::Result<()> {
        sync_names(&self.directory)
    }
}

/// Makes sure that the names of a directory survive the loss of power.
pub(crate) fn sync_names(directory: &Path) -> io::Result<()> {
    if cfg!(not(unix)) {
        // There is no way to ask for that.
        return Ok(());
    }
    File::open(directory)?.sync_all()
}

struct LogFile(File);

// By name alone, both: to print a path or a file is much of a small agent.
impl fmt::Debug for FileDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileDisk")
    }
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFile")
    }
}

impl DiskFile for LogFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
