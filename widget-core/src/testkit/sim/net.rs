//! The network of a world: who listens where, and what each way does to what goes over it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_channel::{Receiver, Sender};

use super::host::ProcessId;
use super::pipe::{SimStream, pair};
use super::{SimRuntime, World, lock};
use crate::runtime::{Address, Stream};

/// How many connections wait to be accepted at most.
const BACKLOG: usize = 128;

/// One way from a host to another. What goes back has a link of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// How long something is under way, at least and at most. What overtakes within these is
    /// put back into order by connections, and by nothing else.
    pub delay: (Duration, Duration),
    /// Nothing passes: what is said stays under way until something does.
    pub is_cut: bool,
    /// How many of a thousand messages are lost. A connection repeats them, so there it is a delay.
    pub lost: u16,
    /// How many of a thousand messages arrive twice. Connections notice.
    pub repeated: u16,
    /// How many of a thousand messages end their connection, before they arrive or after that.
    pub resets: u16,
}

impl Default for Link {
    /// Up to a millisecond, and nothing goes wrong.
    fn default() -> Self {
        Self {
            delay: (Duration::from_micros(50), Duration::from_millis(1)),
            is_cut: false,
            lost: 0,
            repeated: 0,
            resets: 0,
        }
    }
}

/// The way from one host to another, for whoever goes it often. See [`World::road`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Road(usize, usize);

#[derive(Default)]
pub(super) struct Net {
    listening: BTreeMap<(usize, u16), Listening>,
    links: BTreeMap<(usize, usize), Link>,
    usual: Link,
    /// Who waits for a way to pass again.
    waiting: Vec<Waker>,
    last: u64,
}

struct Listening {
    number: u64,
    arrivals: Sender<Accepted>,
}

/// A connection that has come in.
pub struct Accepted {
    /// Its bytes.
    pub stream: Box<dyn Stream>,
    /// The name of the host it comes from.
    pub from: Arc<str>,
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Where connections come in. Dropping it closes the port.
#[derive(Debug)]
pub struct Incoming {
    world: World,
    at: (usize, u16),
    number: u64,
    arrivals: Receiver<Accepted>,
}

impl Incoming {
    /// The next one.
    pub async fn next(&self) -> Option<Accepted> {
        self.arrivals.recv().await.ok()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut net = lock(&self.world.0.net);
        let is_this = |listening: &Listening| listening.number == self.number;
        if net.listening.get(&self.at).is_some_and(is_this) {
            let gone = net.listening.remove(&self.at);
            drop(net);
            drop(gone);
        }
    }
}

impl World {
    /// What every link is that was not [set](Self::set_link).
    pub fn set_links(&self, usual: Link) {
        self.change_net(|net| net.usual = usual);
    }

    /// Sets the link from one host to another.
    pub fn set_link(&self, from: &str, to: &str, link: Link) {
        let way = self.way(from, to);
        self.change_net(|net| net.links.insert(way, link));
    }

    /// The link from one host to another.
    #[must_use]
    pub fn link(&self, from: &str, to: &str) -> Link {
        self.link_of(self.way(from, to))
    }

    /// The way from one host to another.
    #[must_use]
    pub fn road(&self, from: &str, to: &str) -> Road {
        let (from, to) = self.way(from, to);
        Road(from, to)
    }

    /// The link of a way.
    #[must_use]
    pub fn link_on(&self, road: Road) -> Link {
        self.link_of((road.0, road.1))
    }

    /// Cuts both ways between two hosts, or joins them again.
    pub fn part(&self, one: &str, other: &str, is_cut: bool) {
        for (from, to) in [(one, other), (other, one)] {
            let link = Link {
                is_cut,
                ..self.link(from, to)
            };
            self.set_link(from, to, link);
        }
    }

    /// Ends when something passes from one host to the other.
    pub async fn passes(&self, from: &str, to: &str) {
        let way = self.way(from, to);
        poll_fn(|cx| self.poll_passes(way, cx)).await;
    }

    /// Listens on a port of the process's host.
    ///
    /// # Errors
    /// `AddrInUse` if somebody does already.
    pub fn listen(&self, runtime: &SimRuntime, port: u16) -> io::Result<Incoming> {
        let host = runtime.host();
        let number = lock(&self.0.hosts).number(&host);
        let (sender, arrivals) = async_channel::bounded(BACKLOG);
        let mut net = lock(&self.0.net);
        if net.listening.contains_key(&(number, port)) {
            return Err(ErrorKind::AddrInUse.into());
        }
        net.last += 1;
        let listening = Listening {
            number: net.last,
            arrivals: sender,
        };
        let incoming = Incoming {
            world: self.clone(),
            at: (number, port),
            number: net.last,
            arrivals,
        };
        net.listening.insert((number, port), listening);
        Ok(incoming)
    }

    /// Connects from a process to a port of a host.
    pub(super) async fn connect(
        &self,
        process: ProcessId,
        host: usize,
        to: &Address,
    ) -> io::Result<Box<dyn Stream>> {
        let there = lock(&self.0.hosts).number(&to.host);
        for way in [(host, there), (there, host)] {
            poll_fn(|cx| self.poll_passes(way, cx)).await;
            let (least, most) = self.link_of(way).delay;
            self.sleep(self.between(least, most)).await;
        }
        if !self.is_alive(process) {
            return Err(ErrorKind::ConnectionAborted.into());
        }
        let arrivals = {
            let net = lock(&self.0.net);
            let listening = net.listening.get(&(there, to.port));
            listening.map(|listening| listening.arrivals.clone())
        };
        let refused = || io::Error::from(ErrorKind::ConnectionRefused);
        let arrivals = arrivals.ok_or_else(refused)?;
        let (here, other): (SimStream, SimStream) = pair(self, host, there);
        let accepted = Accepted {
            stream: Box::new(other),
            from: lock(&self.0.hosts).name(host),
        };
        arrivals.try_send(accepted).map_err(|_| refused())?;
        Ok(Box::new(here))
    }

    pub(super) fn poll_passes(&self, way: (usize, usize), cx: &mut Context<'_>) -> Poll<()> {
        let mut net = lock(&self.0.net);
        let link = net.links.get(&way).unwrap_or(&net.usual);
        if link.is_cut {
            net.waiting.push(cx.waker().clone());
            drop(net);
            self.count("held by a cut");
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    pub(super) fn link_of(&self, way: (usize, usize)) -> Link {
        let net = lock(&self.0.net);
        net.links.get(&way).unwrap_or(&net.usual).clone()
    }

    fn way(&self, from: &str, to: &str) -> (usize, usize) {
        let mut hosts = lock(&self.0.hosts);
        (hosts.number(from), hosts.number(to))
    }

    fn change_net<T>(&self, change: impl FnOnce(&mut Net) -> T) {
        let waiting = {
            let mut net = lock(&self.0.net);
            change(&mut net);
            std::mem::take(&mut net.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}
