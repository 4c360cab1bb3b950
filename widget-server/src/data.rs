//! The data directory: made for its owner alone, whoever of this crate is the first to need it.

use std::fs;
use std::io;
use std::path::Path;

/// Makes the directory, if it is missing, for its owner alone; what is missing above it as the system does it.
/// One that is there is left as it is. All that was made is synced into where it lies.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let missing = directory.ancestors().take_while(is_missing).count();
    if missing == 0 {
        return Ok(());
    }
    if let Some(above) = directory.parent() {
        fs::create_dir_all(above)?;
    }
    match make_private(directory) {
        // Somebody else was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    for above in directory.ancestors().skip(1).take(missing) {
        let is_here = above.as_os_str().is_empty();
        sync(if is_here { Path::new(".") } else { above })?;
    }
    Ok(())
}

/// Makes one directory for its owner alone.
#[cfg(unix)]
pub(crate) fn make_private(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().mode(0o700).create(directory)
}

#[cfg(unix)]
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Elsewhere a directory is as open as the one that it is in.
#[cfg(not(unix))]
pub(crate) fn make_private(directory: &Path) -> io::Result<()> {
    fs::create_dir(directory)
}

/// Elsewhere a directory cannot be opened like a file.
#[cfg(not(unix))]
pub(crate) fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_new_directory_is_its_owners_alone_and_one_that_is_there_stays_as_it_is() {
        let files = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let data = files.path().join("a/b");
        make(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
        assert_ne!(mode(&files.path().join("a")), 0o700);
        fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
        make(&data).unwrap();
        assert_eq!(mode(&data), 0o755);
    }
}
