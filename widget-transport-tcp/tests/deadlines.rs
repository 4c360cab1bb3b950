//! How long a connection may take over what, by a clock that stands still while anything happens:
//! what a listener does with one connection, without a listener and without a socket.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{command, frame, opening, submit};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep};
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::frame::{FrameBuffer, GoAway, GoAwayReason, MAX_TO_AGENT, v1, v2};
use widget_core::message::{Command, RequestWork};
use widget_core::runtime::TokioRuntime;
use widget_core::stop::Stop;
use widget_core::testkit::transport::ScriptedService;
use widget_core::transport::Origin;
use widget_transport_tcp::{Limits, serve};

#[tokio::test(start_paused = true)]
async fn the_opening_must_be_there_within_two_seconds() {
    let mut peer = Peer::connect();
    assert_eq!(peer.closed_after().await, ms(1_800));
    assert_eq!(peer.service.refused(), ["opening"]);
    // Nor does a byte now and then buy more.
    let mut peer = Peer::connect();
    for byte in &opening(1)[..20] {
        if peer.try_send(&[*byte]).await {
            sleep(ms(500)).await;
        }
    }
    assert!(peer.closed_after().await <= ms(2_500));
    assert_eq!(peer.service.refused(), ["opening"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_must_be_whole_one_and_a_half_seconds_after_its_first_byte() {
    let mut peer = Peer::welcomed().await;
    sleep(ms(20_000)).await;
    peer.send(&submit(1, 1)[..10]).await;
    assert_eq!(peer.closed_after().await, ms(1_500));
    assert_eq!(peer.bye().unwrap().reason, GoAwayReason::Slow);
    assert_eq!(peer.service.refused(), ["slow"]);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_drips_has_no_more_time_than_one_that_stops() {
    let mut peer = Peer::welcomed().await;
    let begun = Instant::now();
    for byte in &submit(1, 1)[..20] {
        if peer.try_send(&[*byte]).await {
            sleep(ms(100)).await;
        }
    }
    peer.closed_after().await;
    assert!(begun.elapsed() <= ms(2_000), "{:?}", begun.elapsed());
    assert_eq!(peer.service.refused(), ["slow"]);
}

#[tokio::test(start_paused = true)]
async fn a_long_frame_has_a_second_more_for_each_128_kib() {
    // Once it is whole, it turns out to be a command that nobody knows.
    let bytes = frame(1, |out| out.extend_from_slice(&[99; 512 * 1024]));
    for (pause, refused) in [(1_350, ["unsupported"]), (1_400, ["slow"])] {
        let mut peer = Peer::welcomed().await;
        let mut parts = bytes.chunks(bytes.len().div_ceil(5));
        peer.try_send(parts.next().unwrap()).await;
        for part in parts {
            sleep(ms(pause)).await;
            peer.try_send(part).await;
        }
        sleep(ms(10)).await;
        assert_eq!(peer.service.refused(), refused, "a part each {pause} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_frame_that_stops_has_no_more_time_than_a_short_one() {
    let bytes = frame(1, |out| out.extend_from_slice(&[99; 512 * 1024]));
    let mut peer = Peer::welcomed().await;
    peer.send(&bytes[..1_000]).await;
    assert_eq!(peer.closed_after().await, ms(1_500));
    assert_eq!(peer.service.refused(), ["slow"]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_may_be_silent_for_ninety_seconds() {
    let mut peer = Peer::welcomed().await;
    sleep(ms(80_000)).await;
    peer.send(&submit(1, 1)).await;
    assert_eq!(peer.closed_after().await, ms(90_000));
    assert_eq!(peer.bye().unwrap().reason, GoAwayReason::Slow);
    assert_eq!(peer.service.refused(), ["idle"]);
}

#[tokio::test(start_paused = true)]
async fn who_was_replaced_has_ninety_seconds_to_leave_whatever_it_says() {
    let mut peer = Peer::welcomed().await;
    peer.service.refuse_calls();
    for number in 1..=8 {
        peer.send(&submit(number, 1)).await;
        sleep(ms(10_000)).await;
    }
    let closed = peer.closed_after().await;
    assert!(closed <= ms(10_010), "{closed:?}");
    assert_eq!(peer.service.refused(), ["idle"]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_reads_nothing_is_dropped_after_five_seconds() {
    let mut peer = Peer::welcomed().await;
    let asks = RequestWork {
        room: 12,
        ..RequestWork::default()
    };
    peer.send(&command(1, &Command::RequestWork(asks))).await;
    sleep(ms(4_900)).await;
    assert_eq!(peer.service.refused(), [""; 0]);
    sleep(ms(700)).await;
    assert_eq!(peer.service.refused(), ["unread"]);
}

#[tokio::test(start_paused = true)]
async fn a_collector_may_be_silent_for_sixty_seconds() {
    let mut peer = Peer::connect();
    peer.send(&submit_v1()).await;
    assert_eq!(peer.closed_after().await, ms(60_000));
    assert_eq!(peer.came, [0; 4]);
    assert_eq!(peer.service.refused(), ["idle"]);
}

#[tokio::test(start_paused = true)]
async fn a_collector_from_elsewhere_is_closed_at_once() {
    let mut peer = Peer::with(Limits::default());
    peer.send(&submit_v1()).await;
    assert_eq!(peer.closed_after().await, ms(0));
    assert!(peer.came.is_empty());
    assert_eq!(peer.service.commands_v1(), []);
    assert_eq!(peer.service.refused(), ["v1"]);
}

#[tokio::test(start_paused = true)]
async fn stop_closes_within_a_second_also_when_nobody_reads() {
    let mut peer = Peer::welcomed().await;
    let asks = RequestWork {
        room: 12,
        ..RequestWork::default()
    };
    peer.send(&command(1, &Command::RequestWork(asks))).await;
    sleep(ms(100)).await;
    peer.stop.ask();
    let begun = Instant::now();
    peer.served.take().unwrap().await.unwrap();
    assert!(begun.elapsed() < ms(1_000), "{:?}", begun.elapsed());
}

/// The other side of a connection that is being served.
struct Peer {
    stream: DuplexStream,
    came: Vec<u8>,
    service: Arc<ScriptedService>,
    stop: Stop,
    served: Option<tokio::task::JoinHandle<()>>,
}

impl Peer {
    /// From the same host.
    fn connect() -> Self {
        let mut limits = Limits::default();
        limits.allow_v1 = true;
        Self::with(limits)
    }

    async fn welcomed() -> Self {
        let mut peer = Self::connect();
        peer.send(&opening(1)).await;
        let mut chunk = [0; 1024];
        assert!(peer.stream.read(&mut chunk).await.unwrap() > v2::HEAD);
        peer
    }

    fn with(limits: Limits) -> Self {
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        let (service, stop) = (Arc::new(ScriptedService::default()), Stop::new());
        let origin = Origin {
            transport: "tcp",
            address: "here".into(),
            ip: None,
        };
        let served = tokio::spawn(serve(
            theirs.compat(),
            Arc::new(TokioRuntime::current().unwrap()),
            Arc::clone(&service) as _,
            origin,
            stop.signal(),
            Arc::new(limits),
        ));
        Self {
            stream: ours,
            came: Vec::new(),
            service,
            stop,
            served: Some(served),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Whether there was somebody to send it to.
    async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads until the connection is closed, and says how long that took.
    async fn closed_after(&mut self) -> Duration {
        let begun = Instant::now();
        self.stream.read_to_end(&mut self.came).await.unwrap();
        // Timers of tokio have a grain of a millisecond.
        ms(begun.elapsed().as_millis() as u64 / 10 * 10)
    }

    fn bye(&self) -> Option<GoAway> {
        let mut came = FrameBuffer::new();
        came.push(&self.came);
        while let Some(frame) = came.next_v2(MAX_TO_AGENT).unwrap() {
            if frame.head.kind == v2::Kind::GoAway {
                return Some(GoAway::decode(frame.payload).unwrap());
            }
        }
        None
    }
}

fn submit_v1() -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    v1::encode(&mut out, 1, &[0; 40]).unwrap();
    out.to_vec()
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
