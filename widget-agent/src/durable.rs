//! The keeping loop: what the ledger notes goes to a durable spool, in groups. Nothing that depends on
//! a note is said or started before that.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use widget_core::runtime::RuntimeExt;
use widget_core::spool::{Record, Spool, SpoolError};

use crate::complain;
use crate::shared::{Farewell, Shared, explain, lock};

/// The pauses between two tries of a spool that cannot be used.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Keeps notes for ever.
pub(crate) async fn run(shared: &Shared) {
    if !shared.durable {
        return pending().await;
    }
    let mut pause = PAUSES.0;
    let mut said = false;
    loop {
        let group = shared.until(|state| state.ledger.notes().take()).await;
        // It comes back from there, also if the spool panics.
        let group = Arc::new(Mutex::new(group));
        let keeping = Arc::clone(&group);
        let keep = move |spool: &mut dyn Spool| commit(spool, &lock(&keeping).records);
        let (kept, error) = match shared.with_spool(keep).await {
            Some((kept, error)) => (kept, error.map(|error| (full(&error), explain(&error)))),
            None => (0, Some((false, "the spool panicked".to_owned()))),
        };
        let group = std::mem::take(&mut *lock(&group));
        let now = shared.clock.now();
        let fits = shared.change(|state| {
            let ledger = &mut state.ledger;
            ledger.notes().done(group, kept);
            let full = error.as_ref().is_some_and(|(full, _)| *full);
            let fits = error.is_none() || (full && ledger.make_fit(now));
            ledger.stall(!fits);
            fits
        });
        if let Some((_, error)) = error
            && !std::mem::replace(&mut said, true)
        {
            complain::warn("the spool does not keep what becomes of tasks", &error);
        }
        if fits {
            pause = PAUSES.0;
            said &= kept == 0;
        } else {
            shared.runtime.sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

/// Commits a group, and gives how many of it are kept. A group that does not fit goes one by one, as
/// far as it does.
fn commit(spool: &mut dyn Spool, group: &[Record]) -> (usize, Option<SpoolError>) {
    match spool.commit(group) {
        Ok(()) => (group.len(), None),
        Err(SpoolError::Full) if group.len() > 1 => {
            for (kept, record) in group.iter().enumerate() {
                if let Err(error) = spool.commit(std::slice::from_ref(record)) {
                    return (kept, Some(error));
                }
            }
            (group.len(), None)
        }
        Err(error) => (0, Some(error)),
    }
}

const fn full(error: &SpoolError) -> bool {
    matches!(error, SpoolError::Full)
}

impl Shared {
    /// Waits until everything that the ledger has noted so far is kept; at once if the spool is not a
    /// durable one, which has nothing to keep. False if the agent is over before that.
    pub(crate) async fn durable(&self) -> bool {
        let latest = self.state().ledger.notes().latest();
        self.until(|state| {
            if state.ledger.notes().is_kept(latest) {
                return Some(true);
            }
            (state.farewell == Farewell::Over).then_some(false)
        })
        .await
    }
}
