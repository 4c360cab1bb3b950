//! [`Commands`]: version 2 after the welcome. Reads commands, has up to 64 of them answered at
//! once, and writes answers as they come, in one hand-written poll under one timer, which is not
//! set while the service works: then it is not the agent that is slow.

use std::task::{Context, Poll, ready};

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

/// How much is read while no command is taken.
const AHEAD: usize = 8 * 1024;

pub(crate) struct Commands<'a, S> {
    wire: &'a mut Wire<S>,
    scene: &'a Scene<'a>,
    codec: &'static dyn ErasedCodec,
    peer: &'a Peer,
    /// Those that the service works on. All of them are looked at when one is woken: there are
    /// few, and whatever knows which one it was takes more memory than a call.
    calls: Vec<Call<'a>>,
    /// When the last frame came or, later, a call was answered. No more once the peer was told that
    /// it has been replaced: it has until then to leave.
    heard: Mono,
    replaced: bool,
    /// Present only while something but a call has a deadline.
    pace: Option<Box<Pace>>,
}

/// What the deadlines of a connection need. On the heap, and gone while the agent waits for an
/// answer, which is most of a connection's life.
#[derive(Default)]
struct Pace {
    /// Since when a frame has begun that is not whole, and when its last byte came.
    begun: Option<(Mono, Mono)>,
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
        let now = scene.runtime().now();
        Self {
            wire,
            scene,
            codec,
            peer,
            calls: Vec::new(),
            heard: now,
            replaced: false,
            pace: None,
        }
    }

    /// Ready at the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.poll_all(cx) {
            Ok(()) => self.poll_deadlines(cx),
            Err(end) => Poll::Ready(end),
        }
    }

    /// Does what can be done at once.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        let mut all_seen = self.poll_calls(cx)?;
        loop {
            let took = self.take_commands(cx)?;
            let written = self.poll_flush(cx)?;
            // Answers had no room, now they may have.
            if !all_seen && written {
                all_seen = self.poll_calls(cx)?;
                continue;
            }
            if !took && !written && self.poll_fill(cx)?.is_pending() {
                return Ok(());
            }
        }
    }

    /// Reads, also while no command is taken: else nobody would see that the agent has closed.
    /// What is not read fills the agent's side, and it waits.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, End> {
        if !self.has_room() && self.wire.came.len() >= AHEAD {
            return Ok(Poll::Pending);
        }
        match self.wire.poll_fill(cx)? {
            // Whole commands may be left: nobody is there to be answered.
            Poll::Ready(0) if !self.has_room() => Err(End::Gone),
            Poll::Ready(0) => Err(closed(&self.wire.came)),
            Poll::Ready(_) => {
                let now = self.scene.runtime().now();
                if let Some((_, moved)) = self.begun() {
                    *moved = now;
                }
                Ok(Poll::Ready(()))
            }
            Poll::Pending => Ok(Poll::Pending),
        }
    }

    fn begun(&mut self) -> Option<&mut (Mono, Mono)> {
        self.pace.as_mut()?.begun.as_mut()
    }

    fn has_room(&self) -> bool {
        self.calls.len() < MAX_CALLS && self.wire.out.len() <= self.scene.limits().unsent
    }

    /// Starts a call for every whole frame, as far as there is room. Many are answered at once.
    fn take_commands(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
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
                Ok(command) => {
                    let mut call = self.scene.service().call(self.peer, command);
                    if let Poll::Ready(response) = call.as_mut().poll(cx) {
                        self.answer(head.request, &response)?;
                        continue;
                    }
                    // Mostly there is one that waits, and it waits for long.
                    self.calls.reserve_exact(usize::from(self.calls.is_empty()));
                    self.calls.push(Call {
                        request: head.request,
                        answer: call,
                    });
                }
                Err(CodecError::UnknownVariant(_)) => {
                    self.scene
                        .service()
                        .refused(self.scene.origin, "unsupported");
                    self.answer(head.request, &Response::Unsupported)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        if took {
            self.hear();
        }
        let nothing_begun = self.wire.came.is_empty() || !self.has_room();
        let now = self.scene.runtime().now();
        match &mut self.pace {
            None if nothing_begun => {}
            Some(pace) if nothing_begun => pace.begun = None,
            pace => {
                let begun = &mut pace.get_or_insert_default().begun;
                *begun = begun.filter(|_| !took).or(Some((now, now)));
            }
        }
        Ok(took)
    }

    /// Adds the answers that are there; says whether there was room for all of them.
    fn poll_calls(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut at = 0;
        while let Some(call) = self.calls.get_mut(at) {
            if self.wire.out.len() > self.scene.limits().unsent {
                return Ok(false);
            }
            let Poll::Ready(response) = call.answer.as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            let request = self.calls.swap_remove(at).request;
            self.answer(request, &response)?;
            self.hear();
        }
        Ok(true)
    }

    /// Something was heard or said.
    fn hear(&mut self) {
        if !self.replaced {
            self.heard = self.scene.runtime().now();
        }
    }

    fn answer(&mut self, request: u32, response: &Response) -> Result<(), End> {
        let refusal = match response {
            Response::Refused(refusal) => Some(refusal.reason),
            _ => None,
        };
        self.replaced |= refusal == Some(RefusalReason::Replaced);
        answer(self.wire, self.codec, request, response)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let before = self.wire.written;
        if self.wire.poll_flush(cx)?.is_ready() {
            if let Some(pace) = &mut self.pace {
                pace.unwritten = None;
            }
        } else {
            let now = self.scene.runtime().now();
            let pace = self.pace.get_or_insert_default();
            pace.unwritten.get_or_insert((now, before));
        }
        Ok(self.wire.written > before)
    }

    /// Ready with the end if something took too long.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let Some((by, word)) = self.deadline() else {
                self.pace = None;
                return Poll::Pending;
            };
            let pace = self.pace.get_or_insert_default();
            let timer = match &mut pace.timer {
                Some((at, timer)) if *at <= by => timer,
                timer => &mut timer.insert((by, self.scene.runtime().sleep_until(by))).1,
            };
            ready!(timer.as_mut().poll(cx));
            pace.timer = None;
            if self.scene.runtime().now() >= by {
                return Poll::Ready(End::slow(word, "it took too long"));
            }
        }
    }

    /// The next deadline, and the word for missing it.
    fn deadline(&self) -> Option<(Mono, &'static str)> {
        let limits = self.scene.limits();
        let idle = || (self.heard.after(limits.idle), "idle");
        let mut next = self.calls.is_empty().then(idle);
        let Some(pace) = &self.pace else {
            return next;
        };
        if let Some((begun, moved)) = pace.begun {
            let by = limits.frame_by(begun, self.wire.came.claimed_v2());
            let slow = (by.min(moved.after(limits.frame)), "slow");
            next = Some(next.map_or(slow, |next| next.min(slow)));
        }
        if let Some((since, written)) = pace.unwritten {
            let by = limits.write_by(since, self.wire.written.saturating_sub(written));
            next = Some(next.map_or((by, "unread"), |next| next.min((by, "unread"))));
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
