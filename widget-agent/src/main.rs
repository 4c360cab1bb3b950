//! `widget-agent`: the agent as a program of its own, on smol.

mod args;
mod log;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use args::{Args, HELP, Options};
use async_signal::{Signal, Signals};
use futures_lite::StreamExt;
use futures_lite::future::or;
use smol::Executor;
use tracing::Level;
use widget_agent::widget_core::runtime::{SharedRuntime, SmolRuntime};
use widget_agent::{Agent, AgentHandle, ConnectError, Identity, Shutdown, connect};

fn main() -> ExitCode {
    let options = match args::parse(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Args::Run(options)) => options,
        Ok(Args::Help) => return say(HELP),
        Ok(Args::Version) => return say(concat!("widget-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(why) => return fail(&why, 2),
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        // An address that this build does not know is a flag that makes no sense.
        Err(error) => fail(
            &explain(error.as_ref()),
            if error.is::<ConnectError>() { 2 } else { 1 },
        ),
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let level = if options.verbose {
        Level::DEBUG
    } else {
        Level::INFO
    };
    tracing::subscriber::set_global_default(log::Stderr(level))?;

    let executor = Arc::new(Executor::new());
    let runtime: SharedRuntime = Arc::new(SmolRuntime::new(Arc::clone(&executor)));
    let transports = options
        .servers
        .iter()
        .map(|url| connect(url, Arc::clone(&runtime)));
    let transports = transports.collect::<Result<Vec<_>, _>>()?;
    let identity = Identity::open(&options.state, runtime.as_ref())?;
    let mut builder = Agent::builder()
        .id(identity.id())
        .interval(options.interval)
        .handler(Shutdown::new())
        .runtime(Arc::clone(&runtime));
    for (key, value) in options.labels {
        builder = builder.label(key, value);
    }
    for transport in transports {
        builder = builder.transport(transport);
    }
    let (agent, handle) = builder.build()?;
    let signals = Signals::new([Signal::Term, Signal::Int])?;

    say(&["agent ", &identity.id().to_string(), "\n"].concat());
    let ended = async {
        agent.run().await;
    };
    smol::block_on(executor.run(or(ended, stop(signals, handle))));
    Ok(())
}

/// Stops the agent at the first signal, and waits no longer at the second.
async fn stop(mut signals: Signals, handle: AgentHandle) {
    signals.next().await;
    let impatient = async {
        signals.next().await;
    };
    or(handle.stop(), impatient).await;
}

fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    // Where stdout is closed, nobody listens.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn fail(why: &str, code: u8) -> ExitCode {
    let line = ["widget-agent: ", why, "\n"].concat();
    let _ = std::io::stderr().write_all(line.as_bytes());
    ExitCode::from(code)
}

/// An error with all its causes, in one line.
fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.extend([": ", &error.to_string()]);
        cause = error.source();
    }
    text
}
