//! What a handler writes while it runs: [`Chunk`]s on their way, and what is kept of them.

use serde::{Deserialize, Serialize};

use crate::id::Attempt;

/// The longest text of one [`Chunk`], in bytes.
pub const MAX_CHUNK: usize = 64 * 1024;
/// How many bytes are kept of the beginning of what a task has written.
pub const HEAD: usize = 512 * 1024;
/// How many bytes are kept of its end.
pub const TAIL: usize = 512 * 1024;

/// A piece of what a handler writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// How many bytes the handler had written before it, in this attempt. More than was said so far
    /// means that the agent had to leave something out.
    pub offset: u64,
    /// The text, at most [`MAX_CHUNK`] bytes.
    pub text: String,
}

impl Chunk {
    /// How many bytes the handler had written after it.
    #[must_use]
    pub fn end(&self) -> u64 {
        let len = u64::try_from(self.text.len()).unwrap_or(u64::MAX);
        self.offset.saturating_add(len)
    }
}

/// What is kept of what a task has written: the beginning and the end, [`HEAD`] and [`TAIL`] bytes.
///
/// Each of the two is without a gap. What is not kept was written between them: when the agent
/// leaves something out, the end begins anew behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streamed {
    /// The attempt that wrote it. A later attempt begins anew.
    pub attempt: Attempt,
    /// How many bytes were written in all.
    pub length: u64,
    /// The beginning, until the first byte that is not kept.
    pub head: String,
    /// The end, if something between is not kept, or if there is more than the beginning holds.
    pub tail: String,
}

impl Streamed {
    /// Takes what an attempt has written further. What was taken before is skipped, so a repeat
    /// changes nothing; what is left out between is counted by `length` alone.
    ///
    /// ```
    /// use widget_core::id::Attempt;
    /// use widget_core::task::{Chunk, Streamed};
    ///
    /// let mut kept = Streamed::default();
    /// let mut push = |offset, text: &str| {
    ///     let text = text.to_owned();
    ///     kept.push(Attempt(1), &Chunk { offset, text });
    /// };
    /// push(0, "one ");
    /// push(0, "one two ");
    /// push(90, "nine");
    /// assert_eq!((kept.head.as_str(), kept.tail.as_str()), ("one two ", "nine"));
    /// assert_eq!(kept.length, 94);
    /// ```
    pub fn push(&mut self, attempt: Attempt, chunk: &Chunk) {
        let mut extent = Extent {
            attempt: self.attempt,
            length: self.length,
            head: self.head.len(),
        };
        let Some(added) = extent.push(attempt, chunk) else {
            return;
        };
        if added.anew {
            *self = Self::default();
        }
        if added.gap {
            self.tail.clear();
        }
        self.head.push_str(added.head);
        self.tail.push_str(added.tail);
        let over = self.tail.len().saturating_sub(TAIL);
        if over > 0 {
            self.tail.drain(..self.tail.ceil_char_boundary(over));
        }
        self.attempt = extent.attempt;
        self.length = extent.length;
    }
}

/// How far what a task has written goes: what a store has to know to add to it without reading it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The attempt that wrote it.
    pub attempt: Attempt,
    /// How many bytes were written in all.
    pub length: u64,
    /// How many bytes of [`Streamed::head`] there are.
    pub head: usize,
}

/// What a chunk adds to a [`Streamed`], in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition<'a> {
    /// All that is there goes: it is of an earlier attempt.
    pub anew: bool,
    /// What there is of the tail goes: something was left out behind it.
    pub gap: bool,
    /// To be put to the head.
    pub head: &'a str,
    /// To be put to the tail, of which only the last [`TAIL`] bytes are kept, cut between two
    /// characters.
    pub tail: &'a str,
}

impl Extent {
    /// Takes what an attempt has written further; `None` if nothing of it is new.
    pub fn push<'a>(&mut self, attempt: Attempt, chunk: &'a Chunk) -> Option<Addition<'a>> {
        let anew = attempt > self.attempt;
        if anew {
            *self = Self {
                attempt,
                ..Self::default()
            };
        }
        let end = chunk.end();
        if attempt < self.attempt || (end <= self.length && !anew) {
            return None;
        }
        let known = usize::try_from(self.length.saturating_sub(chunk.offset));
        let known = chunk.text.ceil_char_boundary(known.unwrap_or(usize::MAX));
        let new = chunk.text.get(known..).unwrap_or_default();
        let gap = chunk.offset > self.length;
        let open = u64::try_from(self.head) == Ok(self.length) && !gap;
        let fits = match open {
            true => new.floor_char_boundary(HEAD.saturating_sub(self.head)),
            false => 0,
        };
        let (head, tail) = new.split_at(fits);
        self.head += head.len();
        self.length = end;
        Some(Addition {
            anew,
            gap,
            head,
            tail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(offset: u64, text: &str) -> Chunk {
        let text = text.to_owned();
        Chunk { offset, text }
    }

    fn of(chunks: &[(u32, u64, &str)]) -> Streamed {
        let mut kept = Streamed::default();
        for (attempt, offset, text) in chunks {
            kept.push(Attempt(*attempt), &chunk(*offset, text));
        }
        kept
    }

    fn assert_kept(kept: &Streamed, length: u64, head: &str, tail: &str) {
        let got = (kept.length, kept.head.as_str(), kept.tail.as_str());
        assert_eq!(got, (length, head, tail));
    }

    #[test]
    fn what_comes_in_order_is_the_head() {
        assert_kept(&of(&[(1, 0, "ab"), (1, 2, "cd")]), 4, "abcd", "");
    }

    #[test]
    fn a_repeat_adds_nothing_and_an_overlap_only_what_is_new() {
        let kept = of(&[(1, 0, "abcd"), (1, 0, "ab"), (1, 2, "cd"), (1, 1, "bcde")]);
        assert_kept(&kept, 5, "abcde", "");
    }

    #[test]
    fn what_was_left_out_closes_the_head_and_begins_the_tail_anew() {
        assert_kept(&of(&[(1, 0, "ab"), (1, 9, "jk")]), 11, "ab", "jk");
        let kept = of(&[(1, 0, "ab"), (1, 9, "jk"), (1, 11, "l"), (1, 20, "u")]);
        assert_kept(&kept, 21, "ab", "u");
        assert_kept(&of(&[(1, 5, "f")]), 6, "", "f");
    }

    #[test]
    fn an_empty_chunk_tells_how_much_was_left_out_at_the_end() {
        let kept = of(&[(1, 0, "ab"), (1, 9, "")]);
        assert_kept(&kept, 9, "ab", "");
        let kept = of(&[(1, 0, "ab"), (1, 9, ""), (1, 9, "jk"), (1, 11, "")]);
        assert_kept(&kept, 11, "ab", "jk");
    }

    #[test]
    fn a_later_attempt_begins_anew_and_an_earlier_one_comes_too_late() {
        let kept = of(&[(1, 0, "ab"), (1, 9, "jk"), (2, 0, "x"), (1, 11, "l")]);
        assert_eq!(kept.attempt, Attempt(2));
        assert_kept(&kept, 1, "x", "");
        let silent = of(&[(1, 0, "ab"), (2, 0, "")]);
        assert_eq!(silent.attempt, Attempt(2));
        assert_kept(&silent, 0, "", "");
    }

    #[test]
    fn a_repeat_that_is_cut_within_a_character_loses_no_other() {
        // Length 1, and the next text has a character over the bytes 0 to 2.
        assert_kept(&of(&[(1, 0, "a"), (1, 0, "éb")]), 3, "ab", "");
    }

    #[test]
    fn the_head_and_the_tail_are_cut_between_two_characters() {
        let mut kept = Streamed::default();
        // Two bytes each, so that both borders, moved by one, fall within a character.
        kept.push(Attempt(1), &chunk(0, "a"));
        kept.push(Attempt(1), &chunk(1, &"é".repeat(HEAD)));
        assert_eq!(kept.head.len(), HEAD - 1);
        kept.push(Attempt(1), &chunk(kept.length, "b"));
        assert_eq!(kept.tail.len(), TAIL - 1);
        assert!(kept.tail.ends_with("éb"));
        assert_eq!(kept.length, 1 + 2 * HEAD as u64 + 1);
    }

    #[test]
    fn after_a_character_that_did_not_fit_the_head_stays_closed() {
        let mut kept = Streamed::default();
        kept.push(Attempt(1), &chunk(0, &"a".repeat(HEAD - 1)));
        kept.push(Attempt(1), &chunk(kept.length, "é"));
        kept.push(Attempt(1), &chunk(kept.length, "b"));
        assert_eq!((kept.head.len(), kept.tail.as_str()), (HEAD - 1, "éb"));
    }

    #[test]
    fn offsets_at_the_end_of_the_numbers_do_no_harm() {
        let most = u64::MAX;
        assert_kept(&of(&[(1, most, "ab")]), most, "", "ab");
        let kept = of(&[(1, most - 1, "ab"), (1, most, "cd"), (1, 0, "ab")]);
        assert_kept(&kept, most, "", "ab");
    }
}
