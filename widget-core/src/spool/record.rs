//! [`Record`]: one change of what an agent remembers of its tasks, and [`KeptTask`], what a row of
//! them comes to.

use crate::id::{Attempt, TaskId};
use crate::message::{Seen, WorkTask};
use crate::task::AgentEvent;

/// One change of what an agent remembers.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// What was seen of a store.
    Seen(Seen),
    /// What was seen before was another store's: the sequence numbers mean nothing any more.
    OtherStore,
    /// A task was taken.
    Taken {
        /// The task as it came.
        task: Box<WorkTask>,
        /// Its handler may be started again after a loss.
        idempotent: bool,
    },
    /// The server hands a task that is here out under another attempt.
    Adopted {
        /// Which task.
        task: TaskId,
        /// The attempt from now on.
        attempt: Attempt,
    },
    /// The server wants a task given up.
    CancelSeen {
        /// Which task.
        task: TaskId,
    },
    /// The handler of a task is about to start.
    Started {
        /// Which task.
        task: TaskId,
        /// Where it runs.
        process: Process,
    },
    /// The handler says that it will not come back: what ends the process or the host is the task's
    /// success.
    Leaving {
        /// Which task.
        task: TaskId,
        /// What is to end.
        end: End,
    },
    /// A task is over on the agent's side. Its last word is due until the server has answered it; its
    /// input is not needed any more.
    Over {
        /// Which task.
        task: TaskId,
        /// The last word.
        last: AgentEvent,
    },
    /// The server has answered the last word of a task.
    Forgotten {
        /// Which task.
        task: TaskId,
        /// It must never be taken again.
        spent: bool,
    },
}

/// A task as a spool remembers it.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptTask {
    /// The task as it came, under its latest attempt; once it is over, without its input.
    pub task: WorkTask,
    /// Its handler may be started again after a loss.
    pub idempotent: bool,
    /// The server wants it given up.
    pub cancel_seen: bool,
    /// Its handler was started, in this attempt or an earlier one.
    pub started: bool,
    /// How far it is.
    pub stage: KeptStage,
}

/// How far a task is that a spool remembers.
#[derive(Debug, Clone, PartialEq)]
pub enum KeptStage {
    /// Not started.
    Waiting,
    /// The handler was started, and its end was not noted.
    Started {
        /// Where.
        process: Process,
        /// What the handler was to end, if it said that it will not come back.
        leaving: Option<End>,
    },
    /// It is over, and this is to be said.
    Over(AgentEvent),
}

/// A run of the agent's program, told from every other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// The start of the host, see [`Describe::boot`](crate::message::Describe::boot).
    pub boot: String,
    /// The number that the host gave the process; may repeat.
    pub pid: u32,
    /// Random bytes of this start of the agent.
    pub start: [u8; 16],
}

/// What a handler ends that will not come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The agent: the next start of it is the success.
    Agent,
    /// The host: a start of the agent after the next boot is the success.
    Host,
}
