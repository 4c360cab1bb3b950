//! Counts what was refused, by reason, and says each reason in the log once a minute at most.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use widget_core::time::Mono;
use widget_core::transport::Origin;

const SAY_EVERY: Duration = Duration::from_secs(60);

/// How often each reason came up. Reasons are words of the program's own, so there are few.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    rows: Mutex<BTreeMap<&'static str, Row>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    count: u64,
    said: Mono,
}

impl Refusals {
    pub(crate) fn count(&self, from: &Origin, reason: &'static str, now: Mono) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(reason).or_insert(Row {
            count: 0,
            said: now,
        });
        row.count += 1;
        if row.count == 1 || now.since(row.said) >= SAY_EVERY {
            row.said = now;
            let Origin {
                transport, address, ..
            } = from;
            let address = &**address;
            tracing::warn!(reason, transport, address, count = row.count, "refused");
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter()
            .map(|(reason, row)| (*reason, row.count))
            .collect()
    }
}
