//! [`restart_program`]: a process takes the place of itself.

use std::convert::Infallible;
use std::io;

/// Replaces this process by a new start of its program, with the same arguments and environment, in
/// the same directory; the process keeps its number. Nothing is dropped and no other thread goes on,
/// as at the end of a process, so call it last. Files that the standard library has opened are closed.
///
/// The program is taken from where it was started, so a newer version that was put there is the one
/// that starts.
///
/// # Errors
/// It comes back only if it failed: the program is not there any more or cannot be run;
/// [`io::ErrorKind::Unsupported`] where a process cannot be replaced, which is everywhere but on Unix.
pub fn restart_program() -> io::Result<Infallible> {
    let mut args = std::env::args_os();
    let name = args.next().ok_or(io::ErrorKind::NotFound)?;
    replace(name, args)
}

#[cfg(unix)]
fn replace(name: std::ffi::OsString, args: std::env::ArgsOs) -> io::Result<Infallible> {
    use std::os::unix::process::CommandExt;
    use std::path::PathBuf;
    use std::process::Command;

    // Where a running program was replaced, its path says so by what it ends with and names no file.
    let path = std::env::current_exe().ok().filter(|path| path.exists());
    let path = path.unwrap_or_else(|| PathBuf::from(&name));
    Err(Command::new(path).arg0(name).args(args).exec())
}

#[cfg(not(unix))]
fn replace(_: std::ffi::OsString, _: std::env::ArgsOs) -> io::Result<Infallible> {
    Err(io::ErrorKind::Unsupported.into())
}
