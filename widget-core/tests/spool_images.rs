//! What a disk may hold after the power was cut, at each call of a spool: nothing that was answered
//! is lost, nothing is taken for something else, and nothing panics.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // that is how a test fails

use std::collections::BTreeMap;

use widget_core::spool::{LIMITS, LOG, LogSpool, Opened, Recall, Record, Spool};
use widget_core::testkit::disk::{Call, Image, Moment, SimDisk, flip};
use widget_core::testkit::fixtures::{NOW, Noise, epoch, report, task_id};
use widget_core::testkit::spool::{over, started, taken};

/// What was promised after some steps.
#[derive(Debug, Clone, Default, PartialEq)]
struct Promised {
    tasks: Recall,
    /// Reports through this number were synced.
    synced: u64,
    /// And through this one delivered.
    trimmed: u64,
}

fn open(disk: &SimDisk) -> Opened {
    LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(99), NOW)
}

fn without_reports(recall: Recall) -> Recall {
    Recall {
        delivered: 0,
        ..recall
    }
}

enum Step {
    Commit(Vec<Record>),
    Reports(u64),
    Trim(u64),
}

/// Lives of tasks that overlap, and reports between them.
fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for n in 1..=36_u8 {
        let size = 200 + usize::from(n % 7) * 900;
        let gone = task_id(n.saturating_sub(3));
        steps.push(Step::Commit(vec![taken(n, size)]));
        steps.push(Step::Reports(2));
        steps.push(Step::Commit(vec![started(task_id(n))]));
        if n % 3 == 0 {
            steps.push(Step::Trim(u64::from(n)));
        }
        steps.push(Step::Commit(vec![
            over(task_id(n), 3_000),
            Record::Forgotten {
                task: gone,
                spent: true,
            },
        ]));
    }
    steps
}

/// Every moment of the workload, and what was promised after each step.
fn workload() -> (Vec<Moment>, Vec<Promised>) {
    let disk = SimDisk::default();
    let mut spool = LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(1), NOW).spool;
    disk.record();
    let mut promised = vec![Promised::default()];
    for (number, step) in (1..).zip(steps()) {
        let mut next = promised.last().unwrap().clone();
        match step {
            Step::Commit(group) => {
                spool.commit(&group).unwrap();
                next.tasks = without_reports(spool.recall());
                next.synced = spool.next_seq() - 1;
            }
            Step::Reports(count) => {
                for _ in 0..count {
                    let seq = spool.next_seq();
                    spool.append(report(seq, 0)).unwrap();
                }
                if number % 2 == 0 {
                    spool.sync().unwrap();
                    next.synced = spool.next_seq() - 1;
                }
            }
            Step::Trim(through) => {
                spool.trim(through).unwrap();
                next.trimmed = through;
            }
        }
        promised.push(next);
        disk.note(number);
    }
    (disk.moments(), promised)
}

/// Opens what is left. Whether the promises of this moment are kept; if not, whether that is said.
fn check(image: &Image, moment: &Moment, promised: &[Promised]) -> bool {
    let disk = SimDisk::with(image.clone());
    let Opened {
        mut spool,
        aside,
        trouble,
    } = open(&disk);
    assert!(trouble.is_none());
    if let Some(aside) = aside {
        assert_eq!(spool.epoch(), epoch(99));
        assert_eq!(
            disk.image()[&aside.name],
            image[LOG],
            "nothing is thrown away"
        );
        return false;
    }
    assert_eq!(spool.epoch(), epoch(1));
    let note = usize::try_from(moment.note).unwrap();
    let (before, after) = (&promised[note], promised.get(note + 1));
    let tasks = without_reports(spool.recall());
    let whole = tasks == before.tasks || after.is_some_and(|after| tasks == after.tasks);
    assert!(whole, "step {note} at {:?}", moment.call);

    assert!(
        spool.next_seq() > before.synced,
        "a number would come again"
    );
    let trimmed = after.unwrap_or(before).trimmed;
    let there = spool.read(0, usize::MAX).unwrap().reports;
    for seq in trimmed + 1..=before.synced {
        let known = there.iter().find(|report| report.seq == seq);
        assert_eq!(known, Some(&report(seq, 0)), "step {note}");
    }

    // It goes on from there.
    spool.commit(&[taken(200, 10)]).unwrap();
    let kept = spool.recall();
    drop(spool);
    let again = open(&disk);
    assert!(again.aside.is_none());
    assert_eq!(again.spool.recall(), kept);
    true
}

/// `WIDGET_IMAGES` says how often as many images that are torn or have a bit flipped (once).
#[test]
fn no_image_loses_what_was_promised_or_passes_for_something_else() {
    let rounds = std::env::var("WIDGET_IMAGES").map_or(1, |rounds| rounds.parse().unwrap());
    let (moments, promised) = workload();
    let mut noise = Noise::new(1);
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let mut count = |what, kept: bool| {
        let (images, aside) = counts.entry(what).or_default();
        *images += 1;
        *aside += u64::from(!kept);
    };
    let renames = moments.iter().filter(|m| m.call == Call::Rename).count();
    assert!(renames >= 2, "the file was rewritten: {renames}");
    for moment in &moments {
        count("process killed", check(&moment.seen(), moment, &promised));
        for image in moment.ends() {
            count("unsynced writes dropped", check(&image, moment, &promised));
        }
        let torn = if moment.unsynced() > 0 {
            12 * rounds
        } else {
            0
        };
        for _ in 0..torn {
            let image = moment.torn(&mut noise);
            count("torn at 512 bytes", check(&image, moment, &promised));
        }
        for _ in 0..8 * rounds {
            let mut image = moment.ends().remove(0);
            flip(&mut image, LOG, &mut noise);
            count("one bit flipped", check(&image, moment, &promised));
        }
    }
    let total: u64 = counts.values().map(|(images, _)| images).sum();
    println!("{:<24} {:>7} {:>10}", "images", "opened", "set aside");
    for (what, (images, aside)) in &counts {
        println!("{what:<24} {images:>7} {aside:>10}");
        // What the power alone does is never taken for damage; a changed bit always is.
        let expected = if *what == "one bit flipped" {
            images
        } else {
            &0
        };
        assert_eq!(aside, expected, "{what}");
    }
    println!("{:<24} {total:>7}", "all");
    assert!(total >= 5_000, "{total}");
}
