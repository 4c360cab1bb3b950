//! Stands in for async-channel, as far as it is used. It promises less: whoever waits at one of its
//! ends may be the next, whoever came first.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use shuttle::future::block_on;

use super::step;

/// Both ends of a channel for that many items.
#[must_use]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Mutex::new(Queue {
        items: VecDeque::new(),
        capacity,
        closed: false,
        senders: Vec::new(),
        receivers: Vec::new(),
    }));
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

/// The channel is closed, or full for who does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// Puts in. The only one: it cannot be cloned. Dropping it closes the channel.
pub struct Sender<T>(Arc<Mutex<Queue<T>>>);

/// Takes out. The only one. Dropping it closes the channel, which keeps what is in it.
pub struct Receiver<T>(Arc<Mutex<Queue<T>>>);

struct Queue<T> {
    items: VecDeque<T>,
    capacity: usize,
    closed: bool,
    /// Those who wait for a place.
    senders: Vec<Waker>,
    /// Those who wait for an item.
    receivers: Vec<Waker>,
}

impl<T> Sender<T> {
    /// Puts it in as soon as there is a place.
    ///
    /// # Errors
    /// If the channel is closed.
    pub async fn send(&self, item: T) -> Result<(), Closed> {
        let mut item = Some(item);
        poll_fn(|cx| self.poll_send(&mut item, cx)).await
    }

    fn poll_send(&self, item: &mut Option<T>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        step();
        let mut queue = lock(&self.0);
        if queue.closed {
            return Poll::Ready(Err(Closed));
        }
        if queue.items.len() == queue.capacity {
            queue.senders.push(cx.waker().clone());
            return Poll::Pending;
        }
        queue.items.extend(item.take());
        let receivers = std::mem::take(&mut queue.receivers);
        drop(queue);
        receivers.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    /// Puts it in if there is a place.
    ///
    /// # Errors
    /// If there is none, or if the channel is closed.
    pub fn try_send(&self, item: T) -> Result<(), Closed> {
        let mut item = Some(item);
        let mut nobody = Context::from_waker(Waker::noop());
        match self.poll_send(&mut item, &mut nobody) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Err(Closed),
        }
    }

    /// Takes no more. What is in it can still be received.
    pub fn close(&self) {
        close(&self.0);
    }
}

impl<T> Receiver<T> {
    /// Takes the oldest item as soon as there is one.
    ///
    /// # Errors
    /// If there is none and the channel is closed.
    pub async fn recv(&self) -> Result<T, Closed> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<T, Closed>> {
        step();
        let mut queue = lock(&self.0);
        let Some(item) = queue.items.pop_front() else {
            if queue.closed {
                return Poll::Ready(Err(Closed));
            }
            queue.receivers.push(cx.waker().clone());
            return Poll::Pending;
        };
        let senders = std::mem::take(&mut queue.senders);
        drop(queue);
        senders.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(item))
    }

    /// The same, for a thread that may block.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_blocking(&self) -> Result<T, Closed> {
        block_on(self.recv())
    }

    /// Takes the oldest item if there is one.
    ///
    /// # Errors
    /// If there is none.
    pub fn try_recv(&self) -> Result<T, Closed> {
        match self.poll_recv(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(received) => received,
            Poll::Pending => Err(Closed),
        }
    }

    /// Takes no more. What is in it can still be received.
    pub fn close(&self) {
        close(&self.0);
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        close(&self.0);
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        close(&self.0);
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

fn close<T>(queue: &Mutex<Queue<T>>) {
    step();
    let mut queue = lock(queue);
    queue.closed = true;
    let senders = std::mem::take(&mut queue.senders);
    let receivers = std::mem::take(&mut queue.receivers);
    drop(queue);
    senders.into_iter().chain(receivers).for_each(Waker::wake);
}

fn lock<T>(queue: &Mutex<Queue<T>>) -> MutexGuard<'_, Queue<T>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
