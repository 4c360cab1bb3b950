//! Makes a plan that fails smaller, as long as it still fails.

use super::{Plan, run};

/// What a sentence says, without what is special to one task or agent.
fn gist(sentence: &str) -> String {
    let (says, _) = sentence.split_once(": task ").unwrap_or((sentence, ""));
    let words = says.split(' ');
    let plain = words.filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    plain.collect::<Vec<_>>().join(" ")
}

/// A plan that still breaks the same promise and has no part that could be left out alone; none if it
/// breaks none.
/// `said` hears how many tasks and faults are left after each success.
pub fn shrink(plan: &Plan, mut said: impl FnMut(&Plan)) -> Option<Plan> {
    let first = gist(run(plan).broken.first()?);
    let fails = |plan: &Plan| run(plan).broken.iter().any(|said| gist(said) == first);
    let mut least = plan.clone();
    let mut size = least.tasks.len().max(least.faults.len()).max(1);
    loop {
        let before = (least.tasks.len(), least.faults.len());
        for part in 0..2 {
            let mut from = 0;
            loop {
                let mut fewer = least.clone();
                let length = if part == 0 {
                    let end = (from + size).min(fewer.tasks.len());
                    if from >= end {
                        break;
                    }
                    fewer.tasks.drain(from..end);
                    least.tasks.len()
                } else {
                    let end = (from + size).min(fewer.faults.len());
                    if from >= end {
                        break;
                    }
                    fewer.faults.drain(from..end);
                    least.faults.len()
                };
                if fails(&fewer) {
                    least = fewer;
                    said(&least);
                } else {
                    from += size;
                }
                if from >= length {
                    break;
                }
            }
        }
        if size == 1 && (least.tasks.len(), least.faults.len()) == before {
            return Some(least);
        }
        size = (size / 2).max(1);
    }
}
