//! [`Uses`]: when tokens were last used, which the store is told now and then.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::time::{Mono, Timestamp};

/// How often the store is told of the same token.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// Of so many tokens it is known at a time. Beyond them the store is told later, when they are used again.
const KEPT: usize = 4_096;

/// Tokens that were used within the last minute, by their number. A request costs a look into memory; the store
/// hears of all of them in one write.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    rows: Mutex<BTreeMap<u64, Row>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// By the wall clock.
    last: Timestamp,
    /// When the store was last told, or was to be.
    told: Option<Mono>,
    /// Whether it has yet to be told.
    is_news: bool,
}

impl Uses {
    /// A token was used.
    pub(crate) fn used(&self, token: u64, at: Timestamp) {
        let mut rows = self.rows();
        let is_known = rows.contains_key(&token);
        if is_known || rows.len() < KEPT {
            let row = rows.entry(token).or_insert(Row {
                last: at,
                told: None,
                is_news: true,
            });
            row.last = row.last.max(at);
            row.is_news = true;
        }
    }

    /// What the store is to be told now: of each token once a minute at most.
    pub(crate) fn due(&self, now: Mono) -> Vec<(u64, Timestamp)> {
        let mut rows = self.rows();
        let rests = |told: Option<Mono>| told.is_some_and(|told| now.since(told) < TELL_EVERY);
        rows.retain(|_, row| row.is_news || rests(row.told));
        let due = rows.iter_mut();
        let due = due.filter(|(_, row)| row.is_news && !rests(row.told));
        due.map(|(token, row)| {
            (row.told, row.is_news) = (Some(now), false);
            (*token, row.last)
        })
        .collect()
    }

    /// The same at the end, of all of them.
    pub(crate) fn rest(&self) -> Vec<(u64, Timestamp)> {
        let rows = std::mem::take(&mut *self.rows());
        let rows = rows.into_iter().filter(|(_, row)| row.is_news);
        rows.map(|(token, row)| (token, row.last)).collect()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<u64, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_start(Duration::ZERO);

    fn at(seconds: u64) -> (Timestamp, Mono) {
        let span = Duration::from_secs(seconds);
        (Timestamp::default().after(span), START.after(span))
    }

    #[test]
    fn the_store_is_told_at_once_and_then_once_a_minute_of_the_last_use() {
        let uses = Uses::default();
        let mut told = Vec::new();
        for second in 0..150 {
            let (wall, now) = at(second);
            uses.used(7, wall);
            told.extend(uses.due(now));
        }
        assert_eq!(told, [(7, at(0).0), (7, at(60).0), (7, at(120).0)]);
        assert_eq!(uses.rest(), [(7, at(149).0)]);
        assert!(uses.rest().is_empty());
    }

    #[test]
    fn what_is_not_used_any_more_is_told_once_and_forgotten() {
        let uses = Uses::default();
        uses.used(7, at(0).0);
        assert_eq!(uses.due(at(1).1), [(7, at(0).0)]);
        uses.used(7, at(2).0);
        assert!(uses.due(at(30).1).is_empty());
        assert_eq!(uses.due(at(61).1), [(7, at(2).0)]);
        assert!(uses.due(at(121).1).is_empty());
        assert!(uses.rows().is_empty());
    }

    #[test]
    fn only_so_many_tokens_are_kept_and_a_clock_that_is_set_back_takes_nothing_back() {
        let uses = Uses::default();
        for token in 0..=KEPT as u64 {
            uses.used(token, at(5).0);
        }
        uses.used(0, at(4).0);
        let due = uses.due(at(6).1);
        assert_eq!(due.len(), KEPT);
        assert!(due.iter().all(|(_, last)| *last == at(5).0));
    }
}
