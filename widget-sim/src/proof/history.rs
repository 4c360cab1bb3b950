//! [`History`]: what happened to the whole that excuses something, and whom it excuses.

use std::collections::BTreeMap;
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::time::Mono;

use super::journal::Start;
use super::oracle::Asked;

/// So long a Hello may be on its way, to a server that sleeps.
const LATE_HELLO: Duration = Duration::from_secs(30);

/// What happened to the whole that excuses something.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// From when the state was that came back, and when that was.
    pub(super) restores: Vec<(Mono, Mono)>,
    /// Copies of disks.
    pub(super) clones: Vec<Copied>,
    /// Which agents were deleted, and when.
    pub(super) deleted: Vec<(AgentId, Mono)>,
    /// Of which agents all that was queued was cancelled, and when.
    pub(super) purged: Vec<(AgentId, Mono)>,
    /// When which agent had lost what it remembered, or began with nothing because it keeps nothing.
    pub(super) forgot: Vec<(AgentId, Mono)>,
    /// When processes of which agents ended or were told to, from outside or by themselves.
    pub(super) died: Vec<(AgentId, Mono)>,
    /// How often supervisors saw an agent end for a shutdown or a restart.
    pub(super) shut_down: BTreeMap<AgentId, usize>,
    pub(super) restarted: BTreeMap<AgentId, usize>,
    /// Something went wrong at all.
    pub(super) disturbed: bool,
}

/// A copy of an agent's disk that ran on another host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied {
    pub(super) agent: AgentId,
    /// When it began, if it is noticed then: nothing is handed out that both of them could take. None as
    /// well once an operator has let both go on.
    pub(super) noticed: Option<Mono>,
    /// Until when it ran; none if it still does.
    pub(super) until: Option<Mono>,
}

fn any_since(all: &[(AgentId, Mono)], agent: AgentId, since: Mono) -> bool {
    all.iter().any(|(of, at)| *of == agent && *at >= since)
}

impl History {
    /// Whether something that was committed at this time may be gone.
    pub(super) fn may_be_gone(&self, at: Mono) -> bool {
        let mut restores = self.restores.iter();
        restores.any(|(from, until)| *from <= at && at <= *until)
    }

    /// Whether an older state came back after this time.
    pub(super) fn was_restored(&self, since: Mono) -> bool {
        self.restores.iter().any(|(_, until)| *until >= since)
    }

    /// Whether this agent was deleted after this time.
    pub(super) fn was_deleted(&self, agent: AgentId, since: Mono) -> bool {
        any_since(&self.deleted, agent, since)
    }

    /// Whether what was queued for this agent was cancelled after this time.
    pub(super) fn was_purged(&self, agent: AgentId, since: Mono) -> bool {
        any_since(&self.purged, agent, since)
    }

    /// Whether a process of this agent ended after this time.
    pub(super) fn has_died(&self, agent: AgentId, since: Mono) -> bool {
        any_since(&self.died, agent, since)
    }

    /// Whether this agent had another memory shortly before, or has had one since: a Hello of the process before
    /// may still be on its way to a server that sleeps, and then what the new one has counts as lost.
    pub(super) fn may_be_taken_for_lost(&self, agent: AgentId, since: Mono) -> bool {
        let mut forgot = self.forgot.iter();
        forgot.any(|(of, at)| *of == agent && at.after(LATE_HELLO) >= since)
    }

    /// Whether this agent's disk was ever copied.
    pub(super) fn was_copied(&self, agent: AgentId) -> bool {
        self.clones.iter().any(|copy| copy.agent == agent)
    }

    /// Whether a copy of this agent's disk ran after this time: what is handed to the one is handed to
    /// the other as well.
    pub(super) fn has_copy(&self, agent: AgentId, since: Mono) -> bool {
        let mut clones = self.clones.iter().filter(|copy| copy.agent == agent);
        clones.any(|copy| copy.until.is_none_or(|until| until >= since))
    }

    /// Whether a copy of this agent's disk may start what was asked for then: one that is noticed is handed
    /// nothing, and has what there was before it.
    pub(super) fn has_unnoticed_copy(&self, agent: AgentId, since: Mono) -> bool {
        let mut clones = self.clones.iter().filter(|copy| copy.agent == agent);
        clones.any(|copy| {
            let runs = copy.until.is_none_or(|until| until >= since);
            runs && copy.noticed.is_none_or(|noticed| noticed >= since)
        })
    }

    /// An operator has let an agent go on; of a copy that still runs that was too soon.
    pub(super) fn let_both_go_on(&mut self, agent: AgentId) {
        let clones = self.clones.iter_mut();
        for copy in clones.filter(|copy| copy.agent == agent && copy.until.is_none()) {
            copy.noticed = None;
        }
    }

    /// The copy of this agent's disk runs no more.
    pub(super) fn copy_ended(&mut self, agent: AgentId, now: Mono) {
        let clones = self.clones.iter_mut();
        for copy in clones.filter(|copy| copy.agent == agent) {
            copy.until.get_or_insert(now);
        }
    }

    /// Where the store has gone back to before a start, and the agent has lost its memory of it before the
    /// next one, there is nobody left who knows.
    pub(super) fn nobody_knows(&self, agent: AgentId, starts: &[Start]) -> bool {
        starts.windows(2).all(|pair| {
            let (before, after) = (pair[0].at, pair[1].at);
            let mut forgot = self.forgot.iter().filter(|(of, _)| *of == agent);
            self.may_be_gone(before) && forgot.any(|(_, at)| before <= *at && *at <= after)
        })
    }

    /// Whether a task may have to wait until no-word: a copy alone may have taken it, or an old state of the
    /// store has brought it back after its end, as one that its agent has.
    pub(super) fn may_be_held_by_nobody(&self, asked: &Asked) -> bool {
        let since = Mono::from_start(asked.plan.at);
        self.has_copy(asked.agent, since) || self.was_restored(since)
    }
}
