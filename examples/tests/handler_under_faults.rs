//! How to test what a handler of one's own does when it is cancelled, when its agent dies in the middle,
//! and when messages are lost and come twice: real server and real agent in a simulated world, where a
//! minute takes no time and a failing seed can be run again.
//!
//!     cargo test -p widget-examples --test handler_under_faults

use std::time::Duration;

use widget_agent::runtime::RuntimeExt;
use widget_agent::{Payload, TaskContext, TaskError};
use widget_core::task::StateName;
use widget_sim::{Fault, Fleet, FleetBuilder};

/// The handler under test: saves two disks, each of which takes a minute.
async fn backup(cx: TaskContext, _input: Payload) -> Result<Payload, TaskError> {
    for _disk in ["a", "b"] {
        cx.runtime().sleep(Duration::from_secs(60)).await;
        if cx.is_cancelled() {
            return Err(TaskError::new("stopped", "stopped between two disks"));
        }
    }
    Ok(Payload::from_json_text(r#"{"disks":2}"#))
}

fn fleet() -> FleetBuilder {
    Fleet::builder()
        .seeds(10)
        .handlers(|agent| agent.on_raw("backup", backup))
}

#[test]
fn a_cancel_stops_it_between_two_disks() {
    fleet().run(async |fleet: Fleet| {
        let task = fleet.send(0, "backup", "null").await;
        fleet.reaches(task, StateName::Running).await;
        fleet.cancel(task).await;
        fleet.settle().await;
        fleet.assert_state(task, StateName::Stopped).await;
    });
}

#[test]
fn a_crash_in_the_middle_is_told_and_nothing_is_repeated() {
    fleet().run(async |fleet: Fleet| {
        let task = fleet.send(0, "backup", "null").await;
        fleet.reaches(task, StateName::Running).await;
        fleet.apply(0, Fault::PowerCut);
        fleet.settle().await;
        fleet.assert_state(task, StateName::Interrupted).await;
        fleet.assert_started_once(task).await;
    });
}

#[test]
fn a_task_that_is_handed_out_again_starts_once() {
    fleet().run(async |fleet: Fleet| {
        fleet.apply(0, Fault::Lossy);
        fleet.apply(0, Fault::Resets);
        let task = fleet.send(0, "backup", "null").await;
        fleet.after(Duration::from_secs(600)).await;
        fleet.settle().await;
        fleet.assert_output(task, r#"{"disks":2}"#).await;
        fleet.assert_started_once(task).await;
    });
}
