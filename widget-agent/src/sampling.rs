//! The sampling loop: probes are read at the interval, on a schedule that neither drifts nor cares
//! about connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::or;
use widget_core::report::{Report, ReportError};
use widget_core::runtime::RuntimeExt;
use widget_core::time::Mono;

use crate::complain;
use crate::probe::{Probe, Sample};
use crate::shared::{Shared, explain, lock};

type Probes = Arc<Mutex<Vec<Box<dyn Probe>>>>;

/// Samples for ever.
pub(crate) async fn run(shared: &Shared, probes: Vec<Box<dyn Probe>>) {
    let probes: Probes = Arc::new(Mutex::new(probes));
    let warming = Arc::clone(&probes);
    let warm_up = move || lock(&warming).iter_mut().map(|probe| probe.warm_up()).max();
    let wait = shared.runtime.blocking(warm_up).await.flatten();
    shared.runtime.sleep(wait.unwrap_or_default()).await;

    let mut said = None;
    let mut due = shared.runtime.now();
    loop {
        let complaint = sample(shared, &probes).await.err();
        if let Some((what, why)) = &complaint
            && said.as_ref() != complaint.as_ref()
        {
            complain::warn(what, why);
        }
        said = complaint;
        let now = shared.runtime.now();
        if due <= now {
            due = next(due, shared.interval, now);
        }
        // The host may ask for one at once.
        let asked = |asked: &mut bool| std::mem::take(asked).then_some(());
        let asked = shared.until(|state| asked(&mut state.report_now));
        or(shared.runtime.sleep_until(due), asked).await;
    }
}

/// The first point of the schedule after `now`: what was missed is not made up for.
fn next(due: Mono, interval: Duration, now: Mono) -> Mono {
    let interval = interval.max(Duration::from_millis(1));
    let missed = now.since(due).as_nanos() / interval.as_nanos();
    let steps = u32::try_from(missed).unwrap_or(u32::MAX).saturating_add(1);
    due.after(interval.saturating_mul(steps))
}

/// Takes one sample and keeps it as a report. The error is for the log: what and why.
async fn sample(shared: &Shared, probes: &Probes) -> Result<(), (&'static str, String)> {
    let at = shared.runtime.wall();
    let probes = Arc::clone(probes);
    let measure = move || {
        let mut sample = Sample::default();
        for probe in lock(&probes).iter_mut() {
            probe.measure(&mut sample);
        }
        sample
    };
    let kept = shared.with_spool_after(measure, move |spool, sample| {
        let report = Report {
            seq: spool.next_seq(),
            at,
            total_memory: sample.total_memory,
            used_memory: sample.used_memory,
            average_cpu: sample.average_cpu,
            gauges: sample.gauges,
            thinned: None,
        };
        let seq = report.seq;
        report.check().map_err(|error| complaint(&error))?;
        spool.append(report).map_err(|error| explain(&error))?;
        // If that fails, the spool keeps it in memory and gives it when it is safe.
        Ok((seq, spool.sync().err().map(|error| explain(&error))))
    });
    let kept = kept
        .await
        .unwrap_or_else(|| Err("a probe panicked".to_owned()));
    shared.change(|state| match kept {
        Ok((seq, None)) => {
            state.reports.newest = seq;
            Ok(())
        }
        Ok((_, Some(complaint))) => Err(("reports wait in memory", complaint)),
        Err(complaint) => {
            state.reports.lost += 1;
            Err(("a report was given up", complaint))
        }
    })
}

/// Like the error's own text, but without numbers: printing floats would be a twentieth of a small
/// agent.
fn complaint(error: &ReportError) -> String {
    match error {
        ReportError::Cpu(_) => "average_cpu is not a number from 0 to 100",
        ReportError::Memory { .. } => "more memory is used than there is",
        ReportError::TooLarge { field, .. } => return [field, " is above 2^63-1"].concat(),
        ReportError::Time => "the clock is outside the years 1970 to 9999",
        ReportError::TooManyGauges(_) => "there are more than 64 gauges",
        ReportError::GaugeName(_) => "a gauge has a name that is not [a-z0-9_.]{1,64}",
        ReportError::GaugeValue(name) => return [name, " is not a finite number"].concat(),
        ReportError::Thinned(_) => "a probe cannot thin",
        ReportError::GaugeTwice(name) => return [name, " is there twice"].concat(),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Mono {
        Mono::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn the_schedule_does_not_drift() {
        let interval = Duration::from_millis(100);
        assert_eq!(next(millis(250), interval, millis(250)), millis(350));
        assert_eq!(next(millis(250), interval, millis(263)), millis(350));
    }

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let interval = Duration::from_millis(100);
        assert_eq!(next(millis(250), interval, millis(1_263)), millis(1_350));
        assert_eq!(next(millis(250), interval, millis(350)), millis(450));
    }
}
