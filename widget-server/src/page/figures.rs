//! Figures as people read them: percentages, bytes, spans of time, and text of agents cut to length.

use std::time::Duration;

/// The longest text of an agent that the page shows, in characters. CSS cuts it shorter where there
/// is less room.
pub(crate) const LONGEST: usize = 256;

/// `38.2 %`.
pub(super) fn percent(value: f64) -> String {
    format!("{value:.1} %")
}

/// `6.1 GiB`.
pub(super) fn bytes(value: f64) -> String {
    scaled(
        value,
        1024.0,
        &["B", "KiB", "MiB", "GiB", "TiB", "PiB"],
        " ",
    )
}

/// A value whose unit nobody knows: `3`, `0.25`, `1.5M`.
pub(super) fn number(value: f64) -> String {
    if value.abs() >= 10_000.0 {
        return scaled(value, 1000.0, &["", "k", "M", "G", "T", "P", "E"], "").replace(".0", "");
    }
    let places = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn scaled(value: f64, base: f64, units: &[&str], space: &str) -> String {
    let mut rest = value;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    let mut whole = true;
    for next in units {
        if rest.abs() < base {
            break;
        }
        rest /= base;
        unit = next;
        whole = false;
    }
    match whole {
        true => format!("{rest:.0}{space}{unit}"),
        false => format!("{rest:.1}{space}{unit}"),
    }
}

/// `250 ms`, `5.4 s`, `10 min`, `2 h 5 min`, `3 d`.
pub(super) fn span(span: Duration) -> String {
    let (secs, millis) = (span.as_secs(), span.as_millis());
    let two = |large: u64, of: &str, small: u64, rest: &str| match small {
        0 => format!("{large} {of}"),
        _ => format!("{large} {of} {small} {rest}"),
    };
    match secs {
        0 => format!("{millis} ms"),
        1..60 if millis % 1_000 >= 50 => format!("{:.1} s", span.as_secs_f64()),
        1..60 => format!("{secs} s"),
        60..3_600 => two(secs / 60, "min", secs % 60, "s"),
        3_600..86_400 => two(secs / 3_600, "h", secs / 60 % 60, "min"),
        _ => two(secs / 86_400, "d", secs / 3_600 % 24, "h"),
    }
}

/// The start of a text: at most so many characters, `…` where it was cut. Control characters and
/// those that turn the direction of writing become `�`, so that no agent can forge what stands
/// beside its name.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let plain = |c: char| if is_odd(c) { '\u{fffd}' } else { c };
    let mut short: String = chars.by_ref().take(most).map(plain).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// A text of several lines, clean of the same characters but with its lines and tabs.
pub(super) fn block(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c,
        _ if is_odd(c) => '\u{fffd}',
        _ => c,
    };
    text.replace("\r\n", "\n").chars().map(plain).collect()
}

/// Control characters and those that turn the direction of writing.
fn is_odd(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        assert_eq!(percent(38.24), "38.2 %");
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(bytes(6.1 * 1024.0 * 1024.0 * 1024.0), "6.1 GiB");
        assert_eq!(number(3.0), "3");
        assert_eq!(number(0.25), "0.25");
        assert_eq!(number(1_500_000.0), "1.5M");
        assert_eq!(number(-120.4), "-120");
    }

    #[test]
    fn spans_name_at_most_two_units() {
        let said = |millis| span(Duration::from_millis(millis));
        assert_eq!(said(250), "250 ms");
        assert_eq!(said(1_000), "1 s");
        assert_eq!(said(5_400), "5.4 s");
        assert_eq!(said(600_000), "10 min");
        assert_eq!(said(7_500_000), "2 h 5 min");
        assert_eq!(said(3 * 86_400_000), "3 d");
    }

    #[test]
    fn long_text_is_cut_and_tricks_with_it_are_shown() {
        assert_eq!(cut("edge", 4), "edge");
        assert_eq!(cut("edges", 4), "edge…");
        assert_eq!(cut("a\u{202e}b\nc", 9), "a\u{fffd}b\u{fffd}c");
    }
}
