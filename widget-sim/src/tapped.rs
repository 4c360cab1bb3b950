//! [`Tapped`]: a service that others listen in on, whichever way its callers come.

use std::sync::Arc;

use async_trait::async_trait;
use widget_core::message::{Command, Opening, Response, Welcome};
use widget_core::time::Timestamp;
use widget_core::transport::{Origin, Peer, Rejection, Service};
use widget_core::v1;

use crate::switchboard::Taps;

/// The service of one process, with those who listen in.
#[derive(Debug)]
pub(crate) struct Tapped {
    service: Arc<dyn Service>,
    taps: Taps,
}

impl Tapped {
    /// The same service, if nobody listens in.
    pub(crate) fn around(service: Arc<dyn Service>, taps: Taps) -> Arc<dyn Service> {
        if taps.is_empty() {
            return service;
        }
        Arc::new(Self { service, taps })
    }

    fn heard<T>(&self, answer: Result<T, Rejection>) -> Result<T, Rejection> {
        if let Err(Rejection::Refused(refusal)) = &answer {
            for tap in &self.taps {
                tap.refused(refusal.reason);
            }
        }
        answer
    }
}

#[async_trait]
impl Service for Tapped {
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection> {
        self.heard(self.service.open(from, opening).await)
    }

    async fn session(&self, peer: &Peer) -> Result<String, Rejection> {
        self.heard(self.service.session(peer).await)
    }

    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection> {
        self.heard(self.service.resume(from, session).await)
    }

    async fn call(&self, peer: &Peer, command: Command) -> Response {
        let heard = command.clone();
        let before: Vec<_> = self
            .taps
            .iter()
            .map(|tap| tap.before(peer.agent, &heard))
            .collect();
        let answer = self.service.call(peer, command).await;
        for (tap, before) in self.taps.iter().zip(before) {
            tap.after(peer.agent, &heard, &before, &answer);
        }
        answer
    }

    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: v1::Command,
    ) -> Option<v1::Response> {
        self.service.call_v1(from, at, command).await
    }

    fn refused(&self, from: &Origin, reason: &'static str) {
        self.service.refused(from, reason);
    }
}
