//! What an agent costs that waits for work: memory of the server's process, its clients in
//! another one, beside a bare task of tokio's that waits for a byte on a connection.

use std::thread;
use std::time::Duration;

use widget_benches::TRANSPORTS;

use crate::Plan;
use crate::child::Child;
use crate::proc::kib;
use crate::table::{Bar, Subject, Tables};

/// Until what begins with a connection has ended.
const SETTLE: Duration = Duration::from_secs(3);

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    for transport in TRANSPORTS {
        let (what, floor, floor_role, bar) = match *transport {
            "http" => (
                "a waiting agent over HTTP",
                "a request that waits in bare hyper",
                "hyper",
                Bar::None,
            ),
            _ => (
                "a waiting agent over TCP",
                "a bare task of tokio's that waits to read",
                "task",
                Bar::Below(2.0),
            ),
        };
        let subject = Subject {
            what,
            floor,
            unit: "KiB",
            bar,
        };
        tables.compare(
            subject,
            plan.rounds,
            || kib_each(plan, transport),
            || kib_each(plan, floor_role),
        );
    }
}

/// Of the memory that a server's process has for itself, what each waiting client takes.
fn kib_each(plan: &Plan, what: &str) -> f64 {
    let mut server = Child::start(&["serve-waiting", what]);
    let at = server.line();
    let private = || kib(server.id(), "RssAnon");
    let before = private();
    let mut clients = Child::start(&["wait", what, &at, &plan.agents.to_string()]);
    assert_eq!(clients.line(), "all wait");
    thread::sleep(SETTLE.min(Duration::from_millis(plan.agents as u64)));
    (private() - before) / plan.agents as f64
}
