//! The flags of `widget-server`, each also a variable of the environment.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, Parser};
use widget_server::open::{LISTENERS, STORES};

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

    /// Address of page and API, or "off"; port 0 picks one
    #[arg(long, env = "WIDGET_ADMIN", default_value = "127.0.0.1:3000")]
    pub(crate) admin: Bind,

    #[command(flatten)]
    pub(crate) listen: Listen,

    /// How long reports and ended tasks are kept, such as 7d or 12h
    #[arg(long, env = "WIDGET_KEEP", default_value = "7d", value_parser = keep)]
    pub(crate) keep: Duration,

    /// Further name under which page and API may be asked; may be repeated
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
    /// URLs for [`open::listener`](widget_server::open::listener).
    pub(crate) urls: Vec<String>,
}

impl clap::Args for Listen {
    fn augment_args(command: Command) -> Command {
        LISTENERS.iter().fold(command, |command, kind| {
            let about = kind.about;
            command.arg(
                Arg::new(kind.scheme)
                    .long(kind.scheme)
                    .env(kind.variable)
                    .default_value(kind.address)
                    .value_name("ADDRESS")
                    .value_parser(Bind::from_str)
                    .help(format!("Address for {about}, or \"off\"; port 0 picks one")),
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
        let url = |scheme: &str| match matches.get_one::<Bind>(scheme)? {
            Bind::At(at) => Some(format!("{scheme}://{at}")),
            Bind::Off => None,
        };
        self.urls = LISTENERS
            .iter()
            .filter_map(|kind| url(kind.scheme))
            .collect();
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
        let at: SocketAddr = text.parse().map_err(|_| {
            "not an address and port such as 127.0.0.1:3000, nor \"off\"".to_owned()
        })?;
        if !at.ip().is_loopback() {
            return Err(
                "only loopback addresses such as 127.0.0.1 can be listened on: there is \
                        no enrolment and no TLS yet, so anyone who reaches it could command every \
                        agent"
                    .into(),
            );
        }
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
    fn each_listener_that_was_compiled_in_is_on_until_it_is_switched_off() {
        let urls = |flags: Vec<String>| {
            let args = Args::try_parse_from(["widget-server".to_owned()].into_iter().chain(flags));
            args.unwrap().listen.urls
        };
        let url = |kind: &widget_server::open::ListenerKind| {
            format!("{}://{}", kind.scheme, kind.address)
        };
        assert_eq!(
            urls(Vec::new()),
            LISTENERS.iter().map(url).collect::<Vec<_>>()
        );
        let off = |kind: &widget_server::open::ListenerKind| format!("--{}=off", kind.scheme);
        assert!(urls(LISTENERS.iter().map(off).collect()).is_empty());
        assert!(Args::try_parse_from(["widget-server", "--gopher", "off"]).is_err());
    }

    #[test]
    fn only_loopback_is_listened_on() {
        assert_eq!("off".parse(), Ok(Bind::Off));
        assert!(matches!("127.0.0.1:0".parse(), Ok(Bind::At(_))));
        assert!(matches!("[::1]:9004".parse(), Ok(Bind::At(_))));
        for text in ["0.0.0.0:9004", "192.168.0.1:3000", "[::]:1"] {
            assert!(
                text.parse::<Bind>().unwrap_err().contains("only loopback"),
                "{text}"
            );
        }
        assert!(
            "localhost"
                .parse::<Bind>()
                .unwrap_err()
                .contains("not an address")
        );
    }

    #[test]
    fn keep_has_limits() {
        assert_eq!(keep("7d"), Ok(Duration::from_secs(604_800)));
        assert!(keep("0s").is_err());
        assert!(keep("soon").is_err());
    }
}
