//! The one list of runtimes that this build knows: each drives the program to its end.

use std::error::Error;

use widget_agent::Ended;

use crate::args::Options;

type Drive = fn(Options) -> Result<Ended, Box<dyn Error>>;

/// By name; the first is what a program runs on unless told otherwise.
pub(crate) const RUNTIMES: &[(&str, Drive)] = &[
    #[cfg(feature = "smol")]
    ("smol", on_smol::run),
    #[cfg(feature = "tokio")]
    ("tokio", on_tokio::run),
];

/// Whether there is something to choose.
pub(crate) const CHOICE: bool = RUNTIMES.len() > 1;

#[cfg(feature = "smol")]
mod on_smol {
    //! On the thread that calls.

    use std::error::Error;
    use std::sync::Arc;

    use async_signal::{Signal, Signals};
    use futures_lite::StreamExt;
    use futures_lite::future::{or, yield_now};
    use smol::Executor;
    use widget_agent::Ended;
    use widget_agent::runtime::{BoxFuture, SmolRuntime};

    use crate::args::Options;
    use crate::program::Program;

    /// So many tasks have their turn before timers and sockets have theirs.
    const TURN: u32 = 200;

    pub(super) fn run(options: Options) -> Result<Ended, Box<dyn Error>> {
        let executor = Arc::new(Executor::new());
        let runtime = SmolRuntime::new(Arc::clone(&executor));
        let join = |join: BoxFuture<'_, ()>| drive(&executor, join);
        let program = Program::new(options, Arc::new(runtime), join)?;
        let mut signals = Signals::new([Signal::Term, Signal::Int])?;
        let signal = async move || {
            signals.next().await;
        };
        // Boxed because a move of it is much code.
        Ok(drive(&executor, Box::pin(program.run(signal))))
    }

    /// Runs something to its end, and what was spawned beside.
    fn drive<T>(executor: &Executor<'_>, work: impl Future<Output = T>) -> T {
        // Not `Executor::run`: what it does for more than one thread is much code too.
        let tasks = async {
            loop {
                for _ in 0..TURN {
                    executor.tick().await;
                }
                yield_now().await;
            }
        };
        smol::block_on(or(work, tasks))
    }
}

#[cfg(feature = "tokio")]
mod on_tokio {
    //! On a runtime with one thread.

    use std::error::Error;
    use std::sync::Arc;

    use futures_lite::future::or;
    use tokio::runtime::Builder;
    use tokio::signal::unix::{SignalKind, signal};
    use widget_agent::Ended;
    use widget_agent::runtime::{BoxFuture, TokioRuntime};

    use crate::args::Options;
    use crate::program::Program;

    pub(super) fn run(options: Options) -> Result<Ended, Box<dyn Error>> {
        let tokio = Builder::new_current_thread().enable_all().build()?;
        let runtime = TokioRuntime::new(tokio.handle().clone());
        let join = |join: BoxFuture<'_, ()>| tokio.block_on(join);
        let program = Program::new(options, Arc::new(runtime), join)?;
        let context = tokio.enter();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        let signal = async move || {
            or(terminate.recv(), interrupt.recv()).await;
        };
        let ended = tokio.block_on(program.run(signal));
        // A name that is being looked up is not waited for.
        tokio.shutdown_background();
        Ok(ended)
    }
}
