//! [`Streams`]: how many pages are told of changes as they happen, in all and of each caller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::limits::Limits;

/// How many pages are told of changes as they happen. Each is a connection that stays.
#[derive(Debug)]
pub(crate) struct Streams {
    most: u32,
    most_of_one: u32,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    all: u32,
    by_token: BTreeMap<u64, u32>,
}

/// There is no place for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowded {
    /// For anybody.
    All,
    /// For this caller.
    Caller,
}

impl Crowded {
    /// By this word it is counted.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::All => "streams_full",
            Self::Caller => "streams_caller",
        }
    }
}

/// The place of one, which is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    streams: Arc<Streams>,
    token: Option<u64>,
}

impl Streams {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            most: limits.streams,
            most_of_one: limits.streams_per_caller,
            rows: Mutex::default(),
        })
    }

    /// A place for one more of whoever has shown this token; without one a caller is on the server's own
    /// host, and none is told from another.
    ///
    /// # Errors
    /// [`Crowded`].
    pub(crate) fn enter(self: &Arc<Self>, token: Option<u64>) -> Result<Seat, Crowded> {
        let mut rows = self.rows();
        if rows.all >= self.most {
            return Err(Crowded::All);
        }
        if let Some(token) = token {
            let own = rows.by_token.entry(token).or_default();
            if *own >= self.most_of_one {
                return Err(Crowded::Caller);
            }
            *own += 1;
        }
        rows.all += 1;
        drop(rows);
        Ok(Seat {
            streams: Arc::clone(self),
            token,
        })
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rows = self.streams.rows();
        rows.all = rows.all.saturating_sub(1);
        let Some(token) = self.token else { return };
        let left = rows.by_token.get(&token).map_or(0, |own| own - 1);
        if left == 0 {
            rows.by_token.remove(&token);
        } else {
            rows.by_token.insert(token, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams(most: u32, most_of_one: u32) -> Arc<Streams> {
        let mut limits = Limits::default();
        (limits.streams, limits.streams_per_caller) = (most, most_of_one);
        Streams::new(&limits)
    }

    #[test]
    fn there_are_so_many_places_for_all_and_each_is_free_again() {
        let streams = streams(2, 2);
        let first = streams.enter(None).unwrap();
        let _second = streams.enter(Some(1)).unwrap();
        assert_eq!(streams.enter(Some(2)).unwrap_err(), Crowded::All);
        drop(first);
        assert!(streams.enter(Some(2)).is_ok());
    }

    #[test]
    fn a_token_has_so_many_and_leaves_the_others_theirs() {
        let streams = streams(9, 2);
        let places = [1, 1, 2].map(|token| streams.enter(Some(token)).unwrap());
        assert_eq!(streams.enter(Some(1)).unwrap_err(), Crowded::Caller);
        assert!(streams.enter(Some(2)).is_ok());
        let near: Vec<_> = (0..6).map(|_| streams.enter(None).unwrap()).collect();
        assert_eq!(streams.enter(None).unwrap_err(), Crowded::All);
        drop((places, near));
        let rows = streams.rows();
        assert!(rows.all == 0 && rows.by_token.is_empty());
    }
}
