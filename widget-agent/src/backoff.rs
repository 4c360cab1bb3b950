//! [`Backoff`]: how long to wait before the next attempt to connect. Full jitter, so that agents
//! which lost the same server do not come back all at once.

use std::time::Duration;

/// The longest pause: short enough that a server which is back has its agents soon.
const CAP: Duration = Duration::from_secs(10);

/// Counts failures and says how long to wait after each.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    failures: u32,
}

impl Backoff {
    /// The first pause is at most `base`.
    pub(crate) const fn new(base: Duration) -> Self {
        Self { base, failures: 0 }
    }

    /// A connection lived: the next failure is the first one again, with the base that the server
    /// asked for.
    pub(crate) fn reset(&mut self, base: Duration) {
        *self = Self::new(base);
    }

    /// Somebody said no, and the same again will not help: from here on the pauses are long.
    pub(crate) const fn despair(&mut self) {
        self.failures = u32::MAX;
    }

    /// The pause after one more failure: anything from nothing to a ceiling that doubles.
    pub(crate) fn pause(&mut self, random: u64) -> Duration {
        let factor = 2_u32.saturating_pow(self.failures);
        let ceiling = self.base.saturating_mul(factor).min(CAP);
        self.failures = self.failures.saturating_add(1);
        let millis = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX - 1);
        Duration::from_millis(random % (millis + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A random number that makes the pause as long as it can be for each of these ceilings.
    const ALMOST: u64 = 10_000 * 499 - 1;

    fn longest(backoff: &mut Backoff) -> Duration {
        (0..=10_000)
            .map(|random| {
                let mut same = Backoff {
                    base: backoff.base,
                    failures: backoff.failures,
                };
                same.pause(random)
            })
            .max()
            .inspect(|_| {
                backoff.pause(ALMOST);
            })
            .unwrap()
    }

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(500));
        let ceilings: Vec<u128> = (0..9).map(|_| longest(&mut backoff).as_millis()).collect();
        assert_eq!(
            ceilings,
            [
                500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000, 10_000
            ]
        );
    }

    #[test]
    fn a_pause_may_be_nothing() {
        assert_eq!(
            Backoff::new(Duration::from_secs(1)).pause(0),
            Duration::ZERO
        );
        assert_eq!(Backoff::new(Duration::ZERO).pause(u64::MAX), Duration::ZERO);
    }

    #[test]
    fn a_connection_that_lived_starts_over() {
        let mut backoff = Backoff::new(Duration::from_millis(500));
        backoff.despair();
        assert_eq!(longest(&mut backoff), CAP);
        backoff.reset(Duration::from_millis(200));
        assert_eq!(longest(&mut backoff), Duration::from_millis(200));
    }

    #[test]
    fn failures_without_end_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX);
        backoff.despair();
        assert!(backoff.pause(u64::MAX) <= CAP);
        assert!(backoff.pause(u64::MAX) <= CAP);
    }
}
