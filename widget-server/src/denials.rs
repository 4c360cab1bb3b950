//! [`Denials`]: which of those who were not allowed something are to be written down, so that nobody fills the
//! audit list by asking.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use widget_core::time::Mono;

/// How often the same token is written down for the same.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Of so many it is known; beyond them nobody new is written down until the minute of one of them is over.
const KEPT: usize = 4_096;

/// What somebody was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    /// The number of the token, if it was one.
    pub(crate) token: Option<u64>,
    /// Method and path as they stand in the list of routes, so that there are few.
    pub(crate) route: (&'static str, &'static str),
}

/// Who was written down within the last minute, and for what.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    rows: Mutex<BTreeMap<Wish, Mono>>,
}

impl Denials {
    /// Whether this one is to be written down.
    pub(crate) fn is_news(&self, wish: Wish, now: Mono) -> bool {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |noted: &Mono| now.since(*noted) >= NOTE_EVERY;
        if rows.get(&wish).is_some_and(|noted| !is_over(noted)) {
            return false;
        }
        if rows.len() >= KEPT {
            rows.retain(|_, noted| !is_over(noted));
            if rows.len() >= KEPT {
                return false;
            }
        }
        rows.insert(wish, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_start(Duration::ZERO);

    fn wish(token: u64) -> Wish {
        Wish {
            token: Some(token),
            route: ("GET", "/audit"),
        }
    }

    #[test]
    fn the_same_is_news_once_a_minute() {
        let denials = Denials::default();
        assert!(denials.is_news(wish(1), START));
        let later = START.after(NOTE_EVERY - Duration::from_millis(1));
        assert!(!denials.is_news(wish(1), later));
        // The minute begins when it was written down, and not when it was last asked for.
        assert!(denials.is_news(wish(1), START.after(NOTE_EVERY)));
        for (token, method, path) in [
            (Some(2), "GET", "/audit"),
            (None, "GET", "/audit"),
            (Some(1), "POST", "/audit"),
            (Some(1), "GET", "/tasks"),
        ] {
            let route = (method, path);
            assert!(denials.is_news(Wish { token, route }, START), "{route:?}");
        }
    }

    #[test]
    fn only_so_many_are_kept_until_their_minute_is_over() {
        let denials = Denials::default();
        for token in 0..KEPT as u64 {
            assert!(denials.is_news(wish(token), START));
        }
        assert!(!denials.is_news(wish(KEPT as u64), START));
        let later = START.after(NOTE_EVERY);
        assert!(denials.is_news(wish(KEPT as u64), later));
        assert_eq!(denials.rows.lock().unwrap().len(), 1);
    }
}
