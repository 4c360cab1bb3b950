//! [`Gauge`]: a value by name that a closure of the host program's reads.

use std::fmt;

use super::{Probe, Sample};

/// A value by name.
pub(crate) struct Gauge {
    name: String,
    read: Box<dyn FnMut() -> f64 + Send>,
}

impl Gauge {
    pub(crate) fn new(name: String, read: impl FnMut() -> f64 + Send + 'static) -> Self {
        let read = Box::new(read);
        Self { name, read }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Probe for Gauge {
    fn measure(&mut self, sample: &mut Sample) {
        let value = (self.read)();
        // One bad gauge must not cost the whole report.
        if value.is_finite() {
            sample.gauges.push((self.name.clone(), value));
        }
    }
}

impl fmt::Debug for Gauge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_number_is_left_out() {
        let mut values = [1.5, f64::NAN].into_iter();
        let mut gauge = Gauge::new("queue.depth".to_owned(), move || values.next().unwrap());
        let mut sample = Sample::default();
        gauge.measure(&mut sample);
        gauge.measure(&mut sample);
        assert_eq!(sample.gauges, [("queue.depth".to_owned(), 1.5)]);
    }
}
