//! Time at the agent: a start that comes late, a host that was suspended, a clock that is set.

use std::future::pending;
use std::sync::Arc;

use tokio::time::sleep;
use widget_agent::AnyHandler;
use widget_agent::widget_core::task::{AgentEvent, FinishKind};

use crate::delivery::{ACCEPT, Host, SECOND};
use crate::server::task;
use crate::spool::Clocked;
use crate::start;
use crate::tasks::{finish, until_the_end};

#[tokio::test(start_paused = true)]
async fn a_late_start_asks_the_server_whether_it_still_may() {
    let host = Host::new();
    let one = AnyHandler::raw("one", |_cx, input| async {
        sleep(SECOND * 60).await;
        Ok(input)
    });
    let runtime = Arc::new(Clocked::new());
    let agent = host.agent().handler(one.concurrency(1)).runtime(runtime);
    let run = start(agent);
    let mut long = [task(1, "one", "1"), task(2, "one", "2")];
    long[1].ttl_ms = 600_000;
    host.server.hand_out(long.to_vec()).await;
    assert_eq!(host.server.ok().await, [ACCEPT, ACCEPT]);
    assert_eq!(host.server.ok().await, [AgentEvent::Start]);
    let status = run.1.status();
    assert_eq!((status.waiting, status.running), (1, 1));
    let request = host.server.request().await;
    assert_eq!(
        (request.command.kinds[0].room, request.command.room),
        (0, 62)
    );
    let mut events = Vec::new();
    while events.last() != Some(&AgentEvent::Start) {
        events.extend(host.server.ok().await);
    }
    let accepts = events.iter().filter(|event| **event == ACCEPT);
    assert_eq!((accepts.count(), events.len()), (1, 3), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn time_that_the_host_slept_counts_for_a_ttl_and_for_no_timeout() {
    let host = Host::new();
    let one = AnyHandler::raw("one", |_cx, input| async {
        sleep(SECOND * 3_000).await;
        Ok(input)
    });
    let clock = Arc::new(Clocked::new());
    let agent = host.agent().handler(one.concurrency(1));
    let _run = start(agent.runtime(clock.clone()));
    let mut tasks = [task(1, "one", "1"), task(2, "one", "2")];
    tasks[0].timeout_ms = Some(3_100_000);
    tasks[1].ttl_ms = 3_600_000;
    host.server.hand_out(tasks.to_vec()).await;
    assert_eq!(host.server.ok().await, [ACCEPT, ACCEPT]);
    assert_eq!(host.server.ok().await, [AgentEvent::Start]);
    host.server.updates.stays_empty(SECOND * 300).await;
    clock.suspend(SECOND * 3_600);
    let begin = tokio::time::Instant::now();
    assert_eq!(host.server.ok().await, [AgentEvent::Expire]);
    assert!(begin.elapsed() <= SECOND * 31, "{:?}", begin.elapsed());
    // Nor does a handler run while its host sleeps.
    let events = until_the_end(&host.server).await;
    assert_eq!(finish(&events).kind, FinishKind::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_changes_no_ttl_and_no_timeout_at_the_agent() {
    let host = Host::new();
    let long = AnyHandler::raw("long", |_cx, _| pending());
    let clock = Arc::new(Clocked::new());
    let agent = host.agent().handler(long.concurrency(1));
    let _run = start(agent.runtime(clock.clone()));
    let mut tasks = [task(1, "long", "1"), task(2, "long", "2")];
    tasks[0].timeout_ms = Some(600_000);
    tasks[1].ttl_ms = 1_200_000;
    tasks[1].timeout_ms = Some(100);
    host.server.hand_out(tasks.to_vec()).await;
    assert_eq!(host.server.ok().await, [ACCEPT, ACCEPT]);
    assert_eq!(host.server.ok().await, [AgentEvent::Start]);
    let begin = tokio::time::Instant::now();
    let day = 86_400_000;
    for set in [day, -3 * day, 4 * day] {
        clock.set(set);
        host.server.updates.stays_empty(SECOND * 150).await;
    }
    // The end of the one and what becomes of the other may be said together.
    let mut events = Vec::new();
    let is_end = |event: &&AgentEvent| matches!(event, AgentEvent::Finish(_));
    while events.iter().filter(is_end).count() < 2 {
        events.extend(host.server.ok().await);
    }
    assert!((SECOND * 600..SECOND * 602).contains(&begin.elapsed()));
    let out_of_time = |event: &&AgentEvent| matches!(event, AgentEvent::Finish(end) if end.kind == FinishKind::TimedOut);
    assert_eq!(events.iter().filter(out_of_time).count(), 2, "{events:?}");
    // In its turn, and within its ttl.
    assert!(events.contains(&AgentEvent::Start), "{events:?}");
}
