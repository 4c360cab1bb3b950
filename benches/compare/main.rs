//! Whole programs beside their floor: client and server are processes of their own, the two sides
//! of a comparison take turns in the same run, and what counts is the median of their ratios.
//! Prints tables in Markdown, ratios first.
//!
//! Options: `--only WORD` runs those whose name has the word, `--rounds N`, and `--test` does
//! everything once and shortly, to see that it runs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a bench"
)]

mod calls;
mod child;
mod dispatch;
mod footprint;
mod http;
mod memory;
mod peer;
mod proc;
mod results;
mod spool;
mod table;
mod waiting;

use table::Tables;

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Plan {
    rounds: usize,
    /// How long calls are counted.
    millis: u64,
    /// How many tasks are sent.
    tasks: usize,
    /// How many agents wait.
    agents: usize,
    /// How long an idle program is looked at.
    idle_secs: u64,
}

const FULL: Plan = Plan {
    rounds: 5,
    millis: 2_000,
    tasks: 500,
    agents: 10_000,
    idle_secs: 8,
};

const TEST: Plan = Plan {
    rounds: 1,
    millis: 50,
    tasks: 5,
    agents: 50,
    idle_secs: 1,
};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["role", role, rest @ ..] = words.as_slice() {
        return run(role, rest);
    }
    let after = |option: &str| {
        let at = words.iter().position(|word| *word == option)?;
        words.get(at + 1).copied()
    };
    let mut plan = if words.contains(&"--test") {
        TEST
    } else {
        FULL
    };
    if let Some(rounds) = after("--rounds") {
        plan.rounds = rounds.parse().unwrap();
    }
    let mut tables = Tables::new(after("--only"));
    calls::compare(&plan, &mut tables);
    dispatch::compare(&plan, &mut tables);
    results::compare(&plan, &mut tables);
    spool::compare(&plan, &mut tables);
    memory::compare(&plan, &mut tables);
    footprint::compare(&plan, &mut tables);
    tables.print();
}

/// What a child process does.
fn run(role: &str, args: &[&str]) {
    match role {
        "serve" => calls::serve(args),
        "load" => calls::load(args),
        "serve-tarpc" => peer::serve(),
        "load-tarpc" => peer::load(args),
        "serve-hyper" => http::serve(),
        "load-http" => http::load(args),
        "dispatch" => dispatch::serve(args),
        "take" => dispatch::take(args),
        "relay" => dispatch::relay(),
        "take-relayed" => dispatch::take_relayed(args),
        "serve-results" => results::serve(args),
        "end-tasks" => results::end_tasks(args),
        "serve-waiting" => waiting::serve(args),
        "wait" => waiting::wait(args),
        "host" => footprint::host(args),
        other => panic!("no role {other}"),
    }
}
