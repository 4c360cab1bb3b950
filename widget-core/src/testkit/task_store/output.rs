//! Outputs: what a handler writes while it runs, as far as it is kept.

use super::{EPOCH, ONE, admit, apply, change, lease, put_running, read, say};
use crate::store::{AppliedKind, StoreErrorKind, TaskChange, TaskStore};
use crate::task::{
    AgentEvent, Chunk, Event, Finish, HEAD, MAX_CHUNK, Revision, StateName, Streamed, TAIL, Task,
};
use crate::testkit::fixtures::{NOW, at, json, new_task, task_id};

fn chunk(offset: u64, text: impl Into<String>) -> Chunk {
    let text = text.into();
    Chunk { offset, text }
}

async fn output(store: &dyn TaskStore, task: &Task) -> Streamed {
    let output = store.output(task.id).await.unwrap();
    output.expect("the task has written something")
}

/// The agent says what the handler has written, and what is kept is what a copy comes to.
struct Writer {
    task: Task,
    copy: Streamed,
}

impl Writer {
    async fn new(store: &dyn TaskStore, n: u8) -> Self {
        Self {
            task: put_running(store, new_task(n, ONE), true).await,
            copy: Streamed::default(),
        }
    }

    async fn write(&mut self, store: &dyn TaskStore, chunk: Chunk) {
        self.copy.push(self.task.state.attempt, &chunk);
        self.task = say(store, &self.task, AgentEvent::Output(chunk)).await;
    }

    async fn check(&self, store: &dyn TaskStore) {
        let kept = output(store, &self.task).await;
        // Not printed: it may be long.
        assert_eq!(kept.length, self.copy.length);
        assert_eq!(kept.head.len(), self.copy.head.len());
        assert_eq!(kept.tail.len(), self.copy.tail.len());
        assert!(kept == self.copy);
    }
}

/// A task that has written nothing has no output, nor has one that is not there.
pub async fn nothing_written_is_none(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    assert_eq!(store.output(task.id).await.unwrap(), None);
    assert_eq!(store.output(task_id(9)).await.unwrap(), None);
}

/// One after the other, while the task goes on as it is.
pub async fn what_a_handler_writes_is_kept_in_order(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    let entries = writer.task.timeline.len();
    for (offset, text) in [(0, "one "), (4, "two "), (8, "three")] {
        writer.write(store, chunk(offset, text)).await;
    }
    let kept = output(store, &writer.task).await;
    assert_eq!((kept.head.as_str(), kept.length), ("one two three", 13));
    assert_eq!(kept, writer.copy);
    assert_eq!(read(store, &writer.task).await, writer.task);
    assert_eq!(writer.task.timeline.len(), entries);
}

/// A lost answer makes the agent say it again, perhaps with more.
pub async fn a_repeated_or_overlapping_chunk_adds_only_what_is_new(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    for (offset, text) in [(0, "abc"), (0, "abc"), (1, "bcde"), (4, "e"), (5, "")] {
        writer.write(store, chunk(offset, text)).await;
        writer.check(store).await;
    }
    assert_eq!(writer.copy.head, "abcde");
}

/// Three times as much as is kept, in chunks of the greatest length, with characters across every
/// border.
pub async fn of_a_long_output_the_ends_are_kept(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    let mut sent = 0;
    while sent < 3 * (HEAD + TAIL) as u64 {
        let mut text = format!("{sent} ");
        text.push_str(&"世".repeat((MAX_CHUNK - text.len()) / 3));
        let next = chunk(sent, text);
        sent = next.end();
        writer.write(store, next).await;
    }
    writer.check(store).await;
    let Streamed { head, tail, .. } = &writer.copy;
    assert!(HEAD - head.len() < 3 && TAIL - tail.len() < 3);
    writer.write(store, chunk(sent, "the end")).await;
    writer.check(store).await;
}

/// A handler that writes a line at a time, across the border of head and tail.
pub async fn an_output_of_many_small_chunks_reads_back_whole(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    writer
        .write(store, chunk(0, "a".repeat(HEAD - 9_000)))
        .await;
    for line in 0..300 {
        let text = format!("line {line} {}\n", "é".repeat(line % 60));
        writer.write(store, chunk(writer.copy.length, text)).await;
        if line % 20 == 0 {
            writer.check(store).await;
        }
    }
    writer.check(store).await;
    assert!(!writer.copy.tail.is_empty());
}

/// What the agent had no room for is counted, and does not look as if it had been kept.
pub async fn what_the_agent_left_out_is_counted(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    let steps = [
        (0, "ab", ("ab", "", 2)),
        (50, "cd", ("ab", "cd", 52)),
        (52, "ef", ("ab", "cdef", 54)),
        (900, "gh", ("ab", "gh", 902)),
        (1_000, "", ("ab", "", 1_000)),
        (1_000, "i", ("ab", "i", 1_001)),
    ];
    for (offset, text, expected) in steps {
        writer.write(store, chunk(offset, text)).await;
        let kept = output(store, &writer.task).await;
        let got = (kept.head.as_str(), kept.tail.as_str(), kept.length);
        assert_eq!(got, expected);
    }
}

/// What an attempt that was given up has written goes when the next one writes.
pub async fn a_new_attempt_begins_its_output_anew(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    writer.write(store, chunk(0, "first")).await;
    writer.write(store, chunk(90, "last")).await;
    change(store, &writer.task, &Event::SpoolLost, NOW).await;
    writer.check(store).await;
    admit(store, ONE, EPOCH).await;
    writer.task = lease(store, ONE, &[]).await.tasks.remove(0);
    writer.write(store, chunk(0, "second")).await;
    writer.check(store).await;
    assert_eq!(
        (writer.copy.head.as_str(), writer.copy.length),
        ("second", 6)
    );
}

/// The end of a task is the end of its output; what comes later is known or too late.
pub async fn a_chunk_after_the_end_is_not_kept(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    writer.write(store, chunk(0, "ab")).await;
    let finish = AgentEvent::Finish(Finish::succeeded(json("1")));
    let ended = say(store, &writer.task, finish).await;
    let late = AgentEvent::Output(chunk(2, "cd"));
    let late = Event::Said(ended.state.attempt, late);
    let applied = apply(store, &ended, &late, at(1)).await;
    assert_eq!(applied.result, Ok(AppliedKind::Same));
    assert_eq!(read(store, &ended).await.state.name(), StateName::Succeeded);
    writer.check(store).await;
}

/// The chunk is part of its change: neither without the other.
pub async fn a_chunk_of_a_change_that_failed_is_not_kept(store: &dyn TaskStore) {
    let task = put_running(store, new_task(1, ONE), false).await;
    let change = TaskChange {
        id: task.id,
        expected: Revision(task.revision.0 + 1),
        state: task.state.clone(),
        evidence: None,
        entry: None,
        chunk: Some(chunk(0, "ab")),
        audit: None,
    };
    let error = store.replace(change).await.unwrap_err();
    assert_eq!(*error.kind(), StoreErrorKind::Conflict);
    assert_eq!(store.output(task.id).await.unwrap(), None);
}

/// Each task has its own.
pub async fn outputs_of_two_tasks_stand_apart(store: &dyn TaskStore) {
    let mut one = Writer::new(store, 1).await;
    let mut two = Writer::new(store, 2).await;
    for (offset, a, b) in [(0, "ab", "xyz"), (2, "cd", ""), (90, "ef", "uvw")] {
        one.write(store, chunk(offset, a)).await;
        two.write(store, chunk(offset, b)).await;
    }
    one.check(store).await;
    two.check(store).await;
}

/// Text is kept to the last byte, and an offset may be any number.
pub async fn odd_text_and_extreme_offsets_read_back_equal(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    let odd = "a\0b\u{feff} \u{1b}[31m 'quoted' \"too\" \\ \r\n🦀";
    let chunks = [
        chunk(0, odd),
        chunk(1 << 40, "\0"),
        chunk(u64::MAX / 2, odd),
        chunk(u64::MAX - 1, "xy"),
        chunk(u64::MAX, "z"),
    ];
    for chunk in chunks {
        writer.write(store, chunk).await;
        writer.check(store).await;
    }
    assert_eq!(writer.copy.head, odd);
}

/// Pruned with its task; a task of the same id begins without one.
pub async fn an_output_goes_with_its_task(store: &dyn TaskStore) {
    let mut writer = Writer::new(store, 1).await;
    writer.write(store, chunk(0, "ab")).await;
    writer.write(store, chunk(90, "cd")).await;
    let finish = AgentEvent::Finish(Finish::succeeded(json("1")));
    say(store, &writer.task, finish).await;
    writer.check(store).await;
    assert_eq!(store.prune_tasks(at(1), 10).await.unwrap(), 1);
    assert_eq!(store.output(writer.task.id).await.unwrap(), None);
    let again = put_running(store, new_task(1, ONE), true).await;
    assert_eq!(store.output(again.id).await.unwrap(), None);
}
