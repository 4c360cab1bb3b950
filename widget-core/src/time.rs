//! Points in time: [`Timestamp`] on the wall clock, which may jump, and [`Mono`] on a clock that
//! only goes forward.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A point on the wall clock: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// A signed integer in binary formats, RFC 3339 in UTC with milliseconds in human-readable ones.
/// Arithmetic saturates. What is printed as text lies between the years 1970 and 9999; a value
/// outside is printed as the nearest one inside.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last millisecond of the year 9999.
const LAST: i64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970 UTC.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970 UTC.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since 1970 UTC.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 UTC, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This much later.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// This much earlier.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(millis(by)))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = Duration::from_millis(u64::try_from(self.0.clamp(0, LAST)).unwrap_or(0));
        fmt::Display::fmt(&humantime::format_rfc3339_millis(UNIX_EPOCH + shown), f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a time: it must be RFC 3339 in UTC, such as `2026-11-22T14:45:07.120Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time in UTC of the form 2026-11-22T14:45:07.120Z")]
pub struct InvalidTime;

impl FromStr for Timestamp {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        let at = humantime::parse_rfc3339(text).map_err(|_| InvalidTime)?;
        let since = at.duration_since(UNIX_EPOCH).map_err(|_| InvalidTime)?;
        Ok(Self(millis(since)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// A point on a clock that never jumps: the time since some start that only its
/// [`Runtime`](crate::runtime::Runtime) knows.
///
/// Points of two runtimes must not be compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono {
    /// Half the size of a [`Duration`], and enough for 584 years.
    nanos: u64,
}

impl Mono {
    /// This long after the runtime's start.
    #[must_use]
    pub const fn from_start(since: Duration) -> Self {
        Self {
            nanos: nanos(since),
        }
    }

    /// How long after the runtime's start this is.
    #[must_use]
    pub const fn since_start(self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// This much later.
    #[must_use]
    pub const fn after(self, by: Duration) -> Self {
        Self {
            nanos: self.nanos.saturating_add(nanos(by)),
        }
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

/// As many as fit.
const fn nanos(span: Duration) -> u64 {
    let nanos = span.as_nanos();
    if nanos > u64::MAX as u128 {
        u64::MAX
    } else {
        nanos as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_rfc_3339_in_utc_with_milliseconds() {
        let at = Timestamp::from_millis(1_795_361_105_007);
        assert_eq!(at.to_string(), "2026-11-22T15:25:05.007Z");
        assert_eq!(at.to_string().parse(), Ok(at));
        assert_eq!("yesterday".parse::<Timestamp>(), Err(InvalidTime));
    }

    #[test]
    fn times_outside_the_calendar_print_as_its_ends() {
        assert_eq!(
            Timestamp::from_millis(-1).to_string(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            Timestamp::from_millis(i64::MAX).to_string(),
            "9999-12-31T23:59:59.999Z"
        );
    }

    #[test]
    fn a_span_backwards_is_zero() {
        let (a, b) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
        assert_eq!(b.since(a), Duration::from_secs(2));
        assert_eq!(a.since(b), Duration::ZERO);
        assert_eq!(
            Timestamp::from_millis(i64::MAX)
                .after(Duration::MAX)
                .as_millis(),
            i64::MAX
        );
    }
}
