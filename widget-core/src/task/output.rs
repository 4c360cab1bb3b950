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

/// What is kept of what a task has written: the beginning and the end, [`HEAD`] and [`TAIL`] bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Streamed {
    /// The attempt that wrote it. A later attempt begins anew.
    pub attempt: Attempt,
    /// How many bytes were written in all.
    pub length: u64,
    /// The beginning, until the first byte that is not kept.
    pub head: String,
    /// The end, if something between is not kept. `length` tells how much that is.
    pub tail: String,
}

impl Streamed {
    /// Takes what an attempt has written further. What was taken before is skipped, so a repeat
    /// changes nothing; what is left out between is counted by `length` alone.
    pub fn push(&mut self, attempt: Attempt, chunk: &Chunk) {
        if attempt > self.attempt {
            *self = Self {
                attempt,
                ..Self::default()
            };
        }
        let known = self.length.saturating_sub(chunk.offset);
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        if attempt < self.attempt || known >= chunk.text.len() {
            return;
        }
        let mut new = chunk.text.get(known..).unwrap_or_default();
        let gap = chunk.offset > self.length;
        let len = u64::try_from(chunk.text.len()).unwrap_or(u64::MAX);
        self.length = chunk.offset.saturating_add(len);
        if self.tail.is_empty() && !gap {
            let fits = new.floor_char_boundary(HEAD.saturating_sub(self.head.len()));
            let (head, rest) = new.split_at(fits);
            self.head.push_str(head);
            new = rest;
        }
        self.tail.push_str(new);
        let over = self.tail.len().saturating_sub(TAIL);
        if over > 0 {
            self.tail.drain(..self.tail.ceil_char_boundary(over));
        }
    }
}
