//! [`Ways`]: the transports in their order, and which of them asked to be left alone for a while.

use std::sync::Arc;
use std::time::Duration;

use widget_core::codec;
use widget_core::message::{Credential, Hello, Opening, VERSION, Welcome};
use widget_core::runtime::RuntimeExt;
use widget_core::time::Mono;
use widget_core::transport::{Connection, Transport, TransportError, TransportErrorKind};

use crate::complain;
use crate::shared::{Shared, explain};

/// How long connecting may take, whatever a transport thinks of it.
const CONNECT: Duration = Duration::from_secs(30);

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
                way.not_before = shared.runtime.now().after(*retry_after);
            }
        }
        Err(error)
    }

    /// How long until one of them may be tried.
    pub(crate) fn wait(&self, now: Mono) -> Duration {
        let waits = self.0.iter().map(|way| way.not_before.since(now));
        waits.min().unwrap_or_default()
    }
}

fn opening(shared: &Shared) -> Opening {
    Opening::Hello(Hello {
        versions: (VERSION, VERSION),
        codecs: codec::ALL.iter().map(|codec| codec.id()).collect(),
        agent: shared.id,
        epoch: shared.epoch,
        seen: shared.state().ledger.seen(),
        credential: Credential::None,
        extras: Vec::new(),
    })
}
