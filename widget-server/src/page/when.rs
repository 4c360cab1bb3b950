//! Points in time as people read them: how long ago, with the exact time at hand.

use widget_core::time::Timestamp;

/// A point in time in the three forms that a `<time>` needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// For programs: RFC 3339.
    pub(super) iso: String,
    /// For people who ask: `2026-11-22 14:45:07.120 UTC`.
    pub(super) exact: String,
    /// For people: `3 min ago`. The script of the page keeps it up to date.
    pub(super) ago: String,
    /// The time of the day: `14:45:07`.
    pub(super) clock: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp) -> Self {
        let iso = at.to_string();
        Self {
            exact: iso.replace('T', " ").replace('Z', " UTC"),
            ago: ago(at, now),
            clock: part(&iso, 11..19),
            iso,
        }
    }
}

/// `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let secs = now.since(at).as_secs();
    match secs {
        0 => "just now".to_owned(),
        1..60 => format!("{secs} s ago"),
        60..3_600 => format!("{} min ago", secs / 60),
        3_600..86_400 => format!("{} h ago", secs / 3_600),
        _ => format!("{} d ago", secs / 86_400),
    }
}

/// `14:45`.
pub(super) fn minute(at: Timestamp) -> String {
    part(&at.to_string(), 11..16)
}

/// `14:45:07`.
pub(super) fn second(at: Timestamp) -> String {
    part(&at.to_string(), 11..19)
}

/// `14:45:07.120`.
pub(super) fn milli(at: Timestamp) -> String {
    part(&at.to_string(), 11..23)
}

/// `Sun 22`.
pub(super) fn day(at: Timestamp) -> String {
    // 1970 began on a Thursday.
    let name = match at.as_secs().div_euclid(86_400).rem_euclid(7) {
        0 => "Thu",
        1 => "Fri",
        2 => "Sat",
        3 => "Sun",
        4 => "Mon",
        5 => "Tue",
        _ => "Wed",
    };
    format!("{name} {}", part(&at.to_string(), 8..10))
}

fn part(iso: &str, range: std::ops::Range<usize>) -> String {
    iso.get(range).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(millis: i64) -> String {
        ago(Timestamp::from_millis(0), Timestamp::from_millis(millis))
    }

    #[test]
    fn the_distance_is_said_in_one_unit() {
        assert_eq!(said(999), "just now");
        assert_eq!(said(59_999), "59 s ago");
        assert_eq!(said(60_000), "1 min ago");
        assert_eq!(said(2 * 3_600_000), "2 h ago");
        assert_eq!(said(49 * 3_600_000), "2 d ago");
    }

    #[test]
    fn what_lies_ahead_is_just_now() {
        assert_eq!(said(-5_000), "just now");
    }

    #[test]
    fn the_exact_time_is_at_hand() {
        let when = When::new(
            Timestamp::from_millis(1_795_361_105_007),
            Timestamp::default(),
        );
        assert_eq!(when.iso, "2026-11-22T15:25:05.007Z");
        assert_eq!(when.exact, "2026-11-22 15:25:05.007 UTC");
        assert_eq!(when.clock, "15:25:05");
    }

    #[test]
    fn days_have_their_name() {
        assert_eq!(day(Timestamp::from_millis(1_795_361_105_007)), "Sun 22");
        assert_eq!(day(Timestamp::default()), "Thu 01");
    }
}
