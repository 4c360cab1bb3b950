//! The submit loop: what the spool holds goes to the server, one batch at a time, until all is
//! acknowledged.

use std::time::Duration;

use widget_core::message::{Command, Response, Submit, Welcome};
use widget_core::report::Report;
use widget_core::runtime::RuntimeExt;
use widget_core::spool::Backlog;
use widget_core::transport::{Connection, TransportError};

use crate::complain;
use crate::session::{Answer, call, unexpected};
use crate::shared::{Shared, explain};

/// The most bytes of one batch.
const MAX_BYTES: usize = 1024 * 1024;

/// Submits until the connection fails.
pub(crate) async fn run(
    shared: &Shared,
    connection: &dyn Connection,
    welcome: &Welcome,
) -> Result<(), TransportError> {
    let most = usize::try_from(welcome.limits.reports)
        .unwrap_or(usize::MAX)
        .max(1);
    let bytes = usize::try_from(welcome.limits.frame / 2).map_or(MAX_BYTES, |b| b.min(MAX_BYTES));
    let pause = Duration::from_millis(welcome.pacing.submit_ms.into());
    // Up to here the spool was looked through. What it held on the last connection may still be
    // there.
    let mut looked = 0;
    // Up to here reports go one by one, because a batch was refused for one of them.
    let mut careful_through = 0;
    loop {
        let (after, newest) = shared
            .until(|state| {
                let reports = &state.reports;
                (reports.newest > looked).then_some((reports.delivered, reports.newest))
            })
            .await;
        let most = if after < careful_through { 1 } else { most };
        let backlog = read(shared, after, most).await;
        let Some(submit) = batch(shared, after, backlog, bytes) else {
            looked = newest;
            continue;
        };
        let (through, count) = (submit.through(), submit.reports.len());
        match call(shared, connection, Command::Submit(submit)).await? {
            Answer::Response(Response::Ack {
                through: Some(kept),
            }) => {
                acknowledged(shared, after, kept, through, count).await;
            }
            Answer::Refused(refusal) if count == 1 => {
                complain::warn("the server refused a report", &refusal.text);
                trim(shared, through).await;
                shared.change(|state| state.reports.lost += 1);
            }
            Answer::Refused(_) => careful_through = through,
            Answer::Response(_) => return Err(unexpected()),
        }
        shared.runtime.sleep(pause).await;
    }
}

/// The next reports from the spool.
async fn read(shared: &Shared, after: u64, most: usize) -> Backlog {
    match shared
        .with_spool(move |spool| spool.read(after, most))
        .await
    {
        Some(Ok(backlog)) => backlog,
        Some(Err(error)) => {
            complain::warn("reports cannot be read", &explain(&error));
            Backlog::default()
        }
        None => Backlog::default(),
    }
}

/// As much of the backlog as fits.
fn batch(shared: &Shared, after: u64, backlog: Backlog, most: usize) -> Option<Submit> {
    let Backlog { mut reports, .. } = backlog;
    let mut bytes = 0_usize;
    let fits = |report: &&Report| {
        bytes = bytes.saturating_add(size(report));
        bytes <= most
    };
    let count = reports.iter().take_while(fits).count().max(1);
    reports.truncate(count);
    let last = reports.last()?.seq;
    let sent = u64::try_from(reports.len()).unwrap_or(u64::MAX);
    Some(Submit {
        epoch: shared.epoch,
        after,
        reports,
        dropped: last.saturating_sub(after).saturating_sub(sent),
    })
}

/// About how many bytes a report takes on the wire.
fn size(report: &Report) -> usize {
    let thinned = report.thinned.as_ref();
    let sum = 64 + thinned.map_or(0, |thinned| 64 + thinned.gauges.len() * 16);
    let gauges = report.gauges.iter();
    gauges.fold(sum, |sum, (name, _)| sum + name.len() + 16)
}

/// The server has everything through `kept`.
async fn acknowledged(shared: &Shared, after: u64, kept: u64, through: u64, count: usize) {
    if kept < after {
        // It lost what it had acknowledged, or never had it. What is still here is sent again; the
        // batch after it says how much is not.
        complain::warn("the server has lost reports", "it has fewer than it said");
        shared.change(|state| {
            // What another store has is not lost.
            let had = after.saturating_sub(kept.max(state.reports.elsewhere));
            state.reports.lost += had;
            state.reports.delivered = kept;
        });
        return;
    }
    // Nobody can have what there is not: what comes next would count as delivered.
    let kept = kept.min(shared.state().reports.newest.max(through));
    // Before they are forgotten: this may be dropped in between, and what is no longer in the spool
    // must not count as missing.
    shared.change(|state| {
        state.reports.delivered = kept;
        if kept >= through {
            state.reports.acknowledged += u64::try_from(count).unwrap_or(u64::MAX);
        }
    });
    trim(shared, kept).await;
}

async fn trim(shared: &Shared, through: u64) {
    if let Some(Err(error)) = shared.with_spool(move |spool| spool.trim(through)).await {
        complain::warn("delivered reports cannot be forgotten", &explain(&error));
    }
}
