//! The data directory: made if it is missing, and held by one process at a time.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use widget_core::store::{StoreError, StoreErrorKind};

/// Makes the directory and takes its lock, which is held until the file is closed.
pub(crate) fn claim(directory: &Path) -> Result<File, StoreError> {
    make(directory)
        .map_err(|error| refused("cannot make the data directory", directory, &error))?;
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options
        .open(&path)
        .map_err(|error| refused("cannot write", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::with(
            StoreErrorKind::InUse,
            format!("another process holds {}", path.display()),
        )),
        Err(TryLockError::Error(error)) => Err(refused("cannot lock", &path, &error)),
    }
}

/// A new directory is synced into its parent: a database in a directory that a power cut takes
/// away would not be durable.
fn make(directory: &Path) -> io::Result<()> {
    let missing = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .count();
    fs::create_dir_all(directory)?;
    for parent in directory.ancestors().skip(1).take(missing) {
        let parent = if parent.as_os_str().is_empty() {
            Path::new(".")
        } else {
            parent
        };
        sync(parent)?;
    }
    Ok(())
}

#[cfg(unix)]
fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be opened like a file.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

fn refused(what: &str, path: &Path, why: &dyn fmt::Display) -> StoreError {
    let text = format!("{what} {}: {why}", path.display());
    StoreError::with(StoreErrorKind::Config, text)
}
