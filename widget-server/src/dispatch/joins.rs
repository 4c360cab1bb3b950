//! [`Joins`]: how many agents have joined by each token of late.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use widget_core::access::Verifier;
use widget_core::time::Mono;

use crate::limits::Limits;
use crate::rates::{Level, Rate};

const MINUTE: Duration = Duration::from_secs(60);
/// Of so many tokens it is known; the one by which fewest have joined of late is forgotten first.
const KEPT: usize = 4_096;

/// How many agents have joined by each token of late. Only those are kept that are good, and those that
/// are being looked at.
#[derive(Debug)]
pub(super) struct Joins {
    rate: Rate,
    rows: Mutex<BTreeMap<Verifier, Row>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    level: Level,
    at: Mono,
}

impl Joins {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            rate: Rate::new(limits.enrolments, limits.enrolments, MINUTE),
            rows: Mutex::default(),
        }
    }

    /// One more wants to join by this token.
    ///
    /// # Errors
    /// How long it has to wait if there were too many.
    pub(super) fn take(&self, token: Verifier, now: Mono) -> Result<(), Duration> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let level = rows.get(&token).map(|row| self.level(row, now));
        let taken = self.rate.take(level.unwrap_or(Level::NONE), 1)?;
        if level.is_none() && rows.len() >= KEPT {
            rows.retain(|_, row| self.level(row, now) != Level::NONE);
            let least = rows.iter().min_by_key(|(_, row)| self.level(row, now));
            if let Some(least) = least
                .map(|(token, _)| *token)
                .filter(|_| rows.len() >= KEPT)
            {
                rows.remove(&least);
            }
        }
        let row = Row {
            level: taken,
            at: now,
        };
        rows.insert(token, row);
        Ok(())
    }

    /// It did not.
    pub(super) fn give_back(&self, token: Verifier, now: Mono) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(row) = rows.get_mut(&token) else {
            return;
        };
        row.level = self.rate.give_back(self.level(row, now), 1);
        row.at = now;
        if row.level == Level::NONE {
            rows.remove(&token);
        }
    }

    fn level(&self, row: &Row, now: Mono) -> Level {
        self.rate.after(row.level, now.since(row.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_start(Duration::ZERO);

    fn joins(most: u32) -> Joins {
        let enrolments = most;
        Joins::new(&Limits {
            enrolments,
            ..Limits::default()
        })
    }

    fn token(n: u16) -> Verifier {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        Verifier::from_bytes(bytes)
    }

    #[test]
    fn each_token_lets_so_many_in_at_once_and_then_so_many_a_minute() {
        let joins = joins(3);
        for _ in 0..3 {
            assert_eq!(joins.take(token(1), START), Ok(()));
        }
        assert_eq!(joins.take(token(1), START), Err(MINUTE / 3));
        assert_eq!(joins.take(token(2), START), Ok(()));
        let later = START.after(MINUTE / 3);
        assert_eq!(joins.take(token(1), later), Ok(()));
        assert!(joins.take(token(1), later).is_err());
    }

    #[test]
    fn a_token_that_lets_nobody_in_leaves_nothing_behind() {
        let joins = joins(2);
        joins.take(token(1), START).unwrap();
        joins.give_back(token(1), START);
        assert!(joins.rows.lock().unwrap().is_empty());
        joins.take(token(1), START).unwrap();
        joins.take(token(1), START).unwrap();
        joins.give_back(token(1), START);
        assert_eq!(joins.take(token(1), START), Ok(()));
        assert!(joins.take(token(1), START).is_err());
    }

    #[test]
    fn only_so_many_tokens_are_kept() {
        let joins = joins(3);
        let kept = u16::try_from(KEPT).unwrap();
        (0..3).for_each(|_| joins.take(token(0), START).unwrap());
        (1..kept + 5).for_each(|n| joins.take(token(n), START).unwrap());
        assert_eq!(joins.rows.lock().unwrap().len(), KEPT);
        assert!(joins.take(token(0), START).is_err(), "it has used most");
        joins.take(token(0), START.after(MINUTE)).unwrap();
        joins.take(token(9_999), START.after(MINUTE)).unwrap();
        assert_eq!(joins.rows.lock().unwrap().len(), 2);
    }
}
