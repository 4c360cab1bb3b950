//! [`Reason`]: the stable word for why a task is where it is.

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a task is where it is, as a stable word for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All of them, those of waiting tasks first.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word that the API uses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

reasons! {
    /// Queued: its ttl has passed, and it expires with the next sweep.
    TtlPassed = "ttl_passed",
    /// Queued: the server knows no such agent.
    AgentUnknown = "agent_unknown",
    /// Queued: there are two of the agent, and it is given no tasks until somebody decides which goes on.
    Cloned = "cloned",
    /// Queued: the agent has said which kinds it takes, and this is none of them. It will reject it.
    NoSuchHandler = "no_such_handler",
    /// Queued: it is not to be handed out before a time that was asked for.
    NotBefore = "not_before",
    /// Queued: an earlier attempt did not succeed, and the pause before the next is not over.
    RetryPause = "retry_pause",
    /// Queued: the agent has said goodbye.
    AgentLeft = "agent_left",
    /// Queued: the agent has not been heard from for more than 90 seconds.
    AgentOffline = "agent_offline",
    /// Queued: the agent has not been heard from for more than 30 seconds.
    AgentSilent = "agent_silent",
    /// Queued: an earlier task of its ordering key has not ended.
    KeyBusy = "key_busy",
    /// Queued: the agent is there, but has not asked for tasks for a minute, or not at all.
    NotAsked = "not_asked",
    /// Queued: the agent has as many tasks as it takes.
    NoRoom = "no_room",
    /// Queued: the agent has as many tasks of this kind as it takes.
    KindLimit = "kind_limit",
    /// Queued: others of higher priority, or older ones, go first.
    OthersFirst = "others_first",
    /// Queued: nothing holds it back; it goes out with the next request of the agent.
    Next = "next",
    /// Leased: handed to the agent, which has yet to say that it has it.
    LeaseHeld = "lease_held",
    /// Accepted: the agent has it and starts it when its own limits allow.
    WaitsAtAgent = "waits_at_agent",
    /// Running.
    Running = "running",
    /// Accepted or running: the agent that has it is gone, and nobody can say what it does.
    AgentGone = "agent_gone",
    /// Accepted or running: cancel was asked for, the agent has yet to answer.
    CancelAsked = "cancel_asked",
    /// Accepted or running: cancel was asked for, but the agent is gone and may not know.
    CancelNotConfirmed = "cancel_not_confirmed",
    /// Ended: it did what it was asked.
    Succeeded = "succeeded",
    /// Ended: it could not.
    Failed = "failed",
    /// Ended: its agent was lost each time it ran, so it is not tried again.
    CrashLoop = "crash_loop",
    /// Ended: it gave up because it was asked to.
    Stopped = "stopped",
    /// Ended: it ran longer than its timeout.
    TimedOut = "timed_out",
    /// Ended, and nobody can say how: it may have happened, in part or whole.
    Interrupted = "interrupted",
    /// Ended before it started: it was cancelled.
    Cancelled = "cancelled",
    /// Ended before it started: its ttl passed.
    Expired = "expired",
    /// Ended before it started: the agent did not take it.
    Rejected = "rejected",
    /// Ended: its agent was deleted.
    Lost = "lost",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
