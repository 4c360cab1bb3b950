//! [`Probe`]: what produces the values of a report. [`HostProbe`] measures the machine; a gauge is
//! a closure of the host program's.

mod cgroup;
mod cpu;
mod gauge;
mod host;

use std::fmt::Debug;
use std::time::Duration;

pub(crate) use gauge::Gauge;
pub use host::{HostProbe, ProbeError};

/// Produces values of a report. Called where blocking is allowed, one call at a time.
///
/// ```
/// use widget_agent::{Probe, Sample};
///
/// #[derive(Debug)]
/// struct Disk;
///
/// impl Probe for Disk {
///     fn measure(&mut self, sample: &mut Sample) {
///         sample.gauges.push(("disk.free".to_owned(), 4.2e9));
///     }
/// }
/// ```
pub trait Probe: Debug + Send {
    /// Called once, before the first measurement, which then waits for the time given back. For
    /// values that need two readings.
    fn warm_up(&mut self) -> Duration {
        Duration::ZERO
    }

    /// Puts what it measures into the sample.
    fn measure(&mut self, sample: &mut Sample);
}

/// The values of a report while probes put them together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Memory that the host (or its container) may use, in bytes.
    pub total_memory: u64,
    /// Memory of it that is not available to new programs, in bytes.
    pub used_memory: u64,
    /// CPU use since the sample before, averaged over all cores: 0 to 100 percent.
    pub average_cpu: f32,
    /// Further values by name.
    pub gauges: Vec<(String, f64)>,
}
