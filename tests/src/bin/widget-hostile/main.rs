//! A server under peers that mean it no good, all at once, with an honest agent beside them.
//!
//!     widget-hostile [--expose] [MUTE [BOMBS [DRIPS]]]    10,000 peers that say nothing, 1,000 that send
//!                                                         headers without an end, 1,000 that send a byte a
//!                                                         second
//!
//! With `--expose` the server has TLS and tokens: peers fall silent or drip before a handshake, and bombs
//! come after one.
//!
//! A third of each kind goes to each of the server's ports: frames, agents' HTTP, and API with page, which
//! takes 512 connections. Before that, what one input of the longest costs that a peer has not ended. Prints how much the server grew, how long until it had put out all of them, and
//! whether the agent was served throughout; fails if one of its bars is missed. Where the limit of open
//! files is lower than what that takes, there are fewer peers, and that is said.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what cannot go on has to fail"
)]

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::io::{AsyncReadExt, AsyncWriteExt, split};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio::time::sleep;

mod input;
mod site;

use site::{Site, Way};

/// The most that the server may grow, in KiB.
const MOST_GROWTH: u64 = 200 * 1024;
/// How long after the last of them has come all must be gone.
const GONE_WITHIN: Duration = Duration::from_secs(10);
/// How old the agent's last report may be: it reports each second.
const FRESH: Duration = Duration::from_secs(4);
/// What a process needs open files for beside its connections.
const OTHERS: usize = 500;
/// Files that the server may open meanwhile for those who mean it well.
const FEW: usize = 8;
/// Against hanging only.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Mute,
    Bomb,
    Drip,
}

/// What became of them.
#[derive(Debug, Default)]
struct Counts {
    connected: AtomicUsize,
    /// There was nobody to take it any more.
    failed: AtomicUsize,
    /// Bombs that were let in as far as a word, through TLS where there is one.
    thrown: AtomicUsize,
}

fn main() -> ExitCode {
    let mut wanted = [10_000, 1_000, 1_000];
    let mut places = wanted.iter_mut();
    let mut args = std::env::args().skip(1).peekable();
    let exposed = args.next_if(|arg| arg == "--expose").is_some();
    for arg in args {
        let (Some(place), Ok(count)) = (places.next(), arg.parse()) else {
            say("usage: widget-hostile [--expose] [MUTE [BOMBS [DRIPS]]]");
            return ExitCode::from(2);
        };
        *place = count;
    }
    let counts = fit(wanted);
    let site = || match exposed {
        true => Site::exposed(),
        false => Site::near(),
    };
    // First what one of them costs, at a server that has nothing left over from others.
    say("one input before any proof, as long as may be:");
    let costs = runtime().block_on(input::hold(&site(), exposed));
    let is_kept = hold(counts, &site()) && costs;
    if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// So many as the limit of open files allows.
fn fit(wanted: [usize; 3]) -> [usize; 3] {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let limit = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    let (limit, all) = (limit.unwrap_or(1_024_usize), wanted.iter().sum::<usize>());
    let room = limit.saturating_sub(OTHERS);
    if all <= room {
        return wanted;
    }
    say(&format!(
        "the limit of open files is {limit}: there are fewer of each kind"
    ));
    wanted.map(|count| count * room / all)
}

fn hold(counts: [usize; 3], site: &Site) -> bool {
    let (before, files) = (memory(site.pid(), "VmRSS:"), open_files(site.pid()));
    let over = Arc::new(AtomicBool::new(false));
    let watch = {
        let (over, ask, path) = (Arc::clone(&over), site.operator(), site.agent.clone());
        thread::spawn(move || watch(ask, &path, &over))
    };
    let attack = attack(counts, site, files);
    // A while longer: what they have left behind must not come out later.
    thread::sleep(Duration::from_secs(2));
    over.store(true, Ordering::Relaxed);
    let served = watch.join().expect("the agent is watched");
    // The system hands some over late, who had no place in a listener's queue; and one of the operator's
    // requests may still be open.
    let left = || open_files(site.pid()).saturating_sub(files + 1);
    let ended = Instant::now();
    while left() > 0 && ended.elapsed() < GONE_WITHIN {
        thread::sleep(Duration::from_millis(20));
    }
    let left = left();
    let peak = memory(site.pid(), "VmHWM:");
    let after = memory(site.pid(), "VmRSS:");
    let status = site.operator()("/api/v1/status");
    let refusals = status.map_or(Value::Null, |(_, status)| status["refusals"].clone());

    let [mute, bombs, drips] = counts;
    say(&format!(
        "peers                  {mute} mute, {bombs} header bombs, {drips} of a byte a second"
    ));
    say(&format!(
        "connected              {} ({} found nobody to take them, {} were never told that they are gone)",
        attack.connected, attack.failed, attack.untold
    ));
    say(&format!(
        "server's memory        {before} KiB before, {peak} at most, {after} after"
    ));
    let growth = peak.saturating_sub(before);
    let kept = [
        bar(
            "bombs thrown",
            bombs == 0 || attack.thrown > 0,
            &format!("{} of {bombs}", attack.thrown),
        ),
        bar(
            "growth",
            growth <= MOST_GROWTH,
            &format!("{growth} KiB, bar {MOST_GROWTH}"),
        ),
        bar(
            "all gone",
            attack.gone_after <= GONE_WITHIN && left == 0,
            &format!(
                "{:.1} s after the last had come, bar 10; {left} files more than before are open",
                attack.gone_after.as_secs_f64()
            ),
        ),
        bar(
            "honest agent",
            served.oldest <= FRESH && served.answered > 0,
            &format!(
                "its last report was {:.1} s old at most, bar {}",
                served.oldest.as_secs_f64(),
                FRESH.as_secs()
            ),
        ),
    ];
    say(&format!(
        "honest operator        {} of {} requests answered, the slowest after {:.2} s",
        served.answered,
        served.asked,
        served.slowest.as_secs_f64()
    ));
    say(&format!("refusals               {refusals}"));
    kept.iter().all(|kept| *kept)
}

fn bar(what: &str, is_kept: bool, text: &str) -> bool {
    let verdict = if is_kept { "kept" } else { "MISSED" };
    say(&format!("{what:<22} {text}: {verdict}"));
    is_kept
}

struct Attack {
    connected: usize,
    failed: usize,
    thrown: usize,
    /// For whom the queue of the listener was full: the system has dropped them, and they do not know.
    untold: usize,
    gone_after: Duration,
}

/// `files` are those that the server has open without the peers.
fn attack(counts: [usize; 3], site: &Site, files: usize) -> Attack {
    let (targets, way) = (&site.targets, site.way());
    runtime().block_on(async {
        let told = Arc::new(Counts::default());
        let mut peers = JoinSet::new();
        let kinds = [Kind::Mute, Kind::Bomb, Kind::Drip].into_iter().zip(counts);
        let all: usize = counts.iter().sum();
        for (kind, count) in kinds {
            for number in 0..count {
                let target = number % targets.len();
                let to = (target, targets[target].clone());
                peers.spawn(hostile(kind, to, way.clone(), Arc::clone(&told)));
                // The backlog of a listener is short.
                if number % 64 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        }
        let begun = Instant::now();
        let came = || told.connected.load(Ordering::Relaxed) + told.failed.load(Ordering::Relaxed);
        while came() < all && begun.elapsed() < PATIENCE {
            sleep(Duration::from_millis(5)).await;
        }
        let last = Instant::now();
        // At the server: peers say no word, so that whom it never had does not hear that.
        while open_files(site.pid()) > files + FEW && last.elapsed() < PATIENCE {
            sleep(Duration::from_millis(20)).await;
        }
        let gone_after = last.elapsed();
        sleep(Duration::from_secs(1)).await;
        while peers.try_join_next().is_some() {}
        Attack {
            connected: told.connected.load(Ordering::Relaxed),
            failed: told.failed.load(Ordering::Relaxed),
            thrown: told.thrown.load(Ordering::Relaxed),
            untold: peers.len(),
            gone_after,
        }
    })
}

fn runtime() -> Runtime {
    let tokio = Builder::new_current_thread().enable_all().build();
    tokio.expect("a runtime")
}

/// Each kind comes from an address of its own: one that has taken all of its places would shut the others out.
async fn connect(kind: Kind, target: &str) -> io::Result<TcpStream> {
    let target: SocketAddr = target.parse().map_err(io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    let own = match kind {
        Kind::Mute => Ipv4Addr::new(127, 0, 0, 4),
        Kind::Bomb => Ipv4Addr::new(127, 0, 0, 5),
        Kind::Drip => Ipv4Addr::new(127, 0, 0, 6),
    };
    socket.bind((own, 0).into())?;
    socket.connect(target).await
}

/// One peer, until the server has put it out.
async fn hostile(kind: Kind, (number, target): (usize, String), way: Way, told: Arc<Counts>) {
    let Ok(stream) = connect(kind, &target).await else {
        told.failed.fetch_add(1, Ordering::Relaxed);
        return;
    };
    told.connected.fetch_add(1, Ordering::Relaxed);
    let way = match kind {
        Kind::Bomb => way,
        Kind::Mute | Kind::Drip => Way::plain(),
    };
    let Some(stream) = way.through(stream, number).await else {
        return;
    };
    if matches!(kind, Kind::Bomb) {
        told.thrown.fetch_add(1, Ordering::Relaxed);
    }
    let (mut reader, mut writer) = split(stream);
    let says = async {
        match kind {
            Kind::Mute => std::future::pending::<()>().await,
            Kind::Bomb => {
                let line = format!("X-Bomb: {}\r\n", "x".repeat(1_000));
                let begin: &[u8] = b"POST /agent/v2/hello HTTP/1.1\r\nHost: localhost\r\n";
                let mut sent = writer.write_all(begin).await;
                while sent.is_ok() {
                    sent = writer.write_all(line.as_bytes()).await;
                    tokio::task::yield_now().await;
                }
            }
            Kind::Drip => {
                // The beginning of a frame; a request may begin with anything.
                let begin: &[u8] = if target.is_empty() {
                    b""
                } else {
                    b"\x04\xd2\x00\x02"
                };
                for byte in begin.iter().chain(std::iter::repeat(&b'x')) {
                    if writer.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    };
    let hears = async {
        let mut bytes = [0; 256];
        while reader.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
    };
    // Whoever can no longer be written to is gone too.
    futures_lite::future::or(hears, says).await;
}

struct Served {
    /// The oldest that the agent's last report was.
    oldest: Duration,
    asked: usize,
    answered: usize,
    slowest: Duration,
}

/// Looks at the honest agent as an operator does.
fn watch(ask: impl Fn(&str) -> Option<(u16, Value)>, path: &str, over: &AtomicBool) -> Served {
    let mut served = Served {
        oldest: Duration::ZERO,
        asked: 0,
        answered: 0,
        slowest: Duration::ZERO,
    };
    let mut seen = (Instant::now(), Value::Null);
    while !over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        served.asked += 1;
        if let Some((200, agent)) = ask(path) {
            served.answered += 1;
            let report = agent["latest"]["seq"].clone();
            // Also while nobody was answered.
            served.oldest = served.oldest.max(seen.0.elapsed());
            if report != seen.1 {
                seen = (Instant::now(), report);
            }
        }
        served.slowest = served.slowest.max(begun.elapsed());
        thread::sleep(Duration::from_millis(100));
    }
    served
}

/// How many files, of which connections are some, a process has open.
fn open_files(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd"));
    files.expect("the server runs").count()
}

/// A line of what the system says about the memory of a process, in KiB.
fn memory(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

fn say(line: &str) {
    println!("{line}");
}
