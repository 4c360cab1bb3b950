//! What no suite can see, since nothing has to go wrong in it: mistakes that a life with faults shows.

use std::sync::Arc;

use widget_core::runtime::SharedRuntime;
use widget_core::store::Stores;
use widget_core::transport::Transport;
use widget_sim::{Open, SimRuntime, Way};

use crate::assert_names;
use crate::check::{Setting, Wrap, live};
use crate::store::{Mistake, WrongStore};
use crate::transports::{Mistake as Fault, WrongTransport};

/// Within how many seeds a mistake has to show.
const SEEDS: u64 = 40;

/// Lives until a promise is broken; says which.
fn caught(wrong: impl Fn(u64) -> Setting, promise: &str) {
    for seed in 0..SEEDS {
        let lived = live(&wrong(seed));
        if let Some(said) = lived.broken.iter().find(|said| said.contains(promise)) {
            assert_names(said, promise);
            return;
        }
    }
    panic!("{SEEDS} lives, and no word of {promise:?}");
}

fn with_store(mistake: Mistake, way: Way) -> impl Fn(u64) -> Setting {
    let open: Open = Arc::new(move |right, runtime: &SimRuntime| {
        let runtime: SharedRuntime = Arc::new(runtime.clone());
        Stores::from(Arc::new(WrongStore::new(right, mistake, Some(runtime))))
    });
    move |seed| Setting {
        open: Some(Arc::clone(&open)),
        ..Setting::new(seed, way)
    }
}

fn with_transport(wrap: Wrap) -> impl Fn(u64) -> Setting {
    move |seed| Setting {
        wrap: Some(wrap),
        kills: false,
        ..Setting::new(seed, Way::Calls)
    }
}

#[test]
fn without_a_mistake_no_promise_is_broken() {
    fn right(right: Arc<dyn Transport>, runtime: &SimRuntime) -> Arc<dyn Transport> {
        WrongTransport::around(right, Fault::None, runtime)
    }
    for seed in 0..10 {
        let setting = with_store(Mistake::None, Way::Calls)(seed);
        live(&setting).check(&setting);
        let setting = with_transport(right)(seed);
        live(&setting).check(&setting);
    }
}

#[test]
fn a_store_that_answers_tasks_before_the_commit_loses_one_at_a_crash() {
    let wrong = with_store(Mistake::TasksBeforeCommit, Way::Calls);
    caught(wrong, "was queued and is not there");
}

#[test]
fn a_store_that_acknowledges_reports_before_the_commit_loses_some_at_a_crash() {
    let wrong = with_store(Mistake::ReportsBeforeCommit, Way::Calls);
    caught(wrong, "though it has none left to deliver");
}

#[test]
fn a_store_that_rings_before_the_commit_lets_a_task_wait() {
    let wrong = with_store(Mistake::BellBeforeCommit, Way::Calls);
    caught(wrong, "a task that came after all faults is queued");
}

#[test]
fn a_store_without_a_watermark_keeps_reports_twice() {
    let wrong = with_store(Mistake::NoWatermark, Way::Calls);
    caught(wrong, "are doubles");
}

#[test]
fn a_transport_that_swallows_the_end_of_its_connection_loses_reports() {
    fn swallows(right: Arc<dyn Transport>, runtime: &SimRuntime) -> Arc<dyn Transport> {
        WrongTransport::around(right, Fault::Swallows, runtime)
    }
    caught(with_transport(swallows), "reports, but");
}
