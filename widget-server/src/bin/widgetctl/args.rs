//! The flags and commands of `widgetctl`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Group, Parser, Subcommand};
use serde_json::value::RawValue;
use widget_core::access::Role;
use widget_core::id::{AgentId, TaskId};
use widget_core::task::StateName;

/// Asks a server of Widget: lets agents join, sends them tasks, shows what was done.
///
/// On the host of the server it needs no more than the server's data directory. Elsewhere it needs the
/// address of page and API, and a token. Exit codes: 1 it failed, 2 it makes no sense, 3 the server
/// does not let you.
#[derive(Debug, Parser)]
#[command(name = "widgetctl", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten, next_help_heading = "Which server")]
    pub(crate) server: Server,

    /// Print what the API says, for programs; long lists in parts, one after the other
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server is asked. The variables are read elsewhere: a flag goes before all of them.
#[derive(Debug, Default, Group)]
pub(crate) struct Server {
    /// Data directory of a server on this host [env: WIDGET_DATA] [default: ./widget-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,

    /// Or its address, such as https://fleet.example:3000 [env: WIDGET_CTL_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// Pin of the server's authority, for https:// [env: WIDGET_CTL_PIN]
    // One pin of sixty-four begins with a hyphen.
    #[arg(long, global = true, allow_hyphen_values = true)]
    pub(crate) pin: Option<String>,

    /// Or a file with certificates of authorities to trust, in PEM
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// File with a token for the API; or the token itself in the variable WIDGET_CTL_TOKEN
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tokens by which agents join
    #[command(subcommand)]
    JoinToken(JoinToken),
    /// Tokens by which people and programs use the API
    #[command(subcommand)]
    Token(Token),
    /// Agents
    #[command(subcommand)]
    Agent(Agent),
    /// Tasks
    #[command(subcommand)]
    Task(Task),
    /// End an agent's program, if it takes that
    Shutdown {
        /// Its id
        agent: AgentId,
        /// Wait until it has ended; exits with 1 if it has not
        #[arg(long)]
        wait: bool,
    },
    /// What was done, by whom, the newest last
    Audit(Audit),
}

#[derive(Debug, Group)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// How many entries, the newest; 100 unless something is said
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1_000), conflicts_with = "since")]
    pub(crate) limit: Option<u16>,
    /// Entries of the last so long, such as 1h or 7d, by this host's clock; not with --limit
    #[arg(long, value_name = "AGO", value_parser = humantime::parse_duration)]
    pub(crate) since: Option<Duration>,
    /// Go on with what is done from now on, until it is ended
    #[arg(long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Print all entries as JSON, one a line, the oldest first
    Export {
        /// Only those past the one with this number, to have what is new since the last export
        #[arg(long, value_name = "NUMBER")]
        after: Option<u64>,
        /// Only those of the last so long, such as 1h or 7d, by this host's clock
        #[arg(long, value_name = "AGO", value_parser = humantime::parse_duration)]
        since: Option<Duration>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum JoinToken {
    /// Print a join string, and nothing else: it is shown this once
    Create {
        /// How many agents may join by it
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good for
        #[arg(long, default_value = "15m", value_parser = humantime::parse_duration)]
        ttl: Duration,
        /// Label that each of the agents gets; may be repeated
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        /// What people call it
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
    },
    /// List them, good or not
    List,
    /// Let nobody join by it any more; agents that have stay
    Revoke {
        /// Its number
        number: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Print a new token, and nothing else: it is shown this once
    Create {
        /// What people call it; the audit list names it so
        name: String,
        /// viewer, operator or admin
        #[arg(long, default_value_t = Role::Viewer)]
        role: Role,
        /// Only agents that got this label when they joined; may be repeated
        #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
        labels: Vec<(String, String)>,
        /// Only tasks of this kind, or that begin so if it ends in *; may be repeated
        #[arg(long = "kind", value_name = "KIND")]
        kinds: Vec<String>,
        /// How long it is good for, or "ever"
        #[arg(long, default_value = "90d", value_parser = ttl)]
        ttl: Ttl,
    },
    /// List them, good or not
    List,
    /// Let nobody in by it any more
    Revoke {
        /// Its number
        number: u64,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// List all of them
    List,
    /// Show one
    Show {
        /// Its id
        id: AgentId,
    },
    /// Forget one and its reports; what it enrolled with is not good any more
    Delete {
        /// Its id
        id: AgentId,
    },
    /// Let one go on of which there were two, once the other is gone
    Release {
        /// Its id
        id: AgentId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// List tasks, the newest first
    List {
        /// Only those of this agent
        #[arg(long)]
        agent: Option<AgentId>,
        /// Only those in this state, such as queued; several with commas
        #[arg(long = "state", value_name = "STATE", value_delimiter = ',')]
        states: Vec<StateName>,
        /// How many
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
    },
    /// Show one
    Show {
        /// Its id
        id: TaskId,
    },
    /// Queue one and print its id
    Send {
        /// The agent's id
        agent: AgentId,
        /// Its kind
        kind: String,
        /// Its input, as JSON
        #[arg(value_parser = json)]
        input: Option<Box<RawValue>>,
    },
    /// Ask for the end of one
    Cancel {
        /// Its id
        id: TaskId,
    },
}

/// How long a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    For(Duration),
    Ever,
}

fn ttl(text: &str) -> Result<Ttl, humantime::DurationError> {
    match text {
        "ever" => Ok(Ttl::Ever),
        text => humantime::parse_duration(text).map(Ttl::For),
    }
}

fn label(text: &str) -> Result<(String, String), String> {
    let label = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let (key, value) = label.ok_or("not KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn json(text: &str) -> Result<Box<RawValue>, String> {
    RawValue::from_string(text.to_owned())
        .map_err(|error| format!("{error}; it is JSON such as 7, '\"text\"' or '{{\"key\": 7}}'"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_make_sense() {
        Args::command().debug_assert();
    }

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(["widgetctl"].into_iter().chain(line.split(' ')))
    }

    #[test]
    fn which_server_is_asked_can_be_said_anywhere() {
        for line in [
            "--data x agent list",
            "agent --data x list",
            "agent list --data x",
            "audit --data x export",
            "--data x audit export --json",
        ] {
            assert_eq!(parse(line).unwrap().server.data, Some("x".into()), "{line}");
        }
    }

    /// A test of whole programs failed now and then, by the pin that it had made.
    #[test]
    fn a_pin_may_begin_with_a_hyphen() {
        let args = parse("--pin -sV agent list").unwrap();
        assert_eq!(args.server.pin.as_deref(), Some("-sV"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anybody_is_asked() {
        for line in [
            "agent show 7",
            "task show ../tokens",
            "join-token revoke x",
            "join-token create --label x",
            "join-token create --ttl soon",
            "token create x --role root",
            "task send 0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d echo {",
            "task list --state asleep",
            "audit --limit 0",
            "audit --since soon",
            "audit --since 1h --limit 5",
            "audit export --after x",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
