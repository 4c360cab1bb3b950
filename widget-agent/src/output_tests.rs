//! What an [`OutputBuffer`] keeps and says, and how outputs are cut.

use proptest::prelude::*;
use widget_core::id::Attempt;
use widget_core::task::Streamed;

use super::*;

/// Says everything, as one connection after the other would: each chunk is heard at once.
fn drain(buffer: &mut OutputBuffer, kept: &mut Streamed) {
    while let Some(chunk) = buffer.next_chunk() {
        assert!(chunk.text.len() <= MAX_CHUNK);
        kept.push(Attempt(1), &chunk);
        buffer.said(&chunk);
    }
}

fn held(buffer: &OutputBuffer) -> usize {
    buffer.front.text.capacity() + buffer.back.text.capacity()
}

#[test]
fn what_was_written_is_said_in_order_and_once() {
    let (mut buffer, mut kept) = (OutputBuffer::default(), Streamed::default());
    assert_eq!(buffer.next_chunk(), None);
    buffer.push("one ");
    buffer.push("two ");
    let first = buffer.next_chunk().unwrap();
    assert_eq!((first.offset, first.text.as_str()), (0, "one two "));
    // More comes while that is under way.
    buffer.push("three");
    buffer.said(&first);
    drain(&mut buffer, &mut kept);
    assert_eq!((kept.length, kept.tail.as_str()), (13, "three"));
    buffer.said(&first);
    assert_eq!(buffer.next_chunk(), None);
}

#[test]
fn a_chunk_that_was_not_heard_is_said_again() {
    let mut buffer = OutputBuffer::default();
    buffer.push("text");
    let lost = buffer.next_chunk().unwrap();
    assert_eq!(buffer.next_chunk(), Some(lost.clone()));
    buffer.said(&lost);
    assert_eq!(buffer.next_chunk(), None);
}

#[test]
fn a_hundred_megabytes_cost_a_bounded_memory_and_keep_both_ends() {
    let line = "0123456789abcdef0123456789abcde\n";
    let mut buffer = OutputBuffer::default();
    let mut most = 0;
    let lines = 100 * 1024 * 1024 / line.len();
    for number in 0..lines {
        buffer.push(line);
        if number % 1_000 == 0 {
            most = most.max(held(&buffer));
        }
    }
    assert!(most <= 4 * HALF, "{most}");
    let mut chunks = Vec::new();
    while let Some(chunk) = buffer.next_chunk() {
        buffer.said(&chunk);
        chunks.push(chunk);
    }
    let written = number(lines * line.len());
    assert_eq!(chunks[0].offset, 0);
    assert_eq!(chunks.last().unwrap().end(), written);
    let gaps = chunks
        .windows(2)
        .filter(|pair| pair[1].offset != pair[0].end());
    assert_eq!(gaps.count(), 1);
    let said: usize = chunks.iter().map(|chunk| chunk.text.len()).sum();
    assert!((HALF + HALF / 2 - line.len()..=2 * HALF).contains(&said));
}

#[test]
fn one_long_text_keeps_both_ends() {
    let mut buffer = OutputBuffer::default();
    buffer.push("begin");
    buffer.push(&"é".repeat(HALF * 10));
    buffer.push("end");
    let mut kept = Streamed::default();
    drain(&mut buffer, &mut kept);
    assert!(kept.head.starts_with("beginé") && kept.tail.ends_with("éend"));
    assert_eq!(kept.length, number(5 + HALF * 20 + 3));
}

proptest! {
    #[test]
    fn each_text_said_stands_where_it_was_written(
        steps in prop::collection::vec((0_usize..60_000, any::<bool>(), 0_u8..4), 1..60)
    ) {
        let (mut buffer, mut written) = (OutputBuffer::default(), String::new());
        let mut end = 0;
        let mut check = |buffer: &mut OutputBuffer, written: &str| {
            let Some(chunk) = buffer.next_chunk() else { return false };
            let at = usize::try_from(chunk.offset).unwrap();
            assert!(chunk.text.len() <= MAX_CHUNK && chunk.offset >= end);
            assert_eq!(&written[at..at + chunk.text.len()], chunk.text);
            end = chunk.end();
            buffer.said(&chunk);
            true
        };
        for (length, wide, said) in steps {
            let text = if wide { "€" } else { "x" }.repeat(length);
            buffer.push(&text);
            written.push_str(&text);
            prop_assert!(buffer.front.text.len() + buffer.back.text.len() <= 2 * HALF);
            for _ in 0..said {
                check(&mut buffer, &written);
            }
        }
        while check(&mut buffer, &written) {}
        prop_assert_eq!(end, number(written.len()));
    }
}

#[test]
fn an_output_that_fits_is_left_as_it_is() {
    let output = Payload::from_json_text(vec![b'1'; MAX_OUTPUT]);
    assert_eq!(succeeded(output.clone()), Finish::succeeded(output));
}

#[test]
fn an_output_that_does_not_fit_is_cut_between_characters_and_says_its_length() {
    let text = ["\"", &"€".repeat(MAX_OUTPUT), "\""].concat();
    let finish = succeeded(Payload::from_json_text(text.clone()));
    assert_eq!(finish.cut, Some(number(text.len())));
    let output = finish.output.unwrap();
    assert!((MAX_OUTPUT - 8..=MAX_OUTPUT).contains(&output.len()));
    let kept: String = serde_json::from_slice(output.as_bytes()).unwrap();
    assert!(text.starts_with(&kept));
}

#[test]
fn whatever_was_cut_is_json() {
    let all: Vec<u8> = (0..=255).cycle().take(3 * MAX_OUTPUT).collect();
    let finish = succeeded(Payload::from_json_text(all.clone()));
    let output = finish.output.unwrap();
    assert!(output.len() <= MAX_OUTPUT);
    let kept: String = serde_json::from_slice(output.as_bytes()).unwrap();
    assert!(String::from_utf8_lossy(&all).starts_with(&kept));
}
