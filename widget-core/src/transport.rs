//! Transports: ways to carry commands from an agent ([`Transport`], [`Connection`]) to a server
//! ([`Listener`], [`Service`]).
//!
//! Request and response, because that is the protocol's own shape: a `RequestWork` that waits *is*
//! the push channel. A transport carries an opening and, once that was welcomed, up to
//! [`MAX_CALLS`] commands at once, each to its own answer; it does not look into them but to see
//! how long a call may wait. Every command may be repeated and every call dropped, for the messages
//! make up for that themselves. So a transport keeps nothing on disk, promises no order, and
//! repeats nothing unless it wants to. What it must promise is that every call ends in bounded
//! time, that memory follows what came and not what was claimed, and that one peer harms no other.
//! Each trait has its promises as a list, and [`transport_suite!`](crate::transport_suite) tests
//! them.
//!
//! Only an opening names an agent. [`Service::open`] looks at it and gives the [`Peer`] for which
//! every later call is made; no command says who sends it. Where a connection lasts, the listener
//! keeps the peer beside it. Where each request stands alone, the listener asks for a
//! [`session`](Service::session) and puts it into the [`Welcome`]; the client sends it along with
//! every request, and [`resume`](Service::resume) makes it the peer again, at any server with the
//! same store.
//!
//! When something fails, say what the caller can do: that is what a [`TransportErrorKind`] is. A
//! call that may have reached the server fails as `Closed` or `Timeout` and takes the connection
//! with it; the agent connects again and repeats what has no answer. A message that is too long is
//! refused before any of it is sent, and the connection goes on. A listener ends the connection of
//! a peer that breaks the rules, counts it by a stable word ([`Service::refused`]), and serves the
//! others as before.
//!
//! # A whole transport
//!
//! It has all of the contract and none of the comfort: one codec, fixed limits, no TLS. It passes
//! the suite (`tests/toy_transport` in this package). `docs/writing-a-transport.md` in the
//! repository tells what one for daily use has besides. For a test of handlers no transport needs
//! to be written: [`MemoryTransport`] calls a service in the same process.
//!
// Codecs have what a listener needs behind that feature.
#![cfg_attr(feature = "serve", doc = "```")]
#![cfg_attr(not(feature = "serve"), doc = "```text")]
#![doc = include_str!("../tests/toy_transport/toy.rs")]
#![doc = "```"]

mod doors;
mod error;
mod exposure;
mod memory;
mod proxies;

use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
pub use doors::{DoorLimits, Doors, Full, PUT_OUT, Place, host_of};
pub use error::{TransportError, TransportErrorKind};
pub use exposure::{Exposure, STRANGER};
pub use memory::MemoryTransport;
pub use proxies::{InvalidNetwork, Proxies};

use crate::id::{AgentId, SpoolEpoch};
use crate::message::{Command, Opening, Refusal, Response, Welcome};
use crate::stop::StopSignal;
use crate::time::Timestamp;
use crate::v1;

/// The most calls that may be in flight on one connection.
pub const MAX_CALLS: usize = 64;

/// The agent's side of a way to carry commands.
#[async_trait]
pub trait Transport: Debug + Send + Sync {
    /// One word for logs and pages, such as `tcp`.
    fn name(&self) -> &'static str;

    /// Connects and says the opening. What comes back is welcomed: there is no connection on which
    /// a command could come before it.
    ///
    /// # Errors
    /// [`Unreachable`](TransportErrorKind::Unreachable), [`Refused`](TransportErrorKind::Refused),
    /// [`Busy`](TransportErrorKind::Busy) and whatever [`Connection::call`] may say.
    async fn connect(
        &self,
        opening: Opening,
    ) -> Result<(Arc<dyn Connection>, Welcome), TransportError>;
}

/// A conversation that the server has welcomed.
///
/// An implementation
/// - must carry up to [`MAX_CALLS`] calls at once, and answer each when its own answer is there;
/// - must bring a call that was polled once to the service without being polled again for it;
/// - must lose nothing when a call is dropped: other calls go on undisturbed;
/// - must end every call in bounded time, with an error if the peer is dead;
/// - must refuse a message above the size limit before it sends any of it, and go on;
/// - must fail all calls once the connection is closed, and close it when it is dropped.
#[async_trait]
pub trait Connection: Debug + Send + Sync {
    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// [`TransportError`]; its kind says whether this call or the whole connection failed.
    async fn call(&self, command: Command) -> Result<Response, TransportError>;
}

/// The server's side of a way to carry commands.
///
/// An implementation
/// - must answer the opening before it reads any command;
/// - must refuse whatever does not fit the protocol, tell the service
///   ([`Service::refused`]), and disturb nobody else;
/// - must end within a second or two once `stop` is asked.
#[async_trait]
pub trait Listener: Send {
    /// One word for logs and pages, such as `tcp`.
    fn name(&self) -> &'static str;

    /// Where it listens, if it has such an address.
    fn local_addr(&self) -> Option<SocketAddr>;

    /// Accepts agents and hands their calls to `service`, until `stop` is asked.
    ///
    /// # Errors
    /// If it cannot go on at all; what one peer does is never such a reason.
    async fn serve(
        self: Box<Self>,
        service: Arc<dyn Service>,
        stop: StopSignal,
    ) -> Result<(), TransportError>;
}

/// What a server makes of calls. One for all listeners.
#[async_trait]
pub trait Service: Debug + Send + Sync {
    /// Looks at an opening.
    ///
    /// # Errors
    /// [`Rejection`], which the listener passes on.
    async fn open(&self, from: &Origin, opening: Opening) -> Result<(Peer, Welcome), Rejection>;

    /// What proves a peer that was just welcomed in later requests, each of which stands alone: for
    /// [`Welcome::session`]. Any server with the same store can [`resume`](Self::resume) it.
    ///
    /// # Errors
    /// [`Rejection::Busy`] if the store cannot be asked.
    async fn session(&self, peer: &Peer) -> Result<String, Rejection>;

    /// The peer that a session proves.
    ///
    /// # Errors
    /// [`RefusalReason::Session`](crate::message::RefusalReason::Session) if it proves nothing, or
    /// is over; [`RefusalReason::Replaced`](crate::message::RefusalReason::Replaced) if a newer start of the
    /// agent has taken its place, or it was deleted: its connection is an agent's no more;
    /// [`Rejection::Busy`].
    async fn resume(&self, from: &Origin, session: &str) -> Result<Peer, Rejection>;

    /// Answers a command of an agent that was welcomed. Dropping the future is safe.
    async fn call(&self, peer: &Peer, command: Command) -> Response;

    /// Answers a version 1 collector, whose clock says `at`. `None` closes the connection without a word, so that the
    /// collector sends again.
    async fn call_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: v1::Command,
    ) -> Option<v1::Response>;

    /// Counts something that the listener itself refused, by a stable word.
    fn refused(&self, from: &Origin, reason: &'static str);
}

/// Where a call comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Name of the transport.
    pub transport: &'static str,
    /// Address of the other side, for people. Shared: connections and calls name it, and are many.
    pub address: Arc<str>,
    /// The host of the other side, where it has one: past proxies that are trusted.
    pub ip: Option<IpAddr>,
}

/// An agent that was welcomed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is, as its opening proved.
    pub agent: AgentId,
    /// The memory it speaks for.
    pub epoch: SpoolEpoch,
    /// Where it speaks from.
    pub origin: Origin,
    /// What its id rests on.
    pub assurance: Assurance,
}

/// What an agent's id rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assurance {
    /// Its own word: good for loopback only.
    Claimed,
    /// The secret that it enrolled with.
    Enrolled,
}

/// Why an opening is not answered with a welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// The same again will not help.
    Refused(Refusal),
    /// The same again later.
    Busy {
        /// How much later.
        retry_after: Duration,
    },
}

impl From<Rejection> for Response {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Refused(refusal) => Self::Refused(refusal),
            Rejection::Busy { retry_after } => Self::Busy {
                retry_after_ms: u32::try_from(retry_after.as_millis()).unwrap_or(u32::MAX),
            },
        }
    }
}

/// What an answer to an opening means for the agent's side of a transport.
///
/// # Errors
/// [`Refused`](TransportErrorKind::Refused), [`Busy`](TransportErrorKind::Busy), and
/// [`Protocol`](TransportErrorKind::Protocol) for the answer to another question.
pub fn welcomed(answer: Response) -> Result<Welcome, TransportError> {
    let kind = match answer {
        Response::Welcome(welcome) => return Ok(welcome),
        Response::Refused(refusal) => TransportErrorKind::Refused(refusal),
        Response::Busy { retry_after_ms } => TransportErrorKind::Busy {
            retry_after: Duration::from_millis(retry_after_ms.into()),
        },
        _ => TransportErrorKind::Protocol,
    };
    Err(TransportError::new(kind))
}
