//! Waiting: until something is so, and until everything is delivered.

use std::time::Duration;

use widget_core::store::TaskQuery;
use widget_core::task::StateName;

use super::Fleet;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

impl Fleet {
    /// [Heals](Self::heal) the fleet and waits until all is delivered: all agents that have not ended by
    /// themselves are connected and hold neither tasks nor reports, and every task has ended.
    ///
    /// # Panics
    /// If that takes longer than [`settles_within`](super::FleetBuilder::settles_within) says, with what
    /// is missing.
    pub async fn settle(&self) {
        self.heal();
        let limit = self.time() + self.0.settles;
        while let Some(missing) = self.unsettled().await {
            assert!(
                self.time() < limit,
                "the fleet does not settle in {:?}: {missing}",
                self.0.settles
            );
            self.after(LOOK).await;
        }
    }

    /// What keeps the fleet from being settled; none if it is. Nothing is healed.
    pub async fn unsettled(&self) -> Option<String> {
        if let Some(missing) = self.not_connected().or_else(|| self.not_delivered()) {
            return Some(missing);
        }
        let states = StateName::ALL.into_iter();
        let unfinished = TaskQuery {
            agent: None,
            states: states.filter(|state| !state.is_terminal()).collect(),
            before: None,
            limit: 1,
        };
        let page = self.stores().tasks.tasks(&unfinished).await;
        let task = match page {
            Ok(page) => page.tasks.into_iter().next()?,
            Err(error) => return Some(format!("the store says: {error}")),
        };
        let (kind, state) = (&task.kind, task.state.name());
        Some(format!("task {} ({kind}) is still {state}", task.id))
    }

    /// Waits until this is so; it is looked at ten times a second.
    ///
    /// # Panics
    /// If it is not so within this time.
    #[track_caller]
    pub fn until(
        &self,
        within: Duration,
        mut look: impl FnMut(&Self) -> bool + Send,
    ) -> impl Future<Output = ()> + Send {
        let at = std::panic::Location::caller();
        async move {
            let limit = self.time() + within;
            while !look(self) {
                assert!(
                    self.time() < limit,
                    "what is waited for at {at} is not so within {within:?}"
                );
                self.after(LOOK).await;
            }
        }
    }

    /// Which agent that should be connected is not.
    pub(super) fn not_connected(&self) -> Option<String> {
        let parties = self.parties();
        if parties.server.handle().is_none() {
            return Some("the server is dead".to_owned());
        }
        parties.members.iter().find_map(|member| {
            let agent = &member.agent;
            let Some(handle) = agent.handle() else {
                return Some(format!("{} is dead", agent.host()));
            };
            if agent.ended().is_some() {
                return None;
            }
            let status = handle.status();
            let error = status
                .last_error
                .unwrap_or_else(|| "it has just started".to_owned());
            let missing = || format!("{} is not connected: {error}", agent.host());
            status.transport.is_none().then(missing)
        })
    }

    /// Which agent has something that the server has yet to hear.
    fn not_delivered(&self) -> Option<String> {
        let parties = self.parties();
        parties.members.iter().find_map(|member| {
            let agent = &member.agent;
            let status = agent.handle().filter(|_| agent.runs())?.status();
            let (tasks, reports) = (status.tasks, status.reports.pending);
            let missing = || format!("{} has {tasks} tasks and {reports} reports", agent.host());
            (tasks + reports > 0).then(missing)
        })
    }
}
