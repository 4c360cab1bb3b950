//! [`replay`]: the inputs of a target that were kept, without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use super::Seed;
use crate::testkit::fixtures::Noise;

/// How many damaged copies of its inputs a target gets.
const DAMAGED: u64 = 2_000;
/// The longest of them, in bytes.
const LONGEST: usize = 8 * 1024;
/// How many inputs a target begins with at least.
const LEAST: usize = 5;

/// Something that takes any bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of its program and of its corpus.
    pub name: &'static str,
    /// Takes any bytes; panics if something is wrong with what comes of them.
    pub run: fn(&[u8]),
    /// What it begins with, made from samples.
    pub seeds: fn() -> Vec<Seed>,
}

/// Gives a target all that is in its corpus, a folder below `corpora`, and damaged copies of it. What
/// it fails with, and seeds that the corpus lacks, are left in `fresh`.
///
/// # Panics
/// If the target does, if its corpus is too small, or if it lacks one of the target's seeds.
pub fn replay(target: &Target, corpora: &Path, fresh: &Path) {
    let inputs = inputs(&corpora.join(target.name));
    let fresh = fresh.join("fuzz").join(target.name);
    let keep = |name: &str, bytes: &[u8]| {
        fs::create_dir_all(&fresh).unwrap();
        fs::write(fresh.join(name), bytes).unwrap();
    };
    let seeds = (target.seeds)();
    let lacks = |(_, seed): &&Seed| !inputs.iter().any(|(_, kept)| kept == seed);
    if let Some((name, _)) = seeds.iter().find(lacks) {
        seeds.iter().for_each(|(name, bytes)| keep(name, bytes));
        let fresh = fresh.display();
        panic!(
            "the corpus of {} lacks {name}: copy what is in {fresh}",
            target.name
        );
    }
    assert!(inputs.len() >= LEAST, "too few inputs for {}", target.name);
    let run = |name: &str, bytes: &[u8]| {
        if catch_unwind(|| (target.run)(bytes)).is_err() {
            keep(name, bytes);
            panic!("{} fails with {}", target.name, fresh.join(name).display());
        }
    };
    for (name, bytes) in &inputs {
        run(name, bytes);
    }
    let mut noise = Noise::new(7);
    for round in 0..DAMAGED {
        let (_, one) = pick(&mut noise, &inputs);
        let (_, other) = pick(&mut noise, &inputs);
        run(
            &format!("damaged-{round}"),
            &damaged(&mut noise, one, other),
        );
    }
}

/// All files of a folder, in the order of their names.
fn inputs(folder: &Path) -> Vec<Seed> {
    let Ok(files) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let read = |file: std::io::Result<fs::DirEntry>| {
        let file = file.unwrap();
        let name = file.file_name().to_string_lossy().into_owned();
        (name, fs::read(file.path()).unwrap())
    };
    let mut inputs: Vec<Seed> = files.map(read).collect();
    inputs.sort();
    inputs
}

fn pick<'a>(noise: &mut Noise, inputs: &'a [Seed]) -> &'a Seed {
    &inputs[below(noise, inputs.len())]
}

fn below(noise: &mut Noise, limit: usize) -> usize {
    usize::try_from(noise.below(limit as u64)).unwrap()
}

/// A few bytes changed, cut out, or taken from another input.
fn damaged(noise: &mut Noise, one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = one.to_vec();
    for _ in 0..=noise.below(4) {
        let (at, there) = (below(noise, bytes.len() + 1), below(noise, other.len() + 1));
        match noise.below(5) {
            0 => bytes.truncate(at),
            1 => bytes
                .splice(at.., other[there..].iter().copied())
                .for_each(drop),
            2 => {
                let few = below(noise, 8);
                bytes.splice(at..at, noise.bytes(few)).for_each(drop);
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << noise.below(8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = noise.bits().to_le_bytes()[0];
                }
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}
