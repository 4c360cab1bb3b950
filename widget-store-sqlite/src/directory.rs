//! The data directory: made if it is missing, and held by one process at a time.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use widget_core::store::{StoreError, StoreErrorKind};

/// The lock on a data directory, let go when dropped.
#[derive(Debug)]
pub(crate) struct Claim(File);

impl Drop for Claim {
    fn drop(&mut self) {
        // Closing would not do: a child that is being started at this moment has the file too.
        let _ = self.0.unlock();
    }
}

/// Makes the directory and takes its lock.
pub(crate) fn claim(directory: &Path) -> Result<Claim, StoreError> {
    make(directory)
        .map_err(|error| refused("cannot make the data directory", directory, &error))?;
    let path = directory.join("lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    let file = options
        .open(&path)
        .map_err(|error| refused("cannot write", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Claim(file)),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A test that started a child kept the lock of another test's store for a moment.
    #[test]
    fn a_copy_of_the_file_does_not_keep_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let claimed = claim(directory.path()).unwrap();
        let _copy = claimed.0.try_clone().unwrap();
        assert_eq!(
            *claim(directory.path()).unwrap_err().kind(),
            StoreErrorKind::InUse
        );
        drop(claimed);
        claim(directory.path()).unwrap();
    }
}
