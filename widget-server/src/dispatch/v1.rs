//! Version 1: a collector samples and asks in one loop, and knows no identity beyond its number.

use widget_core::id::AgentId;
use widget_core::report::{Report, check_host};
use widget_core::store::{
    AppliedKind, Arrival, StoreError, StoreErrorKind, TaskQuery, TaskStoreExt,
};
use widget_core::task::{Actor, Event, SHUTDOWN, StateName};
use widget_core::time::Timestamp;
use widget_core::transport::Origin;
use widget_core::v1::{Command, Response, Task};

use super::Dispatcher;
use crate::events::ServerEvent;

impl Dispatcher {
    /// `None` if the store cannot answer, or the collector is one too many or too fast: the connection is
    /// then closed without a word, and it sends again.
    pub(super) async fn answer_v1(
        &self,
        from: &Origin,
        at: Timestamp,
        command: Command,
    ) -> Option<Response> {
        let answer = match command {
            Command::SubmitData {
                collector_id,
                total_memory,
                used_memory,
                average_cpu_usage,
            } => {
                let report = Report {
                    seq: 0,
                    at,
                    total_memory,
                    used_memory,
                    average_cpu: average_cpu_usage,
                    gauges: Vec::new(),
                    thinned: None,
                };
                self.submit_v1(from, AgentId::from_u128(collector_id), report)
                    .await
            }
            Command::RequestWork(id) => self.request_work_v1(from, AgentId::from_u128(id)).await,
        };
        self.watch(answer).ok()
    }

    async fn submit_v1(
        &self,
        from: &Origin,
        agent: AgentId,
        report: Report,
    ) -> Result<Response, StoreError> {
        // Version 1 has no word for "refused", and silence would make it send for ever.
        let host = check_host(report.total_memory, report.used_memory, report.average_cpu);
        if host.is_err() {
            self.refusals.count(from, "v1_invalid", self.runtime.now());
            return Ok(Response::Ack);
        }
        match self.stores.agents.agent(agent).await? {
            Some(row) if row.protocol > 1 => {
                self.refusals
                    .count(from, "v1_agent_is_v2", self.runtime.now());
                return Ok(Response::Ack);
            }
            Some(_) => {}
            None => {
                let now = self.runtime.wall();
                let mut arrival = Arrival::new(agent, 1, from.transport, None, now);
                arrival.most = Some(self.rules.limits.agents.into());
                let arrived = self.stores.agents.arrive(&arrival).await;
                if let Err(error) = &arrived
                    && *error.kind() == StoreErrorKind::Full
                {
                    self.agents_full(from);
                }
                arrived?;
            }
        }
        self.heard(agent);
        if self.take_reports(from, agent, 1).is_err() {
            // It comes again with the same.
            return Err(StoreErrorKind::Full.into());
        }
        let received = self.runtime.wall();
        self.stores
            .reports
            .append_v1(agent, report, received)
            .await?;
        self.wrote();
        self.events.say(ServerEvent::Reported(agent));
        Ok(Response::Ack)
    }

    async fn request_work_v1(&self, from: &Origin, agent: AgentId) -> Result<Response, StoreError> {
        match self.stores.agents.agent(agent).await? {
            None => return Ok(Response::NoWork),
            Some(row) if row.protocol > 1 => {
                self.refusals
                    .count(from, "v1_agent_is_v2", self.runtime.now());
                return Ok(Response::NoWork);
            }
            Some(_) => self.heard(agent),
        }
        let query = TaskQuery {
            agent: Some(agent),
            states: vec![StateName::Queued],
            before: None,
            limit: 1,
        };
        let now = self.now();
        for task in self.stores.tasks.tasks(&query).await?.tasks {
            if task.kind != SHUTDOWN || task.state.ttl_at <= now {
                continue;
            }
            // Committed before the reply is written, so it goes out at most once.
            let event = Event::HandedToV1;
            let applied = self
                .stores
                .tasks
                .apply(task.id, &event, Actor::Server, now)
                .await?;
            if applied.is_some_and(|applied| applied.result == Ok(AppliedKind::Changed)) {
                self.wrote();
                self.task_changed(agent, task.id);
                return Ok(Response::Task(Task::Shutdown));
            }
        }
        Ok(Response::NoWork)
    }
}
