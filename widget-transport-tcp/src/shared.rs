//! [`Shared`]: what the calls of a connection and its driver have in common: frames to send, calls
//! that wait, and how it ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use event_listener::{Event, EventListener};
use widget_core::message::Response;
use widget_core::transport::{MAX_CALLS, TransportError, TransportErrorKind};

/// With more than this waiting to be sent, a call waits before it adds its frame.
const UNSENT: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Shared {
    next_request: AtomicU32,
    state: Mutex<State>,
    /// Rung when a call may find room that had none.
    room: Event,
}

#[derive(Debug, Default)]
struct State {
    /// Whole frames that the driver has not taken yet.
    out: BytesMut,
    /// Calls that wait for their answer.
    slots: Vec<Slot>,
    driver: Option<Waker>,
    /// Why no more calls are possible: for programs and for people.
    end: Option<(TransportErrorKind, String)>,
}

#[derive(Debug)]
struct Slot {
    request: u32,
    answer: Option<Response>,
    caller: Option<Waker>,
}

impl Shared {
    /// Requests get numbers from `first` on.
    pub(crate) fn new(first: u32) -> Self {
        Self {
            next_request: AtomicU32::new(first),
            state: Mutex::default(),
            room: Event::new(),
        }
    }

    pub(crate) fn next_request(&self) -> u32 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    /// Adds a whole frame to what is sent, and waits for its answer. May be dropped at any time:
    /// the answer is then thrown away when it comes.
    pub(crate) async fn exchange(
        &self,
        request: u32,
        frame: BytesMut,
    ) -> Result<Response, TransportError> {
        self.enter(request, frame).await?;
        let _slot = SlotGuard {
            shared: self,
            request,
        };
        std::future::poll_fn(|cx| self.poll_answer(request, cx)).await
    }

    async fn enter(&self, request: u32, frame: BytesMut) -> Result<(), TransportError> {
        let mut frame = Some(frame);
        while let Some(room) = self.try_enter(request, &mut frame)? {
            room.await;
        }
        Ok(())
    }

    /// Takes the frame, or says what to wait for.
    fn try_enter(
        &self,
        request: u32,
        frame: &mut Option<BytesMut>,
    ) -> Result<Option<EventListener>, TransportError> {
        let mut state = self.lock();
        state.check()?;
        if state.slots.len() >= MAX_CALLS || state.out.len() > UNSENT {
            return Ok(Some(self.room.listen()));
        }
        state.slots.push(Slot {
            request,
            answer: None,
            caller: None,
        });
        if let Some(frame) = frame.take() {
            state.out.unsplit(frame);
        }
        let driver = state.driver.take();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        Ok(None)
    }

    fn poll_answer(
        &self,
        request: u32,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Response, TransportError>> {
        let mut state = self.lock();
        if let Some(slot) = state.slot(request) {
            if let Some(answer) = slot.answer.take() {
                return Poll::Ready(Ok(answer));
            }
            slot.caller = Some(cx.waker().clone());
        }
        state.check()?;
        Poll::Pending
    }

    /// Everything that is to be sent, for the driver, who is woken when there is more; `None` at
    /// the end.
    pub(crate) fn take_outgoing(&self, cx: &mut Context<'_>) -> Option<BytesMut> {
        let mut state = self.lock();
        if state.end.is_some() {
            return None;
        }
        state.driver = Some(cx.waker().clone());
        let out = std::mem::take(&mut state.out);
        drop(state);
        if !out.is_empty() {
            self.room.notify(usize::MAX);
        }
        Some(out)
    }

    /// Whether somebody still waits for this answer.
    pub(crate) fn is_awaited(&self, request: u32) -> bool {
        self.lock().slot(request).is_some()
    }

    /// Hands an answer to its call, if that still waits.
    pub(crate) fn answer(&self, request: u32, response: Response) {
        let mut state = self.lock();
        let Some(slot) = state.slot(request) else {
            return;
        };
        slot.answer = Some(response);
        let caller = slot.caller.take();
        drop(state);
        if let Some(caller) = caller {
            caller.wake();
        }
    }

    /// Ends the connection: every call that waits, and every later one, fails with this. The first
    /// reason stays.
    pub(crate) fn close(&self, kind: TransportErrorKind, why: String) {
        let mut state = self.lock();
        state.end.get_or_insert((kind, why));
        state.out = BytesMut::new();
        let mut wakers: Vec<Waker> = state.driver.take().into_iter().collect();
        wakers.extend(state.slots.iter_mut().filter_map(|slot| slot.caller.take()));
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        self.room.notify(usize::MAX);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn slot(&mut self, request: u32) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.request == request)
    }

    fn check(&self) -> Result<(), TransportError> {
        match &self.end {
            None => Ok(()),
            Some((kind, why)) if why.is_empty() => Err(TransportError::new(kind.clone())),
            Some((kind, why)) => Err(TransportError::with(kind.clone(), why.clone())),
        }
    }
}

/// Frees the slot of a call that ends, in whatever way.
struct SlotGuard<'a> {
    shared: &'a Shared,
    request: u32,
}

impl Drop for SlotGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.slots.retain(|slot| slot.request != self.request);
        drop(state);
        self.shared.room.notify(1);
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn no_more_than_64_calls_are_sent_before_one_is_answered() {
        block_on(async {
            let shared = Shared::new(0);
            let call = || {
                let request = shared.next_request();
                Box::pin(shared.exchange(request, BytesMut::from(&b"x"[..])))
            };
            let mut calls: Vec<_> = (0..=MAX_CALLS).map(|_| call()).collect();
            for call in &mut calls {
                assert!(poll_once(call).await.is_none());
            }
            assert_eq!(sent(&shared), MAX_CALLS);
            shared.answer(7, Response::ACK);
            assert_eq!(calls.swap_remove(7).await.unwrap(), Response::ACK);
            assert!(poll_once(&mut calls[7]).await.is_none());
            assert_eq!(sent(&shared), 1);
        });
    }

    #[test]
    fn with_much_to_send_calls_wait_until_the_driver_takes_it() {
        block_on(async {
            let shared = Shared::new(0);
            let large = BytesMut::zeroed(UNSENT + 1);
            let mut first = Box::pin(shared.exchange(1, large.clone()));
            let mut second = Box::pin(shared.exchange(2, large));
            assert!(poll_once(&mut first).await.is_none());
            // A call that is dropped takes back nothing that may be on its way.
            drop(first);
            assert!(poll_once(&mut second).await.is_none());
            assert_eq!(sent(&shared), UNSENT + 1);
            assert!(poll_once(&mut second).await.is_none());
            assert_eq!(sent(&shared), UNSENT + 1);
        });
    }

    fn sent(shared: &Shared) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        shared.take_outgoing(&mut cx).unwrap().len()
    }
}
