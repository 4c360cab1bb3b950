//! Times and counts in the words of a sentence.

use std::time::Duration;

use widget_core::time::Timestamp;

/// `14:02:11 UTC`, with the day before it unless that is today.
pub(crate) fn at(time: Timestamp, now: Timestamp) -> String {
    let (time, now) = (time.to_string(), now.to_string());
    let part =
        |text: &str, range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    let (day, clock) = (part(&time, 0..10), part(&time, 11..19));
    if day == part(&now, 0..10) {
        format!("{clock} UTC")
    } else {
        format!("{day} {clock} UTC")
    }
}

/// `since 14:02:11 UTC (3 minutes)`.
pub(super) fn since(time: Timestamp, now: Timestamp) -> String {
    format!("since {} ({})", at(time, now), span(now.since(time)))
}

/// `at 14:02:11 UTC (3 minutes ago)`.
pub(super) fn ago(time: Timestamp, now: Timestamp) -> String {
    format!("at {} ({} ago)", at(time, now), span(now.since(time)))
}

/// `14:02:11 UTC (in 3 minutes)`.
pub(super) fn until(time: Timestamp, now: Timestamp) -> String {
    let left = time.since(now);
    if left.is_zero() {
        format!("{} (any moment now)", at(time, now))
    } else {
        format!("{} (in {})", at(time, now), span(left))
    }
}

/// `3 minutes`: in the largest unit of which there are at least two.
pub(super) fn span(span: Duration) -> String {
    let secs = span.as_secs();
    let (count, unit) = match secs {
        0..120 => (secs, "second"),
        120..7_200 => (secs / 60, "minute"),
        7_200..172_800 => (secs / 3_600, "hour"),
        _ => (secs / 86_400, "day"),
    };
    some(count, unit)
}

/// `1 task`, `2 tasks`.
pub(super) fn some(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(count: u32) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_the_unit_that_people_would_use() {
        for (secs, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (180, "3 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(Duration::from_secs(secs)), words);
        }
    }

    #[test]
    fn the_day_is_said_unless_it_is_today() {
        let noon = Timestamp::from_secs(12 * 3_600);
        assert_eq!(
            at(noon, noon.after(Duration::from_secs(60))),
            "12:00:00 UTC"
        );
        let tomorrow = noon.after(Duration::from_secs(86_400));
        assert_eq!(at(noon, tomorrow), "1970-01-01 12:00:00 UTC");
        assert_eq!(until(noon, noon), "12:00:00 UTC (any moment now)");
    }
}
