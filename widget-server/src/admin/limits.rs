//! [`AdminLimits`]: how much, and how long, the port of API and page grants.

use std::time::Duration;

use widget_core::transport::DoorLimits;

use crate::limits::Limits;

/// How much, and how long, the port of API and page grants. Every time is a total.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminLimits {
    /// How many connections there may be at a time.
    pub connections: u32,
    /// How many of one address, and how many on which nobody has shown a good token yet, where other
    /// hosts may come.
    pub doors: DoorLimits,
    /// From accept until TLS stands, where there is TLS.
    pub handshake: Duration,
    /// Until all headers of a request are there, from accept or from the answer before.
    pub head: Duration,
    /// From the headers until the last byte of the body; a long body gets more, see `rate`.
    pub body: Duration,
    /// Until what is written has been taken by the other side; much of it gets more, see `rate`.
    pub write: Duration,
    /// How many bytes a second the other side must be good for, beyond the times above.
    pub rate: u32,
    /// How long open requests may take to end once the listener stops.
    pub farewell: Duration,
}

impl Default for AdminLimits {
    fn default() -> Self {
        let usual = Limits::default();
        Self {
            connections: usual.admin_connections,
            doors: doors(&usual),
            handshake: Duration::from_secs(3),
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
            rate: 128 * 1024,
            farewell: Duration::from_secs(2),
        }
    }
}

impl From<&Limits> for AdminLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            connections: limits.admin_connections,
            doors: doors(limits),
            ..Self::default()
        }
    }
}

fn doors(limits: &Limits) -> DoorLimits {
    let mut doors = DoorLimits::default();
    doors.from_one = limits.admin_per_address as usize;
    doors.unproven = limits.admin_unproven as usize;
    doors.unproven_from_one = limits.admin_unproven_per_address as usize;
    doors
}

impl AdminLimits {
    /// The time for so many bytes, at the least rate.
    pub(super) fn extra(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / u64::from(self.rate.max(1));
        Duration::from_millis(millis)
    }
}
