//! The flags of `widget-agent`; each is also a variable.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::Arg::{Long, Short};
use lexopt::ValueExt;
use widget_agent::widget_core::spool::LIMITS;
use widget_agent::{INTERVALS, LOCAL_SERVER, MAX_LABELS, is_label};

use crate::joining::{self, Said};
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
            Long("state") => {
                let value = parser.value().map_err(|error| error.to_string())?;
                given.state = Some(value.into());
            }
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

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().and_then(ValueExt::string);
    value.map_err(|error| error.to_string())
}

/// The flags as they came.
#[derive(Default)]
struct Given {
    servers: Vec<String>,
    join: Option<String>,
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
mod tests {
    use super::*;

    fn parsed(args: &[&str], variables: &[(&str, &str)]) -> Result<Args, String> {
        parse(args.iter().map(OsString::from), |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    fn options(args: &[&str], variables: &[(&str, &str)]) -> Options {
        match parsed(args, variables) {
            Ok(Args::Run(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_flags_everything_has_a_default() {
        let expected = Options {
            servers: vec![LOCAL_SERVER.to_owned()],
            joining: Said::new(None, false, |_| Ok(None)).unwrap(),
            state: "/home/me/.local/state/widget-agent".into(),
            spool: Some(16 * 1024 * 1024),
            interval: Duration::from_secs(1),
            labels: Vec::new(),
            runtime: 0,
            verbose: false,
        };
        assert_eq!(options(&[], &[("HOME", "/home/me")]), expected);
    }

    #[test]
    fn flags_say_everything() {
        let args = [
            "--server=tcp://a:1,tcp://b:2",
            "--state",
            "here",
            "--spool-limit=2",
            "--interval",
            "250ms",
            "--label",
            "site=berlin",
            "--label",
            "rack=7=b",
            "-v",
        ];
        let expected = Options {
            servers: vec!["tcp://a:1".to_owned(), "tcp://b:2".to_owned()],
            joining: Said::new(None, true, |_| Ok(None)).unwrap(),
            state: "here".into(),
            spool: Some(2 * 1024 * 1024),
            interval: Duration::from_millis(250),
            labels: vec![
                ("site".to_owned(), "berlin".to_owned()),
                ("rack".to_owned(), "7=b".to_owned()),
            ],
            runtime: 0,
            verbose: true,
        };
        assert_eq!(options(&args, &[]), expected);
    }

    #[test]
    fn each_flag_is_also_a_variable_and_goes_before_it() {
        let variables = [
            ("WIDGET_SERVER", "tcp://a:1, http://b"),
            ("WIDGET_VERBOSE", "1"),
            ("WIDGET_STATE", "there"),
            ("WIDGET_SPOOL", "memory"),
            ("WIDGET_SPOOL_LIMIT", "64"),
            ("WIDGET_INTERVAL", "1m"),
            ("WIDGET_LABEL", "a=1,b=2"),
        ];
        let found = options(&[], &variables);
        assert_eq!(found.servers, ["tcp://a:1", "http://b"]);
        assert!(found.verbose);
        assert_eq!(found.state, PathBuf::from("there"));
        assert_eq!(found.interval, Duration::from_secs(60));
        assert_eq!((found.labels.len(), found.spool), (2, None));

        let args = ["--interval", "2h", "--label", "c=3", "--spool", "disk"];
        let found = options(&args, &variables);
        assert_eq!(found.spool, Some(64 * 1024 * 1024));
        assert_eq!(found.interval, Duration::from_secs(7_200));
        assert_eq!(found.labels, [("c".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn servers_are_a_list_with_commas_or_with_more_flags() {
        let home = [("HOME", "/h"), ("WIDGET_VERBOSE", "0")];
        let args = ["--server", "tcp://a:1,tcp://b:2", "--server=tcp://c:3"];
        let found = options(&args, &home);
        assert_eq!(found.servers, ["tcp://a:1", "tcp://b:2", "tcp://c:3"]);
        assert!(!found.verbose);
    }

    #[test]
    fn a_join_string_is_a_flag_where_a_program_can_join() {
        assert_eq!(help().contains("--join"), joining::KNOWN);
        let found = parsed(&["--join", "x"], &[("HOME", "/h")]);
        assert_eq!(found.is_ok(), joining::KNOWN);
    }

    #[test]
    fn a_runtime_can_be_chosen_where_there_is_a_choice() {
        let home = [("HOME", "/h")];
        assert_eq!(help().contains("--runtime"), CHOICE);
        if !CHOICE {
            assert!(parsed(&["--runtime", "smol"], &home).is_err());
            return;
        }
        for (place, (name, _)) in RUNTIMES.iter().enumerate() {
            assert_eq!(options(&["--runtime", name], &home).runtime, place);
            let variables = [("HOME", "/h"), ("WIDGET_RUNTIME", name)];
            assert_eq!(options(&[], &variables).runtime, place);
        }
        let error = parsed(&["--runtime", "async-std"], &home).unwrap_err();
        assert!(error.ends_with("this build knows smol, tokio"), "{error}");
    }

    #[test]
    fn the_state_directory_follows_xdg() {
        let variables = [("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(
            options(&[], &variables).state,
            PathBuf::from("/x/widget-agent")
        );
        let variables = [("XDG_STATE_HOME", "x"), ("HOME", "/h")];
        let state = options(&[], &variables).state;
        assert_eq!(state, PathBuf::from("/h/.local/state/widget-agent"));
        assert!(parsed(&[], &[]).unwrap_err().contains("--state"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_one_line() {
        let long = format!("--label=k={}", "x".repeat(257));
        for args in [
            &["--interval", "99ms"][..],
            &["--interval", "2d"],
            &["--interval", "1"],
            &["--interval", "-1s"],
            &["--interval", "99999999999999999999s"],
            &["--interval"],
            &["--label", "novalue"],
            &["--label", "sp ace=1"],
            &["--label", "a=1", "--label", "a=2"],
            &[long.as_str()],
            &["--spool", "tape"],
            &["--spool-limit", "1"],
            &["--spool-limit", "1025"],
            &["--spool-limit", "-2"],
            &["--spool-limit", "99999999999999999999"],
            &["--nonsense"],
            &["nonsense"],
        ] {
            let error = parsed(args, &[("HOME", "/h")]).unwrap_err();
            assert!(
                !error.is_empty() && !error.contains('\n'),
                "{args:?} {error}"
            );
        }
        let many: Vec<String> = (0..33).map(|n| format!("--label=l{n}=x")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(parsed(&many, &[("HOME", "/h")]).is_err());
    }

    #[test]
    fn the_status_is_that_of_a_state_directory() {
        match parsed(&["--status", "--state", "x"], &[]) {
            Ok(Args::Status(found)) => assert_eq!(found.state, PathBuf::from("x")),
            other => assert!(!KNOWN && other.is_err(), "{other:?}"),
        }
        assert_eq!(help().contains("--status"), KNOWN);
    }

    #[test]
    fn help_and_version_need_nothing_else() {
        assert_eq!(parsed(&["--help"], &[]), Ok(Args::Help));
        assert_eq!(parsed(&["-h"], &[]), Ok(Args::Help));
        assert_eq!(parsed(&["--version"], &[]), Ok(Args::Version));
    }
}
