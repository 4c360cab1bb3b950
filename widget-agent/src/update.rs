//! The update loop: what became of tasks goes to the server, one message at a time, until each
//! piece of news has its verdict.

use widget_core::message::{Command, Response, Verdict};
use widget_core::transport::{Connection, TransportError};

use crate::complain;
use crate::session::{Answer, call, unexpected};
use crate::shared::Shared;

/// Tells news until the connection fails.
pub(crate) async fn run(
    shared: &Shared,
    connection: &dyn Connection,
) -> Result<(), TransportError> {
    let mut most = Command::MAX_ITEMS;
    loop {
        let update = shared.until(|state| state.ledger.update(most)).await;
        let verdicts = match call(shared, connection, Command::Update(update.clone())).await? {
            Answer::Response(Response::Verdicts(verdicts)) => verdicts,
            Answer::Response(_) => return Err(unexpected()),
            // One of them is at fault: find it.
            Answer::Refused(_) if update.items.len() > 1 => {
                most = 1;
                continue;
            }
            // The server, or what stands before it, will not take it, ever.
            Answer::Refused(refusal) => {
                complain::warn("the server refused news of a task", &refusal.text);
                if shared.change(|state| state.ledger.shorten(&update)) {
                    continue;
                }
                vec![Verdict::Unknown]
            }
        };
        if verdicts.len() != update.items.len() {
            return Err(unexpected());
        }
        most = Command::MAX_ITEMS;
        let now = shared.clock.now();
        shared.change(|state| state.ledger.settle(&update, &verdicts, now));
    }
}
