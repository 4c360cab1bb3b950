//! The spools of this crate keep what a spool promises.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)] // that is how a test fails

use widget_core::spool::{LIMITS, LogSpool, MemorySpool, Spool};
use widget_core::testkit::disk::SimDisk;
use widget_core::testkit::fixtures::{NOW, epoch};
use widget_core::testkit::spool::Shelf;

fn memory() -> impl Shelf {
    let mut starts = 0;
    move || {
        starts += 1;
        Box::new(MemorySpool::new(epoch(starts))) as Box<dyn Spool>
    }
}

fn log() -> impl Shelf {
    let (disk, mut starts) = (SimDisk::default(), 0);
    move || {
        starts += 1;
        let disk = Box::new(disk.clone());
        let opened = LogSpool::open(disk, LIMITS.0, epoch(starts), NOW);
        assert!(opened.aside.is_none() && opened.trouble.is_none());
        Box::new(opened.spool) as Box<dyn Spool>
    }
}

mod memory_spool {
    widget_core::spool_suite!(super::memory);
}

mod log_spool {
    widget_core::spool_suite!(super::log);
}
