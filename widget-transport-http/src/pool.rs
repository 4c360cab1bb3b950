//! [`Pool`]: the sockets of a connection that nobody uses at the moment, and how the connection
//! ended.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use event_listener::Event;
use widget_core::time::Mono;
use widget_core::transport::{TransportError, TransportErrorKind};

use crate::socket::Socket;

/// The most sockets that are kept: one that waits for work and one for the rest.
const KEPT: usize = 2;
/// How long one is kept. Servers, proxies and routers forget idle connections after a minute and
/// more, some without a word.
const KEPT_FOR: Duration = Duration::from_secs(55);

#[derive(Debug, Default)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Rung at the end.
    over: Event,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<(Mono, Socket)>,
    /// Why no more calls are possible.
    end: Option<String>,
}

impl Pool {
    /// A socket that was used before and is still good, the latest first.
    pub(crate) fn take(&self, now: Mono) -> Result<Option<Socket>, TransportError> {
        let mut state = self.lock();
        if let Some(why) = &state.end {
            return Err(closed(why));
        }
        let good = |since: Mono, socket: &Socket| now.since(since) < KEPT_FOR && socket.is_ready();
        state.idle.retain(|(since, socket)| good(*since, socket));
        Ok(state.idle.pop().map(|(_, socket)| socket))
    }

    /// Keeps a socket for the next call, if there is room.
    pub(crate) fn put(&self, now: Mono, socket: Socket) {
        let mut state = self.lock();
        if state.end.is_none() && state.idle.len() < KEPT {
            state.idle.push((now, socket));
        }
    }

    /// Ends the connection: every call that is under way, and every later one, fails with this. The
    /// first reason stays.
    pub(crate) fn close(&self, why: impl Into<String>) {
        let mut state = self.lock();
        state.end.get_or_insert_with(|| why.into());
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        drop(idle);
        self.over.notify(usize::MAX);
    }

    /// Waits for the end and says it.
    pub(crate) async fn ended(&self) -> TransportError {
        loop {
            let over = self.over.listen();
            if let Some(why) = &self.lock().end {
                return closed(why);
            }
            over.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed(why: &str) -> TransportError {
    TransportError::with(TransportErrorKind::Closed, why)
}

#[cfg(test)]
mod tests {
    use tokio::io::DuplexStream;
    use tokio_util::compat::TokioAsyncReadCompatExt;
    use widget_core::runtime::TokioRuntime;

    use super::*;

    async fn socket() -> (Socket, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64);
        let runtime = TokioRuntime::current().unwrap();
        let socket = Socket::over(&runtime, ours.compat()).await;
        let mut socket = socket.unwrap();
        assert!(socket.is_reusable().await);
        (socket, theirs)
    }

    fn at(secs: u64) -> Mono {
        Mono::from_start(Duration::from_secs(secs))
    }

    #[tokio::test]
    async fn a_socket_that_nobody_used_for_long_is_not_used_again() {
        let pool = Pool::default();
        let (socket, _theirs) = socket().await;
        pool.put(at(0), socket);
        let socket = pool.take(at(54)).unwrap().unwrap();
        pool.put(at(54), socket);
        assert!(pool.take(at(110)).unwrap().is_none());
    }

    #[tokio::test]
    async fn a_socket_that_the_server_closed_is_not_used_again() {
        let pool = Pool::default();
        let (socket, theirs) = socket().await;
        pool.put(at(0), socket);
        drop(theirs);
        // hyper's task is woken.
        tokio::task::yield_now().await;
        assert!(pool.take(at(0)).unwrap().is_none());
    }

    #[tokio::test]
    async fn no_more_than_two_are_kept() {
        let pool = Pool::default();
        let ((one, _a), (two, _b), (three, _c)) = (socket().await, socket().await, socket().await);
        for socket in [one, two, three] {
            pool.put(at(0), socket);
        }
        assert!(pool.take(at(0)).unwrap().is_some());
        assert!(pool.take(at(0)).unwrap().is_some());
        assert!(pool.take(at(0)).unwrap().is_none());
    }

    #[tokio::test]
    async fn after_the_end_there_are_none() {
        let pool = Pool::default();
        let ((one, _a), (two, _b)) = (socket().await, socket().await);
        pool.put(at(0), one);
        pool.close("first");
        pool.close("second");
        pool.put(at(0), two);
        let error = pool.take(at(0)).unwrap_err();
        assert_eq!(error.kind(), &TransportErrorKind::Closed);
        assert!(format!("{error:?}").contains("first"));
        assert_eq!(pool.lock().idle.len(), 0);
    }
}
