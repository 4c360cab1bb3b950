//! What a result costs: it does not write again what it does not change.

use futures_lite::future::block_on;
use tempfile::TempDir;
use widget_core::Payload;
use widget_core::id::Attempt;
use widget_core::store::TaskStoreExt;
use widget_core::task::{AgentEvent, Event, Finish, NewTask};
use widget_core::testkit::fixtures::{NOW, agent, json, new_task, task_id};

use crate::common::{open, put_running, written};

fn finish() -> Event {
    let finish = Finish::succeeded(json("{\"rows\":1}"));
    Event::Said(Attempt(1), AgentEvent::Finish(finish))
}

#[test]
fn a_change_does_not_write_the_input_again() {
    let directory = TempDir::new().unwrap();
    let store = open(directory.path());
    let input = Payload::from_json_text(vec![b'1'; 256 * 1024]);
    let task = new_task(1, agent(1));
    put_running(&store, NewTask { input, ..task });
    let before = written(directory.path());
    block_on(store.apply_from(agent(1), task_id(1), &finish(), NOW)).unwrap();
    let cost = written(directory.path()) - before;
    assert!(cost < 80_000, "{cost} bytes for one result");
}
