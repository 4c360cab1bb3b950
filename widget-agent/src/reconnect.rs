//! The connection loop: transports are tried in their order, then again after a pause; each
//! connection gets a session.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use widget_core::codec::{Bincode, Codec};
use widget_core::message::{Credential, Hello, Opening, RefusalReason, VERSION, Welcome};
use widget_core::runtime::RuntimeExt;
use widget_core::transport::{Connection, TransportError, TransportErrorKind};

use crate::backoff::Backoff;
use crate::session;
use crate::shared::{Farewell, Shared, explain};

/// The ceiling of the first pause until a server says another.
const BASE: Duration = Duration::from_millis(500);
/// How long connecting may take, whatever a transport thinks of it.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an agent stays away whose place a newer start has taken, or that was deleted.
const REPLACED: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one.
const LIVED: Duration = Duration::from_secs(2);

/// Keeps up a connection until the server has heard the goodbye.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut backoff = Backoff::new(BASE);
    let mut said = false;
    loop {
        let error = match connect(shared).await {
            Ok((transport, connection, welcome)) => {
                info!(transport, "connected");
                said = false;
                let start = shared.runtime.now();
                let base = Duration::from_millis(welcome.pacing.reconnect_ms.into());
                let end = session(shared, transport, connection, &welcome).await;
                if shared.runtime.now().since(start) >= LIVED {
                    backoff.reset(base);
                }
                match end {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        let text = explain(&error);
        if !said {
            warn!(error = text.as_str(), "no connection to a server");
            said = true;
        }
        shared.change(|state| state.last_error = Some(text));
        let least = match error.kind() {
            TransportErrorKind::Busy { retry_after } => *retry_after,
            // Hello at once would take the place back, and so on for ever.
            TransportErrorKind::Refused(refusal) if refusal.reason == RefusalReason::Replaced => {
                REPLACED
            }
            TransportErrorKind::Refused(_) => {
                backoff.despair();
                Duration::ZERO
            }
            _ => Duration::ZERO,
        };
        let pause = least.saturating_add(backoff.pause(shared.runtime.random()));
        shared.runtime.sleep(pause).await;
    }
}

/// The first transport that leads to a server. The error is that of the last one.
async fn connect(
    shared: &Shared,
) -> Result<(&'static str, Arc<dyn Connection>, Welcome), TransportError> {
    let mut error = TransportError::new(TransportErrorKind::Unreachable);
    for transport in &shared.transports {
        let connecting = transport.connect(opening(shared));
        match shared.runtime.timeout(CONNECT, connecting).await {
            Some(Ok((connection, welcome))) => return Ok((transport.name(), connection, welcome)),
            Some(Err(failed)) => error = failed,
            None => error = TransportError::new(TransportErrorKind::Timeout),
        }
    }
    Err(error)
}

fn opening(shared: &Shared) -> Opening {
    Opening::Hello(Hello {
        versions: (VERSION, VERSION),
        codecs: vec![Bincode::ID],
        agent: shared.id,
        epoch: shared.epoch,
        seen: shared.state().ledger.seen(),
        credential: Credential::None,
        extras: Vec::new(),
    })
}

/// One connection's life. Ok means that the server has heard the goodbye.
async fn session(
    shared: &Arc<Shared>,
    transport: &'static str,
    connection: Arc<dyn Connection>,
    welcome: &Welcome,
) -> Result<(), TransportError> {
    let now = shared.runtime.wall();
    shared.change(|state| {
        state.ledger.welcomed(welcome.store, welcome.sequence);
        state.connected = Some(transport);
        state.since = now;
    });
    let end = session::run(shared, connection.as_ref(), welcome).await;
    let now = shared.runtime.wall();
    shared.change(|state| {
        state.connected = None;
        state.since = now;
    });
    if end.is_err() && shared.state().farewell == Farewell::NotYet {
        tracing::debug!(transport, "the connection has ended");
    }
    end
}
