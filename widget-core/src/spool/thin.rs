//! How telemetry is thinned: neighbouring reports become one, with mean, smallest and largest.

use std::collections::VecDeque;

use crate::report::{MAX_GAUGES, Report, Thinned};

/// The most samples that one report comes to stand for.
const MAX_COUNT: u32 = 1_024;

/// Merges neighbours among the older half, so that a long time without a server is remembered
/// coarsely and the last hour finely. If there is nothing left to merge there, the oldest is given
/// up. Says how many reports there are fewer.
pub(super) fn thin(reports: &mut VecDeque<Report>) -> u64 {
    let before = reports.len();
    let half = before / 2;
    let mut kept = VecDeque::with_capacity(before);
    let mut first: Option<Report> = None;
    for (position, report) in std::mem::take(reports).into_iter().enumerate() {
        first = match first {
            Some(earlier) if count(&earlier).saturating_add(count(&report)) <= MAX_COUNT => {
                kept.push_back(merge(earlier, report));
                None
            }
            Some(earlier) => {
                kept.push_back(earlier);
                Some(report)
            }
            None => Some(report),
        };
        // Beyond the half, and before a pair whose second would be.
        if position + 1 >= half
            && let Some(report) = first.take()
        {
            kept.push_back(report);
        }
    }
    if kept.len() == before {
        kept.pop_front();
    }
    *reports = kept;
    u64::try_from(before - reports.len()).unwrap_or(u64::MAX)
}

fn count(report: &Report) -> u32 {
    report.thinned.as_ref().map_or(1, |thinned| thinned.count)
}

/// One report for two, `earlier` being the one with the lower number. A gauge that only one of them
/// has keeps what it was there.
fn merge(earlier: Report, mut later: Report) -> Report {
    let (mut all, new) = (spread(&earlier), spread(&later));
    // How much of the mean is the later one's.
    let share = f64::from(new.count) / (f64::from(all.count) + f64::from(new.count));
    let mean = |before: f64, after: f64| before + (after - before) * share;

    all.count = all.count.saturating_add(new.count);
    all.from = all.from.min(new.from).min(later.at);
    all.used_memory.0 = all.used_memory.0.min(new.used_memory.0);
    all.used_memory.1 = all.used_memory.1.max(new.used_memory.1);
    all.average_cpu.0 = all.average_cpu.0.min(new.average_cpu.0);
    all.average_cpu.1 = all.average_cpu.1.max(new.average_cpu.1);
    let mut gauges = earlier.gauges;
    for ((name, value), range) in later.gauges.into_iter().zip(new.gauges) {
        let known = gauges.iter_mut().zip(&mut all.gauges);
        let mut same = known.filter(|((known, _), _)| *known == name);
        if let Some(((_, before), ends)) = same.next() {
            ends.0 = ends.0.min(range.0);
            ends.1 = ends.1.max(range.1);
            // Each by itself, since a difference of the two can be infinite.
            *before = (*before * (1.0 - share) + value * share)
                .max(ends.0)
                .min(ends.1);
        } else if gauges.len() < MAX_GAUGES {
            gauges.push((name, value));
            all.gauges.push(range);
        }
    }
    later.gauges = gauges;
    later.total_memory = later.total_memory.max(earlier.total_memory);
    let used = mean(earlier.used_memory as f64, later.used_memory as f64) as u64;
    later.used_memory = used.max(all.used_memory.0).min(all.used_memory.1);
    let cpu = mean(earlier.average_cpu.into(), later.average_cpu.into()) as f32;
    later.average_cpu = cpu.max(all.average_cpu.0).min(all.average_cpu.1);
    later.thinned = Some(Box::new(all));
    later
}

/// What a report says of its samples, one sample being all of them.
fn spread(report: &Report) -> Thinned {
    match &report.thinned {
        Some(thinned) => {
            let mut thinned = thinned.as_ref().clone();
            // One for each gauge, whatever was read.
            thinned.gauges.truncate(report.gauges.len());
            let missing = report.gauges.iter().skip(thinned.gauges.len());
            thinned.gauges.extend(missing.map(|(_, v)| (*v, *v)));
            thinned
        }
        None => Thinned {
            count: 1,
            from: report.at,
            used_memory: (report.used_memory, report.used_memory),
            average_cpu: (report.average_cpu, report.average_cpu),
            gauges: report.gauges.iter().map(|(_, v)| (*v, *v)).collect(),
        },
    }
}
