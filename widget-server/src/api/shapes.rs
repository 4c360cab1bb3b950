//! The JSON shapes of agents and reports, types of their own so that nothing inside shows by accident.

use std::collections::BTreeMap;

use serde::Serialize;
use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::message::HandlerInfo;
use widget_core::report::Report;
use widget_core::store;
use widget_core::time::Timestamp;

use crate::handle::AgentStatus;

/// A part of a list.
#[derive(Debug, Serialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// For `cursor` in the query of the next part.
    pub(super) next: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Agent {
    id: AgentId,
    host: String,
    presence: &'static str,
    labels: BTreeMap<String, String>,
    first_seen: Timestamp,
    last_seen: Timestamp,
    protocol: u16,
    transport: String,
    interval_ms: Option<u64>,
    dropped: u64,
    handlers: Vec<Handler>,
    os: String,
    version: String,
    clock_skew_ms: Option<i64>,
    /// When it joined, if it did.
    enrolled: Option<Timestamp>,
    /// What its join token gave it, by which tokens are allowed to do something with it.
    granted: BTreeMap<String, String>,
    /// Since when there are two of it, which waits for somebody to decide.
    cloned: Option<Timestamp>,
    latest: Option<ReportShape>,
}

#[derive(Debug, Serialize)]
struct Handler {
    kind: String,
    idempotent: bool,
    schema: Option<Payload>,
}

#[derive(Debug, Serialize)]
pub(super) struct ReportShape {
    seq: u64,
    at: Timestamp,
    received: Timestamp,
    total_memory: u64,
    used_memory: u64,
    average_cpu: f32,
    gauges: BTreeMap<String, f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Bucket {
    at: Timestamp,
    count: u64,
    total_memory: u64,
    used_memory: Range,
    average_cpu: Range,
    gauges: BTreeMap<String, Range>,
}

#[derive(Debug, Serialize)]
struct Range {
    min: f64,
    max: f64,
    mean: f64,
}

impl From<AgentStatus> for Agent {
    fn from(status: AgentStatus) -> Self {
        let AgentStatus {
            record,
            presence,
            latest,
            dropped,
            skew_ms,
        } = status;
        let describe = record.describe;
        Self {
            id: record.id,
            host: describe.host,
            presence: presence.as_str(),
            labels: describe.labels.into_iter().collect(),
            first_seen: record.first_seen,
            last_seen: record.last_seen,
            protocol: record.protocol,
            transport: record.transport.into_owned(),
            interval_ms: Some(describe.interval_ms).filter(|ms| *ms > 0),
            dropped,
            handlers: describe.handlers.into_iter().map(Into::into).collect(),
            os: describe.os,
            version: describe.version,
            clock_skew_ms: skew_ms,
            enrolled: record.enrolled,
            granted: record.labels.into_iter().collect(),
            cloned: record.cloned.map(|mark| mark.since),
            latest: latest.map(Into::into),
        }
    }
}

impl From<HandlerInfo> for Handler {
    fn from(info: HandlerInfo) -> Self {
        Self {
            kind: info.kind,
            idempotent: info.idempotent,
            schema: info.schema,
        }
    }
}

impl From<store::StoredReport> for ReportShape {
    fn from(row: store::StoredReport) -> Self {
        let Report {
            seq,
            at,
            total_memory,
            used_memory,
            average_cpu,
            gauges,
            thinned: _,
        } = row.report;
        Self {
            seq,
            at,
            received: row.received,
            total_memory,
            used_memory,
            average_cpu,
            gauges: gauges.into_iter().collect(),
        }
    }
}

impl From<store::Bucket> for Bucket {
    fn from(bucket: store::Bucket) -> Self {
        let gauges = bucket
            .gauges
            .into_iter()
            .map(|(name, range)| (name, range.into()));
        Self {
            at: bucket.at,
            count: bucket.count,
            total_memory: bucket.total_memory,
            used_memory: bucket.used_memory.into(),
            average_cpu: bucket.average_cpu.into(),
            gauges: gauges.collect(),
        }
    }
}

impl From<store::Range> for Range {
    fn from(range: store::Range) -> Self {
        Self {
            min: range.min,
            max: range.max,
            mean: range.mean,
        }
    }
}
