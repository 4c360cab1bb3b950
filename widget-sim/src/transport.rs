//! [`SimTransport`]: calls over the simulated network as whole messages, without bytes. A message can be
//! late, lost, repeated, overtaken, and its connection can end before it arrives or after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_trait::async_trait;
use futures_lite::future::{or, pending};
use widget_core::message::{Command, Opening, Response, Welcome};
use widget_core::runtime::{Runtime, RuntimeExt};
use widget_core::stop::{Stop, StopSignal};
use widget_core::transport::{
    Connection, MAX_CALLS, Origin, Peer, Rejection, Transport, TransportError, TransportErrorKind,
};

use crate::switchboard::Served;
use crate::{Road, SimRuntime, Switchboard, World};

/// How long a connect and a call may take, as over TCP.
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);
/// When a second copy of a message comes at the latest.
const ECHO: Duration = Duration::from_secs(5);

/// The way of one process to a host, by whole messages.
#[derive(Debug, Clone)]
pub struct SimTransport {
    runtime: SimRuntime,
    board: Switchboard,
    to: Arc<str>,
}

impl SimTransport {
    /// From this process to whoever answers at that host.
    #[must_use]
    pub fn new(runtime: SimRuntime, board: Switchboard, to: &str) -> Self {
        Self {
            runtime,
            board,
            to: to.into(),
        }
    }

    fn served(&self) -> Result<Served, TransportError> {
        let served = self.board.at(&self.to);
        served.ok_or_else(|| TransportError::new(TransportErrorKind::Unreachable))
    }

    fn line(&self) -> Line {
        let (world, here) = (self.runtime.world(), self.runtime.host());
        Line {
            there: world.road(&here, &self.to),
            back: world.road(&self.to, &here),
            runtime: self.runtime.clone(),
            // A proxy in between does not tell the server that somebody hung up.
            tells: self.runtime.world().chance(700),
            broken: Stop::new(),
            was_broken: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Transport for SimTransport {
    fn name(&self) -> &'static str {
        "sim"
    }

    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError> {
        let line = Arc::new(self.line());
        let origin = Origin {
            transport: self.name(),
            address: self.runtime.host(),
            ip: None,
        };
        let board = self.clone();
        let open = async {
            line.reach().await;
            let served = board.served()?;
            let service = Arc::clone(&served.service);
            let said = move || async move { service.open(&origin, opening).await };
            let answer: Result<(Peer, Welcome), Rejection> = line.exchange(&served, said).await?;
            let (peer, welcome) = answer?;
            Ok::<_, TransportError>((peer, served, welcome))
        };
        let open = self.runtime.timeout(CONNECT, open).await;
        let (peer, served, welcome) =
            open.ok_or_else(|| TransportError::new(TransportErrorKind::Timeout))??;
        let (enter, leave) = async_channel::bounded(MAX_CALLS);
        let connection = SimConnection {
            board: self.board.clone(),
            line,
            served,
            peer,
            enter,
            leave,
        };
        Ok((Arc::new(connection), welcome))
    }
}

#[derive(Debug)]
struct SimConnection {
    board: Switchboard,
    line: Arc<Line>,
    served: Served,
    peer: Peer,
    /// Holds one item for each call in flight: when it is full, the next one waits.
    enter: Sender<()>,
    leave: Receiver<()>,
}

#[async_trait]
impl Connection for SimConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let closed = || TransportError::new(TransportErrorKind::Closed);
        self.enter.send(()).await.map_err(|_| closed())?;
        let _turn = Turn(&self.leave);
        self.board.count_call();
        let wait = match &command {
            Command::RequestWork(request) => Duration::from_millis(request.wait_ms.into()),
            _ => Duration::ZERO,
        };
        let (service, peer) = (Arc::clone(&self.served.service), self.peer.clone());
        let said = move || async move { service.call(&peer, command).await };
        let exchange = self.line.exchange(&self.served, said);
        let answer = self.line.runtime.timeout(CALL + wait, exchange).await;
        answer.unwrap_or_else(|| {
            self.line.end();
            Err(TransportError::new(TransportErrorKind::Timeout))
        })
    }
}

impl Drop for SimConnection {
    fn drop(&mut self) {
        self.line.end();
    }
}

/// A call's place among those in flight.
struct Turn<'a>(&'a Receiver<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

/// What one connection is to the network.
#[derive(Debug)]
struct Line {
    runtime: SimRuntime,
    there: Road,
    back: Road,
    tells: bool,
    broken: Stop,
    was_broken: AtomicBool,
}

impl Line {
    fn end(&self) {
        self.was_broken.store(true, Ordering::Relaxed);
        self.broken.ask();
    }

    /// Something goes the whole way once; never, if it is lost.
    async fn travel(world: &World, road: Road) {
        let link = world.link_on(road);
        if world.chance(link.lost.into()) {
            world.count("message lost");
            pending::<()>().await;
        }
        world.sleep(world.between(link.delay.0, link.delay.1)).await;
        // What is under way when a link is cut is lost with it.
        if world.link_on(road).is_cut {
            pending::<()>().await;
        }
    }

    /// There and back, before there is a connection.
    async fn reach(&self) {
        let world = self.runtime.world();
        Self::travel(world, self.there).await;
        Self::travel(world, self.back).await;
    }

    /// Has the other side do something, and brings the answer.
    async fn exchange<T, F, Fut>(&self, served: &Served, said: F) -> Result<T, TransportError>
    where
        T: Send + 'static,
        F: FnOnce() -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let closed = || TransportError::new(TransportErrorKind::Closed);
        if self.was_broken.load(Ordering::Relaxed) {
            return Err(closed());
        }
        let world = self.runtime.world();
        let link = world.link_on(self.there);
        let resets = world.chance(link.resets.into());
        // Before the effect, or after it.
        let (before, after) = (resets && world.chance(500), resets);
        let broken = self.broken.signal();
        let exchange = async {
            Self::travel(world, self.there).await;
            if before {
                world.count("connection reset before the effect");
                self.end();
                return Err(closed());
            }
            if !world.is_alive(served.runtime.process()) {
                return Err(closed());
            }
            let hung_up = if self.tells {
                broken.clone()
            } else {
                StopSignal::default()
            };
            if world.chance(link.repeated.into()) {
                world.count("message repeated");
                let (echo, late) = (said.clone()(), world.between(Duration::ZERO, ECHO));
                let wait = served.runtime.sleep(late);
                served.runtime.spawn(Box::pin(async move {
                    wait.await;
                    echo.await;
                }));
            }
            let (answer, answered) = async_channel::bounded(1);
            let work = said();
            served.runtime.spawn(Box::pin(async move {
                let work = async {
                    let result = work.await;
                    // Nobody may wait for it any more.
                    let _ = answer.try_send(result);
                };
                or(work, hung_up.asked()).await;
            }));
            // Ends without an answer when the other process does.
            let answer = answered.recv().await.map_err(|_| closed())?;
            if after {
                world.count("connection reset after the effect");
                self.end();
                return Err(closed());
            }
            Self::travel(world, self.back).await;
            Ok(answer)
        };
        let cut = async {
            broken.asked().await;
            Err(closed())
        };
        let result = or(exchange, cut).await;
        if result.is_err() {
            self.end();
        }
        result
    }
}
