//! [`Asking`]: an agent asks the servers of a join string to let it in, and tells apart why they do not.

use std::sync::Arc;
use std::time::Duration;

use widget_core::access::Secret;
use widget_core::codec;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::{Credential, Enrol, Extras, Hello, Opening, VERSION, Welcome, extra};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::transport::{Transport, TransportError, TransportErrorKind};

use crate::JoinError;
use crate::credential::Kept;
use crate::identity::Lock;
use crate::shared::explain;

/// How long connecting may take, whatever a transport thinks of it.
const CONNECT: Duration = Duration::from_secs(30);
/// How often all servers are asked while one of them is busy.
const ROUNDS: u32 = 5;
/// How long a busy server is waited for at least and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));
/// An agent that has a secret and no answer.
pub(crate) struct Asking {
    pub(crate) kept: Kept,
    pub(crate) extras: Extras,
    /// What each server is called, and how it is reached.
    pub(crate) ways: Vec<(String, Arc<dyn Transport>)>,
    pub(crate) lock: Lock,
}

impl Asking {
    /// Asks the servers in turn, until one has said who this agent is.
    pub(crate) async fn ask(
        &self,
        runtime: &SharedRuntime,
        token: &Secret,
    ) -> Result<AgentId, JoinError> {
        let mut round = 0;
        loop {
            round += 1;
            let (mut failed, mut busy) = (Vec::new(), None);
            for (server, transport) in &self.ways {
                let connecting = transport.connect(self.opening(runtime, token));
                let answer = match runtime.timeout(CONNECT, connecting).await {
                    Some(Ok((_connection, welcome))) => id(&welcome),
                    Some(Err(error)) => Err(error),
                    None => Err(TransportError::new(TransportErrorKind::Timeout)),
                };
                let error = match answer {
                    Ok(agent) => return Ok(agent),
                    Err(error) => error,
                };
                if let TransportErrorKind::Busy { retry_after } = *error.kind() {
                    busy = busy.max(Some(retry_after));
                }
                match failure(server.clone(), error) {
                    // All of them have one store, so the others say the same.
                    refused @ JoinError::Refused { .. } => return Err(refused),
                    other => failed.push(other),
                }
            }
            match busy {
                Some(pause) if round < ROUNDS => {
                    runtime.sleep(pause.clamp(PAUSES.0, PAUSES.1)).await;
                }
                _ => return Err(all(failed)),
            }
        }
    }

    fn opening(&self, runtime: &SharedRuntime, token: &Secret) -> Opening {
        let now = runtime.wall();
        Opening::Enrol(Enrol {
            token: token.clone(),
            hello: Hello {
                versions: (VERSION, VERSION),
                codecs: codec::ALL.iter().map(|codec| codec.id()).collect(),
                // Neither counts: the server gives the one, and nothing is told by the other.
                agent: AgentId::generate(now, runtime.random_pair()),
                epoch: SpoolEpoch::generate(now, runtime.random_pair()),
                seen: None,
                credential: Credential::Secret(self.kept.secret.clone()),
                extras: self.extras.clone(),
            },
            extras: Vec::new(),
        })
    }
}

/// Who the agent is, by a server that let it in.
fn id(welcome: &Welcome) -> Result<AgentId, TransportError> {
    let mut extras = welcome.extras.iter();
    let id = extras.find(|(number, _)| *number == extra::AGENT);
    let id = id.and_then(|(_, bytes)| bytes.as_slice().try_into().ok());
    let why = "it does not say which agent this is";
    id.map(AgentId::from_bytes)
        .ok_or_else(|| TransportError::with(TransportErrorKind::Protocol, why))
}

/// Why this server did not let the agent in.
fn failure(server: String, source: TransportError) -> JoinError {
    match source.kind() {
        TransportErrorKind::Refused(_) => JoinError::Refused { server, source },
        TransportErrorKind::Protocol if is_mistrust(&source) => {
            JoinError::Stranger { server, source }
        }
        TransportErrorKind::Protocol => JoinError::TooOld { server, source },
        _ => JoinError::Silent { server, source },
    }
}

/// Whether what is around the bytes, such as TLS, did not want the server.
fn is_mistrust(error: &TransportError) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|cause| cause.kind() == std::io::ErrorKind::InvalidData)
}

/// Why none of the servers did.
fn all(mut failed: Vec<JoinError>) -> JoinError {
    match failed.pop() {
        Some(only) if failed.is_empty() => only,
        last => {
            let all: Vec<String> = failed
                .iter()
                .chain(&last)
                .map(|error| explain(error))
                .collect();
            JoinError::Servers(all.join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_servers_all_failures_are_said() {
        let failed = |server: &str| {
            let source = TransportError::new(TransportErrorKind::Unreachable);
            failure(server.to_owned(), source)
        };
        let error = all(vec![failed("tcp://a:1"), failed("tcp://b:2")]).to_string();
        assert!(error.contains("tcp://a:1: the server cannot"), "{error}");
        assert!(error.contains("tcp://b:2: the server cannot"), "{error}");
        let error = all(vec![failed("tcp://a:1")]);
        assert!(matches!(error, JoinError::Silent { .. }));
    }
}
