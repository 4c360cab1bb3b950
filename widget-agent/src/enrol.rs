//! [`Asking`]: an agent asks the servers of a join string to let it in, and tells apart why they do not.

use std::sync::Arc;
use std::time::Duration;

use widget_core::access::Secret;
use widget_core::codec;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::{Credential, Enrol, Extras, Hello, Opening, VERSION, Welcome, extra};
use widget_core::runtime::{RuntimeExt, SharedRuntime};
use widget_core::transport::{Transport, TransportError, TransportErrorKind};

use crate::credential::Kept;
use crate::identity::Lock;
use crate::shared::explain;
use crate::{JoinError, complain};

/// How long connecting may take, whatever a transport thinks of it.
const CONNECT: Duration = Duration::from_secs(30);
/// How long all servers are asked again and again while one of them is busy: a token lets sixty in a
/// minute, unless its server was told otherwise.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long is waited for a busy server at least and at most before it is asked again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(30));
/// How much longer, by chance, at most: the first time, and as it doubles in the end. Not all who wait
/// come back at once, and the longer it takes, the less often.
const LONGER: (u64, u64) = (1_000, 60_000);
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
        let (until, mut told) = (runtime.now().after(PATIENCE), false);
        let mut most = LONGER.0;
        loop {
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
                Some(pause) if runtime.now() < until => {
                    if !told {
                        complain::warn("joining has to wait", &all(failed).to_string());
                        told = true;
                    }
                    let longer = Duration::from_millis(runtime.random() % most);
                    most = (most * 2).min(LONGER.1);
                    let pause = pause.clamp(PAUSES.0, PAUSES.1);
                    runtime.sleep(pause.saturating_add(longer)).await;
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use widget_core::message::{Command, Response};
    use widget_core::runtime::Runtime;
    use widget_core::testkit::sim::{SimRuntime, World};
    use widget_core::testkit::transport::ScriptedService;
    use widget_core::time::Mono;
    use widget_core::transport::Connection;

    use super::*;

    /// A server that is busy until then.
    #[derive(Debug)]
    struct Full {
        runtime: SimRuntime,
        until: Mono,
        asked: Arc<AtomicUsize>,
    }

    #[async_trait]
    impl Transport for Full {
        fn name(&self) -> &'static str {
            "full"
        }

        async fn connect(
            &self,
            _: Opening,
        ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            if self.runtime.now() < self.until {
                let retry_after = Duration::from_secs(1);
                return Err(TransportError::new(TransportErrorKind::Busy {
                    retry_after,
                }));
            }
            let welcome = Welcome {
                extras: vec![(extra::AGENT, vec![5; 16])],
                ..ScriptedService::welcome()
            };
            Ok((Arc::new(Nothing), welcome))
        }
    }

    #[derive(Debug)]
    struct Nothing;

    #[async_trait]
    impl Connection for Nothing {
        async fn call(&self, _: Command) -> Result<Response, TransportError> {
            Err(TransportError::new(TransportErrorKind::Closed))
        }
    }

    /// How often a server that is busy for so long is asked.
    fn asked_within(busy: Duration) -> usize {
        let asked = Arc::new(AtomicUsize::new(0));
        let (joined, _) = joins(busy, Arc::clone(&asked));
        assert!(joined.is_ok());
        asked.load(Ordering::Relaxed)
    }

    /// What joining comes to at a server that is busy for so long, and when.
    fn joins_after(busy: Duration) -> (Result<AgentId, JoinError>, Duration) {
        joins(busy, Arc::default())
    }

    fn joins(busy: Duration, asked: Arc<AtomicUsize>) -> (Result<AgentId, JoinError>, Duration) {
        let (world, state) = (World::new(1), tempfile::tempdir().unwrap());
        let runtime = world.process("agent");
        let full = Full {
            runtime: runtime.clone(),
            until: runtime.now().after(busy),
            asked,
        };
        let asking = Asking {
            kept: Kept {
                secret: Secret::from_bytes([1; 32]),
                token: 1,
                agent: None,
                servers: Vec::new(),
            },
            extras: Vec::new(),
            ways: vec![("full".to_owned(), Arc::new(full))],
            lock: Lock::take(state.path(), "lock").unwrap(),
        };
        let begun = runtime.now();
        let shared: SharedRuntime = Arc::new(runtime.clone());
        let joined =
            world.run(async move { asking.ask(&shared, &Secret::from_bytes([2; 32])).await });
        let took = runtime.now().since(begun);
        world.end();
        (joined, took)
    }

    #[test]
    fn who_comes_with_many_others_waits_for_its_turn() {
        let busy = Duration::from_secs(9 * 60);
        let (joined, took) = joins_after(busy);
        assert_eq!(joined.unwrap(), AgentId::from_bytes([5; 16]));
        assert!(took >= busy && took < busy + PAUSES.1 * 4, "{took:?}");
    }

    #[test]
    fn who_waits_asks_less_and_less_often() {
        let busy = Duration::from_secs(9 * 60);
        let asked = asked_within(busy);
        assert!((10..40).contains(&asked), "{asked}");
    }

    #[test]
    fn nobody_waits_for_ever_to_join() {
        let (joined, took) = joins_after(Duration::from_secs(24 * 60 * 60));
        let error = joined.unwrap_err();
        assert!(matches!(error, JoinError::Silent { .. }), "{error}");
        assert!(
            took >= PATIENCE && took < PATIENCE + PAUSES.1 * 4,
            "{took:?}"
        );
    }

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
