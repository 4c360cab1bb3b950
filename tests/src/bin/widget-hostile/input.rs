//! What one input costs the server before anybody has proven anything: as long as may be, all but its end,
//! from many peers at once who then wait.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::site::Site;
use crate::{bar, memory, open_files};

/// As many as one address may have before a proof, with room to spare.
const PEERS: usize = 400;
/// The most that one of them may cost, in KiB.
const MOST: u64 = 64;
/// How long it is looked for the most.
const LOOKS: Duration = Duration::from_secs(1);

/// For each port: what it is called, and what is said.
fn inputs(exposed: bool) -> Vec<(&'static str, usize, Vec<u8>)> {
    if exposed {
        let names = ["frames", "agents' HTTP", "API and page"].into_iter();
        return names
            .enumerate()
            .map(|(target, name)| (name, target, greeting()))
            .collect();
    }
    // Nearly as long as each of the two takes.
    let headers = |begin: &str, count: usize| {
        let lines = (0..count).map(|n| format!("X-{n:03}: {}\r\n", "y".repeat(240)));
        format!(
            "{begin} HTTP/1.1\r\nHost: localhost\r\n{}",
            lines.collect::<String>()
        )
        .into_bytes()
    };
    let body = "POST /agent/v2/hello HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 4096\r\n\r\n";
    let mut opening = vec![0x04, 0xd2, 0, 2, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0x10, 0];
    opening.resize(opening.len() + 4_095, b'x');
    vec![
        ("frames, an opening", 0, opening),
        (
            "agents' HTTP, headers",
            1,
            headers("POST /agent/v2/hello", 28),
        ),
        (
            "agents' HTTP, a body",
            1,
            [body.as_bytes(), &[b'{'; 4_095]].concat(),
        ),
        ("API and page, headers", 2, headers("GET /", 60)),
    ]
}

/// A message of a handshake that claims 64,000 bytes, in records of 16 KiB, as far as it is read: whoever
/// goes on is put out.
fn greeting() -> Vec<u8> {
    let mut message = vec![1, 0, 0xfa, 0, 3, 3];
    message.resize(24_000, b'z');
    let records = message.chunks(16_384).flat_map(|part| {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&[22, 3, 1], &length[..], part].concat()
    });
    records.collect()
}

/// Whether none of them costs more than it may.
pub(crate) async fn hold(site: &Site, exposed: bool) -> bool {
    let mut kept = true;
    for (name, target, input) in inputs(exposed) {
        let (before, files) = (memory(site.pid(), "VmRSS:"), open_files(site.pid()));
        let mut peers = Vec::new();
        for _ in 0..PEERS {
            if let Ok(mut peer) = TcpStream::connect(&site.targets[target]).await {
                // Whoever is put out meanwhile has said enough.
                let _ = peer.write_all(&input).await;
                peers.push(peer);
            }
        }
        let (begun, mut most, mut held) = (Instant::now(), before, 0);
        while begun.elapsed() < LOOKS {
            most = most.max(memory(site.pid(), "VmRSS:"));
            held = held.max(open_files(site.pid()).saturating_sub(files));
            sleep(Duration::from_millis(10)).await;
        }
        drop(peers);
        let each = most.saturating_sub(before) / u64::try_from(held.max(1)).unwrap_or(1);
        let text = format!("{each} KiB each of {held} at once, bar {MOST}");
        kept &= bar(name, each <= MOST && held > 0, &text);
        while open_files(site.pid()) > files + 8 {
            sleep(Duration::from_millis(20)).await;
        }
    }
    kept
}
