//! The program `widgetctl`: what operators ask of a server, from a shell.
//!
//! It asks the API, as every program can: over a socket in the data directory of a server on this host, or
//! over HTTP with a token. `reach` says where, `client` asks; each of the `commands` is a few requests
//! and what is printed of the answers.

mod args;
mod client;
mod commands;
mod fault;
mod lines;
mod local;
mod plain;
mod print;
mod reach;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Builder;

use crate::args::Args;
use crate::client::Client;
use crate::fault::Fault;
use crate::print::Output;
use crate::reach::Reach;

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            if let Some(text) = fault.text() {
                // Nobody reads standard error: then nobody misses the line.
                let _ = writeln!(io::stderr(), "widgetctl: {text}");
            }
            ExitCode::from(fault.code())
        }
    }
}

fn run(args: Args) -> Result<(), Fault> {
    let reach = Reach::choose(args.server, |name| env::var_os(name))?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::failed(format!("there is no runtime to be had: {error}")))?;
    runtime.block_on(async {
        let client = Client::new(reach)?;
        let mut output = Output::new(args.json);
        commands::run(args.command, &client, &mut output).await
    })
}
