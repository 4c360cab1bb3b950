//! The program `widget-server`: flags, two runtimes, signals.

mod args;
mod ctl;
mod exposure;
mod run;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    let args = args::Args::parse();
    let plan = exposure::Plan::of(&args).unwrap_or_else(|error| {
        let mut command = args::Args::command();
        command.error(ErrorKind::ValueValidation, error).exit()
    });
    let level = match args.verbose {
        0 => tracing::Level::INFO,
        1 => tracing::Level::DEBUG,
        _ => tracing::Level::TRACE,
    };
    tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .init();
    match run::run(&args, plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nobody reads standard error: then nobody misses the line.
            let _ = writeln!(std::io::stderr(), "widget-server: {error}");
            ExitCode::FAILURE
        }
    }
}
