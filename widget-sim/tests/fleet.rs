//! The fleet of the test kit: every fault does what its name says, and an assertion that does not hold
//! says so.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has to fail"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use widget_agent::{AgentBuilder, AnyHandler, RetryPolicy, TaskError};
use widget_core::runtime::{Address, Runtime, RuntimeExt};
use widget_core::store::Stores;
use widget_core::task::StateName;
use widget_sim::{Fault, Fleet, FleetBuilder, TCP_PORT, Way};
use widget_transport_tcp::TcpTransport;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A handler that takes a minute and may not be repeated, and one that may.
fn handlers(agent: AgentBuilder) -> AgentBuilder {
    let again = AnyHandler::raw("again", |cx, input| async move {
        cx.runtime().sleep(secs(60)).await;
        Ok(input)
    });
    agent
        .handler(again.retry(RetryPolicy::default()))
        .on_raw("once", |cx, input| async move {
            let minute = cx.runtime().sleep(secs(60));
            let (ends, asked) = (minute, cx.cancelled());
            futures_lite::future::or(ends, asked).await;
            if cx.is_cancelled() {
                return Err(TaskError::new("stopped", "it was asked to"));
            }
            Ok(input)
        })
}

fn fleet() -> FleetBuilder {
    Fleet::builder().agents(2).handlers(handlers)
}

/// What a story that fails says.
fn complaint(builder: FleetBuilder, story: Tell) -> String {
    let run = AssertUnwindSafe(|| builder.run(story));
    let panic = catch_unwind(run).expect_err("the story fails");
    panic.downcast_ref::<String>().expect("a text").clone()
}

type Tell = fn(Fleet) -> Story;
type Story = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[test]
fn a_task_that_nothing_happens_to_succeeds_on_every_way() {
    for way in [Way::Calls, Way::Tcp, Way::Http] {
        fleet().way(way).run(async |fleet: Fleet| {
            let task = fleet.send(1, "once", "[7]").await;
            fleet.settle().await;
            fleet.assert_started_once(task).await;
            fleet.assert_output(task, "[7]").await;
            use StateName::{Accepted, Leased, Queued, Running, Succeeded};
            let life = [Queued, Leased, Accepted, Running, Succeeded];
            fleet.assert_life(task, &life).await;
            fleet.assert_no_report_is_missing(1).await;
        });
    }
}

#[test]
fn whatever_goes_wrong_a_task_starts_once_and_ends() {
    for fault in Fault::ALL {
        fleet().seeds(3).run(move |fleet| async move {
            let task = fleet.send(0, "once", "7").await;
            fleet.reaches(task, StateName::Running).await;
            fleet.apply(0, fault);
            fleet.after(secs(30)).await;
            fleet.settle().await;
            fleet.assert_started_once(task).await;
            let ends = [StateName::Succeeded, StateName::Interrupted];
            if fault != Fault::RestoreServer {
                fleet.assert_state_among(task, &ends).await;
                fleet.assert_no_report_is_missing(0).await;
            }
            assert_eq!(fleet.world().counts()[fault.as_str()], 1);
        });
    }
}

#[test]
fn what_may_be_repeated_succeeds_after_every_fault() {
    for fault in [
        Fault::KillAgent,
        Fault::PowerCut,
        Fault::DiskLost,
        Fault::Part,
    ] {
        fleet().run(move |fleet| async move {
            let task = fleet.send(0, "again", "7").await;
            fleet.reaches(task, StateName::Running).await;
            fleet.apply(0, fault);
            fleet.settle().await;
            fleet.assert_output(task, "7").await;
            let starts = fleet.starts(task);
            let expected = if fault == Fault::Part { 1 } else { 2 };
            assert_eq!(starts, expected, "{fault}");
        });
    }
}

#[test]
fn a_copy_of_an_agent_takes_its_place_until_it_is_gone() {
    // Without a disk each of them is a memory of its own, which a server tells apart.
    fleet().without_disks().run(async |fleet: Fleet| {
        fleet.apply(0, Fault::CloneAgent);
        let server = fleet.server().unwrap();
        fleet.after(secs(5)).await;
        let replaced = |fleet: &Fleet| fleet.agent(0).unwrap().status().transport.is_none();
        assert!(replaced(&fleet));
        assert!(server.refusals()["replaced"] > 0);
        fleet.settle().await;
        assert!(!replaced(&fleet));
    });
}

#[test]
fn a_restore_brings_back_the_rows_of_the_backup() {
    fleet().run(async |fleet: Fleet| {
        let before = fleet.send(0, "once", "1").await;
        fleet.backup();
        let after = fleet.send(0, "once", "2").await;
        fleet.apply(0, Fault::RestoreServer);
        let tasks = fleet.stores().tasks;
        assert!(tasks.task(before).await.unwrap().is_some());
        assert!(tasks.task(after).await.unwrap().is_none());
        fleet.settle().await;
    });
}

#[test]
fn clocks_are_set_and_set_right() {
    fleet().run(async |fleet: Fleet| {
        let ahead = |fleet: &Fleet| {
            let clock = |host: &str| fleet.world().process(host).wall().as_millis();
            (
                clock("agent-0") - clock("other"),
                clock("server") - clock("other"),
            )
        };
        fleet.apply(0, Fault::ClockAhead);
        fleet.apply(0, Fault::ServerClockAhead);
        assert_eq!(ahead(&fleet), (3_600_000, 3_600_000));
        fleet.heal();
        fleet.apply(0, Fault::ClockBack);
        assert_eq!(ahead(&fleet), (-3_600_000, 0));
        fleet.heal();
        assert_eq!(ahead(&fleet), (0, 0));
    });
}

#[test]
fn an_assertion_that_does_not_hold_tells_the_life_of_the_task_and_the_seed() {
    let said = complaint(fleet().seed(7), |fleet| {
        Box::pin(async move {
            let task = fleet.send(0, "once", "7").await;
            fleet.settle().await;
            fleet.assert_never_started(task).await;
        })
    });
    for part in [
        "seed 7: the task once (",
        "was to start never, and has started 1 times",
        "fleet.rs:",
        "s  queued: asked for by server",
        "s  succeeded: ",
        "s  its handler starts",
        "WIDGET_SEED=7 cargo test an_assertion_that_does_not_hold",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
}

#[test]
fn every_assertion_can_fail() {
    let stories: [(Tell, &str); 6] = [
        (
            |fleet| {
                Box::pin(async move {
                    let task = fleet.send(0, "none", "7").await;
                    fleet.settle().await;
                    fleet.assert_started_once(task).await;
                })
            },
            "was to start once, and has started 0 times",
        ),
        (
            |fleet| {
                Box::pin(async move {
                    let task = fleet.send(0, "once", "7").await;
                    fleet.assert_state(task, StateName::Succeeded).await;
                })
            },
            ", and not succeeded",
        ),
        (
            |fleet| {
                Box::pin(async move {
                    let task = fleet.send(0, "once", "7").await;
                    fleet.settle().await;
                    fleet.assert_output(task, "8").await;
                })
            },
            "is succeeded with 7, and not succeeded with 8",
        ),
        (
            |fleet| {
                Box::pin(async move {
                    let task = fleet.send(0, "none", "7").await;
                    fleet.reaches(task, StateName::Running).await;
                })
            },
            "is rejected, and was never running",
        ),
        (
            |fleet| {
                Box::pin(async move {
                    let report = fleet.reports(0).await.pop().expect("a report");
                    let twice = widget_core::store::ReportBatch {
                        agent: fleet.id(0),
                        epoch: widget_core::id::SpoolEpoch::from_bytes([9; 16]),
                        after: report.report.seq - 1,
                        through: report.report.seq,
                        reports: vec![report.report],
                        received: report.received,
                    };
                    fleet.stores().reports.append(twice).await.unwrap();
                    fleet.assert_no_report_is_missing(0).await;
                })
            },
            "agent-0 twice",
        ),
        (
            |fleet| {
                Box::pin(async move {
                    let mut later = fleet.request(0, "once", "7");
                    later.not_before = Some(fleet.server().unwrap().wall().after(secs(7_200)));
                    fleet.submit(later).await.unwrap();
                    fleet.settle().await;
                })
            },
            "the fleet does not settle in 3600s: ",
        ),
    ];
    for (story, said) in stories {
        let complaint = complaint(fleet(), story);
        assert!(complaint.contains(said), "{said} is not in: {complaint}");
    }
}

#[test]
fn what_takes_its_order_from_elsewhere_is_found() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let said = complaint(fleet().twice(), |fleet| {
        Box::pin(async move {
            let run = RUNS.fetch_add(1, Ordering::Relaxed);
            fleet.after(secs(run as u64)).await;
            fleet.send(0, "once", "7").await;
        })
    });
    assert!(
        said.contains("something in this world takes time, order"),
        "{said}"
    );
}

#[test]
fn a_transport_and_stores_of_ones_own_are_used() {
    let (made, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (makes, opens) = (Arc::clone(&made), Arc::clone(&opened));
    fleet()
        .transport(move |runtime| {
            makes.fetch_add(1, Ordering::Relaxed);
            let server = Address {
                host: "server".into(),
                port: TCP_PORT,
            };
            Arc::new(TcpTransport::new(Arc::new(runtime.clone()), server))
        })
        .stores(move |store, _| {
            opens.fetch_add(1, Ordering::Relaxed);
            Stores::from(Arc::new(store))
        })
        .run(async |fleet: Fleet| {
            let task = fleet.send(0, "once", "7").await;
            fleet.settle().await;
            fleet.assert_output(task, "7").await;
        });
    assert_eq!(
        (made.load(Ordering::Relaxed), opened.load(Ordering::Relaxed)),
        (2, 1)
    );
}

#[test]
fn a_thousand_agents_run_a_task_each() {
    let start = Instant::now();
    fleet()
        .agents(1_000)
        .interval(secs(60))
        .run(async |fleet: Fleet| {
            let mut tasks = Vec::new();
            for agent in 0..fleet.agents() {
                tasks.push(fleet.send(agent, "once", "7").await);
            }
            for agent in 0..100 {
                fleet.apply(agent * 10, Fault::RestartAgent);
            }
            fleet.settle().await;
            for task in tasks {
                fleet.assert_started_at_most_once(task).await;
            }
        });
    assert!(start.elapsed() < secs(120), "{:?}", start.elapsed());
}
