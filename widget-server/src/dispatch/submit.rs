//! Submit: reports become durable, then they are acknowledged.

use widget_core::message::{Limits, RefusalReason, Response, Submit};
use widget_core::store::ReportBatch;
use widget_core::transport::Peer;

use super::Dispatcher;
use crate::events::ServerEvent;

impl Dispatcher {
    pub(super) async fn submit(&self, peer: &Peer, submit: Submit) -> Response {
        if let Err((reason, text)) = check(peer, &submit) {
            return self.refuse(&peer.origin, reason, text);
        }
        let batch = ReportBatch {
            agent: peer.agent,
            epoch: submit.epoch,
            after: submit.after,
            through: submit.through(),
            reports: submit.reports,
            received: self.runtime.wall(),
        };
        match self.watch(self.stores.reports.append(batch).await) {
            Ok(appended) => {
                if appended.stored > 0 {
                    self.wrote();
                    self.events.say(ServerEvent::Reported(peer.agent));
                }
                Response::Ack {
                    through: Some(appended.through),
                }
            }
            Err(error) => self.store_says(peer, &error),
        }
    }
}

fn check(peer: &Peer, submit: &Submit) -> Result<(), (RefusalReason, String)> {
    let invalid = |text: String| (RefusalReason::Invalid, text);
    if submit.epoch != peer.epoch {
        return Err(invalid(
            "the reports are of another epoch than the one that said hello".into(),
        ));
    }
    let most = usize::try_from(Limits::default().reports).unwrap_or(usize::MAX);
    if submit.reports.len() > most {
        return Err((
            RefusalReason::TooLarge,
            format!("more than {most} reports at once"),
        ));
    }
    let through = submit.through();
    if i64::try_from(through).is_err() {
        return Err(invalid(format!(
            "number {through} is above the largest that can be stored"
        )));
    }
    let mut last = submit.after;
    for report in &submit.reports {
        if report.seq <= last || report.seq > through {
            return Err(invalid(format!(
                "report {} is out of order: numbers rise, from above {} to {through}",
                report.seq, submit.after
            )));
        }
        report
            .check()
            .map_err(|error| invalid(format!("report {}: {error}", report.seq)))?;
        last = report.seq;
    }
    Ok(())
}
