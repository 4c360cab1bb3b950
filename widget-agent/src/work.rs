//! The work loop: asks for tasks and waits for them. What the agent holds is named each time, which
//! is also its heartbeat.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use widget_core::message::{Command, RequestWork, Welcome, Work, WorkTask};
use widget_core::runtime::RuntimeExt;
use widget_core::task::Failure;
use widget_core::transport::{Connection, TransportError};

use crate::gate::Senders;
use crate::raw::{AnyHandler, Job};
use crate::session::{Answer, call, unexpected};
use crate::shared::Shared;
use crate::sorted::Sorted;
use crate::tasks::Prepared;
use crate::{complain, run};

/// How long a request waits.
const WAIT: u32 = 25_000;
/// An answer that changes nothing and comes sooner than this is not followed at once by the next
/// request.
const SOON: Duration = Duration::from_millis(100);

/// Asks for work until the connection fails.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    connection: &dyn Connection,
    welcome: &Welcome,
) -> Result<(), TransportError> {
    let wait_ms = welcome.limits.wait_ms.min(WAIT);
    loop {
        let (request, version) = {
            let state = shared.state();
            let request = RequestWork {
                room: state.ledger.room(shared.clock.now()),
                wait_ms,
                holding: state.ledger.holding(),
                kinds: state.ledger.kinds(),
            };
            (request, state.ledger.version())
        };
        let asked = shared.runtime.now();
        let answer = call(shared, connection, Command::RequestWork(request));
        // A newer request takes the place of one that waits. What the server may just have handed
        // out to the old one it hands out again, because the new one does not name it.
        let differs = |now| (now != version).then_some(None);
        let changed = shared.until(|state| differs(state.ledger.version()));
        match or(async { Some(answer.await) }, changed).await {
            None => continue,
            Some(answer) => match answer? {
                Answer::Response(response) => {
                    let (work, senders) = Senders::of(&response).ok_or_else(unexpected)?;
                    take(shared, work, &senders);
                }
                Answer::Refused(refusal) => {
                    complain::debug("no work is given", &refusal.text);
                }
            },
        }
        let nothing_new = shared.state().ledger.version() == version;
        if nothing_new && shared.runtime.now().since(asked) < SOON {
            shared.runtime.sleep(SOON).await;
        }
    }
}

/// Takes tasks and cancels.
fn take(shared: &Shared, work: &Work, senders: &Senders<'_>) {
    let now = shared.clock.now();
    shared.state().ledger.saw(work);
    for (place, task) in work.tasks.iter().enumerate() {
        // A handler's own parser runs in between, so the lock is not held.
        let new = shared.state().ledger.meet(task);
        if new {
            complain::debug("a task has come", &task.kind);
            let let_in = shared.gate.look(task, senders.get(place), &shared.runtime);
            let prepared = let_in.and_then(|()| prepare(&shared.handlers, task));
            shared.state().ledger.take(task, prepared, now);
        }
    }
    shared.change(|state| {
        for cancel in &work.cancel {
            state.ledger.cancel(cancel.task, cancel.attempt);
        }
    });
}

/// Finds the handler and has it look at the input.
pub(crate) fn prepare(
    handlers: &Sorted<String, AnyHandler>,
    task: &WorkTask,
) -> Result<Prepared<Job>, Failure> {
    let Some(handler) = handlers.get(&task.kind) else {
        return Err(Failure::new("unknown_kind", unknown(handlers)));
    };
    let looks = AssertUnwindSafe(|| handler.prepare(&task.input));
    let job = catch_unwind(looks)
        .unwrap_or_else(|panic| Err(Failure::new("panic", run::panic_text(&*panic))))?;
    Ok(Prepared {
        job,
        idempotent: handler.idempotent,
        start_first: handler.start_first,
    })
}

fn unknown(handlers: &Sorted<String, AnyHandler>) -> String {
    let kinds: Vec<&str> = handlers
        .values()
        .map(|handler| handler.kind.as_str())
        .collect();
    if kinds.is_empty() {
        return "this agent has no handlers".to_owned();
    }
    // Cut, since the end of a task has a bounded room in the spool.
    let text = ["this agent has handlers for ", &kinds.join(", ")].concat();
    run::cut(&text, run::MAX_MESSAGE).to_owned()
}
