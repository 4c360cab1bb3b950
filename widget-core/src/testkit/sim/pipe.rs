//! Two streams that are each other's other end: bytes in order, late, in pieces, until somebody ends
//! them.

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_lite::io::{AsyncRead, AsyncWrite};

use super::timers::Sleep;
use super::{World, lock};
use crate::time::Mono;

/// How many bytes are under way at most, in each direction.
const WINDOW: usize = 64 * 1024;
/// How long a lost packet makes the next ones wait.
const REPEAT: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// One end of a connection.
pub(super) struct SimStream {
    world: World,
    /// What this end reads, and what it writes.
    from: Arc<Mutex<Direction>>,
    to: Arc<Mutex<Direction>>,
    /// Wakes the reader when the next bytes are due.
    due: Option<Sleep>,
}

struct Direction {
    way: (usize, usize),
    segments: VecDeque<Segment>,
    bytes: usize,
    /// When the last of it arrives.
    last: Mono,
    end: Option<End>,
    /// Nobody will read any more.
    unread: bool,
    /// Who was to read it lost its power: nobody was told, and what is sent to it is answered with a
    /// reset.
    dark: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

struct Segment {
    due: Mono,
    bytes: Vec<u8>,
    /// How many of them were read.
    read: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// After what is under way.
    Closed,
    /// After what is under way, with an error.
    Reset,
}

/// A connection between two hosts.
pub(super) fn pair(world: &World, one: usize, other: usize) -> (SimStream, SimStream) {
    let direction = |way| {
        Arc::new(Mutex::new(Direction {
            way,
            segments: VecDeque::new(),
            bytes: 0,
            last: Mono::default(),
            end: None,
            unread: false,
            dark: false,
            reader: None,
            writer: None,
        }))
    };
    let (there, back) = (direction((one, other)), direction((other, one)));
    let end = |from: &Arc<Mutex<Direction>>, to: &Arc<Mutex<Direction>>| SimStream {
        world: world.clone(),
        from: Arc::clone(from),
        to: Arc::clone(to),
        due: None,
    };
    (end(&back, &there), end(&there, &back))
}

impl Direction {
    fn wake(&mut self) -> [Option<Waker>; 2] {
        [self.reader.take(), self.writer.take()]
    }
}

fn wake(wakers: [Option<Waker>; 2]) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}

impl SimStream {
    /// Both directions end, this one after what is under way.
    fn reset(&self, keep: bool) {
        let mut to = lock(&self.to);
        if !keep {
            to.segments.clear();
            to.bytes = 0;
        }
        to.end = Some(End::Reset);
        let wakers = to.wake();
        drop(to);
        wake(wakers);
        let mut from = lock(&self.from);
        from.segments.clear();
        from.end = Some(End::Reset);
        from.unread = true;
        let wakers = from.wake();
        drop(from);
        wake(wakers);
    }
}

impl AsyncRead for SimStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let mut from = lock(&this.from);
        let next = from.segments.front().map(|segment| segment.due);
        let Some(due) = next.or_else(|| from.end.map(|_| from.last)) else {
            from.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let way = from.way;
        if next.is_none() && from.end == Some(End::Reset) && from.unread {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        if this.world.poll_passes(way, cx).is_pending() {
            return Poll::Pending;
        }
        if due > this.world.now() {
            from.reader = Some(cx.waker().clone());
            drop(from);
            let sleep = this.due.insert(Sleep::in_world(this.world.clone(), due));
            if Pin::new(sleep).poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        }
        let Some(segment) = from.segments.front_mut() else {
            return Poll::Ready(match from.end {
                Some(End::Reset) => Err(ErrorKind::ConnectionReset.into()),
                _ => Ok(0),
            });
        };
        let rest = &segment.bytes[segment.read..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        segment.read += count;
        if segment.read == segment.bytes.len() {
            from.segments.pop_front();
        }
        from.bytes -= count;
        let writer = from.writer.take();
        drop(from);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for SimStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let world = &self.world;
        let mut to = lock(&self.to);
        // That nobody reads is told by the other side, and does not pass a cut either.
        let (here, there) = to.way;
        let told = to.unread && !world.link_of((there, here)).is_cut;
        if to.end.is_some() || told {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if to.dark && !world.link_of((here, there)).is_cut {
            drop(to);
            world.count("sent to a host that had lost its power");
            self.reset(false);
            return Poll::Ready(Ok(bytes.len()));
        }
        let room = WINDOW - to.bytes;
        if room == 0 {
            to.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let link = world.link_of(to.way);
        let mut count = bytes.len().min(room);
        if world.chance(100) {
            // A part only, as a full buffer of the system would take.
            count = world.below(count as u64) as usize + 1;
            if count < bytes.len() {
                world.count("partial write");
            }
        }
        let mut delay = world.between(link.delay.0, link.delay.1);
        if world.chance(link.lost.into()) {
            world.count("packet lost");
            delay += world.between(REPEAT.0, REPEAT.1);
        }
        to.last = to.last.max(world.now().after(delay));
        let segment = Segment {
            due: to.last,
            bytes: bytes[..count].to_vec(),
            read: 0,
        };
        to.bytes += count;
        to.segments.push_back(segment);
        let reader = to.reader.take();
        drop(to);
        reader.into_iter().for_each(Waker::wake);
        if world.chance(link.resets.into()) {
            world.count("connection reset (bytes)");
            self.reset(world.chance(500));
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut to = lock(&self.to);
        if to.end.is_none() {
            to.last = to.last.max(self.world.now());
            to.end = Some(End::Closed);
        }
        let wakers = to.wake();
        drop(to);
        wake(wakers);
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimStream {
    fn drop(&mut self) {
        let mut to = lock(&self.to);
        if self.world.is_dark(to.way.0) {
            drop(to);
            let mut from = lock(&self.from);
            from.dark = true;
            let writer = from.writer.take();
            drop(from);
            writer.into_iter().for_each(Waker::wake);
            return;
        }
        if to.end.is_none() {
            to.last = to.last.max(self.world.now());
            to.end = Some(End::Closed);
        }
        let wakers = to.wake();
        drop(to);
        wake(wakers);
        // Whoever writes to it from here on is told.
        let mut from = lock(&self.from);
        from.unread = true;
        let wakers = from.wake();
        drop(from);
        wake(wakers);
    }
}
