//! Peers that break the rules: each is closed in time and counted, and no other agent notices.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Instant;

use common::{CLOSED_WITHIN, Peer, Server, ack, command, frame, opening, submit};
use widget_core::codec::{self, Bincode, ErasedCodec};
use widget_core::frame::{GoAwayReason, MAX_OPENING, v2};
use widget_core::message::{Command, Goodbye, RequestWork, Response};
use widget_core::testkit::fixtures::Noise;

#[test]
fn a_head_that_claims_4_gib() {
    let mut bytes = submit(1, 1);
    bytes[12..16].fill(0xff);
    breaks(&bytes[..v2::HEAD], "length");
}

#[test]
fn an_opening_that_claims_more_than_an_opening_may() {
    let server = Server::start();
    let mut peer = server.peer();
    let bytes = frame(0, |out| out.extend_from_slice(&[0; MAX_OPENING + 1]));
    peer.send(&bytes);
    let bye = peer.last_words().unwrap();
    assert_eq!(bye.reason, GoAwayReason::Protocol);
    assert!(bye.text.contains("4097"), "{}", bye.text);
    assert_eq!(server.refused(1), ["length"]);
}

#[test]
fn wrong_magic() {
    let mut bytes = submit(1, 1);
    bytes[0] = 0;
    breaks(&bytes, "magic");
}

#[test]
fn wrong_magic_at_the_start_is_closed_without_a_word() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(b"GET / HTTP/1.1\r\nHost: example.invalid\r\n\r\n");
    assert_eq!(peer.last_words(), None);
    assert_eq!(server.refused(1), ["magic"]);
}

#[test]
fn unknown_version() {
    let mut bytes = submit(1, 1);
    bytes[3] = 9;
    breaks(&bytes, "version");
}

#[test]
fn unknown_version_at_the_start() {
    let server = Server::start();
    let mut peer = server.peer();
    let mut bytes = opening(1);
    bytes[3] = 9;
    peer.send(&bytes);
    let bye = peer.last_words().unwrap();
    assert!(bye.text.contains("version 9"), "{}", bye.text);
    assert_eq!(server.refused(1), ["version"]);
}

#[test]
fn bad_crc() {
    let mut bytes = submit(1, 1);
    *bytes.last_mut().unwrap() ^= 1;
    breaks(&bytes, "checksum");
}

#[test]
fn the_last_words_arrive_though_more_bytes_were_on_the_way() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    let mut bytes = submit(1, 1);
    *bytes.last_mut().unwrap() ^= 1;
    bytes.resize(64 * 1024, 0);
    peer.send(&bytes);
    // A connection that is reset would be an error here.
    let mut came = Vec::new();
    peer.stream.read_to_end(&mut came).unwrap();
    assert!(came.len() > v2::HEAD);
}

#[test]
fn trailing_bytes_behind_a_message() {
    let bytes = frame(1, |out| {
        let goodbye = Command::Goodbye(Goodbye {
            reason: String::new(),
            task: None,
            spool_gone: false,
        });
        Bincode.encode_command(&goodbye, out).unwrap();
        out.extend_from_slice(b"!");
    });
    breaks(&bytes, "trailing");
}

#[test]
fn a_message_that_ends_too_early() {
    breaks(
        &frame(1, |out| out.extend_from_slice(&[1, 0])),
        "undecodable",
    );
}

#[test]
fn an_answer_from_an_agent() {
    let mut bytes = submit(1, 1);
    bytes[5] = 1;
    mend(&mut bytes);
    breaks(&bytes, "kind");
}

#[test]
fn another_codec_than_the_openings() {
    let mut bytes = submit(1, 1);
    bytes[4] = 2;
    mend(&mut bytes);
    breaks(&bytes, "codec");
}

#[test]
fn a_request_id_that_is_in_use() {
    let waits = Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 20_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    });
    let bytes = [command(7, &waits), submit(7, 1)].concat();
    breaks(&bytes, "duplicate_request");
}

#[test]
fn a_codec_that_is_not_there_is_answered_with_those_that_are() {
    let server = Server::start();
    let mut peer = server.peer();
    let mut bytes = opening(1);
    bytes[4] = 200;
    mend(&mut bytes);
    peer.send(&bytes);
    let bye = peer.last_words().unwrap();
    let known: Vec<u8> = codec::ALL.iter().map(|codec| codec.id()).collect();
    assert_eq!((bye.reason, bye.codecs), (GoAwayReason::Codec, known));
    assert_eq!(server.refused(1), ["codec"]);
}

#[test]
fn an_unknown_opening_is_answered_unsupported() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&frame(0, |out| out.extend_from_slice(&[99, 1, 2, 3])));
    assert_eq!(peer.response(), (0, Response::Unsupported));
    assert_eq!(peer.last_words(), None);
}

#[test]
fn an_unknown_command_is_answered_unsupported_and_the_connection_stays() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    peer.send(&frame(5, |out| out.extend_from_slice(&[99, 1, 2, 3])));
    assert_eq!(peer.response(), (5, Response::Unsupported));
    peer.send(&submit(6, 6));
    assert_eq!(peer.response(), (6, ack(6)));
    assert_eq!(server.refused(1), ["unsupported"]);
}

#[test]
fn two_frames_in_one_write_are_both_answered() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&[opening(1), submit(1, 10), submit(2, 20)].concat());
    assert!(matches!(peer.response(), (0, Response::Welcome(_))));
    let mut answers = [peer.response(), peer.response()];
    answers.sort_by_key(|(request, _)| *request);
    assert_eq!(answers, [(1, ack(10)), (2, ack(20))]);
}

#[test]
fn a_frame_that_comes_byte_by_byte_is_answered() {
    let server = Server::start();
    let mut peer = server.peer();
    for byte in [opening(1), submit(1, 10)].concat() {
        peer.send(&[byte]);
    }
    assert!(matches!(peer.response(), (0, Response::Welcome(_))));
    assert_eq!(peer.response(), (1, ack(10)));
}

#[test]
fn a_frame_cut_at_every_byte_by_a_peer_that_closes() {
    let server = Server::start();
    let mut bystander = server.welcomed(2);
    let bytes = submit(1, 1);
    for end in 1..bytes.len() {
        let mut peer = server.welcomed(1);
        peer.send(&bytes[..end]);
        peer.stream.shutdown(Shutdown::Write).unwrap();
        assert!(peer.last_words().is_some(), "cut at {end}");
    }
    let cuts = bytes.len() - 1;
    assert_eq!(server.refused(cuts), vec!["cut"; cuts]);
    is_well(&mut bystander);
}

#[test]
fn a_frame_cut_at_every_byte_by_a_peer_that_falls_silent() {
    let server = Server::start();
    let mut bystander = server.welcomed(2);
    let bytes = submit(1, 1);
    let cuts = bytes.len() - 1;
    let begun = Instant::now();
    let peers: Vec<Peer> = (1..=cuts)
        .map(|end| {
            let mut peer = server.welcomed(1);
            peer.send(&bytes[..end]);
            peer
        })
        .collect();
    let set_up = begun.elapsed();
    for peer in peers {
        assert_eq!(peer.last_words().unwrap().reason, GoAwayReason::Slow);
    }
    // All of them at once, not one after the other.
    assert!(begun.elapsed() < CLOSED_WITHIN + set_up);
    assert_eq!(server.refused(cuts), vec!["slow"; cuts]);
    is_well(&mut bystander);
}

/// Found by review: what a head claims bought as much time as it took to send it slowly.
#[test]
fn a_long_frame_of_which_nothing_more_comes() {
    let server = Server::start();
    let mut peer = server.welcomed(1);
    let begun = Instant::now();
    let two_mib = [0x04, 0xd2, 0, 2, 1, 0, 0, 0, 0, 0, 0, 9, 0, 0x20, 0, 0];
    peer.send(&[&two_mib[..], &[0; 100]].concat());
    assert_eq!(peer.last_words().unwrap().reason, GoAwayReason::Slow);
    assert!(begun.elapsed() < CLOSED_WITHIN);
    assert_eq!(server.refused(1), ["slow"]);
}

#[test]
fn an_opening_that_does_not_come_and_one_that_is_cut() {
    let server = Server::start();
    let (silent, mut cut) = (server.peer(), server.peer());
    let begun = Instant::now();
    cut.send(&opening(1)[..20]);
    assert_eq!(cut.last_words().unwrap().reason, GoAwayReason::Slow);
    assert_eq!(silent.last_words(), None);
    assert!(begun.elapsed().as_millis() < 2_500);
    assert_eq!(server.refused(2), ["opening", "opening"]);
}

#[test]
fn random_bytes() {
    let server = Server::start();
    let mut bystander = server.welcomed(2);
    let mut noise = Noise::new(1);
    for round in 0..50 {
        let mut peer = if round % 2 == 0 {
            server.peer()
        } else {
            server.welcomed(1)
        };
        // The server may close before all of it was written.
        let _ = peer.stream.write_all(&noise.bytes(1_000));
        let _ = peer.last_words();
    }
    assert_eq!(server.refused(50), ["magic"; 50]);
    is_well(&mut bystander);
}

#[test]
fn random_bytes_behind_a_right_beginning() {
    let server = Server::start();
    let mut bystander = server.welcomed(2);
    let mut noise = Noise::new(2);
    for _ in 0..50 {
        let mut peer = server.welcomed(1);
        let bytes = frame(1, |out| {
            let length = noise.below(400) as usize;
            out.extend_from_slice(&[noise.below(5) as u8]);
            out.extend_from_slice(&noise.bytes(length));
        });
        let _ = peer.stream.write_all(&bytes);
        let _ = peer.stream.shutdown(Shutdown::Write);
        let _ = peer.last_words();
    }
    is_well(&mut bystander);
}

/// A welcomed peer that sends this is told so, closed in time and counted, and another one that is
/// connected at the same time goes on.
fn breaks(bytes: &[u8], word: &'static str) {
    let server = Server::start();
    let mut bystander = server.welcomed(2);
    let mut peer = server.welcomed(1);
    peer.send(bytes);
    assert_eq!(peer.last_words().unwrap().reason, GoAwayReason::Protocol);
    assert_eq!(server.refused(1), [word]);
    is_well(&mut bystander);
}

fn is_well(bystander: &mut Peer) {
    bystander.send(&submit(9, 99));
    assert_eq!(bystander.response(), (9, ack(99)));
}

/// Makes the checksum right again.
fn mend(bytes: &mut [u8]) {
    let covered = bytes.len() - v2::TAIL;
    let crc = crc32fast::hash(&bytes[..covered]);
    bytes[covered..].copy_from_slice(&crc.to_be_bytes());
}
