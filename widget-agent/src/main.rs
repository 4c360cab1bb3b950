//! `widget-agent`: the agent as a program of its own.

mod again;
mod args;
mod joining;
mod log;
mod needs;
mod policing;
mod program;
mod runtimes;
mod status;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

use args::{Args, Options};
use runtimes::RUNTIMES;
use tracing::Level;
use widget_agent::ConnectError;

fn main() -> ExitCode {
    let options = match args::parse(std::env::args_os().skip(1), |name| std::env::var_os(name)) {
        Ok(Args::Run(options)) => options,
        Ok(Args::Status(options)) if status::KNOWN => {
            return match status::status(&options) {
                Ok(text) => say(&text),
                Err(why) => fail(&why, 1),
            };
        }
        Ok(Args::Status(_)) => return ExitCode::SUCCESS,
        Ok(Args::Help) => return say(&args::help()),
        Ok(Args::Version) => return say(concat!("widget-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        Err(why) => return fail(&why, 2),
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&explain(error.as_ref()), code(error.as_ref())),
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let level = if options.verbose {
        Level::DEBUG
    } else {
        Level::INFO
    };
    tracing::subscriber::set_global_default(log::Stderr(level))?;
    let drive = RUNTIMES.get(options.runtime).map(|(_, drive)| drive);
    // The state directory is nobody's by now.
    if let Some(drive) = drive {
        again::start(drive(options)?)?;
    }
    Ok(())
}

/// An address that this build does not know is a flag that makes no sense.
fn code(error: &(dyn Error + 'static)) -> u8 {
    if error.is::<ConnectError>() || joining::is_flag(error) {
        2
    } else {
        1
    }
}

fn say(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    // Where stdout is closed, nobody listens.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    ExitCode::SUCCESS
}

fn fail(why: &str, code: u8) -> ExitCode {
    let line = ["widget-agent: ", &log::plain(why), "\n"].concat();
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
