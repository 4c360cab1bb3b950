//! [`Commands`]: version 2 after the welcome. Reads commands, has up to 64 of them answered at
//! once, and writes answers as they come, in one hand-written poll under one timer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, StreamExt};
use widget_core::codec::{CodecError, ErasedCodec};
use widget_core::frame::{FrameError, MAX_TO_AGENT, MAX_TO_SERVER, v2};
use widget_core::message::{RefusalReason, Response};
use widget_core::runtime::{BoxFuture, Stream};
use widget_core::time::Mono;
use widget_core::transport::{MAX_CALLS, Peer};

use crate::end::End;
use crate::frames::{self, EncodeError};
use crate::serve::{Scene, closed};
use crate::wire::Wire;

pub(crate) struct Commands<'a, S> {
    wire: &'a mut Wire<S>,
    scene: &'a Scene<'a>,
    codec: &'static dyn ErasedCodec,
    peer: &'a Peer,
    calls: FuturesUnordered<Call<'a>>,
    /// When the last frame came.
    heard: Mono,
    /// Since when a frame has begun that is not whole.
    begun: Option<Mono>,
    /// When its last byte came.
    moved: Mono,
    /// Since when something waits to be written, and how much had been written then.
    unwritten: Option<(Mono, u64)>,
    /// One for all deadlines. It may fire early, then it is set anew.
    timer: Option<(Mono, BoxFuture<'static, ()>)>,
}

impl<'a, S: Stream> Commands<'a, S> {
    pub(crate) fn new(
        wire: &'a mut Wire<S>,
        scene: &'a Scene<'a>,
        codec: &'static dyn ErasedCodec,
        peer: &'a Peer,
    ) -> Self {
        Self {
            wire,
            scene,
            codec,
            peer,
            calls: FuturesUnordered::new(),
            heard: scene.runtime.now(),
            begun: None,
            moved: scene.runtime.now(),
            unwritten: None,
            timer: None,
        }
    }

    /// Ready at the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        loop {
            match self.poll_once(cx) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return self.poll_deadlines(cx).map(Err),
                Err(end) => return Poll::Ready(Err(end)),
            }
        }
    }

    /// Ready if there may be more to do at once.
    fn poll_once(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        let took = self.take_commands()?;
        let answered = self.poll_calls(cx)?;
        let written = self.poll_flush(cx)?;
        if took || answered || written {
            return Ok(Poll::Ready(()));
        }
        // What is not read now fills the agent's side, and it waits.
        if !self.has_room() {
            return Ok(Poll::Pending);
        }
        match self.wire.poll_fill(cx)? {
            Poll::Ready(0) => Err(closed(&self.wire.came)),
            Poll::Ready(_) => {
                self.moved = self.scene.runtime.now();
                Ok(Poll::Ready(()))
            }
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    fn has_room(&self) -> bool {
        self.calls.len() < MAX_CALLS && self.wire.out.len() <= self.scene.limits.unsent
    }

    /// Starts a call for every whole frame, as far as there is room.
    fn take_commands(&mut self) -> Result<bool, End> {
        let mut took = false;
        while self.has_room() {
            let Some(frame) = self.wire.came.next_v2(MAX_TO_SERVER)? else {
                break;
            };
            let head = frame.head;
            let command =
                check_head(head, self.codec).map(|()| self.codec.decode_command(frame.payload));
            took = true;
            match command? {
                Ok(_) if self.calls.iter().any(|call| call.request == head.request) => {
                    let text = format!("request id {} is in use already", head.request);
                    return Err(End::protocol("duplicate_request", text));
                }
                Ok(command) => self.calls.push(Call {
                    request: head.request,
                    answer: self.scene.service.call(self.peer, command),
                }),
                Err(CodecError::UnknownVariant(_)) => {
                    answer(self.wire, self.codec, head.request, &Response::Unsupported)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if took {
            self.heard = self.scene.runtime.now();
        }
        self.begun = match self.begun.filter(|_| !took) {
            _ if self.wire.came.is_empty() || !self.has_room() => None,
            None => Some(self.scene.runtime.now()),
            since => since,
        };
        Ok(took)
    }

    /// Adds the answers that are there, as far as there is room for them.
    fn poll_calls(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut answered = false;
        while self.wire.out.len() <= self.scene.limits.unsent {
            let Poll::Ready(Some((request, response))) = self.calls.poll_next_unpin(cx) else {
                break;
            };
            answer(self.wire, self.codec, request, &response)?;
            answered = true;
        }
        Ok(answered)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let before = self.wire.written;
        if self.wire.poll_flush(cx)?.is_ready() {
            self.unwritten = None;
        } else if self.unwritten.is_none() {
            self.unwritten = Some((self.scene.runtime.now(), before));
        }
        Ok(self.wire.written > before)
    }

    /// Ready with the end if something took too long.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let (by, word) = self.deadline();
            let timer = match &mut self.timer {
                Some((at, timer)) if *at <= by => timer,
                timer => &mut timer.insert((by, self.scene.runtime.sleep_until(by))).1,
            };
            ready!(timer.as_mut().poll(cx));
            self.timer = None;
            if self.scene.runtime.now() >= by {
                return Poll::Ready(End::slow(word, "it took too long"));
            }
        }
    }

    /// The next deadline, and the word for missing it.
    fn deadline(&self) -> (Mono, &'static str) {
        let limits = self.scene.limits;
        let mut next = (self.heard.after(limits.idle), "idle");
        if let Some(begun) = self.begun {
            let by = limits.frame_by(begun, self.wire.came.claimed_v2());
            next = next.min((by.min(self.moved.max(begun).after(limits.frame)), "slow"));
        }
        if let Some((since, written)) = self.unwritten {
            let by = limits.write_by(since, self.wire.written.saturating_sub(written));
            next = next.min((by, "unread"));
        }
        next
    }
}

/// Appends an answer to what is to be written.
pub(crate) fn answer<S>(
    wire: &mut Wire<S>,
    codec: &'static dyn ErasedCodec,
    request: u32,
    response: &Response,
) -> Result<(), End> {
    let head = (codec.id(), v2::Kind::Response, request);
    let mut append = |response: &Response| {
        frames::append(&mut wire.out, head, MAX_TO_AGENT, |out| {
            codec.encode_response(response, out)
        })
    };
    let result = match append(response) {
        Err(EncodeError::Frame(FrameError::Length { claimed, limit })) => {
            let text = format!("the answer has {claimed} bytes, but at most {limit} can be sent");
            append(&Response::refused(RefusalReason::TooLarge, text))
        }
        result => result,
    };
    match result {
        Ok(()) => Ok(()),
        Err(EncodeError::Frame(error)) => Err(error.into()),
        Err(EncodeError::Codec(error)) => Err(error.into()),
    }
}

fn check_head(head: v2::Head, codec: &dyn ErasedCodec) -> Result<(), End> {
    if head.kind != v2::Kind::Command {
        return Err(End::protocol("kind", "only a server answers"));
    }
    if head.codec != codec.id() {
        return Err(End::protocol(
            "codec",
            "the codec of the opening goes for all",
        ));
    }
    Ok(())
}

/// A call that the service works on.
struct Call<'a> {
    request: u32,
    answer: BoxFuture<'a, Response>,
}

impl Future for Call<'_> {
    type Output = (u32, Response);

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.answer.as_mut().poll(cx));
        Poll::Ready((self.request, response))
    }
}
