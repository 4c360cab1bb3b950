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

/// A new directory is for its owner alone, and is synced into its parent: a database in a directory that a
/// power cut takes away would not be durable. One that is there is left as it is.
fn make(directory: &Path) -> io::Result<()> {
    let missing = directory
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .count();
    if missing > 0 {
        if let Some(above) = directory.parent() {
            fs::create_dir_all(above)?;
        }
        match make_for_owner(directory) {
            // Somebody else was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
    }
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
fn make_for_owner(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// Elsewhere a directory is as open as the one that it is in.
#[cfg(not(unix))]
fn make_for_owner(directory: &Path) -> io::Result<()> {
    fs::create_dir(directory)
}

/// A new database is for its owner alone: who reads the key in it can seal sessions. What cannot be made is
/// for SQLite to say.
#[cfg(unix)]
pub(crate) fn make_private(database: &Path) {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    let made = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(database);
    drop(made);
}

/// The same for one of an earlier version and the files beside it, as far as they are this user's.
#[cfg(unix)]
pub(crate) fn keep_private(database: &Path) {
    use std::os::unix::fs::PermissionsExt;

    for suffix in ["", "-wal", "-shm"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        let Ok(file) = fs::metadata(&path) else {
            continue;
        };
        let mode = file.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let _ = fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700));
        }
    }
}

/// Elsewhere a file is as open as its directory.
#[cfg(not(unix))]
pub(crate) fn make_private(_: &Path) {}

#[cfg(not(unix))]
pub(crate) fn keep_private(_: &Path) {}

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

    #[cfg(unix)]
    #[test]
    fn a_database_is_for_its_owner_alone_also_one_that_was_not() {
        use std::os::unix::fs::PermissionsExt;

        use crate::{SqliteOptions, SqliteStore};

        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("widget.db");
        let modes = || {
            let files = fs::read_dir(data.path()).unwrap().map(|file| file.unwrap());
            let ours =
                files.filter(|file| file.file_name().to_string_lossy().starts_with("widget.db"));
            ours.map(|file| file.metadata().unwrap().permissions().mode() & 0o777)
                .collect::<Vec<_>>()
        };
        let store = SqliteStore::open(&SqliteOptions::new(data.path())).unwrap();
        assert_eq!(modes(), vec![0o600; 3]);
        drop(store);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let _store = SqliteStore::open(&SqliteOptions::new(data.path())).unwrap();
        assert_eq!(modes(), vec![0o600; 3]);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_its_owners_alone_and_one_that_is_there_stays_as_it_is() {
        use std::os::unix::fs::PermissionsExt;

        let files = tempfile::tempdir().unwrap();
        let data = files.path().join("a/b");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        drop(claim(&data).unwrap());
        assert_eq!(mode(&data), 0o700);
        assert_ne!(mode(&files.path().join("a")), 0o700);
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        drop(claim(&data).unwrap());
        assert_eq!(mode(&data), 0o755);
    }

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
