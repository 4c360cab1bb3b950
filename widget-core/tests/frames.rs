//! Frames of both versions: what they look like to the byte, what is refused, and that memory
//! follows what came.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::time::{Duration, Instant};

use bytes::BytesMut;
use proptest::prelude::*;
use widget_core::codec::{Bincode, Codec, CodecError, ErasedCodec, Legacy};
use widget_core::frame::{
    FrameBuffer, FrameError, GoAway, GoAwayReason, MAX_OPENING, MAX_TO_AGENT, MAX_TO_SERVER,
    MAX_V1, v1, v2,
};
use widget_core::v1::{Command, Response, Task};

/// What is reserved beyond the bytes that came, at most.
const AHEAD: usize = 64 * 1024;

mod golden {
    use super::*;

    #[test]
    fn commands_read_as_their_line_says() {
        for (name, meaning, bytes) in commands() {
            let mut came = FrameBuffer::new();
            came.push(&bytes);
            let frame = came.next_v1().unwrap().expect(&name);
            let command: Command = Legacy::decode(frame.payload).unwrap();
            assert_eq!(say(frame.head.secs, &command), meaning, "{name}");
            assert!(came.is_empty(), "{name}");
        }
    }

    #[test]
    fn commands_are_written_to_the_same_bytes() {
        for (name, _, bytes) in commands() {
            let mut came = FrameBuffer::new();
            came.push(&bytes);
            let frame = came.next_v1().unwrap().expect(&name);
            let command: Command = Legacy::decode(frame.payload).unwrap();
            let (mut payload, mut out) = (BytesMut::new(), BytesMut::new());
            Legacy::encode(&command, &mut payload).unwrap();
            v1::encode(&mut out, frame.head.secs, &payload).unwrap();
            assert_eq!(out, bytes, "{name}");
        }
    }

    #[test]
    fn replies_read_and_are_written_bare() {
        for (name, meaning, bytes) in lines().filter(|(name, ..)| name.starts_with("reply-")) {
            let reply = match meaning.as_str() {
                "Ack" => Response::Ack,
                "NoWork" => Response::NoWork,
                "Task(Shutdown)" => Response::Task(Task::Shutdown),
                other => panic!("{other}"),
            };
            assert_eq!(Legacy::decode::<Response>(&bytes), Ok(reply), "{name}");
            let mut out = BytesMut::new();
            Legacy::encode(&reply, &mut out).unwrap();
            assert_eq!(out, bytes, "{name}");
        }
    }

    /// Name, meaning and bytes.
    type Line = (String, String, Vec<u8>);

    fn commands() -> impl Iterator<Item = Line> {
        lines().filter(|(name, ..)| !name.starts_with("reply-"))
    }

    fn lines() -> impl Iterator<Item = Line> {
        let lines = include_str!("../golden/v1.txt").lines();
        lines.filter(|line| !line.starts_with('#')).map(|line| {
            let [name, meaning, hex] = line.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let bytes = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (name.to_owned(), meaning.to_owned(), bytes.collect())
        })
    }

    fn say(at: u32, command: &Command) -> String {
        let id = |id: u128| widget_core::id::AgentId::from_u128(id);
        match *command {
            Command::SubmitData {
                collector_id,
                total_memory,
                used_memory,
                average_cpu_usage,
            } => format!(
                "SubmitData at={at} id={} total={total_memory} used={used_memory} \
                 cpu={average_cpu_usage:?}",
                id(collector_id)
            ),
            Command::RequestWork(collector) => format!("RequestWork at={at} id={}", id(collector)),
        }
    }
}

mod version_2 {
    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            codec: u8, request: u32, payload in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let mut came = FrameBuffer::new();
            came.push(&frame((codec, v2::Kind::Response, request), &payload));
            let frame = came.next_v2(MAX_TO_AGENT).unwrap().unwrap();
            prop_assert_eq!(frame.payload, &payload[..]);
            let head = frame.head;
            prop_assert_eq!((head.codec, head.kind, head.request), (codec, v2::Kind::Response, request));
            prop_assert!(came.is_empty());
        }

        #[test]
        fn frames_come_out_however_the_bytes_come_in(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20),
            pieces in prop::collection::vec(1..700_usize, 1..40),
        ) {
            let mut bytes = BytesMut::new();
            for (request, payload) in (0..).zip(&payloads) {
                append(&mut bytes, (1, v2::Kind::Command, request), payload);
            }
            let (mut came, mut taken) = (FrameBuffer::new(), Vec::new());
            let mut pieces = pieces.into_iter().cycle();
            while !bytes.is_empty() {
                let piece = pieces.next().unwrap_or(1).min(bytes.len());
                came.push(&bytes.split_to(piece));
                while let Some(frame) = came.next_v2(MAX_TO_SERVER).unwrap() {
                    prop_assert_eq!(frame.head.request as usize, taken.len());
                    taken.push(frame.payload.to_vec());
                }
            }
            prop_assert_eq!(taken, payloads);
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut came = FrameBuffer::new();
            came.push(&bytes);
            let _ = came.next_v2(MAX_TO_SERVER);
            let mut came = FrameBuffer::new();
            came.push(&[&[4, 210, 0, 2][..], &bytes].concat());
            let _ = came.next_v2(MAX_TO_SERVER);
            let mut came = FrameBuffer::new();
            came.push(&[&[4, 210, 0, 1][..], &bytes].concat());
            let _ = came.next_v1();
        }
    }

    #[test]
    fn a_head_looks_like_this() {
        let bytes = frame((1, v2::Kind::Response, 0x0102_0304), b"ab");
        let head = [0x04, 0xd2, 0, 2, 1, 1, 0, 0, 1, 2, 3, 4, 0, 0, 0, 2];
        assert_eq!(bytes[..v2::HEAD], head);
        assert_eq!(&bytes[v2::HEAD..v2::HEAD + 2], b"ab");
        let crc = crc32fast::hash(&bytes[..bytes.len() - v2::TAIL]);
        assert_eq!(bytes[bytes.len() - v2::TAIL..], crc.to_be_bytes());
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = frame((1, v2::Kind::Command, 7), b"a payload of some length");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // A longer claim only waits for more; a byte more of it shows what it is.
            flipped.extend_from_slice(&[0; MAX_OPENING]);
            let mut came = FrameBuffer::new();
            came.push(&flipped);
            assert!(came.next_v2(MAX_OPENING).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn cut_anywhere_there_is_no_frame_and_no_error() {
        let bytes = frame((1, v2::Kind::Command, 7), b"payload");
        for end in 0..bytes.len() {
            let mut came = FrameBuffer::new();
            came.push(&bytes[..end]);
            assert_eq!(came.next_v2(MAX_OPENING), Ok(None), "cut at {end}");
            assert_eq!(came.is_empty(), end == 0);
            came.push(&bytes[end..]);
            assert!(came.next_v2(MAX_OPENING).unwrap().is_some(), "cut at {end}");
        }
    }

    #[test]
    fn each_broken_head_has_its_error() {
        let good = frame((1, v2::Kind::Command, 7), b"payload");
        let refused = |at: usize, value: u8| {
            let mut bytes = good.clone();
            bytes[at] = value;
            refusal(&bytes)
        };
        assert_eq!(refused(0, 0), FrameError::Magic(0x00d2));
        assert_eq!(refused(3, 9), FrameError::Version(9));
        assert_eq!(refused(3, 1), FrameError::Version(1));
        assert_eq!(refused(5, 3), FrameError::Kind(3));
        assert_eq!(refused(7, 1), FrameError::Flags(1));
        assert_eq!(refused(16, b'P'), FrameError::Checksum);
        let last = good.len() - 1;
        assert_eq!(refused(last, !good[last]), FrameError::Checksum);
    }

    #[test]
    fn a_claim_above_the_limit_is_refused_from_the_head_alone() {
        let mut head = frame((1, v2::Kind::Command, 7), b"")[..v2::HEAD].to_vec();
        head[12..16].copy_from_slice(&u32::MAX.to_be_bytes());
        let (claimed, limit) = (u32::MAX as usize, MAX_OPENING);
        assert_eq!(refusal(&head), FrameError::Length { claimed, limit });
    }

    #[test]
    fn what_a_frame_claims_is_known_from_its_head() {
        let bytes = frame((1, v2::Kind::Command, 7), &[0; 300]);
        let mut came = FrameBuffer::new();
        came.push(&bytes[..v2::HEAD - 1]);
        assert_eq!(came.claimed_v2(), 0);
        came.push(&bytes[v2::HEAD - 1..v2::HEAD]);
        assert_eq!(came.claimed_v2(), bytes.len());
        came.push(&bytes[v2::HEAD..]);
        assert!(came.next_v2(MAX_OPENING).unwrap().is_some());
        assert_eq!(came.claimed_v2(), 0);
    }

    #[test]
    fn a_payload_above_the_limit_leaves_nothing_behind() {
        let mut out = BytesMut::new();
        append(&mut out, (1, v2::Kind::Command, 1), b"first");
        let before = out.clone();
        let result: Result<(), FrameError> =
            v2::encode(&mut out, (1, v2::Kind::Command, 2), 10, |out| {
                out.extend_from_slice(&[0; 11]);
                Ok(())
            });
        let (claimed, limit) = (11, 10);
        assert_eq!(result, Err(FrameError::Length { claimed, limit }));
        assert_eq!(out, before);
    }

    #[test]
    fn a_payload_that_cannot_be_written_leaves_nothing_behind() {
        let mut out = BytesMut::from(&b"before"[..]);
        let result = v2::encode(&mut out, (1, v2::Kind::Command, 2), 10, |out| {
            out.extend_from_slice(b"half");
            Err(FrameError::GoAway)
        });
        assert_eq!(result, Err(FrameError::GoAway));
        assert_eq!(out, &b"before"[..]);
    }

    fn refusal(bytes: &[u8]) -> FrameError {
        let mut came = FrameBuffer::new();
        came.push(bytes);
        came.next_v2(MAX_OPENING).unwrap_err()
    }
}

mod version_1 {
    use super::*;

    #[test]
    fn each_broken_head_has_its_error() {
        let mut good = BytesMut::new();
        v1::encode(&mut good, 1, b"payload").unwrap();
        let refused = |at: usize, value: u8| {
            let mut came = FrameBuffer::new();
            let mut bytes = good.to_vec();
            bytes[at] = value;
            came.push(&bytes);
            came.next_v1().unwrap_err()
        };
        assert_eq!(refused(1, 0), FrameError::Magic(0x0400));
        assert_eq!(refused(3, 2), FrameError::Version(2));
        assert_eq!(refused(v1::HEAD, b'P'), FrameError::Checksum);
        let (claimed, limit) = (0xff00_0007, MAX_V1);
        assert_eq!(refused(8, 0xff), FrameError::Length { claimed, limit });
    }

    #[test]
    fn cut_anywhere_there_is_no_frame_and_no_error() {
        let mut bytes = BytesMut::new();
        v1::encode(&mut bytes, 1, b"payload").unwrap();
        for end in 0..bytes.len() {
            let mut came = FrameBuffer::new();
            came.push(&bytes[..end]);
            assert_eq!(came.next_v1(), Ok(None), "cut at {end}");
        }
    }

    #[test]
    fn a_payload_above_the_limit_leaves_nothing_behind() {
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(v1::encode(&mut out, 1, &[0; MAX_V1 + 1]).is_err());
        assert_eq!(out, &b"before"[..]);
        assert!(v1::encode(&mut out, 1, &[0; MAX_V1]).is_ok());
    }
}

mod memory {
    use super::*;

    #[test]
    fn a_buffer_grows_with_what_came_and_not_with_what_was_claimed() {
        let whole = frame((1, v2::Kind::Command, 7), &vec![0; MAX_TO_SERVER]);
        for piece in [1_000, 8 * 1024, 100_000] {
            let mut came = FrameBuffer::new();
            let mut pushed = 0;
            for bytes in whole[..whole.len() - 1].chunks(piece) {
                came.push(bytes);
                pushed += bytes.len();
                assert_eq!(came.next_v2(MAX_TO_SERVER), Ok(None));
                let capacity = came.capacity();
                assert!(capacity <= pushed + AHEAD, "{capacity} bytes for {pushed}");
            }
        }
    }

    #[test]
    fn an_empty_buffer_keeps_almost_nothing() {
        let mut came = FrameBuffer::new();
        assert_eq!(came.capacity(), 0);
        came.push(&frame((1, v2::Kind::Command, 7), &[0; 100_000]));
        assert!(came.next_v2(MAX_TO_SERVER).unwrap().is_some());
        assert_eq!(came.next_v2(MAX_TO_SERVER), Ok(None));
        assert!(came.capacity() <= 256, "{}", came.capacity());
    }

    #[test]
    fn a_claimed_length_within_a_message_ends_at_once() {
        let id = [0; 16];
        // Each up to where the length of a text, a list or bytes stands.
        let beginnings = [
            ("the host of a description", vec![0]),
            ("its labels", vec![0, 0, 0, 0, 0]),
            ("reports", [&[1][..], &id, &[0]].concat()),
            ("what is held", vec![2, 0, 0]),
            ("items of an update", vec![3]),
            (
                "the progress of a task",
                [&[3, 1][..], &id, &[1, 3]].concat(),
            ),
            ("the reason of a goodbye", vec![4]),
        ];
        let claims: [&[u8]; 3] = [
            &[252, 255, 255, 255, 255],
            &[253, 0, 0, 0, 0, 4, 0, 0, 0],
            &[253, 255, 255, 255, 255, 255, 255, 255, 127],
        ];
        let begun = Instant::now();
        for (what, beginning) in &beginnings {
            for claim in claims {
                let payload = [&beginning[..], claim].concat();
                let result = Bincode.decode_command(&payload);
                assert!(
                    matches!(result, Err(CodecError::Malformed(_))),
                    "{what}: {result:?}"
                );
            }
        }
        // Reserving what is claimed would end the process or take its time.
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

mod going_away {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_said() {
        for reason in [
            GoAwayReason::Codec,
            GoAwayReason::Protocol,
            GoAwayReason::Slow,
            GoAwayReason::Stopping,
            GoAwayReason::Full,
            GoAwayReason::Other(77),
        ] {
            let bye = GoAway {
                reason,
                codecs: vec![1, 2],
                text: "come back later".to_owned(),
            };
            assert_eq!(there_and_back(&bye), bye);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let bye = GoAway {
            reason: GoAwayReason::Protocol,
            codecs: Vec::new(),
            text: format!("a{}", "é".repeat(400)),
        };
        let cut = there_and_back(&bye).text;
        assert_eq!(cut, format!("a{}", "é".repeat(255)));
    }

    #[test]
    fn one_that_ends_too_early_is_refused() {
        for payload in [&[][..], &[1], &[1, 3, 1, 2]] {
            assert_eq!(GoAway::decode(payload), Err(FrameError::GoAway));
        }
    }

    fn there_and_back(bye: &GoAway) -> GoAway {
        let (mut out, mut came) = (BytesMut::new(), FrameBuffer::new());
        bye.encode(&mut out).unwrap();
        came.push(&out);
        let frame = came.next_v2(MAX_OPENING).unwrap().unwrap();
        assert_eq!((frame.head.kind, frame.head.codec), (v2::Kind::GoAway, 0));
        GoAway::decode(frame.payload).unwrap()
    }
}

fn frame(head: (u8, v2::Kind, u32), payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    append(&mut out, head, payload);
    out.to_vec()
}

fn append(out: &mut BytesMut, head: (u8, v2::Kind, u32), payload: &[u8]) {
    let result: Result<(), FrameError> = v2::encode(out, head, MAX_TO_AGENT, |out| {
        out.extend_from_slice(payload);
        Ok(())
    });
    result.unwrap();
}
