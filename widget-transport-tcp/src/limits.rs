//! [`Limits`]: how much, and how long, a listener grants one connection.

use std::time::Duration;

use widget_core::time::Mono;

/// How much, and how long, a listener grants one connection. Every time is a total.
///
/// ```
/// use widget_transport_tcp::Limits;
///
/// let mut limits = Limits::default();
/// limits.allow_v1 = true;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From accept until what is laid around the bytes, such as TLS, stands.
    pub handshake: Duration,
    /// From there until the opening is there.
    pub opening: Duration,
    /// From the first byte of a frame until its last; a long frame gets more, see `rate`. And
    /// between any two of its bytes, however long it is.
    pub frame: Duration,
    /// Until what is written has been taken by the other side; much of it gets more, see `rate`.
    pub write: Duration,
    /// How many bytes a second the other side must be good for, beyond the times above.
    pub rate: u32,
    /// How long an agent of version 2 may be silent while none of its calls waits for an answer.
    pub idle: Duration,
    /// How long a collector of version 1 may be silent.
    pub idle_v1: Duration,
    /// How long the last words may take.
    pub farewell: Duration,
    /// With more bytes than this waiting to be written, no more commands are read.
    pub unsent: usize,
    /// Whether collectors of version 1 are served. Their words prove nothing and are not
    /// encrypted; a `TcpListener` decides that by itself.
    pub allow_v1: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_millis(2_500),
            opening: Duration::from_millis(1_800),
            frame: Duration::from_millis(1_500),
            write: Duration::from_secs(5),
            rate: 128 * 1024,
            idle: Duration::from_secs(90),
            idle_v1: Duration::from_secs(60),
            farewell: Duration::from_millis(500),
            unsent: 1024 * 1024,
            allow_v1: false,
        }
    }
}

impl Limits {
    /// Until when a frame that began then must be whole.
    pub(crate) fn frame_by(&self, begun: Mono, claimed: usize) -> Mono {
        begun.after(self.frame).after(self.extra(claimed as u64))
    }

    /// Until when more must have been written, if so much was since then.
    pub(crate) fn write_by(&self, since: Mono, written: u64) -> Mono {
        since.after(self.write).after(self.extra(written))
    }

    fn extra(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / u64::from(self.rate.max(1));
        Duration::from_millis(millis)
    }
}
