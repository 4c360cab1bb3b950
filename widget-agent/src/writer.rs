//! [`TaskWriter`]: what a handler writes as bytes, by way of [`std::io::Write`].

use std::io;

use crate::context::TaskContext;

/// Takes bytes of text for [`TaskContext::write`]. It never fails and never waits. What is not UTF-8
/// becomes U+FFFD; a character may come in parts.
///
/// ```
/// use std::io::Write;
/// use widget_agent::{AnyHandler, Payload};
///
/// let count = AnyHandler::raw_blocking("count", |cx, _input| {
///     let mut out = cx.writer();
///     for number in 1..=3 {
///         writeln!(out, "number {number}")?;
///     }
///     Ok(Payload::null())
/// });
/// # drop(count);
/// ```
#[derive(Debug)]
pub struct TaskWriter {
    context: TaskContext,
    /// The beginning of a character.
    begun: Vec<u8>,
}

impl TaskWriter {
    pub(crate) const fn new(context: TaskContext) -> Self {
        let begun = Vec::new();
        Self { context, begun }
    }
}

impl io::Write for TaskWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (text, begun) = decode(&std::mem::take(&mut self.begun), bytes);
        self.context.write(&text);
        self.begun = begun;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.context.flush();
        Ok(())
    }
}

/// The text of two pieces, and the beginning of a character at its end.
fn decode(begun: &[u8], bytes: &[u8]) -> (String, Vec<u8>) {
    let all = [begun, bytes].concat();
    let mut text = String::with_capacity(all.len());
    let mut parts = all.utf8_chunks().peekable();
    while let Some(part) = parts.next() {
        text.push_str(part.valid());
        let invalid = part.invalid();
        let may_go_on = std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none());
        if parts.peek().is_none() && may_go_on {
            return (text, invalid.to_vec());
        }
        if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    (text, Vec::new())
}

impl Drop for TaskWriter {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.context.write("\u{FFFD}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_may_come_in_parts_and_broken_ones_are_replaced() {
        let bytes = "a€b".as_bytes();
        for cut in 0..=bytes.len() {
            let (before, behind) = bytes.split_at(cut);
            let (mut text, begun) = decode(&[], before);
            let (rest, open) = decode(&begun, behind);
            text.push_str(&rest);
            assert_eq!((text.as_str(), open.len()), ("a€b", 0));
        }
        assert_eq!(decode(b"\xe2\x82", b"x"), ("\u{FFFD}x".into(), vec![]));
        assert_eq!(decode(b"", b"\xffx"), ("\u{FFFD}x".into(), vec![]));
        assert_eq!(decode(b"", b"x\xe2"), ("x".into(), vec![0xe2]));
    }
}
