//! [`Stderr`]: prints log events as lines `level message field=value …` on stderr. A full
//! subscriber would be a fifth of the program.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

/// Prints events up to this level. Spans are not kept.
pub(crate) struct Stderr(pub(crate) Level);

impl Subscriber for Stderr {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0 && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line {
            message: String::new(),
            fields: String::new(),
        };
        event.record(&mut line);
        let level = event.metadata().level().as_str();
        let text = plain(&[level, " ", &line.message, &line.fields].concat()) + "\n";
        // Where stderr is closed, nobody listens.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// A text as a part of one line, as what a server says need not be.
pub(crate) fn plain(text: &str) -> String {
    let plain = |c: char| if hides(c) { '?' } else { c };
    text.chars().map(plain).collect()
}

/// A line while its parts come.
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            self.fields.extend([" ", field.name(), "=", value]);
        }
    }

    // The trait's own ways to these would bring along how floats and wide integers are printed.
    fn record_f64(&mut self, _: &Field, _: f64) {}

    fn record_i128(&mut self, _: &Field, _: i128) {}

    fn record_u128(&mut self, _: &Field, _: u128) {}

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = if field.name() == "message" {
            &mut self.message
        } else {
            self.fields.extend([" ", field.name(), "="]);
            &mut self.fields
        };
        // A string takes whatever is written.
        let _ = write!(text, "{value:?}");
    }
}

/// Whether a character does not show, or turns those around it the other way.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_stays_in_its_line_and_moves_no_cursor() {
        assert_eq!(plain("gone\r\nINFO all is well"), "gone??INFO all is well");
        assert_eq!(plain("\u{1b}[2J\u{9b}2J\u{7f}"), "?[2J?2J?");
        assert_eq!(plain("a\u{202e}b\u{2066}c\u{200b}d\u{feff}"), "a?b?c?d?");
        assert_eq!(plain("tschüß"), "tschüß");
    }
}
