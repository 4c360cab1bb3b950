//! [`Cpu`]: how busy the processors are. On Linux from the kernel's own counters, because sysinfo
//! would look at each processor, its vendor and its clock, for ten times the code.

use sysinfo::System;

/// How busy the processors are.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    #[cfg(target_os = "linux")]
    before: Ticks,
    #[cfg(target_os = "linux")]
    percent: f32,
}

#[cfg(not(target_os = "linux"))]
impl Cpu {
    /// The average over all cores since the call before, in percent.
    pub(super) fn percent(&mut self, system: &mut System) -> f32 {
        system.refresh_cpu_usage();
        system.global_cpu_usage()
    }
}

#[cfg(target_os = "linux")]
impl Cpu {
    /// The average over all cores since the call before, in percent.
    pub(super) fn percent(&mut self, _: &mut System) -> f32 {
        if let Some(now) = read() {
            self.count(now);
        }
        self.percent
    }

    fn count(&mut self, now: Ticks) {
        let all = now.all.saturating_sub(self.before.all);
        // Nothing was counted yet since the call before: the last value stays.
        if all > 0 {
            let idle = now.idle.saturating_sub(self.before.idle).min(all);
            self.percent = (all - idle) as f32 * 100.0 / all as f32;
            self.before = now;
        }
    }
}

/// What the kernel has counted since it started.
#[cfg(target_os = "linux")]
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    idle: u64,
    all: u64,
}

/// The first line is the sum over all processors.
#[cfg(target_os = "linux")]
fn read() -> Option<Ticks> {
    use std::io::Read;

    let mut start = [0; 256];
    let mut file = std::fs::File::open("/proc/stat").ok()?;
    let count = file.read(&mut start).ok()?;
    parse(str::from_utf8(start.get(..count)?).ok()?)
}

/// `cpu  user nice system idle iowait irq softirq steal …`. What follows is part of user and nice.
#[cfg(target_os = "linux")]
fn parse(text: &str) -> Option<Ticks> {
    let line = text.split('\n').next()?.strip_prefix("cpu ")?;
    let mut ticks = Ticks::default();
    let fields = line.split(' ').filter(|field| !field.is_empty());
    for (position, field) in fields.take(8).enumerate() {
        let field: u64 = field.parse().ok()?;
        ticks.all = ticks.all.saturating_add(field);
        if position == 3 || position == 4 {
            ticks.idle = ticks.idle.saturating_add(field);
        }
    }
    Some(ticks)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn waiting_for_disks_is_idle_and_guests_count_once() {
        let text = "cpu  10 20 30 400 100 1 2 3 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        let expected = Ticks {
            idle: 500,
            all: 566,
        };
        assert_eq!(parse(text), Some(expected));
        assert_eq!(parse("intr 1 2"), None);
        assert_eq!(parse("cpu  1 x"), None);
    }

    #[test]
    fn the_value_is_of_the_time_since_the_call_before() {
        let mut cpu = Cpu::default();
        let ticks = |idle, all| Ticks { idle, all };
        cpu.count(ticks(1_000, 1_000));
        cpu.count(ticks(1_060, 1_080));
        assert_eq!(cpu.percent, 25.0);
        cpu.count(ticks(1_060, 1_080));
        assert_eq!(cpu.percent, 25.0, "nothing was counted");
        cpu.count(ticks(1_050, 1_090));
        assert_eq!(cpu.percent, 100.0, "a counter that went back");
    }

    #[test]
    fn this_machine_says_it() {
        assert!(read().is_some_and(|ticks| ticks.idle > 0 && ticks.all >= ticks.idle));
    }
}
