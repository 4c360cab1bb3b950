//! [`Restart`]: the handler by which a server has an agent's program started anew, and
//! [`restart_program`], which does it.

use std::convert::Infallible;
use std::future::Future;
use std::io;

use widget_core::task::RESTART;

use crate::agent::Ended;
use crate::raw::AnyHandler;
use crate::shutdown::Before;

/// Ends the agent when a task of kind `restart` comes, for the program to start itself anew.
///
/// The agent ends with [`Ended::Restart`], and its spool is closed by then. What to do is the host
/// program's business: call [`restart_program`], end with a code that its supervisor knows, or build
/// the agent again. That it runs is durable, here and at the server, before it acts. The task has
/// succeeded when the next start of the agent says so; with a spool in memory, which remembers nothing,
/// when its goodbye arrives. The same task never ends an agent twice.
///
/// ```no_run
/// # async fn run(agent: widget_agent::Agent) -> Result<(), Box<dyn std::error::Error>> {
/// use widget_agent::{Agent, Ended, Restart, restart_program};
///
/// let builder = Agent::builder().handler(Restart::new());
/// # drop(builder);
/// // …
/// if agent.await == Ended::Restart {
///     restart_program()?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Restart {
    before: Before,
}

impl Restart {
    /// Ends the agent whenever it is asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `hook` first, where the host program finishes what it is at, or says no. See
    /// [`Shutdown::before`](crate::Shutdown::before).
    #[must_use]
    pub fn before<F, Fut>(mut self, hook: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.before = Before::new(hook);
        self
    }
}

impl From<Restart> for AnyHandler {
    fn from(restart: Restart) -> Self {
        restart.before.handler(RESTART, Ended::Restart)
    }
}

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
