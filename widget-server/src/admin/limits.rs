//! [`AdminLimits`]: how much, and how long, the port of API and page grants.

use std::time::Duration;

/// How much, and how long, the port of API and page grants. Every time is a total.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdminLimits {
    /// How many connections there may be at a time.
    pub connections: u32,
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
        Self {
            connections: 512,
            handshake: Duration::from_secs(3),
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            write: Duration::from_secs(10),
            rate: 128 * 1024,
            farewell: Duration::from_secs(2),
        }
    }
}

impl AdminLimits {
    /// The time for so many bytes, at the least rate.
    pub(super) fn extra(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / u64::from(self.rate.max(1));
        Duration::from_millis(millis)
    }
}
