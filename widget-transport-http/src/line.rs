//! [`Line`]: what all parts of one served connection share, among it the [`Phase`] it is in, by
//! which the time is measured.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use widget_core::transport::{Origin, Place, Service};

use crate::limits::Limits;

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing has come yet.
    New,
    /// Between an answer and the next request.
    Idle,
    /// The headers of a request have begun.
    Head,
    /// Its body is being read.
    Body,
    /// The service works on it.
    Call,
    /// The answer is being written.
    Answer,
    /// All is said; what still comes is read away.
    Farewell,
}

/// One connection. All of it is used in one task, which the compiler cannot know: the order of the
/// atomics does not matter.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) origin: Origin,
    pub(crate) limits: Arc<Limits>,
    /// At the listener.
    place: Option<Arc<Place>>,
    /// How many phases there were, and the current one in the lowest three bits.
    stamp: AtomicU64,
    /// How many bytes have come, or were written, in this phase.
    moved: AtomicU64,
    is_late: AtomicBool,
    is_refused: AtomicBool,
    is_proven: AtomicBool,
}

impl Line {
    pub(crate) fn new(
        service: Arc<dyn Service>,
        origin: Origin,
        limits: Arc<Limits>,
        place: Option<Arc<Place>>,
    ) -> Self {
        Self {
            service,
            origin,
            limits,
            place,
            stamp: AtomicU64::new(Phase::New as u64),
            moved: AtomicU64::new(0),
            is_late: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            is_proven: AtomicBool::new(false),
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        let turn = (self.stamp() | 7) + 1;
        self.stamp.store(turn | phase as u64, Ordering::Relaxed);
        self.moved.store(0, Ordering::Relaxed);
    }

    pub(crate) fn phase(&self) -> Phase {
        use Phase::{Answer, Body, Call, Farewell, Head, Idle, New};
        let all = [New, Idle, Head, Body, Call, Answer, Farewell];
        let number = self.stamp() & 7;
        let found = all.into_iter().find(|phase| *phase as u64 == number);
        found.unwrap_or(Idle)
    }

    /// Another one after each [`enter`](Self::enter).
    pub(crate) fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed)
    }

    pub(crate) fn moved(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    pub(crate) fn add_moved(&self, bytes: usize) {
        let moved = self.moved().saturating_add(bytes as u64);
        self.moved.store(moved, Ordering::Relaxed);
    }

    /// Tells whoever reads the body that its time is over. False if that was told already.
    pub(crate) fn tell_late(&self) -> bool {
        !self.is_late.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    /// The connection ends after an answer that may come before all of the request.
    pub(crate) fn refuse_rest(&self) {
        self.is_refused.store(true, Ordering::Relaxed);
    }

    /// Whether the peer may still send what nobody will look at.
    pub(crate) fn is_rest_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// An agent has proven on it who it is.
    pub(crate) fn prove(&self) {
        self.is_proven.store(true, Ordering::Relaxed);
        if let Some(place) = &self.place {
            place.prove();
        }
    }

    /// Whether one has: from then on there is more time.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// Whether the peer is a proxy, which asks for many.
    pub(crate) fn is_of_proxy(&self) -> bool {
        self.limits.proxies.is_some()
    }

    /// Where a request comes from: this line, or the client for which a proxy asks on it.
    pub(crate) fn origin_of(&self, client: Option<IpAddr>) -> Cow<'_, Origin> {
        match client {
            None => Cow::Borrowed(&self.origin),
            Some(client) => Cow::Owned(Origin {
                transport: self.origin.transport,
                address: client.to_string().into(),
                ip: Some(client),
            }),
        }
    }

    /// Counts what was refused here.
    pub(crate) fn count(&self, word: &'static str, detail: &str) {
        let peer = &*self.origin.address;
        tracing::debug!(peer, reason = word, detail, "a request was refused");
        self.service.refused(&self.origin, word);
    }
}
