//! What is kept of an output, held against a model that keeps all of it.
#![allow(clippy::unwrap_used)] // a failing test is what it is for

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use widget_core::id::Attempt;
use widget_core::task::{Chunk, HEAD, Streamed, TAIL};

/// Everything that was written without a gap, run by run.
#[derive(Default)]
struct Model {
    attempt: Attempt,
    length: u64,
    runs: Vec<(u64, String)>,
}

impl Model {
    fn push(&mut self, attempt: Attempt, chunk: &Chunk) {
        if attempt > self.attempt {
            *self = Self {
                attempt,
                ..Self::default()
            };
        }
        let mut at = chunk.offset;
        for char in chunk.text.chars() {
            let new = at >= self.length && attempt == self.attempt;
            if new && (self.runs.is_empty() || at > self.length) {
                self.runs.push((at, String::new()));
            }
            at += char.len_utf8() as u64;
            if new {
                self.runs.last_mut().unwrap().1.push(char);
                self.length = at;
            }
        }
    }

    fn kept(&self) -> Streamed {
        let first = self.runs.first().filter(|(at, _)| *at == 0);
        let first = first.map_or("", |(_, text)| text.as_str());
        let (head, rest) = first.split_at(first.floor_char_boundary(HEAD));
        let last = match self.runs.as_slice() {
            [(0, _)] => rest,
            [.., (_, text)] => text.as_str(),
            [] => "",
        };
        let cut = last.ceil_char_boundary(last.len().saturating_sub(TAIL));
        Streamed {
            attempt: self.attempt,
            length: self.length,
            head: head.to_owned(),
            tail: last.get(cut..).unwrap().to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many characters of one sort.
    Write(char, usize),
    /// The chunk before comes again.
    Repeat,
    /// The chunk before comes again together with this many characters.
    Overlap(usize),
    /// This many bytes were left out.
    Gap(u64),
    NewAttempt,
    /// A chunk of the attempt before comes late.
    Late,
}

fn step() -> impl Strategy<Value = Step> {
    let char = prop::sample::select(vec!['a', 'é', '世', '🦀']);
    prop_oneof![
        8 => (char, 0..16_000_usize).prop_map(|(char, count)| Step::Write(char, count)),
        1 => Just(Step::Repeat),
        1 => (0..100_usize).prop_map(Step::Overlap),
        1 => (1..2_000_000_u64).prop_map(Step::Gap),
        1 => Just(Step::NewAttempt),
        1 => Just(Step::Late),
    ]
}

fn config() -> Config {
    Config {
        cases: 64,
        rng_seed: RngSeed::Fixed(21),
        failure_persistence: None,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn head_tail_and_length_are_those_of_a_model(steps in prop::collection::vec(step(), 0..90)) {
        let (mut kept, mut model) = (Streamed::default(), Model::default());
        let (mut attempt, mut next) = (Attempt(1), 0_u64);
        let mut last = Chunk { offset: 0, text: String::new() };
        for step in steps {
            let mut by = attempt;
            let chunk = match step {
                Step::Write(char, count) => {
                    let text: String = std::iter::repeat_n(char, count).collect();
                    Chunk { offset: next, text }
                }
                Step::Repeat => last.clone(),
                Step::Overlap(count) => {
                    let text = format!("{}{}", last.text, "b".repeat(count));
                    Chunk { offset: last.offset, text }
                }
                Step::Gap(left_out) => {
                    next += left_out;
                    continue;
                }
                Step::NewAttempt => {
                    (attempt, next) = (attempt.next(), 0);
                    last = Chunk { offset: 0, text: String::new() };
                    continue;
                }
                Step::Late => {
                    by = Attempt(attempt.0 - 1);
                    Chunk { offset: next, text: "late".into() }
                }
            };
            for _ in 0..2 {
                kept.push(by, &chunk);
            }
            if by == attempt && !chunk.text.is_empty() {
                next = next.max(chunk.end());
                last = chunk.clone();
            }
            model.push(by, &chunk);
            prop_assert!(kept.head.len() <= HEAD && kept.tail.len() <= TAIL);
        }
        // Large texts are not to be printed.
        let expected = model.kept();
        prop_assert_eq!((kept.attempt, kept.length), (expected.attempt, expected.length));
        prop_assert!(kept.head == expected.head, "head {} {}", kept.head.len(), expected.head.len());
        prop_assert!(kept.tail == expected.tail, "tail {} {}", kept.tail.len(), expected.tail.len());
    }
}
