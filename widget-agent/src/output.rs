//! [`OutputBuffer`]: what a handler has written and the server has not heard yet, within a bound; and
//! [`succeeded`], which makes an output fit that is too long.

use widget_core::Payload;
use widget_core::payload::MAX_OUTPUT;
use widget_core::task::{Chunk, Finish, MAX_CHUNK};

/// The most that is kept of each of two pieces: the oldest that is unsaid, and the latest.
const HALF: usize = 128 * 1024;

/// What a handler has written and was not said. Pure state.
///
/// When there is more than 256 KiB of it, the oldest is kept and the latest, and what was written
/// between them is left out: at least the last 64 KiB are always there. Offsets go on, so the server
/// sees how much is missing.
#[derive(Debug, Default)]
pub(crate) struct OutputBuffer {
    /// How many bytes were written in all.
    written: u64,
    /// The oldest.
    front: Piece,
    /// What comes behind it, perhaps after a gap. Empty while the front has room.
    back: Piece,
}

#[derive(Debug, Default)]
struct Piece {
    /// How many bytes were written before it.
    at: u64,
    text: String,
}

impl OutputBuffer {
    /// Takes what was written further.
    pub(crate) fn push(&mut self, text: &str) {
        if self.front.text.is_empty() {
            self.front.at = self.written;
        }
        let mut rest = text;
        if self.back.text.is_empty() {
            let fits = text.floor_char_boundary(HALF.saturating_sub(self.front.text.len()));
            let (front, behind) = text.split_at(fits);
            self.front.text.push_str(front);
            self.back.at = self.front.end();
            rest = behind;
        }
        self.written = self.written.saturating_add(length(text));
        self.back.push_latest(rest);
    }

    /// What is to be said next. It stays due until it was [said](Self::said).
    pub(crate) fn next_chunk(&self) -> Option<Chunk> {
        let text = &self.front.text;
        let text = text.get(..text.floor_char_boundary(MAX_CHUNK))?;
        (!text.is_empty()).then(|| Chunk {
            offset: self.front.at,
            text: text.to_owned(),
        })
    }

    /// The server has heard this.
    pub(crate) fn said(&mut self, chunk: &Chunk) {
        self.front.drop_before(chunk.end());
        if self.front.text.is_empty() {
            self.front = std::mem::take(&mut self.back);
        }
    }
}

impl Piece {
    fn end(&self) -> u64 {
        self.at.saturating_add(length(&self.text))
    }

    /// Adds to it, and gives up its beginning when it grows too long: half at once, so that many
    /// short texts do not move it each time.
    fn push_latest(&mut self, text: &str) {
        if text.len() > HALF {
            let from = text.ceil_char_boundary(text.len() - HALF);
            let (before, kept) = text.split_at(from);
            self.at = self.end().saturating_add(length(before));
            self.text.clear();
            self.text.push_str(kept);
            return;
        }
        if self.text.len() + text.len() > HALF {
            let keep = (HALF / 2).min(HALF - text.len());
            let before = self.text.len().saturating_sub(keep);
            self.drop_before(self.at.saturating_add(number(before)));
        }
        self.text.push_str(text);
    }

    /// Forgets what was written before this, up to the next character.
    fn drop_before(&mut self, at: u64) {
        let bytes = usize::try_from(at.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let bytes = self.text.ceil_char_boundary(bytes.min(self.text.len()));
        self.text.drain(..bytes);
        self.at = self.at.saturating_add(number(bytes));
    }
}

fn length(text: &str) -> u64 {
    number(text.len())
}

fn number(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A success with this output. If it is longer than [`MAX_OUTPUT`], its beginning goes along as a JSON
/// string, which is no longer than that.
pub(crate) fn succeeded(output: Payload) -> Finish {
    if output.len() <= MAX_OUTPUT {
        return Finish::succeeded(output);
    }
    let mut finish = Finish::succeeded(Payload::from_json_text(beginning(output.as_bytes())));
    finish.cut = Some(number(output.len()));
    finish
}

/// As much of a text as fits into a JSON string of [`MAX_OUTPUT`] bytes, which it gives.
fn beginning(text: &[u8]) -> String {
    let mut json = String::with_capacity(MAX_OUTPUT);
    json.push('"');
    'full: for part in text.utf8_chunks() {
        let broken = (!part.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for char in part.valid().chars().chain(broken) {
            let mut escaped = [0; 6];
            let escaped = escape(char, &mut escaped);
            if json.len() + escaped.len() >= MAX_OUTPUT {
                break 'full;
            }
            json.push_str(escaped);
        }
    }
    json.push('"');
    json
}

/// A character as it stands in a JSON string (RFC 8259, section 7).
fn escape(char: char, room: &mut [u8; 6]) -> &str {
    let hex = |digit: u32| char::from_digit(digit, 16).map_or(b'0', |digit| digit as u8);
    let code = u32::from(char);
    match char {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        _ if code < 0x20 => {
            *room = [b'\\', b'u', b'0', b'0', hex(code >> 4), hex(code & 15)];
            std::str::from_utf8(room).unwrap_or_default()
        }
        _ => char.encode_utf8(room),
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
