//! [`Identity`]: the agent's id, made at the first start and kept in its state directory, which one
//! process at a time has locked.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use widget_core::id::AgentId;
use widget_core::runtime::{Runtime, RuntimeExt};

use crate::complain;

const LOCK: &str = "lock";
const ID: &str = "agent-id";
const TEMPORARY: &str = "agent-id.new";

/// The id of an agent and the lock on its state directory, which is held as long as this lives.
#[derive(Debug)]
pub struct Identity {
    id: AgentId,
    _lock: Lock,
}

/// The state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Another process has it.
    #[error("the state directory {0} is in use by another agent")]
    InUse(PathBuf),
    /// It cannot be made, read or written.
    #[error("the state directory {directory} cannot be used")]
    Unusable {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Identity {
    /// Locks the state directory, which is made if it is missing, and reads the id in it. If there
    /// is none, a new one is made; if it is damaged, it is set aside first, and that is logged.
    /// This blocks for a moment.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn open(directory: impl AsRef<Path>, runtime: &dyn Runtime) -> Result<Self, IdentityError> {
        let directory = directory.as_ref();
        let unusable = |source| IdentityError::Unusable {
            directory: directory.to_owned(),
            source,
        };
        let lock = Lock::take(directory, LOCK)?;
        let id = read_or_make(directory, runtime).map_err(unusable)?;
        Ok(Self { id, _lock: lock })
    }

    /// The id.
    #[must_use]
    pub const fn id(&self) -> AgentId {
        self.id
    }

    /// An id that is kept elsewhere, with the lock of [`Lock::of_identity`].
    #[cfg(feature = "join")]
    pub(crate) const fn of(id: AgentId, lock: Lock) -> Self {
        Self { id, _lock: lock }
    }

    /// Keeps this id in place of the one that is there.
    #[cfg(feature = "join")]
    pub(crate) fn replace(directory: &Path, id: AgentId) -> Result<(), IdentityError> {
        write(directory, &directory.join(ID), id).map_err(|source| IdentityError::Unusable {
            directory: directory.to_owned(),
            source,
        })
    }
}

/// A lock on a directory, by a file in it, as long as this lives.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock that an [`Identity`] has.
    #[cfg(feature = "join")]
    pub(crate) fn of_identity(directory: &Path) -> Result<Self, IdentityError> {
        Self::take(directory, LOCK)
    }

    /// Takes the lock with this name in a directory, which is made if it is missing.
    pub(crate) fn take(directory: &Path, name: &str) -> Result<Self, IdentityError> {
        let unusable = |source| IdentityError::Unusable {
            directory: directory.to_owned(),
            source,
        };
        let lock = open_lock(directory, name).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(lock)),
            Err(TryLockError::WouldBlock) => Err(IdentityError::InUse(directory.to_owned())),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a child that is being started at this moment has the file too.
        let _ = self.0.unlock();
    }
}

fn open_lock(directory: &Path, name: &str) -> io::Result<File> {
    make(directory)?;
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join(name))
}

/// Makes a directory and those above it that are missing, for its owner alone: tasks and their results lie
/// there. The standard library's own is six times the code.
fn make(directory: &Path) -> io::Result<()> {
    let mut made = system::create(directory);
    if let (Err(error), Some(above)) = (&made, directory.parent())
        && error.kind() == io::ErrorKind::NotFound
    {
        make(above)?;
        made = system::create(directory);
    }
    // Whatever it says of a directory that is there; an empty path is that of the process.
    if made.is_err() && (directory.is_dir() || directory.as_os_str().is_empty()) {
        return Ok(());
    }
    made
}

#[cfg(unix)]
mod system {
    //! Rights are the owner's, the group's and those of all others.

    use std::fs::DirBuilder;
    use std::io;
    use std::os::unix::fs::DirBuilderExt;
    use std::path::Path;

    pub(super) fn create(directory: &Path) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(directory)
    }
}

#[cfg(not(unix))]
mod system {
    //! Rights are those of the directory above.

    pub(super) use std::fs::create_dir as create;
}

fn read_or_make(directory: &Path, runtime: &dyn Runtime) -> io::Result<AgentId> {
    let path = directory.join(ID);
    match fs::read(&path) {
        Ok(bytes) => {
            let text = str::from_utf8(&bytes).unwrap_or_default();
            if let Ok(id) = text.trim().parse() {
                return Ok(id);
            }
            let seconds = runtime.wall().as_secs();
            let aside = [ID, ".damaged-", &seconds.to_string()].concat();
            fs::rename(&path, directory.join(&aside))?;
            let what = "the agent's id is damaged and was set aside; it gets a new one";
            complain::warn(what, &aside);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    write(directory, &path, id)?;
    Ok(id)
}

/// Writes the id so that after a power cut it is there as a whole or not at all.
fn write(directory: &Path, path: &Path, id: AgentId) -> io::Result<()> {
    let temporary = directory.join(TEMPORARY);
    let mut file = File::create(&temporary)?;
    file.write_all(format!("{id}\n").as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    // Where a directory cannot be opened, there is no way to ask for more.
    match File::open(directory) {
        Ok(directory) => directory.sync_all(),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use widget_core::runtime::TokioRuntime;

    use super::*;

    async fn open(directory: &Path) -> Result<Identity, IdentityError> {
        Identity::open(directory, &TokioRuntime::current().unwrap())
    }

    #[tokio::test]
    async fn the_id_stays_the_same() {
        let state = tempfile::tempdir().unwrap();
        let directory = state.path().join("a/b");
        let first = open(&directory).await.unwrap().id();
        assert_eq!(open(&directory).await.unwrap().id(), first);
        assert!(!directory.join(TEMPORARY).exists());
        let text = fs::read_to_string(directory.join(ID)).unwrap();
        assert_eq!(text, format!("{first}\n"));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_directory_that_is_made_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let state = tempfile::tempdir().unwrap();
        let above = state.path().join("a");
        open(&above.join("b")).await.unwrap();
        for directory in [above.join("b"), above] {
            let rights = fs::metadata(directory).unwrap().permissions().mode();
            assert_eq!(rights & 0o777, 0o700);
        }
    }

    #[tokio::test]
    async fn one_process_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let first = open(state.path()).await.unwrap();
        let error = open(state.path()).await.unwrap_err();
        assert!(
            error.to_string().contains("in use by another agent"),
            "{error}"
        );
        drop(first);
        open(state.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_damaged_id_is_set_aside() {
        for damage in [&b""[..], b"0192d4a0-6c1e", &[0xff, 0xfe], &[0; 37]] {
            let state = tempfile::tempdir().unwrap();
            fs::write(state.path().join(ID), damage).unwrap();
            let id = open(state.path()).await.unwrap().id();
            let names = fs::read_dir(state.path()).unwrap();
            let aside = names
                .map(|entry| entry.unwrap().path())
                .find(|path| path.to_string_lossy().contains("agent-id.damaged-"))
                .unwrap();
            assert_eq!(fs::read(aside).unwrap(), damage);
            assert_eq!(open(state.path()).await.unwrap().id(), id);
        }
    }

    #[tokio::test]
    async fn a_directory_that_cannot_be_made_is_named() {
        let state = tempfile::tempdir().unwrap();
        let file = state.path().join("file");
        fs::write(&file, "").unwrap();
        let error = open(&file).await.unwrap_err();
        assert!(matches!(error, IdentityError::Unusable { .. }));
        assert!(
            error.to_string().contains(file.to_str().unwrap()),
            "{error}"
        );
    }
}
