//! Random numbers of which the same seed gives the same row.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A row of random numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The row of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The seed in the variable `WIDGET_SEED`, or one of the clock. It should be printed.
    ///
    /// # Panics
    /// If the variable is no number.
    #[must_use]
    pub fn seed() -> u64 {
        if let Ok(text) = std::env::var("WIDGET_SEED") {
            return text.parse().expect("WIDGET_SEED is a number");
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| u64::from(now.subsec_nanos()))
    }

    /// A number below this one.
    pub const fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// A time shorter than this one, in steps of 100 µs.
    pub fn pause(&mut self, limit: Duration) -> Duration {
        let steps = u64::try_from(limit.as_micros() / 100).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(steps.max(1)) * 100)
    }
}
