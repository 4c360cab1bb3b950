//! The directory of the authority: both of its files are there, or neither.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::data;

/// The directory in the data directory.
pub(super) const DIRECTORY: &str = "tls";
const NEW: &str = "tls.new";
/// The certificate of the authority.
pub(super) const CERTIFICATE: &str = "ca.crt";
/// Its key.
pub(super) const KEY: &str = "ca.key";

/// What is in one of the files, if it is there.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether every user has some right to the file.
#[cfg(unix)]
pub(super) fn is_open(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;

    Ok(fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

/// Elsewhere a file is as open as its directory.
#[cfg(not(unix))]
pub(super) fn is_open(_: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Writes both, so that a power cut leaves both or neither.
pub(super) fn write(directory: &Path, certificate: &str, key: &str) -> io::Result<()> {
    let new = directory.join(NEW);
    match fs::remove_dir_all(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    data::make(directory)?;
    data::make_private(&new)?;
    put(&new.join(KEY), key, 0o600)?;
    put(&new.join(CERTIFICATE), certificate, 0o644)?;
    data::sync(&new)?;
    // An empty directory of that name gives way, any other does not.
    fs::rename(&new, directory.join(DIRECTORY))?;
    data::sync(directory)
}

fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = for_owner(&mut options, mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn for_owner(options: &mut OpenOptions, mode: u32) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    options.mode(mode)
}

/// Elsewhere a file is as open as its directory.
#[cfg(not(unix))]
fn for_owner(options: &mut OpenOptions, _: u32) -> &mut OpenOptions {
    options
}
