//! [`Ways`]: the transports in their order, and which of them are left alone for a while: because
//! they asked for it, or because they were of no use.

use std::sync::Arc;
use std::time::Duration;

use widget_core::codec;
use widget_core::message::{Hello, Opening, VERSION, Welcome};
use widget_core::runtime::RuntimeExt;
use widget_core::time::Mono;
use widget_core::transport::{Connection, Transport, TransportError, TransportErrorKind};

use crate::complain;
use crate::session::MAX_PAUSE;
use crate::shared::{Shared, explain};

/// How long connecting may take, whatever a transport thinks of it.
const CONNECT: Duration = Duration::from_secs(30);
/// How long the others go before one that was of no use.
const PASSED_OVER: Duration = Duration::from_secs(10);

/// The transports in their order.
pub(crate) struct Ways(Vec<Way>);

struct Way {
    transport: Arc<dyn Transport>,
    /// Not to be tried before.
    not_before: Mono,
}

/// A connection that a server has welcomed.
pub(crate) struct Link {
    /// The place of its transport in the list.
    pub(crate) way: usize,
    pub(crate) transport: &'static str,
    pub(crate) connection: Arc<dyn Connection>,
    pub(crate) welcome: Welcome,
}

impl Ways {
    pub(crate) fn new(transports: &[Arc<dyn Transport>]) -> Self {
        let way = |transport: &Arc<dyn Transport>| Way {
            transport: Arc::clone(transport),
            not_before: Mono::default(),
        };
        Self(transports.iter().map(way).collect())
    }

    /// The first of so many transports that leads to a server. The error is that of the last one.
    pub(crate) async fn first(
        &mut self,
        shared: &Shared,
        count: usize,
    ) -> Result<Link, TransportError> {
        let retry_after = Duration::ZERO;
        let mut error = TransportError::new(TransportErrorKind::Busy { retry_after });
        for (place, way) in self.0.iter_mut().take(count).enumerate() {
            if shared.runtime.now() < way.not_before {
                continue;
            }
            let transport = way.transport.name();
            let connecting = way.transport.connect(opening(shared));
            error = match shared.runtime.timeout(CONNECT, connecting).await {
                Some(Ok((connection, welcome))) => {
                    return Ok(Link {
                        way: place,
                        transport,
                        connection,
                        welcome,
                    });
                }
                Some(Err(error)) => error,
                None => TransportError::new(TransportErrorKind::Timeout),
            };
            let why = [transport, ": ", &explain(&error)].concat();
            complain::debug("not connected", &why);
            if let TransportErrorKind::Busy { retry_after } = error.kind() {
                way.leave_alone(shared.runtime.now(), *retry_after);
            }
        }
        Err(error)
    }

    /// Gives the others their turn: this one welcomed the agent and was of no use then. Does
    /// nothing if it is the only one.
    pub(crate) fn pass_over(&mut self, place: usize, now: Mono) {
        if self.0.len() > 1
            && let Some(way) = self.0.get_mut(place)
        {
            way.leave_alone(now, PASSED_OVER);
        }
    }

    /// How long until one of them may be tried.
    pub(crate) fn wait(&self, now: Mono) -> Duration {
        let waits = self.0.iter().map(|way| way.not_before.since(now));
        waits.min().unwrap_or_default()
    }
}

impl Way {
    fn leave_alone(&mut self, now: Mono, time: Duration) {
        self.not_before = now.after(time.min(MAX_PAUSE));
    }
}

fn opening(shared: &Shared) -> Opening {
    Opening::Hello(Hello {
        versions: (VERSION, VERSION),
        codecs: codec::ALL.iter().map(|codec| codec.id()).collect(),
        agent: shared.id,
        epoch: shared.epoch,
        seen: shared.state().ledger.seen(),
        credential: shared.credential.clone(),
        extras: shared.extras.clone(),
    })
}
