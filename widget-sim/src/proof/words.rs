//! What must be true of words that were given: ends that servers acknowledged, and answers to those who
//! asked for tasks.

use std::collections::BTreeMap;

use widget_core::id::TaskId;
use widget_core::store::{TaskQuery, TaskStore};
use widget_core::task::StateName;

use super::checks::Scene;
use super::oracle::key;
use super::rogue::ROGUE;

impl Scene<'_> {
    /// What an agent was told that its server has, the server has.
    pub(super) async fn check_words(&self, broken: &mut Vec<String>) {
        for (at, (id, attempt), finish) in &self.journal.acknowledged {
            if self.history.may_be_gone(*at) {
                continue;
            }
            let task = self.rows.task(*id).await.expect("rows in memory answer");
            let Some(task) = task else {
                broken.push(format!("an acknowledged end is gone with its task: {id}"));
                continue;
            };
            // A copy has an end of its own, and of two that come late the later is kept.
            if self.history.was_copied(task.agent) {
                continue;
            }
            let outcome = task.state.outcome();
            let kept = outcome.is_some_and(|outcome| outcome.agrees_with(finish));
            let beside = task.evidence.as_ref() == Some(finish);
            // A stranger says one end after the other, and the last of those that came late is kept, even if
            // its server ended before it could answer.
            let another = task.agent == ROGUE && task.evidence.is_some();
            if !kept && !beside && !another {
                broken.push(format!(
                    "an acknowledged end is not there: {id}, {:?} said of attempt {attempt}, {} is kept",
                    finish.kind,
                    task.state.name()
                ));
            }
        }
        for (task, named, before) in &self.journal.left_with {
            let acknowledged = self.journal.acknowledged.iter();
            let mut said = acknowledged.map(|(_, which, _)| which);
            if !said.any(|which| which == &(*task, *before)) {
                broken.push(format!(
                    "task {task}: a goodbye of attempt {named} ended attempt {before}"
                ));
            }
        }
    }

    /// Whoever asks again under the same key is told of the same task, and there is no other.
    pub(super) async fn check_answers(&self, broken: &mut Vec<String>) {
        for (number, asked) in self.asked.iter().enumerate() {
            let Some((first, at)) = asked.answers.first() else {
                continue;
            };
            let other = asked.answers.iter().find(|(id, _)| id != first);
            if let Some((other, _)) = other.filter(|_| !self.history.may_be_gone(*at)) {
                broken.push(format!(
                    "task {number} is {first}, and then {other}: asking again made a second task"
                ));
            }
        }
        self.check_rows(broken).await;
    }

    /// Each row is what somebody has asked for, once. What was started and has no row any more, because an
    /// older state came back, was started once too.
    async fn check_rows(&self, broken: &mut Vec<String>) {
        let query = TaskQuery {
            agent: None,
            states: Vec::<StateName>::new(),
            before: None,
            limit: usize::MAX,
        };
        let page = self.rows.tasks(&query).await;
        let page = page.expect("rows in memory answer");
        assert!(page.next.is_none(), "more than a page can carry");
        let rows = page.tasks;
        let mut keys: BTreeMap<String, TaskId> = BTreeMap::new();
        let asked = self.asked.iter().enumerate();
        let asked: BTreeMap<String, usize> =
            asked.map(|(number, _)| (key(number), number)).collect();
        let mut gone = self.journal.starts.clone();
        for row in rows {
            let id = row.id;
            gone.remove(&id);
            let number = row.idempotency_key.as_ref().and_then(|key| asked.get(key));
            let Some((key, number)) = row.idempotency_key.clone().zip(number) else {
                broken.push(format!("nobody has asked for task {id}"));
                continue;
            };
            let asked = &self.asked[*number];
            if row.kind != asked.plan.kind.as_str() || row.agent != asked.agent {
                broken.push(format!("task {number} {id} is not what was asked for"));
            }
            if let Some(other) = keys.insert(key, id) {
                broken.push(format!(
                    "task {number} is there twice, as {other} and as {id}: asking again made a second task"
                ));
            }
        }
        for (id, starts) in gone {
            let Some(first) = starts.first().filter(|_| starts.len() > 1) else {
                continue;
            };
            let (agent, kind) = (first.agent, first.kind.as_str());
            // Until when a copy ran counts, not when it was asked for: that is not known of all of them.
            let excused =
                self.history.has_copy(agent, first.at) || self.history.nobody_knows(agent, &starts);
            if !first.kind.is_idempotent() && !excused {
                broken.push(format!(
                    "a handler that is not idempotent started twice: {id} {kind}, of which there is no row any more"
                ));
            }
        }
    }
}
