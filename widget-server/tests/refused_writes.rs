//! A store that takes no change: nobody is told what was not committed, neither an agent nor a
//! collector of version 1.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use common::{now, origin, reported, state};
use widget_core::Payload;
use widget_core::id::{AgentId, Attempt, StoreEpoch, TaskId};
use widget_core::message::{Command, Response, Update, UpdateItem, Verdict};
use widget_core::runtime::TokioRuntime;
use widget_core::store::{
    Admission, Admitted, Inserted, LeaseRequest, Leased, MemoryStore, OverdueQuery, StoreError,
    StoreErrorKind, Stores, TaskChange, TaskPage, TaskQuery, TaskStore, WakeUp,
};
use widget_core::task::{Actor, AgentEvent, Finish, NewTask, Revision, Streamed, Task};
use widget_core::time::Timestamp;
use widget_core::v1;
use widget_server::Server;

/// A store of tasks that can be made to take no change of them.
#[derive(Debug)]
struct ReadOnly {
    inner: MemoryStore,
    refuses: AtomicBool,
}

impl ReadOnly {
    fn set(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }
}

#[async_trait]
impl TaskStore for ReadOnly {
    async fn insert(&self, task: NewTask) -> Result<Inserted, StoreError> {
        self.inner.insert(task).await
    }

    async fn task(&self, id: TaskId) -> Result<Option<Task>, StoreError> {
        self.inner.task(id).await
    }

    async fn tasks(&self, query: &TaskQuery) -> Result<TaskPage, StoreError> {
        self.inner.tasks(query).await
    }

    async fn admit(&self, admission: &Admission) -> Result<Admitted, StoreError> {
        self.inner.admit(admission).await
    }

    async fn lease(&self, request: &LeaseRequest) -> Result<Leased, StoreError> {
        self.inner.lease(request).await
    }

    async fn replace(&self, change: TaskChange) -> Result<Revision, StoreError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(StoreErrorKind::Unavailable.into());
        }
        self.inner.replace(change).await
    }

    async fn overdue(&self, query: &OverdueQuery) -> Result<Vec<Task>, StoreError> {
        self.inner.overdue(query).await
    }

    async fn prune_tasks(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.prune_tasks(before, limit).await
    }

    async fn output(&self, id: TaskId) -> Result<Option<Streamed>, StoreError> {
        self.inner.output(id).await
    }

    fn watch(&self, agent: AgentId) -> WakeUp {
        self.inner.watch(agent)
    }

    fn ring(&self, agent: AgentId) {
        self.inner.ring(agent);
    }
}

fn server() -> (Server, Arc<ReadOnly>) {
    let memory = MemoryStore::new(StoreEpoch::from_bytes([9; 16]));
    let tasks = Arc::new(ReadOnly {
        inner: memory.clone(),
        refuses: AtomicBool::new(false),
    });
    let stores = Stores {
        tasks: tasks.clone(),
        ..Arc::new(memory).into()
    };
    let runtime = Arc::new(TokioRuntime::current().unwrap());
    (Server::builder(runtime, stores).build(), tasks)
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_cannot_be_committed_is_not_told_to_a_collector() {
    let (server, store) = server();
    let (handle, service) = (server.handle(), server.service());
    let sample = v1::Command::SubmitData {
        collector_id: 77,
        total_memory: 100,
        used_memory: 50,
        average_cpu_usage: 1.0,
    };
    let say = |command| {
        let service = &service;
        async move { service.call_v1(&origin(), now(), command).await }
    };
    assert_eq!(say(sample).await, Some(v1::Response::Ack));
    let id = AgentId::from_u128(77);
    let task = handle.shut_down(id, Actor::Api).await.unwrap().task.id;
    let ask = v1::Command::RequestWork(77);
    store.set(true);
    assert_eq!(say(ask).await, None, "closed without a word");
    assert_eq!(state(&handle, task).await, "queued");
    store.set(false);
    let shutdown = v1::Response::Task(v1::Task::Shutdown);
    assert_eq!(say(ask).await, Some(shutdown));
    assert_eq!(say(ask).await, Some(v1::Response::NoWork));
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_says_is_not_answered_until_it_can_be_committed() {
    let (server, store) = server();
    let (handle, agent) = (server.handle(), reported(&server.service(), 1).await);
    let sent = handle.send(agent.id(), "echo", Payload::null()).await;
    let task = sent.unwrap().id;
    agent.work().await;
    let end = AgentEvent::Finish(Finish::succeeded(Payload::null()));
    for (event, before) in [
        (AgentEvent::Accept { idempotent: false }, "leased"),
        (end, "accepted"),
    ] {
        store.set(true);
        let item = UpdateItem {
            task,
            attempt: Attempt(1),
            event: event.clone(),
        };
        let update = Command::Update(Update { items: vec![item] });
        let answer = agent.call(update).await;
        assert!(matches!(answer, Response::Busy { .. }), "{answer:?}");
        assert_eq!(state(&handle, task).await, before);
        store.set(false);
        assert_eq!(agent.say(task, 1, vec![event]).await, [Verdict::Ok]);
    }
    assert_eq!(state(&handle, task).await, "succeeded");
}
