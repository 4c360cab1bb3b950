//! Collectors of version 1 over simulated bytes, with every fault of a network: they cannot confirm
//! anything, so what they are handed goes out at most once.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use widget_core::codec::{Codec, Legacy};
use widget_core::frame::v1::encode;
use widget_core::id::{AgentId, TaskId};
use widget_core::runtime::{Address, Runtime, RuntimeExt, Stream};
use widget_core::store::{ReportQuery, ReportStore, TaskStore};
use widget_core::task::{Actor, Event, StateName};
use widget_core::time::Timestamp;
use widget_core::v1::{Command, Response, Task};
use widget_sim::{Link, SimRuntime, SimServer, Switchboard, TCP_PORT, World};

const SEEDS: u64 = 40;
const SERVER: &str = "server";
const HOST: &str = "old";
const ID: u128 = 17;

/// What a collector has seen, over all its processes.
#[derive(Debug, Default)]
struct Log {
    /// How often each sample was sent, by its used memory.
    sent: BTreeMap<u64, u64>,
    /// The last sample that was acknowledged; they are sent one after the other.
    acked: u64,
    /// When each shutdown was asked for and when it came.
    shutdowns: Vec<(Timestamp, Timestamp)>,
    cuts: u64,
}

type Shared = Arc<Mutex<Log>>;

/// Samples and asks in one loop, and sends a sample again until it is acknowledged. Ends when it is shut
/// down.
async fn collect(runtime: SimRuntime, log: Shared) {
    let to = Address {
        host: SERVER.into(),
        port: TCP_PORT,
    };
    loop {
        let connected = runtime.timeout(Duration::from_secs(5), runtime.connect(&to));
        if let Some(Ok(mut stream)) = connected.await {
            match talk(&runtime, &mut stream, &log).await {
                Ok(()) => return,
                Err(_) => log.lock().unwrap().cuts += 1,
            }
        }
        runtime.sleep(Duration::from_millis(500)).await;
    }
}

async fn talk(runtime: &SimRuntime, stream: &mut Box<dyn Stream>, log: &Shared) -> io::Result<()> {
    loop {
        let sample = log.lock().unwrap().acked + 1;
        *log.lock().unwrap().sent.entry(sample).or_default() += 1;
        let submit = Command::SubmitData {
            collector_id: ID,
            total_memory: 1 << 40,
            used_memory: sample,
            average_cpu_usage: 1.5,
        };
        if ask(runtime, stream, &submit).await? == Response::Ack {
            log.lock().unwrap().acked = sample;
        }
        let asked = runtime.wall();
        let answer = ask(runtime, stream, &Command::RequestWork(ID)).await?;
        if answer == Response::Task(Task::Shutdown) {
            log.lock().unwrap().shutdowns.push((asked, runtime.wall()));
            return Ok(());
        }
        assert_eq!(answer, Response::NoWork);
        runtime.sleep(Duration::from_millis(700)).await;
    }
}

/// One frame there, one bare answer back.
async fn ask(
    runtime: &SimRuntime,
    stream: &mut Box<dyn Stream>,
    command: &Command,
) -> io::Result<Response> {
    let (mut payload, mut frame) = (BytesMut::new(), BytesMut::new());
    Legacy::encode(command, &mut payload).unwrap();
    let secs = u32::try_from(runtime.wall().as_secs()).unwrap();
    encode(&mut frame, secs, &payload).unwrap();
    let exchange = async {
        stream.write_all(&frame).await?;
        let mut answer = vec![0; 4];
        stream.read_exact(&mut answer).await?;
        // Only a task says more.
        if answer[0] == 2 {
            answer.resize(8, 0);
            stream.read_exact(&mut answer[4..]).await?;
        }
        Ok(Legacy::decode(&answer).unwrap())
    };
    let answer = runtime.timeout(Duration::from_secs(10), exchange).await;
    answer.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
}

struct Life {
    world: World,
    server: SimServer,
    collector: Option<SimRuntime>,
    log: Shared,
    shutdowns: Vec<TaskId>,
}

impl Life {
    fn new(world: &World) -> Self {
        let mut server = SimServer::new(world, &Switchboard::default(), SERVER);
        server.start();
        let mut life = Self {
            world: world.clone(),
            server,
            collector: None,
            log: Shared::default(),
            shutdowns: Vec::new(),
        };
        life.start_collector();
        life
    }

    fn start_collector(&mut self) {
        if let Some(before) = &self.collector {
            self.world.kill(before.process());
        }
        let runtime = self.world.process(HOST);
        runtime.spawn(Box::pin(collect(runtime.clone(), Arc::clone(&self.log))));
        self.collector = Some(runtime);
    }

    fn links(&self, link: &Link) {
        self.world.set_link(HOST, SERVER, link.clone());
        self.world.set_link(SERVER, HOST, link.clone());
    }

    async fn something_happens(&mut self) {
        let usual = Link::default();
        match self.world.below(8) {
            0 => self.world.part(HOST, SERVER, true),
            1 => {
                let is_cut = true;
                self.world.set_link(SERVER, HOST, Link { is_cut, ..usual });
            }
            2 => self.links(&Link {
                delay: (Duration::from_millis(300), Duration::from_secs(4)),
                ..usual
            }),
            3 | 4 => self.links(&Link {
                lost: 100,
                resets: 150,
                ..usual
            }),
            5 => self.links(&usual),
            6 => {
                self.server.kill();
                self.world.sleep(Duration::from_millis(300)).await;
                self.server.start();
            }
            _ => self.start_collector(),
        }
    }

    /// Somebody asks for its end; the same shutdown as long as that waits.
    async fn shut_down(&mut self) {
        let asked = self.server.ask(|server| async move {
            let id = AgentId::from_u128(ID);
            server.shut_down(id, Actor::Api).await
        });
        if let Some(Ok(inserted)) = asked.await
            && !self.shutdowns.contains(&inserted.task.id)
        {
            self.shutdowns.push(inserted.task.id);
        }
    }

    fn received(&self) -> usize {
        self.log.lock().unwrap().shutdowns.len()
    }

    /// Handed out once, confirmed by nobody: queued, then interrupted, with the reason.
    async fn handed_out_at(&self, id: TaskId) -> Option<Timestamp> {
        let task = self.server.rows().task(id).await.unwrap().unwrap();
        if task.state.name() == StateName::Queued {
            return None;
        }
        assert_eq!(task.state.name(), StateName::Interrupted);
        let steps = task.timeline.iter();
        let steps: Vec<_> = steps
            .map(|entry| (entry.state, entry.cause.as_str()))
            .collect();
        let [(StateName::Queued, _), (StateName::Interrupted, why)] = steps[..] else {
            panic!("handed to a collector more than once: {steps:?}");
        };
        assert!(why.starts_with(Event::HandedToV1.cause()), "{why}");
        Some(task.timeline[1].at)
    }

    /// Every shutdown that came was handed out for the request that it answered, and none twice.
    async fn check_shutdowns(&self) {
        let mut handed = Vec::new();
        for id in &self.shutdowns {
            handed.extend(self.handed_out_at(*id).await);
        }
        for (asked, came) in self.log.lock().unwrap().shutdowns.iter() {
            let fits =
                |at: &Timestamp| (asked.as_millis()..=came.as_millis()).contains(&at.as_millis());
            let which = handed.iter().position(fits);
            let which = which.expect("a shutdown was handed out twice");
            handed.swap_remove(which);
        }
    }

    /// What was acknowledged is there, what was sent is there at most as often as that, in order.
    async fn check_reports(&self) -> u64 {
        let query = ReportQuery {
            agent: Some(AgentId::from_u128(ID)),
            from: Timestamp::from_millis(i64::MIN),
            to: Timestamp::from_millis(i64::MAX),
            before: None,
            limit: usize::MAX,
        };
        let mut rows = self.server.rows().reports(&query).await.unwrap();
        rows.sort_by_key(|row| row.report.seq);
        let log = self.log.lock().unwrap();
        let mut stored: BTreeMap<u64, u64> = BTreeMap::new();
        for (row, seq) in rows.iter().zip(1..) {
            assert_eq!(row.report.seq, seq, "the server numbers them without a gap");
            *stored.entry(row.report.used_memory).or_default() += 1;
        }
        for sample in 1..=log.acked {
            assert!(
                stored.contains_key(&sample),
                "sample {sample} was acknowledged and is not there"
            );
        }
        for (sample, times) in stored {
            assert!(
                times <= log.sent[&sample],
                "sample {sample} is there {times} times"
            );
        }
        log.acked
    }
}

struct Lived {
    counts: BTreeMap<&'static str, u64>,
    hash: u64,
    /// How many shutdowns were handed out, and how many of them came.
    shutdowns: (u64, u64),
    acked: u64,
    resent: u64,
}

fn live(seed: u64) -> Lived {
    let world = World::new(seed);
    let inner = world.clone();
    let (shutdowns, acked, resent) = world.run(async move {
        let mut life = Life::new(&inner);
        inner.sleep(Duration::from_secs(2)).await;
        for _ in 0..15 {
            life.something_happens().await;
            if inner.chance(600) {
                life.shut_down().await;
            }
            let before = life.received();
            inner
                .sleep(inner.between(Duration::from_millis(100), Duration::from_secs(6)))
                .await;
            if life.received() > before {
                life.start_collector();
            }
        }
        life.links(&Link::default());
        inner.sleep(Duration::from_secs(40)).await;
        // Whatever came before: the next one arrives.
        life.start_collector();
        inner.sleep(Duration::from_secs(5)).await;
        life.start_collector();
        life.shut_down().await;
        let before = life.received();
        inner.sleep(Duration::from_secs(5)).await;
        assert_eq!(life.received(), before + 1, "seed {}", inner.seed());
        life.start_collector();
        inner.sleep(Duration::from_secs(20)).await;
        assert_eq!(
            life.received(),
            before + 1,
            "once only, seed {}",
            inner.seed()
        );
        life.check_shutdowns().await;
        let acked = life.check_reports().await;
        let log = life.log.lock().unwrap();
        let sent: u64 = log.sent.values().sum();
        let handed = life.shutdowns.len() as u64;
        (
            (handed, log.shutdowns.len() as u64),
            acked,
            sent - log.sent.len() as u64,
        )
    });
    let (hash, counts) = (world.hash(), world.counts());
    world.end();
    Lived {
        counts,
        hash,
        shutdowns,
        acked,
        resent,
    }
}

#[test]
fn a_version_1_collector_is_shut_down_at_most_once_and_its_reports_are_kept() {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    let (mut handed, mut came, mut resent) = (0, 0, 0);
    for seed in 0..SEEDS {
        let lived = live(seed);
        assert!(lived.acked > 20, "seed {seed}: {} samples", lived.acked);
        (handed, came) = (handed + lived.shutdowns.0, came + lived.shutdowns.1);
        resent += lived.resent;
        lived
            .counts
            .into_iter()
            .for_each(|(what, n)| *counts.entry(what).or_default() += n);
    }
    assert!(
        came < handed,
        "no answer with a shutdown was ever lost: {came} of {handed}"
    );
    assert!(resent > 0, "no sample was ever sent again");
    for fault in [
        "connection reset (bytes)",
        "held by a cut",
        "packet lost",
        "process killed",
    ] {
        assert!(
            counts.contains_key(fault),
            "{fault} never happened: {counts:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_a_version_1_collector_the_same_life() {
    for seed in 0..5 {
        assert_eq!(live(seed).hash, live(seed).hash, "seed {seed}");
    }
}
