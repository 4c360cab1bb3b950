//! The connection loop: transports are tried in their order, then again after a pause; each
//! connection gets a session, and gives way to one by an earlier transport.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use tracing::info;
use widget_core::message::RefusalReason;
use widget_core::runtime::RuntimeExt;
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::backoff::Backoff;
use crate::shared::{Shared, explain};
use crate::ways::{Link, Ways};
use crate::{complain, session};

/// The ceiling of the first pause until a server says another.
const BASE: Duration = Duration::from_millis(500);
/// How long an agent stays away whose place a newer start has taken, that was deleted, or whose
/// credential is no good.
const REPLACED: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one.
const LIVED: Duration = Duration::from_secs(2);
/// About how often the transports before the one in use are tried. A fleet is back within a minute
/// of its first server's return, and in the meantime a dead address costs next to nothing.
const RETURN: Duration = Duration::from_secs(30);

/// Keeps up a connection until the server has heard the goodbye.
pub(crate) async fn run(shared: &Arc<Shared>) {
    let mut ways = Ways::new(&shared.transports);
    let mut backoff = Backoff::new(BASE);
    // How bad the trouble is that was said: worse is said once more.
    let mut said = 0;
    let mut better = None;
    loop {
        let mut quiet = false;
        let went_back = better.is_some();
        let link = match better.take() {
            Some(link) => Ok(link),
            None => ways.first(shared, usize::MAX).await,
        };
        let error = match link {
            Ok(link) => {
                info!(transport = link.transport, "connected");
                let start = shared.runtime.now();
                let end = live(shared, &link, &mut ways).await;
                let now = shared.runtime.now();
                let lived = now.since(start) >= LIVED;
                // What welcomes and then fails at once is no better than what cannot be reached.
                if lived {
                    said = 0;
                    backoff.reset(Duration::from_millis(
                        link.welcome.pacing.reconnect_ms.into(),
                    ));
                }
                match end {
                    Ok(None) => return,
                    Ok(link) => {
                        better = link;
                        continue;
                    }
                    Err(error) => {
                        let busy = matches!(error.kind(), TransportErrorKind::Busy { .. });
                        if busy || !lived {
                            ways.pass_over(link.way, now);
                            // The one it came from is most likely still there.
                            quiet = went_back;
                        }
                        error
                    }
                }
            }
            Err(error) => error,
        };
        let mut least = ways.wait(shared.runtime.now());
        let (mut trouble, mut what) = (1, "no connection to a server");
        if let TransportErrorKind::Refused(refusal) = error.kind() {
            match refusal.reason {
                // Hello at once would take the place back, and so on for ever.
                RefusalReason::Replaced => least = least.max(REPLACED),
                RefusalReason::Credential => {
                    least = least.max(REPLACED);
                    trouble = 2;
                    what =
                        "a server does not let this agent in: it was deleted there, or has to join";
                }
                _ => backoff.despair(),
            }
        }
        let text = explain(&error);
        if said < trouble && !quiet {
            complain::warn(what, &text);
            said = trouble;
        }
        shared.change(|state| state.last_error = Some(text));
        let pause = least.saturating_add(backoff.pause(shared.runtime.random()));
        shared.runtime.sleep(pause).await;
    }
}

/// One connection's life. `None` means that the server has heard the goodbye, a link that it is
/// better than this one.
async fn live(
    shared: &Arc<Shared>,
    link: &Link,
    ways: &mut Ways,
) -> Result<Option<Link>, TransportError> {
    let now = shared.runtime.wall();
    shared.change(|state| {
        if !state.ledger.welcomed(&link.welcome) {
            state.reports.elsewhere = state.reports.delivered;
        }
        state.connected = Some(link.transport);
        state.since = now;
    });
    let work = async {
        session::run(shared, link.connection.as_ref(), &link.welcome).await?;
        Ok(None)
    };
    let end = or(work, async { Ok(Some(earlier(shared, link, ways).await)) }).await;
    if !matches!(end, Ok(Some(_))) {
        let now = shared.runtime.wall();
        shared.change(|state| {
            state.connected = None;
            state.since = now;
        });
    }
    end
}

/// Tries the transports before that of `link` now and then, and ends when one of them leads to a
/// server. Calls that are under way by `link` may be dropped for it: what they said is said again,
/// and a server knows what it has heard. Never once the agent leaves.
async fn earlier(shared: &Shared, link: &Link, ways: &mut Ways) -> Link {
    if link.way == 0 {
        return pending().await;
    }
    let search = async {
        loop {
            let jitter = shared.runtime.random() % (RETURN.as_secs() * 500);
            let pause = RETURN * 3 / 4 + Duration::from_millis(jitter);
            shared.runtime.sleep(pause).await;
            if let Ok(found) = ways.first(shared, link.way).await
                && shared.state().ledger.may_move_to(&found.welcome)
            {
                return Some(found);
            }
        }
    };
    let leaving = shared.until(|state| state.leaving.map(|_| None));
    match or(leaving, search).await {
        Some(found) => found,
        None => pending().await,
    }
}
