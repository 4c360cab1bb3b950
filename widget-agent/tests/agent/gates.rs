//! What a host lets its agent take: the host's word counts for more than the server's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use widget_agent::widget_core::message::Verdict;
use widget_agent::widget_core::task::{AgentEvent, Failure, FinishKind};
use widget_agent::{AgentBuilder, AnyHandler};

use crate::kept::Kept;
use crate::server::{Server, task};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

const ACCEPT: AgentEvent = AgentEvent::Accept { idempotent: false };

/// A handler that counts how often its inputs were looked at and how often it ran.
fn counted(server: &Arc<Server>, count: &Arc<AtomicU32>) -> AgentBuilder {
    let count = Arc::clone(count);
    builder(server).on_raw("count", move |_cx, input| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok(input) }
    })
}

fn no() -> Failure {
    Failure::new("no", "not here")
}

/// The only thing that is said of a task: it is rejected with this.
async fn rejected(server: &Arc<Server>) -> Failure {
    match server.ok().await.as_slice() {
        [AgentEvent::Reject(failure)] => failure.clone(),
        said => panic!("{said:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_gate_denies_is_rejected_with_its_reason_and_never_starts() {
    let (server, count) = (Server::new(), Arc::default());
    let agent = counted(&server, &count).gate(|offer| match offer.task.input.as_bytes() {
        b"1" => Err(no()),
        _ => Ok(()),
    });
    let (_agent, _handle) = start(agent);
    server.hand_out(vec![task(1, "count", "1")]).await;
    assert_eq!(rejected(&server).await, no());
    server.hand_out(vec![task(2, "count", "2")]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
    until_the_end(&server).await;
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(server.request().await.command.holding.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_gate_is_asked_before_anything_else_also_of_kinds_that_nobody_has() {
    let server = Server::new();
    let looks = AnyHandler::raw("look", |_cx, _| async { panic!("it ran") });
    let (_agent, _handle) = start(builder(&server).handler(looks).gate(|_| Err(no())));
    for (number, kind) in [(1, "look"), (2, "unknown"), (3, "shutdown")] {
        server.hand_out(vec![task(number, kind, "1")]).await;
        assert_eq!(rejected(&server).await, no());
    }
}

#[tokio::test(start_paused = true)]
async fn every_gate_has_to_say_yes() {
    let (server, count) = (Server::new(), Arc::default());
    let agent = counted(&server, &count)
        .gate(|offer| match offer.task.priority {
            0 => Ok(()),
            _ => Err(Failure::new("first", "")),
        })
        .gate(|offer| match offer.task.input.as_bytes() {
            b"1" => Ok(()),
            _ => Err(Failure::new("second", "")),
        });
    let (_agent, _handle) = start(agent);
    let mut urgent = task(1, "count", "1");
    urgent.priority = 1;
    server.hand_out(vec![urgent]).await;
    assert_eq!(rejected(&server).await.code, "first");
    server.hand_out(vec![task(2, "count", "2")]).await;
    assert_eq!(rejected(&server).await.code, "second");
    server.hand_out(vec![task(3, "count", "1")]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
}

#[tokio::test(start_paused = true)]
async fn a_gate_that_panics_says_no_and_the_agent_goes_on() {
    let (server, count) = (Server::new(), Arc::default());
    let agent = counted(&server, &count).gate(|offer| match offer.task.input.as_bytes() {
        b"1" => panic!("no idea"),
        _ => Ok(()),
    });
    let (_agent, _handle) = start(agent);
    server.hand_out(vec![task(1, "count", "1")]).await;
    assert_eq!(rejected(&server).await, Failure::new("panic", "no idea"));
    server.hand_out(vec![task(2, "count", "2")]).await;
    assert_eq!(server.ok().await, [ACCEPT]);
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_is_too_long_is_cut() {
    let server = Server::new();
    let long = || Failure::new("c".repeat(1_000), "m".repeat(100_000));
    let (_agent, _handle) = start(builder(&server).gate(move |_| Err(long())));
    server.hand_out(vec![task(1, "any", "1")]).await;
    let failure = rejected(&server).await;
    assert_eq!((failure.code.len(), failure.message.len()), (64, 4_096));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_taken_and_not_started_is_looked_at_again_by_the_next_start() {
    let (server, count, disk) = (Server::new(), Arc::default(), Kept::default());
    let (agent, handle) = start(counted(&server, &count).spool(disk.open()));
    server.hand_out(vec![task(1, "count", "1")]).await;
    // Its yes never arrives.
    let _unanswered = server.updates.next().await;
    agent.abort();
    drop(handle);
    let _ = agent.await;
    server.cut();

    let agent = counted(&server, &count).spool(disk.open());
    let (_agent, _handle) = start(agent.gate(|_| Err(no())));
    let said = server.updates.next().await.verdict(Verdict::Ok);
    assert_eq!(
        (code(&said), finish(&said).kind),
        ("no", FinishKind::Failed)
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

mod policy {
    //! The same, by the lines of a policy.

    use widget_agent::widget_core::message::{Assigned, Response, Work, extra};
    use widget_agent::{Policy, Shutdown};

    use super::*;

    /// The wall clock of these tests begins on a Tuesday at 22:13:20 UTC.
    const POLICY: &str = "\
        deny kind shutdown\n\
        deny kind count at tue 22:00-23:00 utc\n\
        deny from token:ci-*\n";

    #[tokio::test(start_paused = true)]
    async fn a_policy_wins_over_the_server() {
        let (server, count) = (Server::new(), Arc::default());
        let policy: Policy = POLICY.parse().unwrap();
        let agent = counted(&server, &count).handler(Shutdown::new());
        let (agent, _handle) = start(agent.policy(policy));
        for (number, kind, line) in [(1, "shutdown", 1), (2, "count", 2), (3, "other", 3)] {
            server.hand_out(vec![task(number, kind, "1")]).await;
            let failure = rejected(&server).await;
            assert_eq!(failure.code, Policy::DENIED);
            let start = format!("line {line} of the agent's policy denies it");
            assert!(failure.message.starts_with(&start), "{failure}");
        }
        assert_eq!(count.load(Ordering::SeqCst), 0);
        assert!(server.request().await.command.holding.is_empty());
        assert!(!agent.is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_taken_when_its_hour_has_come() {
        let (server, count) = (Server::new(), Arc::default());
        let policy: Policy = "deny at tue 22:00-22:14 utc".parse().unwrap();
        let (_agent, _handle) = start(counted(&server, &count).policy(policy));
        server.hand_out(vec![task(1, "count", "1")]).await;
        assert_eq!(rejected(&server).await.code, Policy::DENIED);
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        server.hand_out(vec![task(2, "count", "1")]).await;
        assert_eq!(server.ok().await, [ACCEPT]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_asked_is_read_beside_the_task() {
        let (server, count) = (Server::new(), Arc::default());
        let policy: Policy = "deny from token:ci-*".parse().unwrap();
        let (_agent, _handle) = start(counted(&server, &count).policy(policy));
        let extras = server.hellos.next().await.extras;
        assert_eq!(extras, [(extra::READS_ASSIGNED, vec![1])]);
        let tasks = [1, 2, 3].map(|number| task(number, "count", "1")).to_vec();
        let by = ["token:ci-1", "token:ops", ""].map(str::to_owned).to_vec();
        let work = Work {
            tasks,
            ..Work::default()
        };
        let assigned = Response::Assigned(Assigned { work, by });
        server.request().await.answer(assigned);
        let said = server.ok().await;
        let [
            AgentEvent::Reject(denied),
            AgentEvent::Accept { .. },
            AgentEvent::Reject(unknown),
        ] = said.as_slice()
        else {
            panic!("{said:?}");
        };
        assert!(
            denied.message.ends_with(": deny from token:ci-*"),
            "{denied}"
        );
        assert!(unknown.message.contains("not known who asked"), "{unknown}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_agent_without_a_gate_does_not_ask_who() {
        let server = Server::new();
        let (_agent, _handle) = start(builder(&server));
        assert_eq!(server.hellos.next().await.extras, []);
    }
}
