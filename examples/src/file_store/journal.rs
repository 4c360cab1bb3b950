//! The journal: one frame for each transaction, whose checksum tells what was written whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use widget_core::codec::{Bincode, Codec};
use widget_core::frame::{FrameBuffer, FrameError, v2};
use widget_core::id::{AgentId, Attempt, StoreEpoch, TaskId};
use widget_core::store::{Delivery, StoreError, StoreErrorKind};
use widget_core::task::{Chunk, Task};

use super::rows;

/// The longest transaction, in bytes.
const MAX_FRAME: usize = 64 * 1024 * 1024;

/// One thing that is now so.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "nearly every entry is a task")]
pub(super) enum Entry {
    /// The store has this epoch now, after those before it.
    Epoch(StoreEpoch),
    /// The task of this number is this.
    Task(u64, #[serde(with = "rows::TaskRow")] Task),
    /// There is no task of this number.
    Gone(u64),
    /// An attempt of a task has written this.
    Output(TaskId, Attempt, Chunk),
    /// This is kept of an agent.
    Delivery(AgentId, #[serde(with = "rows::DeliveryRow")] Delivery),
}

/// A file that is only appended to.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Bytes that are whole transactions.
    length: u64,
}

impl Journal {
    /// Opens it, or makes it, and shows each entry in it.
    pub(super) fn open(path: &Path, mut each: impl FnMut(Entry)) -> Result<Self, StoreError> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(unavailable)?;
        file.try_lock()
            .map_err(|error| StoreError::with(StoreErrorKind::InUse, error))?;
        // The file itself has to survive too, not only what is written to it.
        let directory = path.parent().unwrap_or(path);
        let synced = File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(unavailable)?;
        let (mut came, mut length, mut chunk) = (FrameBuffer::new(), 0, [0; 32 * 1024]);
        loop {
            while let Some(frame) = came.next_v2(MAX_FRAME).map_err(corrupt)? {
                length += (v2::HEAD + frame.payload.len() + v2::TAIL) as u64;
                let entries: Vec<Entry> = Bincode::decode(frame.payload).map_err(corrupt)?;
                entries.into_iter().for_each(&mut each);
            }
            let count = file.read(&mut chunk).map_err(unavailable)?;
            if count == 0 {
                // What is left was cut off before it was answered; the next append overwrites it.
                return Ok(Self { file, length });
            }
            came.push(chunk.get(..count).unwrap_or_default());
        }
    }

    /// Writes entries, all or none; afterwards they survive a loss of power.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let (mut payload, mut frame) = (BytesMut::new(), BytesMut::new());
        Bincode::encode(&entries, &mut payload).map_err(unavailable)?;
        let head = (Bincode::ID, v2::Kind::Command, 0);
        v2::encode(&mut frame, head, MAX_FRAME, |out| {
            out.extend_from_slice(&payload);
            Ok::<_, FrameError>(())
        })
        .map_err(unavailable)?;
        let written: io::Result<()> = (|| {
            // Whatever an append before this one has left when it failed.
            self.file.set_len(self.length)?;
            self.file.write_all(&frame)?;
            self.file.sync_data()
        })();
        written.map_err(unavailable)?;
        self.length += frame.len() as u64;
        Ok(())
    }
}

fn corrupt(why: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::with(StoreErrorKind::Corrupt, why)
}

fn unavailable(why: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::with(StoreErrorKind::Unavailable, why)
}
