//! How rows are written: field by field, since the core's types say nothing of how they are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use widget_core::Payload;
use widget_core::id::{AgentId, SpoolEpoch, TaskId};
use widget_core::store::Delivery;
use widget_core::task::{Finish, Revision, Task, TaskState, TimelineEntry};
use widget_core::time::Timestamp;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Task")]
pub(super) struct TaskRow {
    id: TaskId,
    agent: AgentId,
    kind: String,
    input: Payload,
    created: Timestamp,
    ttl: Duration,
    timeout: Option<Duration>,
    not_before: Option<Timestamp>,
    priority: i16,
    ordering_key: Option<String>,
    idempotency_key: Option<String>,
    #[serde(default)]
    asked_by: Option<String>,
    sequence: Option<u64>,
    state: TaskState,
    evidence: Option<Finish>,
    timeline: Vec<TimelineEntry>,
    left_out: u64,
    #[serde(with = "RevisionRow")]
    revision: Revision,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Revision")]
struct RevisionRow(u64);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Delivery")]
pub(super) struct DeliveryRow {
    epoch: Option<SpoolEpoch>,
    sequence: u64,
    behind: Option<Timestamp>,
}
