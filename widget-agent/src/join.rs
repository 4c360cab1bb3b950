//! [`join`]: an agent becomes one of a server's, once, and is known there from then on by a secret.
//!
//! The secret is on disk before anything is said, and the same is said until there is an answer. So a
//! start that was cut off anywhere goes on where it was, with one use of the join string's token.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use widget_core::access::{InvalidJoinString, JoinString, Secret};
use widget_core::id::AgentId;
use widget_core::message::{Credential, Extras, extra};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::transport::TransportError;

use crate::credential::{CredentialError, Kept, START, digest};
use crate::disk::Aside;
use crate::enrol::Asking;
use crate::identity::Lock;
use crate::{ConnectError, Host, Identity, IdentityError, complain, connect, disk};

/// Whether this build can speak it.
const TLS: bool = cfg!(feature = "tls");
/// Where Linux keeps what tells machines apart (machine-id(5)).
const MACHINE: &str = "/etc/machine-id";

/// What an agent that has joined goes by: for [`AgentBuilder`](crate::AgentBuilder)'s `id`,
/// `credential`, `extras` and, each by [`connect`](fn@crate::connect), `transport`.
#[derive(Debug)]
#[non_exhaustive]
pub struct Joined {
    /// The id that the server gave it, and the lock on its state directory.
    pub identity: Identity,
    /// What proves that it is this agent.
    pub credential: Credential,
    /// By what a server notices that two hosts go by one credential: a digest of the machine's id, and
    /// which boot it is. What the system does not tell is left out.
    pub extras: Extras,
    /// Addresses of its servers, in their order, with their pins; those that this build has a
    /// transport for.
    pub servers: Vec<String>,
}

/// An agent did not join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The text is no join string.
    #[error("this is no join string")]
    Text(#[source] InvalidJoinString),
    /// The state directory cannot be used.
    #[error(transparent)]
    Directory(#[from] IdentityError),
    /// The credential there cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// To join was begun in this directory and not finished.
    #[error(
        "to join was begun in {0} and not finished: start it with the join string again, or delete \
         the file credential there"
    )]
    Unfinished(PathBuf),
    /// All its servers speak TLS.
    #[error("{0} speaks TLS, which this build of the agent lacks: build it with the feature tls")]
    NoTls(String),
    /// An address of a server leads nowhere in this build.
    #[error(transparent)]
    Address(#[from] ConnectError),
    /// The system has no randomness to make a secret from.
    #[error("the system has no randomness for a secret")]
    NoRandomness,
    /// The server does not let it in. The error says why, in the server's words.
    #[error("{server} does not let this agent in")]
    Refused {
        /// Which server.
        server: String,
        /// Its words.
        source: TransportError,
    },
    /// Another server is there than the one with the join string's pin. Nothing was said to it.
    #[error("the server at {server} is not the one that this join string is for")]
    Stranger {
        /// Which server.
        server: String,
        /// What is wrong.
        source: TransportError,
    },
    /// What answers does not know how agents join.
    #[error(
        "what answers at {server} is no server that an agent can join: it is too old, or something \
         else"
    )]
    TooOld {
        /// Which server.
        server: String,
        /// What it answered.
        source: TransportError,
    },
    /// The server cannot be asked now. The same again goes on where this ended.
    #[error("no word from {server}")]
    Silent {
        /// Which server.
        server: String,
        /// Why.
        source: TransportError,
    },
    /// None of several servers let it in.
    #[error("none of the servers let this agent in: {0}")]
    Servers(String),
}

impl Joined {
    /// What an agent that has joined in this directory goes by; none if there is no credential. This
    /// blocks for a moment.
    ///
    /// # Errors
    /// [`JoinError`] if another process has the directory, if its credential cannot be used, or if no
    /// server has answered yet.
    pub fn open(directory: impl AsRef<Path>) -> Result<Option<Self>, JoinError> {
        let directory = directory.as_ref();
        let lock = Lock::of_identity(directory)?;
        let Some(kept) = Kept::read(directory)? else {
            return Ok(None);
        };
        match kept.agent {
            Some(agent) => Self::of(kept, agent, lock).map(Some),
            None => Err(JoinError::Unfinished(directory.to_owned())),
        }
    }

    fn of(kept: Kept, agent: AgentId, lock: Lock) -> Result<Self, JoinError> {
        Ok(Self {
            identity: Identity::of(agent, lock),
            credential: Credential::Secret(kept.secret),
            extras: extras(),
            servers: reachable(kept.servers)?,
        })
    }
}

/// Joins the servers of a join string, once: in a state directory where that was done before it only
/// gives what was kept there, whatever the text. Otherwise the agent gets an id from the server, and
/// keeps it with a secret of its own making in the file `credential` of the directory, which is made if
/// it is missing. An id and a spool of before belong to another agent: the one is replaced, the other
/// set aside, which is logged. So do this before [`open_spool`](crate::open_spool), and let no spool
/// outside of the directory stay.
///
/// It ends when a server has answered; a busy one is asked again for a while. After any error, also
/// after a crash, the same again goes on where it was, with the same secret.
///
/// ```
/// # #[cfg(feature = "tokio")]
/// # async fn embed(text: &str) -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use widget_agent::runtime::{SharedRuntime, TokioRuntime};
/// use widget_agent::{Agent, connect, join};
///
/// let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not on tokio")?);
/// let joined = join("state", text, runtime.clone()).await?;
/// let mut builder = Agent::builder()
///     .id(joined.identity.id())
///     .credential(joined.credential)
///     .extras(joined.extras)
///     .runtime(runtime.clone());
/// for server in &joined.servers {
///     builder = builder.transport(connect(server, runtime.clone())?);
/// }
/// # drop(builder);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`JoinError`]. Nothing was said to anybody before the secret was on disk.
pub async fn join(
    directory: impl AsRef<Path>,
    text: &str,
    runtime: SharedRuntime,
) -> Result<Joined, JoinError> {
    let string: JoinString = text.parse().map_err(JoinError::Text)?;
    let servers = addresses(&string, text);
    let directory = directory.as_ref().to_owned();
    let token = string.token().clone();

    let place = Place {
        directory,
        runtime: Arc::clone(&runtime),
    };
    let (place, begun) = place
        .with(move |place| place.begin(&token, servers))
        .await?;
    let asking = match begun {
        Begun::Before { joined, same } => {
            if !same {
                let what = "this agent has joined before, and leaves another join string alone";
                complain::warn(what, &joined.identity.id().to_string());
            }
            return Ok(joined);
        }
        Begun::Now(asking) => asking,
    };
    let agent = asking.ask(&runtime, string.token()).await?;
    let (_, (joined, aside)) = place.with(move |place| place.finish(asking, agent)).await?;
    if let Some((name, reports)) = aside {
        let reports = reports.map_or("unknown".to_owned(), |reports| reports.to_string());
        let what = "the spool of before this agent joined was set aside";
        complain::warn(what, &[&name, ", reports left in it: ", &reports].concat());
    }
    Ok(joined)
}

/// The addresses of a join string's servers, with its pin where they speak TLS and say none.
fn addresses(string: &JoinString, text: &str) -> Vec<String> {
    // Its third part, in the form in which an address has it.
    let pin = string.pin().and_then(|_| text.split('.').nth(2));
    let address = |url: &String| match pin {
        Some(pin) if is_secure(url) && !url.contains("?pin=") && !url.contains("&pin=") => {
            let mark = if url.contains('?') { "&" } else { "?" };
            [url, mark, "pin=", pin].concat()
        }
        _ => url.clone(),
    };
    string.servers().iter().map(address).collect()
}

fn is_secure(url: &str) -> bool {
    url.starts_with("tls://") || url.starts_with("https://")
}

/// Those that this build has a transport for, and if that is none, all: what it lacks is then said by
/// whoever connects to one.
fn reachable(servers: Vec<String>) -> Result<Vec<String>, JoinError> {
    let known = servers.iter().filter(|url| connect::is_known(url));
    let known: Vec<String> = known.cloned().collect();
    match servers.iter().find(|url| is_secure(url)) {
        _ if !known.is_empty() => Ok(known),
        Some(url) if !TLS => Err(JoinError::NoTls(without_options(url))),
        _ => Ok(servers),
    }
}

/// An address as people are told of it.
fn without_options(url: &str) -> String {
    let (address, _) = url.split_once('?').unwrap_or((url, ""));
    connect::sayable(address)
}

/// What is said of the host beside.
fn extras() -> Extras {
    let mut extras = Vec::new();
    let machine = std::fs::read_to_string(MACHINE).unwrap_or_default();
    let machine = machine.trim();
    if !machine.is_empty() {
        let halves =
            [b"widget", b"WIDGET"].map(|word| digest(digest(START, word), machine.as_bytes()));
        extras.push((extra::MACHINE, halves.map(u64::to_be_bytes).concat()));
    }
    let boot = Host::this().boot;
    if !boot.is_empty() {
        extras.push((extra::BOOT, boot.into_bytes()));
    }
    extras
}

/// Where it is kept that an agent joins.
struct Place {
    directory: PathBuf,
    runtime: SharedRuntime,
}

/// What there is once the secret is on disk.
enum Begun {
    /// It has joined at an earlier start, by the same join string or another.
    Before {
        joined: Joined,
        same: bool,
    },
    Now(Asking),
}

impl Place {
    /// Does this where blocking is allowed.
    async fn with<T: Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> Result<T, JoinError> + Send + 'static,
    ) -> Result<(Self, T), JoinError> {
        let runtime = Arc::clone(&self.runtime);
        let unusable = IdentityError::Unusable {
            directory: self.directory.clone(),
            source: std::io::ErrorKind::Other.into(),
        };
        let done = runtime.blocking(move || work(&self).map(|result| (self, result)));
        // None if it panicked.
        done.await.unwrap_or(Err(unusable.into()))
    }

    /// Up to the secret on disk.
    fn begin(&self, token: &Secret, servers: Vec<String>) -> Result<Begun, JoinError> {
        let lock = Lock::of_identity(&self.directory)?;
        let token = digest(START, token.as_bytes());
        let secret = match Kept::read(&self.directory)? {
            Some(kept) if let Some(agent) = kept.agent => {
                let same = kept.token == token;
                let joined = Joined::of(kept, agent, lock)?;
                return Ok(Begun::Before { joined, same });
            }
            // A secret belongs to the token that it was first said with.
            Some(kept) if kept.token == token => Some(kept.secret),
            _ => None,
        };
        let ways = reachable(servers.clone())?.into_iter().map(|url| {
            let transport = connect(&url, Arc::clone(&self.runtime))?;
            Ok((without_options(&url), transport))
        });
        let ways: Result<Vec<_>, ConnectError> = ways.collect();
        let ways = ways?;
        let new = || self.runtime.secret().map(Secret::from_bytes);
        let secret = secret.or_else(new).ok_or(JoinError::NoRandomness)?;
        let kept = Kept {
            secret,
            token,
            agent: None,
            servers,
        };
        kept.write(&self.directory)?;
        Ok(Begun::Now(Asking {
            kept,
            extras: extras(),
            ways,
            lock,
        }))
    }

    /// What is left once the server has said who the agent is.
    fn finish(&self, asking: Asking, agent: AgentId) -> Result<(Joined, Option<Aside>), JoinError> {
        // What it says was seen of a store was seen by another agent, whose numbers would look to
        // the server as if its store had been restored.
        let aside = disk::set_aside(&self.directory, self.runtime.wall())?;
        Identity::replace(&self.directory, agent)?;
        let mut kept = asking.kept;
        kept.agent = Some(agent);
        kept.write(&self.directory)?;
        Ok((Joined::of(kept, agent, asking.lock)?, aside))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses_of(servers: &str, pin: &str) -> Vec<String> {
        let text = format!("wj1.{}.{pin}.{servers}", "A".repeat(43));
        addresses(&text.parse().unwrap(), &text)
    }

    #[test]
    fn an_address_over_tls_gets_the_pin_and_another_stays_as_it_is() {
        let pin = "B".repeat(42) + "A";
        let found = addresses_of(
            "tls://a.b:1,https://c/x?codec=json,tcp://d:2,tls://e:3?pin=other,https://f?codec=x&pin=y",
            &pin,
        );
        let expected = [
            format!("tls://a.b:1?pin={pin}"),
            format!("https://c/x?codec=json&pin={pin}"),
            "tcp://d:2".to_owned(),
            "tls://e:3?pin=other".to_owned(),
            "https://f?codec=x&pin=y".to_owned(),
        ];
        assert_eq!(found, expected);
        assert_eq!(addresses_of("tls://a:1", "-"), ["tls://a:1"]);
    }

    #[test]
    fn what_is_said_of_the_host_is_not_its_machine_id() {
        let (first, second) = (extras(), extras());
        assert_eq!(first, second);
        let machine = std::fs::read_to_string(MACHINE).unwrap_or_default();
        for (number, bytes) in first {
            match number {
                extra::MACHINE => assert_eq!(bytes.len(), 16),
                other => assert_eq!(other, extra::BOOT),
            }
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_ne!(hex, machine.trim());
        }
    }
}
