//! Any bytes as the file of a spool, and as the bodies of frames in one that is right otherwise.

use super::Seed;
use crate::frame::checksum_of;
use crate::spool::{LIMITS, LOG, LogSpool, Record, Spool};
use crate::testkit::disk::SimDisk;
use crate::testkit::fixtures::{NOW, epoch, task_id};
use crate::testkit::spool::{any_file, fill, over, started, taken};

/// Length of a file's header, and of a frame's head, in bytes.
const HEADER: usize = 30;
const HEAD: usize = 26;
const SECTOR: usize = 512;

/// Any bytes as the file of a spool: it opens, what was there is kept or set aside, and it goes on.
pub fn spool_log(bytes: &[u8]) {
    any_file(bytes);
}

/// Any bytes as bodies of frames: for each a byte for what it is and two for its length come before it.
/// The frames are put behind the first ones of a new file, with checksums that are right.
pub fn spool_body(bytes: &[u8]) {
    let mut file = new_file();
    let mut number = frames(&file).len() as u64;
    let mut rest = bytes;
    while let [kind, a, b, more @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*a, *b])).min(more.len());
        let (body, behind) = more.split_at(length);
        number += 1;
        append(&mut file, kind % 4 + 1, number, body);
        rest = behind;
    }
    any_file(&file);
}

fn new_file() -> Vec<u8> {
    let disk = SimDisk::default();
    drop(LogSpool::open(
        Box::new(disk.clone()),
        LIMITS.0,
        epoch(9),
        NOW,
    ));
    disk.image()[LOG].clone()
}

/// Kind and body of each frame of a good file.
fn frames(file: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut found, mut at) = (Vec::new(), HEADER);
    while let Some(head) = file.get(at..at + HEAD) {
        let length = u32::from_le_bytes([head[2], head[3], head[4], head[5]]) as usize;
        let body = &file[at + HEAD..at + HEAD + length];
        found.push((head[1], body.iter().map(|byte| !byte).collect()));
        at += HEAD + length + 4 + 1;
        at += usize::from(at.is_multiple_of(SECTOR));
    }
    found
}

/// The format of `spool::log`, once more: that writes no frames that it could not have.
fn append(file: &mut Vec<u8>, kind: u8, number: u64, body: &[u8]) {
    let (start, epoch) = (file.len(), epoch(9));
    file.extend([b'W', kind]);
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(number.to_le_bytes());
    file.extend((start as u64).to_le_bytes());
    let crc = checksum_of(&[epoch.as_bytes(), &file[start..]]);
    file.extend(crc.to_le_bytes());
    file.extend(body.iter().map(|byte| !byte));
    let crc = checksum_of(&[epoch.as_bytes(), &file[start..]]);
    file.extend(crc.to_le_bytes());
    file.push(b'.');
    if file.len().is_multiple_of(SECTOR) {
        file.push(b'.');
    }
}

/// A spool that was used a little.
fn used() -> Vec<u8> {
    let disk = SimDisk::default();
    let mut spool = LogSpool::open(Box::new(disk.clone()), LIMITS.0, epoch(9), NOW).spool;
    let seen = Record::CancelSeen { task: task_id(3) };
    spool.commit(&[taken(1, 20), taken(2, 30)]).unwrap();
    fill(&mut spool, 3);
    spool.trim(1).unwrap();
    spool.commit(&[started(task_id(1))]).unwrap();
    spool.commit(&[over(task_id(2), 40)]).unwrap();
    spool.commit(&[taken(3, 60), seen]).unwrap();
    disk.image()[LOG].clone()
}

/// Made by hand, of files of every sort of damage.
pub(super) fn log_seeds() -> Vec<Seed> {
    vec![("used".to_owned(), used())]
}

pub(super) fn body_seeds() -> Vec<Seed> {
    let input = |kind: u8, body: &[u8]| {
        let length = (body.len() as u16).to_le_bytes();
        [&[kind.wrapping_sub(1)][..], &length, body].concat()
    };
    let before = frames(&new_file()).len();
    let inputs: Vec<Vec<u8>> = frames(&used())
        .into_iter()
        .map(|(kind, body)| input(kind, &body))
        .collect();
    let mut seeds: Vec<Seed> = inputs
        .iter()
        .enumerate()
        .map(|(at, input)| (format!("frame-{at}"), input.clone()))
        .collect();
    seeds.push(("all".to_owned(), inputs[before..].concat()));
    seeds
}
