//! Submit: reports become durable, then they are acknowledged.

use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::message::{Limits, RefusalReason, Response, Submit};
use widget_core::store::ReportBatch;
use widget_core::transport::{Origin, Peer, Rejection};

use super::Dispatcher;
use crate::events::ServerEvent;
use crate::rates::Rate;

impl Dispatcher {
    pub(super) async fn submit(&self, peer: &Peer, submit: Submit) -> Response {
        if let Err((reason, text)) = check(peer, &submit) {
            return self.refuse(&peer.origin, reason, text);
        }
        let many = u32::try_from(submit.reports.len()).unwrap_or(u32::MAX);
        if let Err(retry_after) = self.take_reports(&peer.origin, peer.agent, many) {
            return Rejection::Busy { retry_after }.into();
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
            Err(error) => {
                self.attendance.give_back_reports(peer.agent, many);
                self.store_says(peer, &error)
            }
        }
    }

    /// Takes so many reports of an agent.
    ///
    /// # Errors
    /// How long they have to wait if those before them were too many.
    pub(super) fn take_reports(
        &self,
        from: &Origin,
        agent: AgentId,
        many: u32,
    ) -> Result<(), Duration> {
        let now = self.runtime.now();
        let taken = self.attendance.take_reports(agent, many, now);
        if taken.is_err() {
            self.refusals.count(from, "reports_rate", now);
        }
        taken
    }
}

/// How many reports of an agent are taken. As many as one message may have always go at once.
pub(super) fn rate(limits: &crate::Limits) -> Rate {
    let burst = limits.report_burst.max(Limits::default().reports);
    Rate::new(burst, limits.reports, Duration::from_secs(1))
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
