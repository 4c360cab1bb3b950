//! [`Report`]: one telemetry sample of an agent, and the limits it must keep.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The most gauges a report may carry.
pub const MAX_GAUGES: usize = 64;
/// The longest name of a gauge, in bytes.
pub const MAX_GAUGE_NAME: usize = 64;

/// One telemetry sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Number of the sample within its spool epoch: the first is 1, each one higher than the last.
    pub seq: u64,
    /// When it was taken, by the agent's wall clock.
    pub at: Timestamp,
    /// Memory that the host (or its container) may use, in bytes.
    pub total_memory: u64,
    /// Memory of it that is not available to new programs, in bytes.
    pub used_memory: u64,
    /// CPU use since the sample before, averaged over all cores: 0 to 100 percent.
    pub average_cpu: f32,
    /// Further values by name: at most [`MAX_GAUGES`], names of `[a-z0-9_.]{1,64}`, finite.
    pub gauges: Vec<(String, f64)>,
    /// Set if this stands for several samples, which the agent had no room to keep apart: the values
    /// above are then their means, `seq` and `at` those of the last.
    pub thinned: Option<Box<Thinned>>,
}

/// What is kept of several samples beside their means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thinned {
    /// How many samples there were, at least 2.
    pub count: u32,
    /// When the first was taken, by the agent's wall clock.
    pub from: Timestamp,
    /// The smallest and the largest `used_memory`.
    pub used_memory: (u64, u64),
    /// The smallest and the largest `average_cpu`.
    pub average_cpu: (f32, f32),
    /// The smallest and the largest of each gauge, in the order of [`Report::gauges`].
    pub gauges: Vec<(f64, f64)>,
}

/// Why a report is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReportError {
    /// `average_cpu` is NaN, infinite or outside 0 to 100 percent.
    #[error("average_cpu is {0}, but must be a number from 0 to 100")]
    Cpu(f32),
    /// More memory used than there is.
    #[error("used_memory is {used} bytes, but total_memory only {total}")]
    Memory {
        /// Bytes said to be in use.
        used: u64,
        /// Bytes said to exist.
        total: u64,
    },
    /// A number of bytes that stores cannot hold (above 2^63-1).
    #[error("{field} is {value}, above the largest that can be stored (2^63-1)")]
    TooLarge {
        /// The field of the report.
        field: &'static str,
        /// Its value.
        value: u64,
    },
    /// A time outside the calendar years 1970 to 9999.
    #[error("at lies outside the years 1970 to 9999")]
    Time,
    /// More gauges than a report may carry.
    #[error("{0} gauges, but at most {MAX_GAUGES} are allowed")]
    TooManyGauges(usize),
    /// The name of a gauge is not `[a-z0-9_.]{1,64}`.
    #[error("the name of gauge number {0} is not of the form [a-z0-9_.]{{1,64}}")]
    GaugeName(usize),
    /// A gauge is NaN or infinite.
    #[error("gauge {0} is not a finite number")]
    GaugeValue(String),
    /// Two gauges have the same name.
    #[error("gauge {0} is there twice")]
    GaugeTwice(String),
    /// What is said of several samples cannot be; tells what.
    #[error("thinned.{0}")]
    Thinned(&'static str),
}

impl Report {
    /// Checks every limit. Servers check what agents send; agents check what probes produce, so
    /// that a report which nobody can store is never queued.
    ///
    /// # Errors
    /// Names the first limit that does not hold.
    pub fn check(&self) -> Result<(), ReportError> {
        check_host(self.total_memory, self.used_memory, self.average_cpu)?;
        check_number("seq", self.seq)?;
        // Text forms end with the year 9999, see `Timestamp`.
        if !(0..=253_402_300_799_999).contains(&self.at.as_millis()) {
            return Err(ReportError::Time);
        }
        if self.gauges.len() > MAX_GAUGES {
            return Err(ReportError::TooManyGauges(self.gauges.len()));
        }
        for (position, (name, value)) in self.gauges.iter().enumerate() {
            if !is_gauge_name(name) {
                return Err(ReportError::GaugeName(position));
            }
            if !value.is_finite() {
                return Err(ReportError::GaugeValue(name.clone()));
            }
            if self
                .gauges
                .iter()
                .take(position)
                .any(|(earlier, _)| earlier == name)
            {
                return Err(ReportError::GaugeTwice(name.clone()));
            }
        }
        match self.thinned.as_deref() {
            Some(thinned) => thinned.check(self).map_err(ReportError::Thinned),
            None => Ok(()),
        }
    }
}

impl Thinned {
    /// Means are not held against the ends: they are rounded. Nor is memory held against the total,
    /// which may have changed between the samples.
    fn check(&self, report: &Report) -> Result<(), &'static str> {
        if self.count < 2 {
            return Err("count is below 2");
        }
        if self.from.as_millis() < 0 || self.from > report.at {
            return Err("from lies before the year 1970 or after at");
        }
        let (least, most) = self.used_memory;
        if least > most || i64::try_from(most).is_err() {
            return Err("used_memory is no range, or above the largest that can be stored");
        }
        let (least, most) = self.average_cpu;
        if !(0.0..=100.0).contains(&least) || !(least..=100.0).contains(&most) {
            return Err("average_cpu is no range within 0 to 100");
        }
        if self.gauges.len() != report.gauges.len() {
            return Err("gauges are not as many as the report has");
        }
        let is_range =
            |(least, most): &(f64, f64)| least.is_finite() && most.is_finite() && least <= most;
        if !self.gauges.iter().all(is_range) {
            return Err("gauges has one that is no range of finite numbers");
        }
        Ok(())
    }
}

/// Checks the values that version 1 carries too.
///
/// # Errors
/// Names the first limit that does not hold.
pub fn check_host(total_memory: u64, used_memory: u64, cpu: f32) -> Result<(), ReportError> {
    check_number("total_memory", total_memory)?;
    check_number("used_memory", used_memory)?;
    if used_memory > total_memory {
        return Err(ReportError::Memory {
            used: used_memory,
            total: total_memory,
        });
    }
    if !(0.0..=100.0).contains(&cpu) {
        return Err(ReportError::Cpu(cpu));
    }
    Ok(())
}

fn check_number(field: &'static str, value: u64) -> Result<(), ReportError> {
    if i64::try_from(value).is_err() {
        return Err(ReportError::TooLarge { field, value });
    }
    Ok(())
}

/// Whether this may name a gauge: `[a-z0-9_.]{1,64}`.
#[must_use]
pub fn is_gauge_name(name: &str) -> bool {
    (1..=MAX_GAUGE_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Report {
        Report {
            seq: 1,
            at: Timestamp::from_secs(1),
            total_memory: 100,
            used_memory: 50,
            average_cpu: 12.5,
            gauges: vec![("queue.depth".into(), 3.0)],
            thinned: None,
        }
    }

    #[test]
    fn a_plain_report_is_fine() {
        assert_eq!(good().check(), Ok(()));
    }

    #[test]
    fn cpu_must_be_a_percentage() {
        for cpu in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.1, 100.1] {
            let report = Report {
                average_cpu: cpu,
                ..good()
            };
            assert!(matches!(report.check(), Err(ReportError::Cpu(_))), "{cpu}");
        }
    }

    #[test]
    fn used_memory_fits_into_the_total() {
        let report = Report {
            used_memory: 101,
            ..good()
        };
        assert_eq!(
            report.check(),
            Err(ReportError::Memory {
                used: 101,
                total: 100
            })
        );
    }

    #[test]
    fn numbers_must_fit_into_a_store() {
        let report = Report {
            total_memory: 1 << 63,
            ..good()
        };
        let error = report.check().unwrap_err().to_string();
        assert!(
            error.contains("total_memory is 9223372036854775808"),
            "{error}"
        );
        assert!(
            Report {
                seq: u64::MAX,
                ..good()
            }
            .check()
            .is_err()
        );
        assert!(
            Report {
                at: Timestamp::from_millis(-1),
                ..good()
            }
            .check()
            .is_err()
        );
    }

    #[test]
    fn gauges_have_plain_names_and_finite_values_once_each() {
        let with = |gauges: &[(&str, f64)]| Report {
            gauges: gauges.iter().map(|(n, v)| ((*n).to_owned(), *v)).collect(),
            ..good()
        };
        assert!(with(&[("", 1.0)]).check().is_err());
        assert!(with(&[("Über", 1.0)]).check().is_err());
        assert!(with(&[("a", f64::NAN)]).check().is_err());
        assert!(with(&[("a", 1.0), ("a", 2.0)]).check().is_err());
        let names: Vec<String> = (0..65).map(|n| format!("g{n}")).collect();
        let many: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 0.0)).collect();
        assert_eq!(with(&many).check(), Err(ReportError::TooManyGauges(65)));
    }

    fn thinned() -> Thinned {
        Thinned {
            count: 2,
            from: Timestamp::from_secs(1),
            used_memory: (40, 200),
            average_cpu: (0.0, 100.0),
            gauges: vec![(3.0, 3.0)],
        }
    }

    #[test]
    fn a_report_of_several_samples_may_have_equal_ends_and_times() {
        let report = Report {
            thinned: Some(Box::new(thinned())),
            ..good()
        };
        assert_eq!(report.check(), Ok(()));
    }

    #[test]
    fn what_is_said_of_several_samples_must_be_possible() {
        type Bad = (&'static str, fn(&mut Thinned));
        let bad: [Bad; 12] = [
            ("count", |t| t.count = 1),
            ("from", |t| t.from = Timestamp::from_millis(1_001)),
            ("from", |t| t.from = Timestamp::from_millis(-1)),
            ("used_memory", |t| t.used_memory = (2, 1)),
            ("used_memory", |t| t.used_memory = (0, 1 << 63)),
            ("average_cpu", |t| t.average_cpu = (2.0, 1.0)),
            ("average_cpu", |t| t.average_cpu = (f32::NAN, 1.0)),
            ("average_cpu", |t| t.average_cpu = (0.0, f32::NAN)),
            ("average_cpu", |t| t.average_cpu = (0.0, 100.1)),
            ("gauges", |t| t.gauges.clear()),
            ("gauges", |t| t.gauges = vec![(1.0, 0.0)]),
            ("gauges", |t| t.gauges = vec![(0.0, f64::INFINITY)]),
        ];
        for (field, spoil) in bad {
            let mut thinned = thinned();
            spoil(&mut thinned);
            let report = Report {
                thinned: Some(Box::new(thinned)),
                ..good()
            };
            let error = report.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("thinned.{field}")), "{error}");
        }
    }
}
