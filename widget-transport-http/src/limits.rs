//! [`Limits`]: how much, and how long, a listener grants one connection.

use std::sync::Arc;
use std::time::Duration;

use widget_core::transport::Proxies;

/// How much, and how long, a listener grants one connection. Every time is a total.
///
/// ```
/// use std::time::Duration;
/// use widget_transport_http::Limits;
///
/// let mut limits = Limits::default();
/// limits.idle = Duration::from_secs(10);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// From accept until what is laid around the bytes, such as TLS, stands.
    pub handshake: Duration,
    /// From there until an agent has said who it is, and it was so: all the time that a peer takes for
    /// this, whatever it asks meanwhile, the service's own calls aside. Less than this is left for
    /// what the times below grant. On a connection of a proxy's, which has many peers, it is the time
    /// of one request.
    pub opening: Duration,
    /// From the handshake until the first byte, and from the first byte of a request until the last one of
    /// its headers.
    pub head: Duration,
    /// From there until the last byte of its body; a long body gets more, see `rate`.
    pub body: Duration,
    /// Until an answer has been taken by the other side; a long one gets more, see `rate`.
    pub write: Duration,
    /// How many bytes a second the other side must be good for, beyond the times above.
    pub rate: u32,
    /// From an answer until the next request.
    pub idle: Duration,
    /// How long the end may take: what is under way when the listener stops, and the reading of
    /// what a peer still sends that was refused.
    pub farewell: Duration,
    /// Whose word about the address of a client is believed (`X-Forwarded-For`); nobody's if it is
    /// `None`. A listener takes those of its [`Exposure`](widget_core::transport::Exposure).
    pub proxies: Option<Arc<Proxies>>,
    /// Whether answers say the date, as HTTP asks of whoever has a clock. It is the system's clock,
    /// which a simulation must not look at.
    pub date: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_millis(2_500),
            opening: Duration::from_millis(1_500),
            head: Duration::from_secs(3),
            body: Duration::from_secs(10),
            write: Duration::from_secs(5),
            rate: 128 * 1024,
            idle: Duration::from_secs(90),
            farewell: Duration::from_secs(1),
            proxies: None,
            date: true,
        }
    }
}

impl Limits {
    /// The time for so many bytes, at the least rate.
    pub(crate) fn extra(&self, bytes: u64) -> Duration {
        let millis = bytes.saturating_mul(1_000) / u64::from(self.rate.max(1));
        Duration::from_millis(millis)
    }
}
