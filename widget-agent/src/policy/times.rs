//! [`Times`]: when in the week a rule is for, in UTC.

use widget_core::time::Timestamp;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// What the first of January 1970 was.
const FIRST: i64 = 3;
const WEEK: i64 = 7;
const DAY: i64 = 24 * 60;

/// Days of the week, and from when to when on them. A span that ends on the next day belongs to the one
/// that it begins on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// A bit for each, Monday first.
    days: u8,
    /// Minutes of the day, the second not in it.
    from: i64,
    to: i64,
}

impl Times {
    /// Reads days, hours or both, in this order. The error says what is wrong.
    pub(super) fn parse(words: &[&str]) -> Result<Self, String> {
        let (days, hours) = match *words {
            [days, hours] => (Some(days), Some(hours)),
            [one] if one.contains(':') => (None, Some(one)),
            [one] => (Some(one), None),
            _ => return Err("at takes days, hours or both".to_owned()),
        };
        let days = days.map_or(Ok(0x7f), read_days)?;
        let (from, to) = hours.map_or(Ok((0, DAY)), read_hours)?;
        Ok(Self { days, from, to })
    }

    /// Whether it is then.
    pub(super) fn has(self, at: Timestamp) -> bool {
        let minutes = at.as_secs().div_euclid(60);
        let (day, minute) = (minutes.div_euclid(DAY), minutes.rem_euclid(DAY));
        let on = |day: i64| self.days >> (day + FIRST).rem_euclid(WEEK) & 1 == 1;
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        (on(day) && minute >= self.from) || (on(day - 1) && minute < self.to)
    }
}

/// `mon-fri`, `sat,sun`, `fri-mon,wed`.
fn read_days(text: &str) -> Result<u8, String> {
    let day = |name: &str| {
        let place = DAYS.iter().position(|day| *day == name);
        place.ok_or_else(|| format!("{name:?} is no day: days are {}", DAYS.join(", ")))
    };
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (day(first)?, day(last)?);
        loop {
            days |= 1 << at;
            if at == last {
                break;
            }
            at = (at + 1) % DAYS.len();
        }
    }
    Ok(days)
}

/// `08:00-18:00`, `22:00-06:00`, `18:00-24:00`.
fn read_hours(text: &str) -> Result<(i64, i64), String> {
    let wrong = || format!("{text:?} is no span of hours, such as 08:00-18:00 or 22:00-06:00");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let (from, to) = (minute(from), minute(to));
    match (from, to) {
        (Some(from), Some(to)) if from != to && from < DAY => Ok((from, to)),
        _ => Err(wrong()),
    }
}

/// The minute of the day of `HH:MM`, up to 24:00.
fn minute(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |digits: &str| {
        let two = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        two.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let all = hour * 60 + minute;
    (minute < 60 && all <= DAY).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(text: &str) -> Result<Times, String> {
        Times::parse(&text.split(' ').collect::<Vec<_>>())
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Whether it is then, at these moments.
    fn has(text: &str, moments: &[(&str, bool)]) {
        let times = times(text).unwrap();
        for (moment, is) in moments {
            let moment = format!("{moment}Z");
            assert_eq!(times.has(at(&moment)), *is, "{text}: {moment}");
        }
    }

    #[test]
    fn days_and_hours_are_those_of_utc_and_an_end_is_not_in_it() {
        has(
            "mon-fri 08:00-18:00",
            &[
                ("2026-01-05T07:59:59.999", false), // a Monday
                ("2026-01-05T08:00:00.000", true),
                ("2026-01-09T17:59:59.999", true), // Friday
                ("2026-01-09T18:00:00.000", false),
                ("2026-01-10T12:00:00.000", false), // Saturday
                ("1970-01-01T12:00:00.000", true),  // Thursday
            ],
        );
        has(
            "sun",
            &[
                ("2026-01-04T00:00:00.000", true),
                ("2026-01-04T23:59:59.999", true),
                ("2026-01-05T00:00:00.000", false),
            ],
        );
        has(
            "18:00-24:00",
            &[
                ("2026-01-04T17:59:00.000", false),
                ("2026-01-04T23:59:59.999", true),
                ("2026-01-05T00:00:00.000", false),
            ],
        );
    }

    #[test]
    fn a_span_over_midnight_belongs_to_the_day_that_it_begins_on() {
        has(
            "fri 22:00-06:00",
            &[
                ("2026-01-09T05:00:00.000", false), // early on Friday
                ("2026-01-09T21:59:00.000", false),
                ("2026-01-09T22:00:00.000", true),
                ("2026-01-10T05:59:00.000", true),
                ("2026-01-10T06:00:00.000", false),
                ("2026-01-10T22:00:00.000", false),
            ],
        );
        // From the week's last day into the next week.
        has("sun 23:00-01:00", &[("2026-01-05T00:30:00.000", true)]);
    }

    #[test]
    fn days_go_round_the_end_of_the_week() {
        let days = |text| times(text).unwrap().days;
        assert_eq!(days("fri-mon"), 0b111_0001);
        assert_eq!(days("mon-sun"), 0b111_1111);
        assert_eq!(days("wed"), 0b000_0100);
        assert_eq!(days("sat,sun,wed-thu"), 0b110_1100);
        assert_eq!(days("10:00-11:00"), 0b111_1111);
    }

    #[test]
    fn times_long_ago_and_far_ahead_are_times_too() {
        let always = times("mon-sun").unwrap();
        for millis in [i64::MIN, -1, 0, i64::MAX] {
            assert!(always.has(Timestamp::from_millis(millis)));
        }
    }

    #[test]
    fn what_is_no_time_says_what_one_is() {
        for (text, part) in [
            ("monday", "mon, tue"),
            ("mon-", "mon, tue"),
            ("mon,", "mon, tue"),
            ("Mon", "mon, tue"),
            ("mon 8:00-18:00", "08:00-18:00"),
            ("mon 08:00", "08:00-18:00"),
            ("mon 08:00-08:00", "08:00-18:00"),
            ("mon 24:00-08:00", "08:00-18:00"),
            ("mon 08:60-09:00", "08:00-18:00"),
            ("mon 08:00-24:01", "08:00-18:00"),
            ("+8:00-09:00", "08:00-18:00"),
            ("08:00-18:00 mon", "mon, tue"),
            ("mon tue 08:00-18:00", "days, hours or both"),
        ] {
            let error = times(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!(Times::parse(&[]).is_err());
    }
}
