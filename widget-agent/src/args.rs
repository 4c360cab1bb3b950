//! The flags of `widget-agent`; each is also a variable.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt;
use widget_agent::widget_core::spool::LIMITS;
use widget_agent::{INTERVALS, LOCAL_SERVER, MAX_LABELS, is_label};

use crate::joining::{self, Said};
use crate::policing;
use crate::runtimes::{CHOICE, RUNTIMES};
use crate::status::KNOWN;

/// What `--help` prints, but for what depends on the build.
const HELP: [&str; 4] = [
    "\
Reports what this host is doing to a server of Widget, and ends when the server asks it to.

Usage: widget-agent [OPTIONS]

  --server URL[,URL]…  servers, the one liked best first [",
    "] (WIDGET_SERVER)
  --state DIR          where its id and spool are kept [$XDG_STATE_HOME/widget-agent] (WIDGET_STATE)
  --spool WHERE        disk, or memory: then tasks and reports end with it [disk] (WIDGET_SPOOL)
  --spool-limit MIB    what the spool takes on disk at most, 2 to 1024 [16] (WIDGET_SPOOL_LIMIT)
  --interval TIME      time between two reports, 100ms to 1d [1s] (WIDGET_INTERVAL)
  --label KEY=VALUE    tells agents apart; again for more (WIDGET_LABEL, with commas)
",
    "  -v, --verbose        says more on stderr (WIDGET_VERBOSE=1)
",
    "  -h, --help           prints this
  --version            prints the version
",
];
/// The line of a build that can do it.
const JOIN: &str =
    "  --join STRING        joins the servers of a join string, once (WIDGET_JOIN)\n";
/// The line of a build that has a choice.
const RUNTIME: &str = "  --runtime NAME       smol or tokio [smol] (WIDGET_RUNTIME)\n";

/// The line of a build that can say it.
const STATUS: &str =
    "  --status             prints what is in the spool, also while an agent runs\n";

/// What `--help` prints.
pub(crate) fn help() -> String {
    let [server, flags, verbose, rest] = HELP;
    let join = if joining::KNOWN { JOIN } else { "" };
    let runtime = if CHOICE { RUNTIME } else { "" };
    let status = if KNOWN { STATUS } else { "" };
    [
        server,
        LOCAL_SERVER,
        flags,
        join,
        policing::HELP,
        runtime,
        verbose,
        status,
        rest,
    ]
    .concat()
}

/// What the program is asked for.
// No `Debug` but for tests: there may be a join string in it.
#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(crate) enum Args {
    Run(Options),
    Status(Options),
    Help,
    Version,
}

#[cfg_attr(test, derive(Debug, PartialEq, Eq))]
pub(crate) struct Options {
    pub(crate) servers: Vec<String>,
    pub(crate) joining: Said,
    pub(crate) policy: policing::Said,
    pub(crate) state: PathBuf,
    /// The most bytes of the spool on disk; none if it is in memory.
    pub(crate) spool: Option<u64>,
    pub(crate) interval: Duration,
    pub(crate) labels: Vec<(String, String)>,
    /// Its place in [`RUNTIMES`].
    pub(crate) runtime: usize,
    pub(crate) verbose: bool,
}

/// Reads flags, which go before variables. The error is one line.
pub(crate) fn parse(
    args: impl IntoIterator<Item = OsString>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Args, String> {
    let mut given = Given::default();
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        match arg {
            Short('h') | Long("help") => return Ok(Args::Help),
            Long("version") => return Ok(Args::Version),
            Short('v') | Long("verbose") => given.verbose = true,
            Long("status") if KNOWN => given.status = true,
            Long("spool") => given.spool = Some(text(&mut parser)?),
            Long("spool-limit") => given.spool_limit = Some(text(&mut parser)?),
            Long("join") if joining::KNOWN => given.join = Some(text(&mut parser)?),
            Long("server") => given.servers.push(text(&mut parser)?),
            Long("interval") => given.interval = Some(text(&mut parser)?),
            Long("runtime") if CHOICE => given.runtime = Some(text(&mut parser)?),
            Long("label") => given.labels.push(text(&mut parser)?),
            Long("policy") if policing::KNOWN => given.policy = value(&mut parser)?.into(),
            Long("state") => given.state = Some(value(&mut parser)?.into()),
            other => return Err(other.unexpected().to_string()),
        }
    }
    let status = KNOWN && given.status;
    let options = given.with(&variable)?;
    Ok(if status {
        Args::Status(options)
    } else {
        Args::Run(options)
    })
}

fn value(parser: &mut lexopt::Parser) -> Result<OsString, String> {
    parser.value().map_err(|error| error.to_string())
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().and_then(ValueExt::string);
    value.map_err(|error| error.to_string())
}

/// The flags as they came.
#[derive(Default)]
struct Given {
    servers: Vec<String>,
    join: Option<String>,
    policy: policing::Flag,
    state: Option<PathBuf>,
    status: bool,
    spool: Option<String>,
    spool_limit: Option<String>,
    interval: Option<String>,
    labels: Vec<String>,
    runtime: Option<String>,
    verbose: bool,
}

impl Given {
    fn with(mut self, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Options, String> {
        // An empty variable is one that somebody took back.
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let words = |name: &str| match variable(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(_)) => Err([name, " is not UTF-8"].concat()),
        };

        if self.labels.is_empty()
            && let Some(labels) = words("WIDGET_LABEL")?
        {
            self.labels = split(&labels);
        }
        // A flag, or else a variable, or else what is usual.
        let choose = |flag: Option<String>, name: &str, usual: &str| match words(name) {
            Err(why) => Err(why),
            Ok(variable) => Ok(flag.or(variable).unwrap_or_else(|| usual.to_owned())),
        };
        let joining = Said::new(self.join.take(), !self.servers.is_empty(), words)?;
        let servers = (!self.servers.is_empty()).then(|| self.servers.join(","));
        let mut servers = split(&choose(servers, "WIDGET_SERVER", LOCAL_SERVER)?);
        for url in &mut servers {
            *url = url.trim().to_owned();
        }
        let runtime = if CHOICE {
            runtime(self.runtime.or(words("WIDGET_RUNTIME")?))?
        } else {
            0
        };
        let verbose = words("WIDGET_VERBOSE")?.is_some_and(|said| said != "0");
        let interval = choose(self.interval, "WIDGET_INTERVAL", "1s")?;
        let state = self
            .state
            .or_else(|| variable("WIDGET_STATE").map(PathBuf::from));
        let state = match state {
            Some(state) => state,
            None => default_state(&variable)?,
        };
        let spool = choose(self.spool, "WIDGET_SPOOL", "disk")?;
        let limit = choose(self.spool_limit, "WIDGET_SPOOL_LIMIT", "16")?;
        if self.labels.len() > MAX_LABELS {
            return Err("more than 32 labels".to_owned());
        }
        Ok(Options {
            servers,
            joining,
            policy: policing::Said::new(self.policy, variable),
            state,
            spool: read_spool(&spool, &limit)?,
            interval: read_interval(&interval)?,
            labels: read_labels(&self.labels)?,
            runtime,
            verbose: self.verbose || verbose,
        })
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

/// The place of the runtime with this name in [`RUNTIMES`].
fn runtime(name: Option<String>) -> Result<usize, String> {
    let Some(name) = name else {
        return Ok(0);
    };
    let place = RUNTIMES.iter().position(|(known, _)| *known == name);
    place.ok_or_else(|| {
        let known: Vec<&str> = RUNTIMES.iter().map(|(known, _)| *known).collect();
        let known = known.join(", ");
        ["--runtime ", &name, ": this build knows ", &known].concat()
    })
}

/// `$XDG_STATE_HOME/widget-agent`, or `$HOME/.local/state/widget-agent`.
fn default_state(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<PathBuf, String> {
    // A relative XDG directory is to be ignored.
    let xdg = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    match xdg.or_else(home) {
        Some(base) => Ok(base.join("widget-agent")),
        None => Err("say --state DIR: neither XDG_STATE_HOME nor HOME is set".to_owned()),
    }
}

/// The most bytes of the spool on disk; none if it is in memory.
fn read_spool(place: &str, limit: &str) -> Result<Option<u64>, String> {
    let bytes = limit.parse().unwrap_or(0_u64).saturating_mul(1024 * 1024);
    if !(LIMITS.0..=LIMITS.1).contains(&bytes) {
        let why = ": not a number of MiB from 2 to 1024, such as 16";
        return Err(["--spool-limit ", limit, why].concat());
    }
    match place {
        "disk" => Ok(Some(bytes)),
        "memory" => Ok(None),
        _ => Err(["--spool ", place, ": neither disk nor memory"].concat()),
    }
}

fn read_interval(text: &str) -> Result<Duration, String> {
    let wrong = || {
        [
            "--interval ",
            text,
            ": not a time from 100ms to 1d, such as 1s",
        ]
        .concat()
    };
    let unit = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let interval = Duration::from_millis(number.saturating_mul(millis));
    if !(INTERVALS.0..=INTERVALS.1).contains(&interval) {
        return Err(wrong());
    }
    Ok(interval)
}

fn read_labels(texts: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for text in texts {
        let wrong = |why: &str| Err(["--label ", text, ": ", why].concat());
        let Some((key, value)) = text.split_once('=') else {
            return wrong("not of the form KEY=VALUE");
        };
        if !is_label(key, value) {
            return wrong("a key is [a-zA-Z0-9_.-]{1,64}, a value at most 256 bytes");
        }
        if labels.iter().any(|(earlier, _)| earlier == key) {
            return wrong("this key is there twice");
        }
        labels.push((key.to_owned(), value.to_owned()));
    }
    Ok(labels)
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
