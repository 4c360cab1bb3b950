//! The file of a [`Policy`]: it is read as a whole, and only if nobody else can have written it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{InvalidPolicy, Policy};
use crate::disk;

/// Why a file is no policy. An agent that has one does not start then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It cannot be read.
    #[error("the policy {path} cannot be read")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others on this host could have written it.
    #[error(
        "the policy {path} is not to be relied on, since others may write {what}: it has to be \
         this user's or root's, and so has every directory above it (chown, chmod go-w)"
    )]
    Open {
        /// Which file.
        path: PathBuf,
        /// What others may write: the file, or its directory.
        what: PathBuf,
    },
    /// A line in it is no rule.
    #[error("the policy {path}")]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        source: InvalidPolicy,
    },
}

impl Policy {
    /// Reads the policy in a file, which has at most [`MAX_TEXT`](Self::MAX_TEXT) bytes. This blocks for a
    /// moment.
    ///
    /// # Errors
    /// [`PolicyError`], also if others than its owner and root may write the file or one of the directories above
    /// it, unless those are such in which everybody has only files of his own; or if it is another user's.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, PolicyError> {
        let path = path.as_ref().to_owned();
        let found = system::open_to_others(&path)
            .and_then(|open| Ok((open, disk::read(&path, Self::MAX_TEXT)?)));
        let (open, bytes) = match found {
            Ok(found) => found,
            Err(source) => return Err(PolicyError::Unreadable { path, source }),
        };
        if let Some(what) = open {
            return Err(PolicyError::Open { path, what });
        }
        let invalid = |source| PolicyError::Invalid { path, source };
        Self::from_bytes(&bytes).map_err(invalid)
    }

    /// The same, if there is such a file. A link that leads nowhere is there.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_if_there(path: impl AsRef<Path>) -> Result<Option<Self>, PolicyError> {
        match std::fs::symlink_metadata(path.as_ref()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            _ => Self::read(path).map(Some),
        }
    }
}

#[cfg(unix)]
mod system {
    //! Rights are the owner's, the group's and those of all others.

    use std::fs::{self, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    const OTHERS_WRITE: u32 = 0o022;
    /// Of a directory: files go away by the hand of their owner only.
    const STICKY: u32 = 0o1000;
    const ROOT: u32 = 0;

    /// What others may write, so that they decide what is in the file: it, where it lies, and where a link to
    /// it lies, up to the root.
    pub(super) fn open_to_others(path: &Path) -> io::Result<Option<PathBuf>> {
        let path = std::path::absolute(path)?;
        let target = fs::canonicalize(&path)?;
        // Where the system does not say who this process is, rights alone are looked at.
        let own = fs::metadata("/proc/self").map(|own| own.uid()).ok();
        let is_others = |found: &Metadata| {
            let by_whom = found.uid();
            own.is_some_and(|own| by_whom != own && by_whom != ROOT)
        };
        let found = fs::metadata(&target)?;
        if found.mode() & OTHERS_WRITE != 0 || is_others(&found) {
            return Ok(Some(target));
        }
        let above = target.ancestors().skip(1).chain(path.ancestors().skip(1));
        for directory in above {
            let found = fs::metadata(directory)?;
            let mode = found.mode();
            if (mode & OTHERS_WRITE != 0 && mode & STICKY == 0) || is_others(&found) {
                return Ok(Some(directory.to_owned()));
            }
        }
        // In a directory in which everybody has files, a link is somebody's too.
        let link = fs::symlink_metadata(&path)?;
        Ok(is_others(&link).then_some(path))
    }
}

#[cfg(not(unix))]
mod system {
    //! Rights are those of the directory.

    use std::io;
    use std::path::{Path, PathBuf};

    pub(super) fn open_to_others(_: &Path) -> io::Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_is_missing_is_an_error_unless_that_is_said() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("policy");
        let error = Policy::read(&path).unwrap_err();
        assert!(matches!(error, PolicyError::Unreadable { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert!(Policy::read_if_there(&path).unwrap().is_none());
        fs::write(&path, "deny kind *\n").unwrap();
        assert!(Policy::read_if_there(&path).unwrap().is_some());
    }

    #[test]
    fn what_is_no_policy_is_told_with_its_line_and_never_left_out() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("policy");
        for (bytes, line) in [
            (&b"deny kind *\nforbid kind *\n"[..], "line 2"),
            (b"\n\ndeny kind \xff\n", "line 3"),
            (b"deny kind a\0\n", "line 1"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = Policy::read_if_there(&path).unwrap_err();
            let PolicyError::Invalid { source, .. } = &error else {
                panic!("{error}");
            };
            assert!(source.to_string().contains(line), "{source}");
        }
        fs::write(&path, "#".repeat(70_000)).unwrap();
        assert!(matches!(
            Policy::read_if_there(&path),
            Err(PolicyError::Unreadable { .. })
        ));
        // A directory is none either.
        assert!(Policy::read_if_there(state.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_nowhere_is_not_no_policy() {
        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("policy");
        std::os::unix::fs::symlink(state.path().join("gone"), &path).unwrap();
        assert!(Policy::read_if_there(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let state = tempfile::tempdir().unwrap();
        let path = state.path().join("policy");
        let link = state.path().join("link");
        fs::write(&path, "deny kind *\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for (file, directory, is_open) in [
            (0o644, 0o755, false),
            (0o400, 0o700, false),
            (0o664, 0o755, true),
            (0o646, 0o755, true),
            (0o644, 0o775, true),
            (0o644, 0o757, true),
            (0o644, 0o1777, false),
        ] {
            set(&path, file);
            set(state.path(), directory);
            for path in [&path, &link] {
                let read = Policy::read(path);
                let refused = matches!(read, Err(PolicyError::Open { .. }));
                assert_eq!(refused, is_open, "{file:o} {directory:o} {read:?}");
                assert_eq!(read.is_ok(), !is_open);
            }
        }
    }
}
