//! The flags of `widget-server`, each also a variable of the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Parser};
use widget_core::transport::Proxies;
use widget_server::open::{LISTENERS, ListenerKind, STORES};
use widget_server::{Limit, Limits};

/// Keeps what agents report, hands them tasks, and shows both on a page and over an API.
#[derive(Debug, Parser)]
#[command(name = "widget-server", version, after_help = limits())]
pub(crate) struct Args {
    /// Directory for everything that is kept
    #[arg(long, env = "WIDGET_DATA", default_value = "./widget-data")]
    pub(crate) data: PathBuf,

    /// Where to keep agents, tasks and reports: sqlite, or memory, which ends with the process
    #[arg(long, env = "WIDGET_STORE", default_value = first_store())]
    pub(crate) store: String,

    /// Address of page and API, or "off"; port 0 picks one [default: 127.0.0.1:3000]
    #[arg(long, env = "WIDGET_ADMIN")]
    pub(crate) admin: Option<Bind>,

    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Serve other hosts at this address: over TLS, or in plain text for --behind-proxy; agents join by token,
    /// people sign in, version 1 is off
    #[arg(long, env = "WIDGET_EXPOSE", value_name = "ADDRESS")]
    pub(crate) expose: Option<IpAddr>,

    /// Serve proxies of these networks that have TLS on their other side, such as 10.0.0.0/8, and nobody
    /// else; with tokens as for --expose; may be repeated
    #[arg(
        long,
        env = "WIDGET_BEHIND_PROXY",
        value_delimiter = ',',
        value_name = "CIDR"
    )]
    pub(crate) behind_proxy: Vec<Proxies>,

    /// A certificate of one's own for --expose, in PEM, with those that lead to its authority behind it
    #[arg(long, env = "WIDGET_TLS_CERT", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its key, in PEM: a file that not every user may read
    #[arg(long, env = "WIDGET_TLS_KEY", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Its authority, in PEM, if it is not the last one in the certificate's file
    #[arg(long, env = "WIDGET_TLS_CA", value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,

    /// How long reports and ended tasks are kept, such as 7d or 12h
    #[arg(long, env = "WIDGET_KEEP", default_value = "7d", value_parser = keep)]
    pub(crate) keep: Duration,

    /// Name under which page and API may be asked, and agents reach this server; may be repeated
    #[arg(
        long = "allowed-host",
        env = "WIDGET_ALLOWED_HOST",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub(crate) allowed_hosts: Vec<String>,

    /// Another limit than the usual one of what is taken, from the list below, such as agents=500; may be
    /// repeated
    #[arg(
        long = "limit",
        env = "WIDGET_LIMIT",
        value_delimiter = ',',
        value_name = "NAME=VALUE",
        value_parser = limit
    )]
    limits: Vec<(String, u32)>,

    /// Say more on standard error; twice for everything
    #[arg(short, long, env = "WIDGET_VERBOSE", action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

impl Args {
    /// The limits of what is taken.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in &self.limits {
            // Each was looked at when it was read.
            let _ = limits.set(name, *value);
        }
        limits
    }
}

/// Where agents come in: a flag for each listener that was compiled in.
#[derive(Debug, Default)]
pub(crate) struct Listen {
    /// What was said of each, in the order of the list.
    pub(crate) said: Vec<Option<Bind>>,
}

impl clap::Args for Listen {
    fn augment_args(command: Command) -> Command {
        LISTENERS.iter().fold(command, |command, kind| {
            let about = kind.about;
            command.arg(
                Arg::new(kind.scheme)
                    .long(kind.scheme)
                    .env(kind.variable)
                    .value_name("ADDRESS")
                    .value_parser(Bind::from_str)
                    .help(format!(
                        "Address for {about}, or \"off\"; port 0 picks one [default: {}]",
                        kind.address
                    )),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Listen {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut listen = Self::default();
        listen.update_from_arg_matches(matches)?;
        Ok(listen)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        let said = |kind: &ListenerKind| matches.get_one::<Bind>(kind.scheme).copied();
        self.said = LISTENERS.iter().map(said).collect();
        Ok(())
    }
}

/// Where to listen, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bind {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl FromStr for Bind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let at = text.parse().map_err(|_| {
            "not an address and port such as 127.0.0.1:3000, nor \"off\"".to_owned()
        })?;
        Ok(Self::At(at))
    }
}

fn first_store() -> &'static str {
    STORES.first().map_or("memory", |kind| kind.name)
}

/// All limits with what they are unless something else is said, for the end of the help.
fn limits() -> String {
    let width = Limits::ALL.iter().map(|limit| limit.name.len()).max();
    let width = width.unwrap_or_default();
    let line = |limit: &Limit| {
        let (name, unit) = (limit.name, limit.unit);
        let default = limit.of(&Limits::default());
        format!("  {name:width$}  {default:>7}  {unit}")
    };
    let lines: Vec<_> = Limits::ALL.iter().map(line).collect();
    format!("Limits, for --limit:\n{}", lines.join("\n"))
}

fn limit(text: &str) -> Result<(String, u32), String> {
    let like = "such as agents=500";
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("must be NAME=VALUE, {like}"))?;
    let known = Limits::default().set(name, 0);
    known.map_err(|error| error.to_string())?;
    match value.parse() {
        Ok(0) | Err(_) => Err(format!(
            "{name} must be a whole number from 1 to {}, {like}",
            u32::MAX
        )),
        Ok(value) => Ok((name.to_owned(), value)),
    }
}

fn keep(text: &str) -> Result<Duration, String> {
    let keep = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let (least, most) = (
        Duration::from_secs(60),
        Duration::from_secs(3_660 * 24 * 60 * 60),
    );
    if !(least..=most).contains(&keep) {
        return Err("must be between 1min and 10y".into());
    }
    Ok(keep)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_make_sense() {
        Args::command().debug_assert();
    }

    #[test]
    fn each_listener_that_was_compiled_in_has_its_flag() {
        let said = |flags: Vec<String>| {
            let args = Args::try_parse_from(["widget-server".to_owned()].into_iter().chain(flags));
            args.unwrap().listen.said
        };
        assert_eq!(said(Vec::new()), vec![None; LISTENERS.len()]);
        let off = |kind: &ListenerKind| format!("--{}=off", kind.scheme);
        let all_off = said(LISTENERS.iter().map(off).collect());
        assert_eq!(all_off, vec![Some(Bind::Off); LISTENERS.len()]);
        assert!(Args::try_parse_from(["widget-server", "--gopher", "off"]).is_err());
    }

    #[test]
    fn an_address_is_read_or_refused() {
        assert_eq!("off".parse(), Ok(Bind::Off));
        assert!(matches!("[::1]:9004".parse(), Ok(Bind::At(_))));
        let error = "localhost".parse::<Bind>().unwrap_err();
        assert!(error.contains("not an address"));
    }

    #[test]
    fn a_limit_is_one_of_those_in_the_help() {
        let read = |flags: &[&str]| {
            let flags = ["widget-server"].iter().chain(flags);
            Args::try_parse_from(flags).map(|args| args.limits())
        };
        assert_eq!(read(&[]).unwrap(), Limits::default());
        let limits = read(&["--limit", "agents=7,streams=2", "--limit=reports=9"]).unwrap();
        assert_eq!((limits.agents, limits.streams, limits.reports), (7, 2, 9));
        let unknown = read(&["--limit", "gophers=1"]).unwrap_err().to_string();
        let help = Args::command().render_help().to_string();
        for limit in Limits::ALL {
            assert!(unknown.contains(limit.name), "{unknown}");
            let default = limit.of(&Limits::default()).to_string();
            let mut lines = help.lines();
            let line = lines.find(|line| line.trim_start().starts_with(limit.name));
            let line = line.unwrap_or_else(|| panic!("{} is not in the help", limit.name));
            assert!(line.contains(&default) && line.ends_with(limit.unit));
        }
        for text in ["agents", "agents=", "agents=-1", "agents=many", "agents=0"] {
            assert!(read(&["--limit", text]).is_err(), "{text}");
        }
    }

    #[test]
    fn keep_has_limits() {
        assert_eq!(keep("7d"), Ok(Duration::from_secs(604_800)));
        assert!(keep("0s").is_err());
        assert!(keep("soon").is_err());
    }
}
