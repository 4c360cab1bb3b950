//! The spans of time that the charts of an agent can show.

use std::time::Duration;

/// A span that ends now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Range {
    #[default]
    Hour,
    Day,
    Week,
}

const HOUR: u64 = 60 * 60;

impl Range {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Week];

    /// The range of this name; the hour for any other.
    pub(super) fn named(name: Option<&str>) -> Self {
        Self::ALL
            .into_iter()
            .find(|range| Some(range.as_str()) == name)
            .unwrap_or_default()
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Hour => "last hour",
            Self::Day => "last day",
            Self::Week => "last week",
        }
    }

    pub(super) const fn span(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(HOUR),
            Self::Day => Duration::from_secs(24 * HOUR),
            Self::Week => Duration::from_secs(7 * 24 * HOUR),
        }
    }

    /// How many buckets: of 15 s, 5 min and 30 min.
    pub(super) const fn points(self) -> usize {
        match self {
            Self::Hour => 240,
            Self::Day => 288,
            Self::Week => 336,
        }
    }

    /// The distance of marks on the axis of time, in milliseconds.
    pub(super) const fn tick(self) -> i64 {
        match self {
            Self::Hour => 15 * 60 * 1_000,
            Self::Day => 4 * 3_600 * 1_000,
            Self::Week => 24 * 3_600 * 1_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_the_hour_is_the_default() {
        for range in Range::ALL {
            assert_eq!(Range::named(Some(range.as_str())), range);
        }
        assert_eq!(Range::named(Some("year")), Range::Hour);
        assert_eq!(Range::named(None), Range::Hour);
    }
}
