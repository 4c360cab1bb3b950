//! [`HostProbe`]: memory and CPU of this machine, or of the container around the agent where that
//! has less.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use sysinfo::{MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, System};

use super::cgroup::CGroup;
use super::cpu::Cpu;
use super::{Probe, Sample};

/// Memory and CPU.
///
/// Memory in use is what is not available to new programs: on Linux MemTotal - MemAvailable or,
/// under a lower limit of a control group, its memory less the files that it can give up. CPU is
/// the average over all cores since the sample before. Sampled more often than the system counts,
/// CPU repeats its last value.
pub struct HostProbe {
    system: System,
    cpu: Cpu,
    cgroup: CGroup,
}

/// The host cannot be measured.
#[derive(Debug, thiserror::Error)]
#[error("this host cannot be measured")]
pub struct ProbeError(#[source] Box<dyn Error + Send + Sync>);

impl HostProbe {
    /// Nothing measured yet.
    ///
    /// # Errors
    /// [`ProbeError`] if the system does not let itself be measured.
    pub fn new() -> Result<Self, ProbeError> {
        let system = System::new().map_err(|error| ProbeError(error.to_string().into()))?;
        Ok(Self {
            system,
            cpu: Cpu::default(),
            cgroup: CGroup::of_this_process(),
        })
    }
}

impl Probe for HostProbe {
    fn warm_up(&mut self) -> Duration {
        self.cpu.percent(&mut self.system);
        MINIMUM_CPU_UPDATE_INTERVAL
    }

    fn measure(&mut self, sample: &mut Sample) {
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let total = self.system.total_memory();
        let available = self.system.available_memory();
        let (total, used) = match self.cgroup.memory_below(total) {
            Some(memory) => (memory.limit, memory.used),
            None => (total, total.saturating_sub(available)),
        };
        sample.total_memory = total;
        // The parts are read one after the other, so they need not quite fit.
        sample.used_memory = used.min(total);
        sample.average_cpu = percent(self.cpu.percent(&mut self.system));
    }
}

impl fmt::Debug for HostProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostProbe")
    }
}

/// Counters that were reset or rounded may lie a little outside.
fn percent(value: f32) -> f32 {
    if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_one() {
        assert_eq!(percent(f32::NAN), 0.0);
        assert_eq!(percent(-0.1), 0.0);
        assert_eq!(percent(104.0), 100.0);
        assert_eq!(percent(33.5), 33.5);
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod linux_tests {
    use std::fs;

    use super::*;

    /// MemTotal and MemTotal - MemAvailable, in bytes.
    fn meminfo() -> (u64, u64) {
        let text = fs::read_to_string("/proc/meminfo").unwrap();
        let value = |name: &str| -> u64 {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            kib * 1024
        };
        let total = value("MemTotal:");
        (total, total - value("MemAvailable:"))
    }

    #[test]
    fn memory_is_what_the_kernel_says() {
        let mut probe = HostProbe::new().unwrap();
        let mut sample = Sample::default();
        let limit = |probe: &HostProbe, total| probe.cgroup.memory_below(total);
        let used = |probe: &HostProbe| {
            let (total, used) = meminfo();
            limit(probe, total).map_or(used, |memory| memory.used)
        };

        let before = used(&probe);
        probe.measure(&mut sample);
        let after = used(&probe);

        let total = limit(&probe, meminfo().0).map_or(meminfo().0, |memory| memory.limit);
        assert_eq!(sample.total_memory, total);
        let slack = total / 50;
        let range = before.min(after).saturating_sub(slack)..=before.max(after) + slack;
        assert!(range.contains(&sample.used_memory), "{sample:?} {range:?}");
    }

    #[test]
    fn the_first_cpu_value_needs_two_readings() {
        let mut probe = HostProbe::new().unwrap();
        let wait = probe.warm_up();
        assert!(wait >= Duration::from_millis(200) && wait < Duration::from_millis(250));
        let mut sample = Sample::default();
        probe.measure(&mut sample);
        assert!((0.0..=100.0).contains(&sample.average_cpu), "{sample:?}");
    }
}
