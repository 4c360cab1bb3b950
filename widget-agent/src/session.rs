//! One connection's life: the agent describes itself, then reports, asks for tasks and says what
//! became of them, all at once, until the connection fails or the agent leaves.

use std::sync::Arc;
use std::time::Duration;

use widget_core::message::{Command, Goodbye, Refusal, RefusalReason, Response, Welcome};
use widget_core::runtime::{BoxFuture, RuntimeExt};
use widget_core::transport::{Connection, TransportError, TransportErrorKind};

use crate::agent::Ended;
use crate::first::first;
use crate::shared::{Farewell, Shared};
use crate::{complain, submit, update, work};

/// The longest time that a busy server is believed to need.
pub(crate) const MAX_PAUSE: Duration = Duration::from_secs(5 * 60);
/// How long a server may be busy before another one is tried, if there is another.
const BUSY: Duration = Duration::from_secs(30);

/// What a command that was not refused as a whole came to.
pub(crate) enum Answer {
    /// The answer to it.
    Response(Response),
    /// No to this command; the connection goes on.
    Refused(Refusal),
}

/// Runs the session. Ok means that the server has heard the goodbye.
pub(crate) async fn run(
    shared: &Arc<Shared>,
    connection: &dyn Connection,
    welcome: &Welcome,
) -> Result<(), TransportError> {
    // It is time to say goodbye.
    let leaves = |farewell| (farewell >= Farewell::Saying).then_some(Ok(()));
    let parts: Vec<BoxFuture<'_, Result<(), TransportError>>> = vec![
        Box::pin(shared.until(|state| leaves(state.farewell))),
        Box::pin(work_on(shared, connection, welcome)),
    ];
    first(parts).await?;
    goodbye(shared, connection).await
}

/// Ends only with the connection.
async fn work_on(
    shared: &Arc<Shared>,
    connection: &dyn Connection,
    welcome: &Welcome,
) -> Result<(), TransportError> {
    describe(shared, connection).await?;
    let parts: Vec<BoxFuture<'_, Result<(), TransportError>>> = vec![
        Box::pin(submit::run(shared, connection, welcome)),
        Box::pin(work::run(shared, connection, welcome)),
        Box::pin(update::run(shared, connection)),
    ];
    first(parts).await
}

/// Says what this agent is. A server that will not have it serves the agent all the same, but knows
/// neither its name nor its handlers.
async fn describe(shared: &Shared, connection: &dyn Connection) -> Result<(), TransportError> {
    let describe = Command::Describe(shared.describe.clone());
    if let Answer::Refused(refusal) = call(shared, connection, describe).await? {
        let said = std::mem::replace(&mut shared.state().describe_refused, true);
        if !said {
            let what = "the server refused the description of this agent";
            complain::warn(what, &refusal.text);
        }
    }
    Ok(())
}

async fn goodbye(shared: &Shared, connection: &dyn Connection) -> Result<(), TransportError> {
    let leaving = shared.state().leaving;
    let task = leaving.and_then(|leaving| leaving.named(shared.durable));
    let reason = match leaving.map(|leaving| leaving.why) {
        Some(Ended::Shutdown) => "shutdown",
        Some(Ended::Restart) => "restart",
        Some(Ended::Stopped) | None => "stopped",
    };
    let goodbye = Goodbye {
        reason: reason.to_owned(),
        task,
        spool_gone: !shared.durable,
    };
    call(shared, connection, Command::Goodbye(goodbye)).await?;
    if let Some((task, _)) = task {
        // The server has heard it, so the next start need not say it again.
        shared.change(|state| state.ledger.forget(task, true));
        shared.durable().await;
    }
    Ok(())
}

/// Sends a command, again and again while the server is busy. Where there are other ways to a
/// server, a server that stays busy for [`BUSY`] is given up.
///
/// # Errors
/// Whatever makes the connection useless.
pub(crate) async fn call(
    shared: &Shared,
    connection: &dyn Connection,
    command: Command,
) -> Result<Answer, TransportError> {
    let mut busy_since = None;
    loop {
        let pause = match connection.call(command.clone()).await {
            Ok(Response::Busy { retry_after_ms }) => Duration::from_millis(retry_after_ms.into()),
            Ok(Response::Refused(refusal)) => return refused(refusal),
            Ok(Response::Unsupported | Response::Welcome(_)) => return Err(unexpected()),
            Ok(response) => return Ok(Answer::Response(response)),
            Err(error) => match error.kind() {
                TransportErrorKind::Busy { retry_after } => *retry_after,
                TransportErrorKind::Refused(refusal) => return refused(refusal.clone()),
                TransportErrorKind::TooLarge { .. } => {
                    let (reason, text) = (RefusalReason::TooLarge, error.to_string());
                    return Ok(Answer::Refused(Refusal { reason, text }));
                }
                _ => return Err(error),
            },
        };
        let pause = pause.clamp(Duration::from_millis(10), MAX_PAUSE);
        let now = shared.runtime.now();
        let busy = now.since(*busy_since.get_or_insert(now));
        if shared.transports.len() > 1 && busy.saturating_add(pause) > BUSY {
            let retry_after = pause;
            return Err(TransportError::new(TransportErrorKind::Busy {
                retry_after,
            }));
        }
        shared.runtime.sleep(pause).await;
    }
}

/// Tells a no to one command from a no to the whole session.
fn refused(refusal: Refusal) -> Result<Answer, TransportError> {
    match refusal.reason {
        RefusalReason::Invalid | RefusalReason::TooLarge => Ok(Answer::Refused(refusal)),
        RefusalReason::Replaced | RefusalReason::Version | RefusalReason::Credential => {
            Err(TransportError::new(TransportErrorKind::Refused(refusal)))
        }
        // Hello makes a new one.
        RefusalReason::Session => Err(TransportError::with(
            TransportErrorKind::Closed,
            refusal.text,
        )),
    }
}

/// The answer to another question.
pub(crate) fn unexpected() -> TransportError {
    TransportError::with(
        TransportErrorKind::Protocol,
        "this is no answer to what was asked",
    )
}
