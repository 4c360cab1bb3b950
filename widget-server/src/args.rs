//! The flags of `widget-server`, each also a variable of the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Parser};
use widget_core::transport::Proxies;
use widget_server::open::{LISTENERS, ListenerKind, STORES};

/// Keeps what agents report, hands them tasks, and shows both on a page and over an API.
#[derive(Debug, Parser)]
#[command(name = "widget-server", version)]
pub(crate) struct Args {
    /// Directory for everything that is kept
    #[arg(long, env = "WIDGET_DATA", default_value = "./widget-data")]
    pub(crate) data: PathBuf,

    /// Where to keep agents, tasks and reports, such as memory
    #[arg(long, env = "WIDGET_STORE", default_value = first_store())]
    pub(crate) store: String,

    /// Address of page and API, or "off"; port 0 picks one [default: 127.0.0.1:3000]
    #[arg(long, env = "WIDGET_ADMIN")]
    pub(crate) admin: Option<Bind>,

    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Serve other hosts at this address: TLS everywhere, agents join by token, people sign in, version 1 is
    /// off
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

    /// Its key, in PEM
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

    /// Say more on standard error; twice for everything
    #[arg(short, long, env = "WIDGET_VERBOSE", action = ArgAction::Count)]
    pub(crate) verbose: u8,
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
    fn keep_has_limits() {
        assert_eq!(keep("7d"), Ok(Duration::from_secs(604_800)));
        assert!(keep("0s").is_err());
        assert!(keep("soon").is_err());
    }
}
