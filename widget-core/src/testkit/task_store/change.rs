//! Changing a task: revisions, timeline, evidence, and what holds when several try at once.

use std::sync::Barrier;

use futures_lite::future::{block_on, poll_once};

use super::{EPOCH, ONE, TWO, admit, apply, change, lease, name, put, put_leased, read, say};
use crate::Payload;
use crate::id::Attempt;
use crate::store::{AppliedKind, StoreErrorKind, TaskChange, TaskQuery, TaskStore, TaskStoreExt};
use crate::task::{
    Actor, AgentEvent, Event, Failure, Fault, Finish, FinishKind, MAX_LOSSES, Outcome, Phase,
    Reached, Revision, StateName, TIMELINE_FIRST, TIMELINE_LAST, Task, TaskState, TimelineEntry,
};
use crate::testkit::cases::promptly;
use crate::testkit::fixtures::{NOW, at, epoch, json, new_task, task_id};
use crate::time::Timestamp;

fn change_to(task: &Task, state: TaskState) -> TaskChange {
    TaskChange {
        id: task.id,
        expected: task.revision,
        state,
        evidence: None,
        entry: None,
        chunk: None,
        audit: None,
    }
}

fn entry(secs: i64, state: StateName) -> TimelineEntry {
    TimelineEntry {
        at: at(secs),
        state,
        cause: format!("second {secs}"),
        actor: Actor::Api,
    }
}

fn ended(state: StateName, output: Option<Payload>, failure: Option<Failure>) -> Phase {
    Phase::Ended {
        outcome: Outcome {
            state,
            output,
            failure,
            at: at(9),
            cut: None,
        },
        reached: Reached::Running,
    }
}

/// One of each phase and terminal state, with and without what may be missing.
fn phases() -> Vec<Phase> {
    let running = |progress| Phase::Running {
        epoch: epoch(7),
        since: at(2),
        heard: at(3),
        progress,
    };
    let mut phases = vec![
        Phase::Queued { not_before: None },
        Phase::Queued {
            not_before: Some(at(5)),
        },
        Phase::Leased {
            epoch: epoch(7),
            until: at(30),
        },
        Phase::Accepted {
            epoch: epoch(7),
            heard: at(1),
        },
        running(None),
        running(Some(json("{\"done\": 0.5}"))),
    ];
    let failure = Some(Failure::new("broken", "it broke: \"quoted\" 'and' ünïcode"));
    for state in StateName::ALL.into_iter().filter(|s| s.is_terminal()) {
        phases.push(ended(state, None, None));
        phases.push(ended(state, Some(json("[1, 2]")), failure.clone()));
    }
    for reached in [Reached::Waiting, Reached::Accepted] {
        let outcome = Outcome {
            state: StateName::Interrupted,
            output: None,
            failure: None,
            at: at(9),
            cut: None,
        };
        phases.push(Phase::Ended { outcome, reached });
    }
    phases
}

/// Every phase with all its data, and each flag beside it, reads back as it was written.
pub async fn every_phase_reads_back_equal(store: &dyn TaskStore) {
    let mut task = put(store, new_task(1, ONE)).await;
    for (round, phase) in (1_u32..).zip(phases()) {
        let state = TaskState {
            attempt: Attempt(round),
            ttl_at: at(i64::from(round)),
            cancel_requested: round % 2 == 0,
            idempotent: round % 3 == 0,
            started_before: round % 5 == 0,
            phase,
            failures: round,
            losses: round * 1_000,
        };
        let revision = store
            .replace(change_to(&task, state.clone()))
            .await
            .unwrap();
        task.state = state;
        task.revision = revision;
        assert_eq!(read(store, &task).await, task);
    }
}

/// Output and progress come from agents and are never looked into.
pub async fn bytes_that_are_no_json_read_back_equal(store: &dyn TaskStore) {
    let odd = [
        Payload::from_json_text(Vec::new()),
        Payload::from_json_text(vec![0xff, 0, b'{']),
        json(" { } "),
    ];
    for (n, odd) in (1..).zip(odd) {
        let mut task = put_leased(store, new_task(n, ONE)).await;
        task = say(store, &task, AgentEvent::Start).await;
        task = say(store, &task, AgentEvent::Progress(odd.clone())).await;
        assert_eq!(read(store, &task).await, task);
        task = say(store, &task, AgentEvent::Finish(Finish::succeeded(odd))).await;
        assert_eq!(read(store, &task).await, task);
    }
}

/// A change raises the revision by one and writes its timeline entry with it.
pub async fn each_change_counts_the_revision_and_adds_its_entry(store: &dyn TaskStore) {
    let mut task = put(store, new_task(1, ONE)).await;
    for round in 1..=3 {
        let entry = entry(round, StateName::Leased);
        let change = TaskChange {
            entry: Some(entry.clone()),
            ..change_to(&task, task.state.clone())
        };
        let revision = store.replace(change).await.unwrap();
        assert_eq!(revision, Revision(task.revision.0 + 1));
        task.revision = revision;
        task.timeline.push(entry);
        assert_eq!(read(store, &task).await, task);
    }
}

/// Only at the revision that is expected: else `Conflict`, and neither state nor timeline move.
pub async fn a_change_at_the_wrong_revision_is_a_conflict_and_changes_nothing(
    store: &dyn TaskStore,
) {
    let old = put(store, new_task(1, ONE)).await;
    let task = change(store, &old, &Event::Cancel, NOW).await;
    for expected in [Revision(0), Revision(2)] {
        let change = TaskChange {
            expected,
            entry: Some(entry(1, StateName::Queued)),
            evidence: Some(Finish::succeeded(Payload::null())),
            ..change_to(&task, old.state.clone())
        };
        let error = store.replace(change).await;
        let error = error.expect_err("a change is taken at the revision that it expects only");
        assert_eq!(*error.kind(), StoreErrorKind::Conflict);
        assert_eq!(read(store, &task).await, task);
    }
}

/// A task that is not there cannot be changed.
pub async fn a_change_of_an_unknown_task_is_not_found(store: &dyn TaskStore) {
    let task = new_task(1, ONE).into_task();
    let error = store.replace(change_to(&task, task.state.clone())).await;
    assert_eq!(*error.unwrap_err().kind(), StoreErrorKind::NotFound);
    assert_eq!(store.task(task.id).await.unwrap(), None);
}

/// Evidence stays until other evidence comes.
pub async fn a_change_without_evidence_leaves_what_is_there(store: &dyn TaskStore) {
    let mut task = put(store, new_task(1, ONE)).await;
    let first = Finish::succeeded(json("1"));
    let second = Finish::without(FinishKind::Failed, Failure::new("a", "b"));
    let rounds = [
        (None, None),
        (Some(first.clone()), Some(first.clone())),
        (None, Some(first)),
        (Some(second.clone()), Some(second)),
    ];
    for (evidence, kept) in rounds {
        let change = TaskChange {
            evidence,
            ..change_to(&task, task.state.clone())
        };
        task.revision = store.replace(change).await.unwrap();
        assert_eq!(read(store, &task).await.evidence, kept);
    }
}

/// Whoever waits for an agent's tasks hears of cancels and of what went back to the queue.
pub async fn a_change_rings_the_agents_bell(store: &dyn TaskStore) {
    let task = put(store, new_task(1, ONE)).await;
    let wake_up = store.watch(ONE);
    change(store, &task, &Event::Cancel, NOW).await;
    promptly("a change rings its agent's bell", wake_up).await;
}

/// Each ring is a look at all that waits for the agent, so one that brings no news would be a waste
/// for each line that a handler writes.
pub async fn what_an_agent_says_of_its_tasks_does_not_wake_it_until_one_ends(
    store: &dyn TaskStore,
) {
    let mut task = put_leased(store, new_task(1, ONE)).await;
    let mut wake_up = store.watch(ONE);
    for said in [
        AgentEvent::Accept { idempotent: true },
        AgentEvent::Start,
        AgentEvent::Progress(json("50")),
    ] {
        task = say(store, &task, said).await;
        assert!(poll_once(&mut wake_up).await.is_none());
    }
    let done = Finish::succeeded(json("1"));
    say(store, &task, AgentEvent::Finish(done)).await;
    assert!(poll_once(&mut wake_up).await.is_some());
}

/// From the queue to the end by events alone, with one entry for each step.
pub async fn a_whole_life_goes_through_apply(store: &dyn TaskStore) {
    let mut task = put_leased(store, new_task(1, ONE)).await;
    assert_eq!(task.revision, Revision(1));
    let finish = Finish::succeeded(json("\"done\""));
    for said in [
        AgentEvent::Accept { idempotent: true },
        AgentEvent::Start,
        AgentEvent::Progress(json("50")),
        AgentEvent::Finish(finish.clone()),
    ] {
        task = say(store, &task, said).await;
        assert_eq!(read(store, &task).await, task);
    }
    let states: Vec<_> = task.timeline.iter().map(|entry| entry.state).collect();
    let expected = [
        StateName::Queued,
        StateName::Leased,
        StateName::Accepted,
        StateName::Running,
        StateName::Succeeded,
    ];
    assert_eq!(states, expected);
    assert_eq!(task.revision, Revision(5));
    let again = Event::Said(Attempt(1), AgentEvent::Finish(finish));
    let repeat = apply(store, &task, &again, at(9)).await;
    assert_eq!(repeat.result, Ok(AppliedKind::Same));
    assert_eq!(read(store, &task).await, task);
}

/// What an agent says of the end too late is kept beside the outcome.
pub async fn a_late_finish_is_kept_as_evidence(store: &dyn TaskStore) {
    let task = put_leased(store, new_task(1, ONE)).await;
    let task = say(store, &task, AgentEvent::Start).await;
    let task = change(store, &task, &Event::NoWord, NOW).await;
    let finish = Finish::succeeded(json("1"));
    let said = Event::Said(Attempt(1), AgentEvent::Finish(finish.clone()));
    let late = apply(store, &task, &said, at(9)).await;
    assert_eq!(late.result, Ok(AppliedKind::Evidence));
    let now = read(store, &task).await;
    assert_eq!(now, late.task);
    assert_eq!(now.evidence, Some(finish));
    assert_eq!((now.state, now.timeline), (task.state, task.timeline));
}

/// There is nothing to apply an event to.
pub async fn apply_to_an_unknown_task_is_none(store: &dyn TaskStore) {
    let applied = store
        .apply(task_id(9), &Event::Cancel, Actor::Api, NOW)
        .await;
    assert_eq!(applied.unwrap(), None);
}

/// What an agent says of another agent's task it says of none.
pub async fn apply_from_finds_the_agents_own_tasks_only(store: &dyn TaskStore) {
    let task = put_leased(store, new_task(1, ONE)).await;
    let start = Event::Said(Attempt(1), AgentEvent::Start);
    let foreign = store.apply_from(TWO, task.id, &start, NOW).await;
    assert_eq!(foreign.unwrap(), None);
    assert_eq!(read(store, &task).await, task);
    let own = store.apply_from(ONE, task.id, &start, NOW).await.unwrap();
    let own = own.expect("its own").task;
    assert_eq!(own.state.name(), StateName::Running);
    assert_eq!(own.timeline.last().unwrap().actor, Actor::Agent);
}

/// What `tries` tries from as many threads at once came to.
fn race<T: Send>(tries: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = Barrier::new(tries);
    let (run, barrier) = (&run, &barrier);
    std::thread::scope(|scope| {
        let start = |n| {
            scope.spawn(move || {
                barrier.wait();
                run(n)
            })
        };
        let threads: Vec<_> = (0..tries).map(start).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    })
}

/// Of changes from the same revision at the same time exactly one is written.
pub async fn racing_changes_of_one_revision_have_one_winner(store: &dyn TaskStore) {
    let task = put(store, new_task(1, ONE)).await;
    let results = race(8, |n| {
        let due = Timestamp::from_secs(i64::try_from(n).unwrap());
        let state = TaskState::queued(due, None);
        block_on(store.replace(change_to(&task, state)))
    });
    let wins: Vec<_> = (0_i64..).zip(&results).filter(|(_, r)| r.is_ok()).collect();
    let [(winner, Ok(Revision(1)))] = wins.as_slice() else {
        panic!("{results:?}");
    };
    let lost = |r: &&Result<_, crate::store::StoreError>| matches!(r, Err(error) if *error.kind() == StoreErrorKind::Conflict);
    assert_eq!(results.iter().filter(lost).count(), 7);
    assert_eq!(
        read(store, &task).await.state.ttl_at,
        Timestamp::from_secs(*winner)
    );
}

/// Somebody cancels while the agent accepts: whoever is first decides, and everyone is told so.
pub async fn racing_cancel_and_accept_agree_on_one_winner(store: &dyn TaskStore) {
    for n in 1..=10 {
        let task = put_leased(store, new_task(n, ONE)).await;
        let accept = Event::Said(Attempt(1), AgentEvent::Accept { idempotent: false });
        let results = race(6, |n| {
            let event = if n % 2 == 0 { &Event::Cancel } else { &accept };
            block_on(apply(store, &task, event, NOW)).result
        });
        let now = read(store, &task).await;
        let changes = results
            .iter()
            .filter(|r| **r == Ok(AppliedKind::Changed))
            .count();
        assert_eq!(now.revision, Revision(1 + u64::try_from(changes).unwrap()));
        assert_eq!(now.timeline.len(), 2 + changes);
        let accepts: Vec<_> = results.iter().skip(1).step_by(2).collect();
        match now.state.name() {
            StateName::Cancelled => {
                assert_eq!(changes, 1);
                let told = Err(Fault::Illegal(StateName::Cancelled));
                assert!(accepts.iter().all(|r| **r == told), "{results:?}");
            }
            StateName::Accepted => {
                assert_eq!(changes, 2, "accepted, then asked to cancel: {results:?}");
                assert!(now.state.cancel_requested);
                assert!(accepts.iter().all(|r| r.is_ok()), "{results:?}");
            }
            other => panic!("{other}"),
        }
        assert_eq!(name(store, &task).await, now.state.name());
        assert!(now.state.held_by().is_none_or(|by| by == EPOCH));
    }
}

/// However often a task goes back to the queue: its first entries and its last ones are there, and
/// one between them says how many are not.
pub async fn a_long_timeline_keeps_its_ends_and_says_what_is_left_out(store: &dyn TaskStore) {
    let mut task = put(store, new_task(1, ONE)).await;
    let mut all = task.timeline.clone();
    let most = TIMELINE_FIRST + 1 + TIMELINE_LAST;
    for round in 1..200 {
        let entry = entry(round, StateName::Leased);
        let change = TaskChange {
            entry: Some(entry.clone()),
            ..change_to(&task, task.state.clone())
        };
        task.revision = store.replace(change).await.unwrap();
        task.record(Some(entry.clone()));
        all.push(entry);
        let now = read(store, &task).await;
        assert_eq!(now, task, "after {round}");
        assert!(now.timeline.len() <= most);
    }
    let left_out = all.len() - TIMELINE_FIRST - TIMELINE_LAST;
    let last_left_out = &all[TIMELINE_FIRST + left_out - 1];
    let said = last_left_out.left_out(u64::try_from(left_out).unwrap());
    assert_eq!(task.timeline[..TIMELINE_FIRST], all[..TIMELINE_FIRST]);
    assert_eq!(task.timeline[TIMELINE_FIRST], said);
    assert_eq!(
        task.timeline[most - TIMELINE_LAST..],
        all[all.len() - TIMELINE_LAST..]
    );
    let page = TaskQuery {
        agent: None,
        states: Vec::new(),
        before: None,
        limit: 1,
    };
    assert_eq!(store.tasks(&page).await.unwrap().tasks, [task]);
}

/// How often it failed and how often its agent was lost are part of the state, and each is a line of
/// the timeline that says why.
pub async fn failures_and_losses_read_back_with_their_causes(store: &dyn TaskStore) {
    let mut task = put(store, new_task(1, ONE)).await;
    admit(store, ONE, EPOCH).await;
    let rerun = async |task: &mut Task, lost: bool| {
        lease(store, ONE, &[]).await;
        *task = read(store, task).await;
        *task = say(store, task, AgentEvent::Accept { idempotent: true }).await;
        let retry = AgentEvent::Retry {
            failure: Failure::new("disk_busy", "the disk is busy"),
            after_ms: 0,
            lost,
        };
        *task = say(store, task, retry).await;
        assert_eq!(read(store, task).await, *task);
        task.timeline.last().unwrap().cause.clone()
    };
    let cause = rerun(&mut task, false).await;
    assert!(cause.ends_with("disk_busy: the disk is busy"), "{cause}");
    assert_eq!((task.state.failures, task.state.losses), (1, 0));
    for loss in 1..=MAX_LOSSES {
        let cause = rerun(&mut task, true).await;
        assert!(
            cause.contains(&format!("loss {loss} of {MAX_LOSSES}")),
            "{cause}"
        );
        assert_eq!((task.state.failures, task.state.losses), (1, loss));
    }
    assert_eq!(task.state.name(), StateName::Failed);
    let last = task.timeline.last().unwrap();
    assert!(last.cause.contains("crash_loop"), "{last:?}");
}
