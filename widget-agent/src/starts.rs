//! The starting loop: handlers start when the server has said ok, a slot is free, and the spool has
//! kept that they do. It needs no connection, but goes on as long as the agent lives.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use widget_core::runtime::RuntimeExt;

use crate::run;
use crate::shared::Shared;

/// How often ttls are looked at: the host may have been suspended, which no timer notices.
const LOOK: Duration = Duration::from_secs(30);

/// Starts handlers for ever.
pub(crate) async fn run(shared: &Arc<Shared>) {
    loop {
        let (now, expires) = (shared.clock.now(), shared.state().ledger.expires());
        let due = shared.until(|state| state.ledger.can_start().then_some(()));
        let expired = async {
            match expires {
                Some(at) => {
                    let wait = at.since(now).saturating_add(Duration::from_millis(1));
                    shared.runtime.sleep(wait.min(LOOK)).await;
                }
                None => shared.until(|state| state.ledger.expires().map(drop)).await,
            }
        };
        or(due, expired).await;
        let now = shared.clock.now();
        for start in shared.change(|state| state.ledger.starts(now)) {
            let running = run::run(Arc::clone(shared), start);
            shared.runtime.spawn(Box::pin(running));
        }
    }
}
