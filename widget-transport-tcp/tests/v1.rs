//! Version 1: a collector's frames in, bare replies out, byte for byte as in the golden file.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::io::Read;
use std::net::Shutdown;

use common::{Peer, Server, opening, submit};
use widget_core::v1::Command;

#[test]
fn a_submit_is_answered_with_a_bare_ack() {
    let server = Server::start();
    for name in ["submit-small", "submit-typical", "submit-max"] {
        let mut peer = server.peer();
        peer.send(&golden(name));
        assert_eq!(reply(&mut peer, 4), golden("reply-ack"), "{name}");
    }
    assert_eq!(server.service.commands_v1().len(), 3);
    let expected = Command::SubmitData {
        collector_id: 1,
        total_memory: 100,
        used_memory: 50,
        average_cpu_usage: 0.5,
    };
    assert_eq!(server.service.commands_v1()[0], expected);
}

#[test]
fn a_request_is_answered_that_there_is_no_work() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&golden("request-work"));
    assert_eq!(reply(&mut peer, 4), golden("reply-no-work"));
}

#[test]
fn a_task_goes_out_in_eight_bytes() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&request_of(1));
    assert_eq!(reply(&mut peer, 8), golden("reply-task-shutdown"));
}

#[test]
fn a_collector_goes_on_over_one_connection() {
    let server = Server::start();
    let mut peer = server.peer();
    for _ in 0..3 {
        peer.send(&golden("submit-typical"));
        assert_eq!(reply(&mut peer, 4), golden("reply-ack"));
        peer.send(&golden("request-work"));
        assert_eq!(reply(&mut peer, 4), golden("reply-no-work"));
    }
}

#[test]
fn two_frames_in_one_write_are_both_answered() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&[golden("submit-typical"), golden("request-work")].concat());
    peer.stream.shutdown(Shutdown::Write).unwrap();
    let expected = [golden("reply-ack"), golden("reply-no-work")].concat();
    assert_eq!(rest(&mut peer), expected);
    assert_eq!(server.service.refused(), [""; 0]);
}

#[test]
fn what_the_service_leaves_unanswered_is_closed_without_a_word() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&request_of(0));
    assert!(rest(&mut peer).is_empty());
    assert_eq!(server.service.refused(), [""; 0]);
}

#[test]
fn broken_frames_are_closed_without_a_word_and_counted() {
    let mut crc = golden("submit-typical");
    *crc.last_mut().unwrap() ^= 1;
    let mut long = golden("submit-typical");
    long[8..12].fill(0xff);
    let mut magic = golden("submit-typical");
    magic[1] ^= 1;
    let version = [golden("submit-typical"), submit(1, 1)].concat();
    for (bytes, word, replies) in [
        (crc, "checksum", 0),
        (long, "length", 0),
        (magic, "magic", 0),
        (version, "version", 4),
        (frame(&[9, 0, 0, 0]), "undecodable", 0),
        (
            frame(&[[1, 0, 0, 0].as_slice(), &[7; 17]].concat()),
            "trailing",
            0,
        ),
    ] {
        let server = Server::start();
        let mut bystander = server.peer();
        let mut peer = server.peer();
        peer.send(&bytes);
        assert_eq!(rest(&mut peer).len(), replies, "{word}");
        assert_eq!(server.refused(1), [word]);
        bystander.send(&golden("request-work"));
        assert_eq!(reply(&mut bystander, 4), golden("reply-no-work"));
    }
}

#[test]
fn a_frame_cut_at_every_byte_is_closed_without_a_word() {
    let server = Server::start();
    let bytes = golden("submit-typical");
    for end in 1..bytes.len() {
        let mut peer = server.peer();
        peer.send(&bytes[..end]);
        peer.stream.shutdown(Shutdown::Write).unwrap();
        assert!(rest(&mut peer).is_empty(), "cut at {end}");
    }
    let cuts = bytes.len() - 1;
    assert_eq!(server.refused(cuts), vec!["cut"; cuts]);
    assert_eq!(server.service.commands_v1(), []);
}

#[test]
fn a_collector_that_falls_silent_within_a_frame_is_closed() {
    let server = Server::start();
    let mut peer = server.peer();
    peer.send(&golden("submit-typical")[..30]);
    assert_eq!(peer.last_words(), None);
    assert_eq!(server.refused(1), ["slow"]);
}

#[test]
fn an_agent_and_a_collector_share_the_port() {
    let server = Server::start();
    let (mut collector, mut agent) = (server.peer(), server.peer());
    collector.send(&golden("submit-typical"));
    agent.send(&opening(1));
    assert!(matches!(agent.response(), (0, _)));
    assert_eq!(reply(&mut collector, 4), golden("reply-ack"));
}

fn golden(name: &str) -> Vec<u8> {
    let file = include_str!("../../widget-core/golden/v1.txt");
    let line = file
        .lines()
        .find(|line| line.split(" | ").next() == Some(name));
    let hex = line.unwrap().rsplit(" | ").next().unwrap();
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// A request for work of the collector with this id.
fn request_of(id: u128) -> Vec<u8> {
    let payload = [&[1, 0, 0, 0][..], &id.to_le_bytes()].concat();
    frame(&payload)
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    widget_core::frame::v1::encode(&mut out, 1, payload).unwrap();
    out.to_vec()
}

/// What comes in one read, as the tutorial's collector reads it.
fn reply(peer: &mut Peer, length: usize) -> Vec<u8> {
    let mut buffer = [0; 64];
    let count = peer.stream.read(&mut buffer).unwrap();
    assert_eq!(count, length);
    buffer[..count].to_vec()
}

/// What comes until the server closes.
fn rest(peer: &mut Peer) -> Vec<u8> {
    let mut came = Vec::new();
    peer.stream.read_to_end(&mut came).unwrap();
    came
}
