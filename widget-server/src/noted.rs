//! [`Noted`]: what was written into the audit list a moment ago, so that nobody fills it by being refused, or by
//! signing in, again and again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use widget_core::time::Mono;

/// How often the same is written down of the same token.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// Of so many it is known; beyond them nobody new is written down until the minute of one of them is over.
const KEPT: usize = 4_096;

/// What somebody did or was not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deed {
    /// The number of the token, if it was one.
    pub(crate) token: Option<u64>,
    /// Method and path as they stand in the list of routes, so that there are few.
    pub(crate) route: (&'static str, &'static str),
}

/// What was written down within the last minute, and of whom.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    rows: Mutex<BTreeMap<Deed, Mono>>,
}

impl Noted {
    /// Whether this one is to be written down.
    pub(crate) fn is_news(&self, deed: Deed, now: Mono) -> bool {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |noted: &Mono| now.since(*noted) >= NOTE_EVERY;
        if rows.get(&deed).is_some_and(|noted| !is_over(noted)) {
            return false;
        }
        if rows.len() >= KEPT {
            rows.retain(|_, noted| !is_over(noted));
            if rows.len() >= KEPT {
                return false;
            }
        }
        rows.insert(deed, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_start(Duration::ZERO);

    fn deed(token: u64) -> Deed {
        Deed {
            token: Some(token),
            route: ("GET", "/audit"),
        }
    }

    #[test]
    fn the_same_is_news_once_a_minute() {
        let noted = Noted::default();
        assert!(noted.is_news(deed(1), START));
        let later = START.after(NOTE_EVERY - Duration::from_millis(1));
        assert!(!noted.is_news(deed(1), later));
        // The minute begins when it was written down, and not when it was last asked for.
        assert!(noted.is_news(deed(1), START.after(NOTE_EVERY)));
        for (token, method, path) in [
            (Some(2), "GET", "/audit"),
            (None, "GET", "/audit"),
            (Some(1), "POST", "/audit"),
            (Some(1), "GET", "/tasks"),
        ] {
            let route = (method, path);
            assert!(noted.is_news(Deed { token, route }, START), "{route:?}");
        }
    }

    #[test]
    fn only_so_many_are_kept_until_their_minute_is_over() {
        let noted = Noted::default();
        for token in 0..KEPT as u64 {
            assert!(noted.is_news(deed(token), START));
        }
        assert!(!noted.is_news(deed(KEPT as u64), START));
        let later = START.after(NOTE_EVERY);
        assert!(noted.is_news(deed(KEPT as u64), later));
        assert_eq!(noted.rows.lock().unwrap().len(), 1);
    }
}
