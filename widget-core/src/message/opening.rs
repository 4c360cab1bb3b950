//! The start of a conversation: who the agent is, what both sides can do.

use serde::{Deserialize, Serialize};

use crate::access::Secret;
use crate::id::{AgentId, SpoolEpoch, StoreEpoch};
use crate::time::Timestamp;

/// Room to grow: numbered values, of which unknown numbers are skipped. Those in use are in
/// [`extra`](super::extra).
pub type Extras = Vec<(u16, Vec<u8>)>;

/// The first message of an agent, a type of its own so that nothing else can come first. On the wire by
/// position: new ones go to the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// An agent that the server may know.
    Hello(Hello),
    /// An agent that wants to be known from here on. It is answered as a Hello is; the id that the
    /// server gave it is in [`Welcome::extras`], as [`extra::AGENT`](super::extra::AGENT).
    Enrol(Enrol),
}

impl Opening {
    /// The names of its variants in JSON, in the order of their numbers.
    pub const NAMES: &[&str] = &["hello", "enrol"];

    /// The word for paths, logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Enrol(_) => "enrol",
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The lowest and the highest version of the protocol that the agent speaks.
    pub versions: (u16, u16),
    /// Codecs that it speaks, by [`Codec::ID`](crate::codec::Codec::ID), liked best first.
    pub codecs: Vec<u8>,
    /// Which agent it is.
    pub agent: AgentId,
    /// The memory that its reports and tasks live in.
    pub epoch: SpoolEpoch,
    /// What it has seen of the store that it was given tasks by, if it was given any.
    pub seen: Option<Seen>,
    /// What proves the agent's id.
    pub credential: Credential,
    /// Room to grow.
    pub extras: Extras,
}

/// Who wants to be known. The same again, with the same token and credential, comes to the same id and
/// costs no further use of the token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enrol {
    /// What lets the agent in, out of a [`JoinString`](crate::access::JoinString).
    pub token: Secret,
    /// Who joins. Its credential is the secret that proves the agent from here on, which it made
    /// itself; the id in it counts for nothing.
    pub hello: Hello,
    /// Room to grow.
    pub extras: Extras,
}

/// What an agent has seen of a store: by it a store notices that it was restored from a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The epochs that the store had, oldest first: one more each time it was restored. At most
    /// [`MAX_STORES`](Self::MAX_STORES); the oldest are forgotten first.
    pub stores: Vec<StoreEpoch>,
    /// The highest task sequence that it gave.
    pub sequence: u64,
    /// When it gave tasks last, by the server's own clock ([`Work::at`](super::Work::at)).
    pub at: Timestamp,
}

impl Seen {
    /// The most epochs that are kept.
    pub const MAX_STORES: usize = 8;
}

/// What proves that an agent is who it says. On the wire by position: new ones go to the end.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// Nothing: good for loopback only.
    None,
    /// What the agent made when it enrolled, and the server keeps the verifier of.
    Secret(Secret),
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Secret(_) => f.write_str("Secret"),
        }
    }
}

/// The server's answer to an [`Opening`] that it takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from here on.
    pub version: u16,
    /// What proves the session where a connection does not: over HTTP it goes with each later
    /// request as `Authorization: Widget <session>`. Empty over TCP, where the connection does.
    pub session: String,
    /// The server's memory.
    pub store: StoreEpoch,
    /// The store knows one of the epochs in [`Hello::seen`]: it is the same one, perhaps restored. If
    /// not, what the agent has seen was another store's and means nothing here.
    pub known: bool,
    /// The highest task sequence that the store has given this agent.
    pub sequence: u64,
    /// How fast the agent may go.
    pub pacing: Pacing,
    /// How much it may send.
    pub limits: Limits,
    /// Room to grow.
    pub extras: Extras,
}

/// How fast an agent may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pacing {
    /// The shortest time between two `Submit`s, in milliseconds; what was sampled in between goes
    /// along with the next.
    pub submit_ms: u32,
    /// The longest first pause before a reconnect, in milliseconds.
    pub reconnect_ms: u32,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            submit_ms: 0,
            reconnect_ms: 500,
        }
    }
}

/// How much an agent may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The longest frame payload or request body, in bytes.
    pub frame: u32,
    /// The longest wait of a `RequestWork`, in milliseconds.
    pub wait_ms: u32,
    /// The most reports in one `Submit`.
    pub reports: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame: 2 * 1024 * 1024,
            wait_ms: 25_000,
            reports: 1_024,
        }
    }
}
