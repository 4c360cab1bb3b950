//! The file of a spool: what it looks like, and what becomes of files that are none, or not quite.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // that is how a test fails

use std::fs;
use std::path::Path;

use widget_core::spool::{
    Damage, Inspection, LIMITS, LOG, LogSpool, Opened, Record, Spool, SpoolError,
};
use widget_core::testkit::disk::{Image, SimDisk};
use widget_core::testkit::fixtures::{NOW, Noise, epoch, report, task_id};
use widget_core::testkit::spool::{any_file, fill, over, started, taken};

fn open(disk: &SimDisk) -> Opened {
    LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(9), NOW)
}

fn of(bytes: &[u8]) -> SimDisk {
    SimDisk::with(Image::from([(LOG.to_owned(), bytes.to_vec())]))
}

/// A spool that was used a little.
fn used(disk: &SimDisk) -> LogSpool {
    let mut spool = LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(1), NOW).spool;
    spool.commit(&[taken(1, 20), taken(2, 30)]).unwrap();
    fill(&mut spool, 3);
    spool.trim(1).unwrap();
    spool.commit(&[started(task_id(1))]).unwrap();
    let task = task_id(2);
    spool.commit(&[over(task, 40)]).unwrap();
    spool
        .commit(&[taken(3, 700), Record::CancelSeen { task: task_id(3) }])
        .unwrap();
    spool
}

#[test]
fn a_file_of_this_version_stays_readable() {
    let disk = SimDisk::default();
    let mut spool = used(&disk);
    let written = disk.image()[LOG].clone();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/spool-1.bin");
    let golden = fs::read(&kept).unwrap_or_default();
    if written != golden {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("spool-1.bin");
        fs::write(&fresh, &written).unwrap();
    }
    assert!(written == golden, "today's is in CARGO_TARGET_TMPDIR");
    let mut again = open(&of(&golden));
    assert!(again.aside.is_none());
    assert_eq!(again.spool.epoch(), epoch(1));
    assert_eq!(again.spool.recall(), spool.recall());
    assert_eq!(again.spool.read(0, 9).unwrap(), spool.read(0, 9).unwrap());
}

#[test]
fn a_task_is_the_same_in_a_new_file() {
    let disk = SimDisk::default();
    let mut spool = used(&disk);
    spool.commit(&[started(task_id(3))]).unwrap();
    spool.commit(&[over(task_id(3), 9), taken(3, 9)]).unwrap();
    let before = spool.recall();
    // A torn end makes it begin a new file.
    let mut bytes = disk.image()[LOG].clone();
    bytes.resize((bytes.len() / 512 + 1) * 512, 0);
    let disk = of(&bytes);
    assert_eq!(open(&disk).spool.recall(), before);
    assert_ne!(disk.image()[LOG], bytes);
    assert_eq!(open(&disk).spool.recall(), before);
}

#[test]
fn what_is_no_file_of_a_spool_is_set_aside_and_said() {
    let disk = SimDisk::default();
    drop(used(&disk));
    let good = disk.image()[LOG].clone();
    let newer = {
        let mut newer = good.clone();
        newer[8] = 2;
        let sum = crc32fast::hash(&newer[..26]);
        newer[26..30].copy_from_slice(&sum.to_le_bytes());
        newer
    };
    let mut flipped = good.clone();
    flipped[12] ^= 1;
    for (bytes, damage) in [
        (&b"SQLite format 3\0"[..], Damage::Foreign),
        (&newer, Damage::Newer),
        (b"", Damage::Header),
        (&good[..5], Damage::Header),
        (&good[..29], Damage::Header),
        (&flipped, Damage::Header),
        (&good[..30], Damage::Content),
        (&good[..good.len() - 1], Damage::Content),
        (&[&good[..], b"and more"].concat(), Damage::Content),
    ] {
        let disk = of(bytes);
        let mut opened = open(&disk);
        let aside = opened.aside.unwrap();
        assert_eq!(aside.damage, damage);
        assert_eq!(Inspection::of(bytes), Err(damage));
        let word = if damage == Damage::Newer {
            "newer"
        } else {
            "damaged"
        };
        assert_eq!(aside.name, format!("spool.log.{word}-{}", NOW.as_secs()));
        assert_eq!(disk.image()[&aside.name], bytes);
        assert_eq!(
            (opened.spool.epoch(), opened.spool.next_seq()),
            (epoch(9), 1)
        );
        opened.spool.commit(&[taken(1, 1)]).unwrap();
        assert_eq!(open(&disk).spool.recall().tasks.len(), 1);
    }
}

#[test]
fn no_bit_of_a_synced_file_changes_unnoticed() {
    let disk = SimDisk::default();
    drop(used(&disk));
    let good = disk.image()[LOG].clone();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Inspection::of(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn a_second_damaged_file_does_not_replace_the_first() {
    let disk = of(b"one");
    let first = open(&disk).aside.unwrap().name;
    let mut image = disk.image();
    image.insert(LOG.to_owned(), b"two".to_vec());
    let disk = SimDisk::with(image);
    let second = open(&disk).aside.unwrap().name;
    assert_ne!(first, second);
    assert_eq!(disk.image()[&first], b"one");
    assert_eq!(disk.image()[&second], b"two");
}

#[test]
fn a_damaged_file_is_set_aside_though_any_one_call_fails() {
    for call in 0..20 {
        let disk = of(b"no spool at all");
        disk.refuse(call, 1, std::io::ErrorKind::Other);
        let mut spool = open(&disk).spool;
        // It is patient with a disk that refuses: that is counted in calls.
        let kept = (0..100).any(|_| spool.commit(&[taken(1, 20)]).is_ok());
        assert!(kept, "nothing is ever kept again after call {call} failed");
        disk.heal();
        let again = open(&disk);
        assert!(again.aside.is_none(), "call {call}");
        assert_eq!(again.spool.recall(), spool.recall(), "call {call}");
    }
}

#[test]
fn an_empty_disk_that_could_not_be_read_is_used_once_it_can_be() {
    let disk = SimDisk::default();
    disk.refuse(0, u64::MAX / 2, std::io::ErrorKind::Other);
    let mut spool = open(&disk).spool;
    disk.heal();
    // It is patient with a disk that refuses: that is counted in calls.
    let kept = (0..100).any(|_| spool.commit(&[taken(1, 20)]).is_ok());
    assert!(kept, "nothing is ever kept");
    assert_eq!(open(&disk).spool.recall(), spool.recall());
}

#[test]
fn what_is_kept_after_a_kill_survives_a_power_cut() {
    let disk = SimDisk::default();
    disk.record();
    used(&disk);
    for moment in disk.moments() {
        let call = moment.call;
        let next = SimDisk::at(moment);
        let mut spool = open(&next).spool;
        spool.commit(&[taken(9, 30)]).unwrap();
        for image in next.moment().ends() {
            let recall = open(&SimDisk::with(image)).spool.recall();
            let kept = recall.tasks.iter().any(|kept| kept.task.task == task_id(9));
            assert!(kept, "gone: the process before was killed before {call:?}");
        }
    }
}

#[test]
fn any_bytes_can_be_opened() {
    let disk = SimDisk::default();
    drop(used(&disk));
    let good = disk.image()[LOG].clone();
    let mut noise = Noise::new(5);
    for cut in 0..good.len() {
        let noisy = [&good[..cut], &noise.bytes(40)].concat();
        any_file(&good[..cut]);
        any_file(&noisy);
    }
}

#[test]
fn a_report_that_is_not_synced_is_not_given() {
    let disk = SimDisk::default();
    let mut spool = open(&disk).spool;
    spool.append(report(1, 0)).unwrap();
    disk.refuse(0, u64::MAX, std::io::ErrorKind::Other);
    assert_eq!(spool.read(0, 9).unwrap().reports, []);
    assert!(matches!(spool.sync(), Err(SpoolError::Unusable(_))));
}

#[test]
fn what_a_file_holds_can_be_looked_at() {
    let disk = SimDisk::default();
    let spool = used(&disk);
    let found = Inspection::of(&disk.image()[LOG]).unwrap();
    assert_eq!((found.waiting, found.started, found.over), (1, 1, 1));
    assert_eq!(found.epoch, spool.epoch());
    let limit = 0;
    let stats = spool.stats();
    assert_eq!(
        found.stats,
        widget_core::spool::SpoolStats { limit, ..stats }
    );
}
