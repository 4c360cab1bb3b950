//! [`MemoryTransport`]: an agent and its server in one process, without a socket between them.

use std::sync::Arc;

use async_channel::{Receiver, Sender};
use async_trait::async_trait;

use super::{
    Connection, MAX_CALLS, Origin, Peer, Service, Transport, TransportError, TransportErrorKind,
};
use crate::message::{Command, Opening, Response, Welcome};

/// Calls a service of the same process: for tests of handlers, and for programs that are their own
/// server.
///
/// Nothing is encoded, so no message is too large, and nothing is spawned: a call runs where it is
/// awaited, and one that is dropped is dropped at the service too. It asks no clock either: a call
/// takes as long as the service takes.
///
/// ```
/// # use std::sync::Arc;
/// # use widget_core::message::{Command, Opening, Response};
/// # use widget_core::transport::{Connection, Service, Transport, TransportError};
/// # async fn example(service: Arc<dyn Service>, opening: Opening, command: Command) -> Result<Response, TransportError> {
/// use widget_core::transport::MemoryTransport;
///
/// // `Server::service()` of widget-server gives the service.
/// let transport = MemoryTransport::new(service);
/// let (connection, _welcome) = transport.connect(opening).await?;
/// connection.call(command).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct MemoryTransport {
    service: Arc<dyn Service>,
}

impl MemoryTransport {
    /// To this service.
    #[must_use]
    pub const fn new(service: Arc<dyn Service>) -> Self {
        Self { service }
    }
}

#[async_trait]
impl Transport for MemoryTransport {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let origin = Origin {
            transport: self.name(),
            address: "this process".into(),
            ip: None,
        };
        let (peer, welcome) = self.service.open(&origin, opening).await?;
        let (enter, leave) = async_channel::bounded(MAX_CALLS);
        let connection = MemoryConnection {
            service: Arc::clone(&self.service),
            peer,
            enter,
            leave,
        };
        Ok((Arc::new(connection), welcome))
    }
}

#[derive(Debug)]
struct MemoryConnection {
    service: Arc<dyn Service>,
    peer: Peer,
    /// Holds one item for each call in flight: when it is full, the next one waits.
    enter: Sender<()>,
    leave: Receiver<()>,
}

#[async_trait]
impl Connection for MemoryConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        // Fails only if the other end, which is here too, were gone.
        let entered = self.enter.send(()).await;
        entered.map_err(|_| TransportError::new(TransportErrorKind::Closed))?;
        let _turn = Turn(&self.leave);
        Ok(self.service.call(&self.peer, command).await)
    }
}

/// A call's place among those in flight, given back when the call ends or is dropped.
struct Turn<'a>(&'a Receiver<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Its own item or another's: only their number counts.
        let _ = self.0.try_recv();
    }
}

#[cfg(test)]
#[cfg(feature = "testkit")]
mod tests {
    use std::time::Duration;

    use futures_lite::future::poll_once;

    use super::*;
    use crate::message::{RequestWork, Submit};
    use crate::runtime::BoxFuture;
    use crate::testkit::fixtures::{agent, epoch};
    use crate::testkit::run;
    use crate::testkit::transport::{Answer, ScriptedService, hello};

    type Call<'a> = BoxFuture<'a, Result<Response, TransportError>>;

    async fn connect(service: &Arc<ScriptedService>) -> Arc<dyn Connection> {
        let transport = MemoryTransport::new(Arc::clone(service) as Arc<dyn Service>);
        let (connection, welcome) = transport.connect(hello(1)).await.unwrap();
        assert_eq!(welcome, ScriptedService::welcome());
        connection
    }

    /// A call that is answered when `n` is released.
    fn waits_for(connection: &Arc<dyn Connection>, n: u16) -> Call<'_> {
        connection.call(Command::RequestWork(RequestWork {
            room: n,
            wait_ms: 20_000,
            holding: Vec::new(),
            kinds: Vec::new(),
        }))
    }

    fn submit(after: u64) -> Command {
        Command::Submit(Submit {
            epoch: epoch(1),
            after,
            reports: Vec::new(),
            dropped: 0,
        })
    }

    #[test]
    fn calls_come_from_the_agent_that_was_welcomed() {
        run(async {
            let service = Arc::new(ScriptedService::default());
            let connection = connect(&service).await;
            let answer = connection.call(submit(7)).await.unwrap();
            assert_eq!(answer, Response::Ack { through: Some(7) });
            assert_eq!(service.openings(), [hello(1)]);
            let callers = service.callers();
            let caller = &callers[0];
            assert_eq!((caller.agent, caller.epoch), (agent(1), epoch(1)));
            assert_eq!(caller.origin.transport, "memory");
        });
    }

    #[test]
    fn a_rejection_is_told() {
        run(async {
            let service = Arc::new(ScriptedService::default());
            let transport = MemoryTransport::new(Arc::clone(&service) as Arc<dyn Service>);
            service.answer_openings(Answer::Refused);
            let error = transport.connect(hello(1)).await.unwrap_err();
            let refused = TransportErrorKind::Refused(ScriptedService::refusal());
            assert_eq!(error.kind(), &refused);
            service.answer_openings(Answer::Busy);
            let error = transport.connect(hello(1)).await.unwrap_err();
            let retry_after = Duration::from_millis(1_234);
            assert_eq!(error.kind(), &TransportErrorKind::Busy { retry_after });
        });
    }

    #[test]
    fn one_call_too_many_waits_for_its_turn() {
        run(async {
            let service = Arc::new(ScriptedService::default());
            let connection = connect(&service).await;
            let full = (1..=MAX_CALLS as u16).map(|n| waits_for(&connection, n));
            let mut full: Vec<_> = full.collect();
            for call in &mut full {
                assert!(poll_once(call).await.is_none());
            }
            service.until_waiting(MAX_CALLS).await;
            let mut more = connection.call(submit(9));
            assert!(poll_once(&mut more).await.is_none());
            service.release(5);
            full.swap_remove(4).await.unwrap();
            let answer = more.await.unwrap();
            assert_eq!(answer, Response::Ack { through: Some(9) });
        });
    }

    #[test]
    fn a_dropped_call_is_dropped_at_the_service_and_gives_its_place_back() {
        run(async {
            let service = Arc::new(ScriptedService::default());
            let connection = connect(&service).await;
            for n in 1..=3 * MAX_CALLS as u16 {
                let mut dropped = waits_for(&connection, n);
                assert!(poll_once(&mut dropped).await.is_none());
                service.until_waiting(1).await;
                drop(dropped);
                service.until_waiting(0).await;
            }
            assert!(connection.call(submit(1)).await.is_ok());
        });
    }
}
