//! [`Rate`]: so many at once, and in the long run so many in a span of time; [`Level`]: how much of what
//! is allowed at once somebody has used.

use std::time::Duration;

/// So many at once, and in the long run so many in a span of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    burst: u64,
    count: u64,
    span: Duration,
}

/// How much of what is allowed at once is used: none at zero, all of it at [`u32::MAX`]. A part
/// of the whole, since many are kept and this one is four bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(u32);

impl Level {
    pub(crate) const NONE: Self = Self(0);
}

const FULL: u64 = u32::MAX as u64;

impl Rate {
    /// `burst` at once, and then `count` in each span. Nothing of it can be zero.
    pub(crate) fn new(burst: u32, count: u32, span: Duration) -> Self {
        Self {
            burst: burst.max(1).into(),
            count: count.max(1).into(),
            span: span.max(Duration::from_millis(1)),
        }
    }

    /// What of a level is left after this time.
    pub(crate) fn after(self, level: Level, time: Duration) -> Level {
        let whole = self.span.as_nanos() * u128::from(self.burst);
        let free = u128::from(self.count * FULL).saturating_mul(time.as_nanos());
        // Upwards: who is looked at often loses nothing by that, and gains next to nothing.
        let free = u32::try_from(free.div_ceil(whole)).unwrap_or(u32::MAX);
        Level(level.0.saturating_sub(free))
    }

    /// The level after so many more. What is more than may be at once is never free.
    ///
    /// # Errors
    /// How long it takes until there is room for them, in whole milliseconds.
    pub(crate) fn take(self, level: Level, many: u32) -> Result<Level, Duration> {
        let sum = u64::from(level.0) + self.part(many);
        u32::try_from(sum)
            .map(Level)
            .map_err(|_| self.time(sum - FULL))
    }

    /// The level without so many that were taken and then not used.
    pub(crate) fn give_back(self, level: Level, many: u32) -> Level {
        let part = u32::try_from(self.part(many)).unwrap_or(u32::MAX);
        Level(level.0.saturating_sub(part))
    }

    /// Which part of the whole so many are.
    fn part(self, many: u32) -> u64 {
        u64::from(many) * FULL / self.burst
    }

    /// How long it takes until such a part of the whole is free.
    fn time(self, part: u64) -> Duration {
        let nanos = u128::from(part) * u128::from(self.burst);
        let nanos = nanos.saturating_mul(self.span.as_nanos());
        let millis = nanos.div_ceil(u128::from(self.count * FULL) * 1_000_000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn all(rate: Rate, many: u32) -> Level {
        let none = Ok(Level::NONE);
        let level = (0..many).fold(none, |level, _| rate.take(level?, 1));
        level.unwrap()
    }

    #[test]
    fn as_many_as_are_allowed_go_at_once_and_not_one_more() {
        for burst in [1, 3, 60, 20_000] {
            let rate = Rate::new(burst, 200, SECOND);
            let used = all(rate, burst);
            assert!(rate.take(Level::NONE, burst).is_ok());
            assert!(rate.take(Level::NONE, burst + 1).is_err());
            let wait = rate.take(used, 1).unwrap_err();
            assert_eq!(wait, Duration::from_millis(5), "{burst}");
        }
    }

    #[test]
    fn after_the_time_that_was_said_there_is_room_and_before_it_is_not() {
        for (burst, count, many) in [(20_000, 200, 1_024), (60, 60, 1), (10, 3, 7)] {
            let rate = Rate::new(burst, count, SECOND);
            let used = all(rate, burst);
            let wait = rate.take(used, many).unwrap_err();
            assert!(rate.take(rate.after(used, wait), many).is_ok());
            let early = wait - Duration::from_millis(2);
            assert!(rate.take(rate.after(used, early), many).is_err());
        }
    }

    #[test]
    fn with_time_all_of_it_is_free_again_and_never_more() {
        let rate = Rate::new(100, 10, SECOND);
        let used = rate.after(all(rate, 100), SECOND * 10);
        assert_eq!(used, Level::NONE);
        let ages = Duration::from_secs(u64::MAX);
        assert_eq!(rate.after(all(rate, 100), ages), Level::NONE);
        assert!(rate.take(Level::NONE, 101).is_err());
    }

    #[test]
    fn looking_often_loses_none_of_what_becomes_free() {
        let rate = Rate::new(100, 200, SECOND);
        let mut used = all(rate, 100);
        for _ in 0..499 {
            used = rate.after(used, Duration::from_millis(1));
        }
        let full = rate.take(used, 100).unwrap_err();
        assert_eq!(full, Duration::from_millis(1));
        assert_eq!(rate.after(used, full), Level::NONE);
    }

    #[test]
    fn what_was_not_used_is_given_back() {
        let rate = Rate::new(10, 1, SECOND);
        let used = all(rate, 4);
        let more = rate.take(used, 6).unwrap();
        assert_eq!(rate.give_back(more, 6), used);
        assert_eq!(rate.give_back(used, 9), Level::NONE);
    }

    #[test]
    fn no_number_is_too_large_or_too_small() {
        let rate = Rate::new(u32::MAX, u32::MAX, Duration::ZERO);
        assert!(rate.take(Level::NONE, u32::MAX).is_ok());
        let none = Rate::new(0, 0, Duration::MAX);
        assert!(none.take(Level::NONE, 1).is_ok());
        assert!(none.take(Level(u32::MAX), u32::MAX).is_err());
        assert!(none.after(Level(u32::MAX), SECOND) > Level(u32::MAX - 2));
    }
}
