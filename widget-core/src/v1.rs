//! The messages of version 1, the tutorial's collector and server.
//!
//! Payloads are bincode 1: numbers at full width, little-endian. A collector sends each in a frame
//! of [`frame::v1`](crate::frame::v1); a reply is bare and comes in one write.

use serde::{Deserialize, Serialize};

/// What a collector sends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// One sample.
    SubmitData {
        /// Which collector.
        collector_id: u128,
        /// Memory of the host, in bytes.
        total_memory: u64,
        /// Memory in use, in bytes.
        used_memory: u64,
        /// CPU use in percent.
        average_cpu_usage: f32,
    },
    /// Asks the server for a task, with the collector's id.
    RequestWork(u128),
}

/// What the server replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To `SubmitData`.
    Ack,
    /// To `RequestWork`: nothing to do.
    NoWork,
    /// To `RequestWork`: do this.
    Task(Task),
}

/// What a collector can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// End itself.
    Shutdown,
}
