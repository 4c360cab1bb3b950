//! [`Exposure`]: who may come to a listener, and what protects the bytes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{DoorLimits, Doors, Proxies, TransportError, TransportErrorKind};
use crate::runtime::Wrap;

/// Who may come to a listener, and what protects the bytes. There is no way to plain text for
/// everybody.
///
/// ```
/// use widget_core::transport::Exposure;
///
/// let anywhere = "0.0.0.0:9004".parse().unwrap();
/// assert!(Exposure::Loopback.check(anywhere).is_err());
/// let behind = Exposure::Proxied("10.0.0.0/8".parse().unwrap());
/// assert!(behind.check(anywhere).is_ok());
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Exposure {
    /// This host alone, in plain text.
    #[default]
    Loopback,
    /// Everybody who can reach the address, with this around the bytes: TLS. Version 1 has no place
    /// there.
    Wrapped(Arc<dyn Wrap>),
    /// Proxies that have TLS on their other side, in plain text. Whoever else connects is closed
    /// without a word, and counted as [`STRANGER`]. Version 1 has no place there either.
    Proxied(Proxies),
}

/// By this word listeners count connections of others than the proxies for which they are.
pub const STRANGER: &str = "stranger";

impl Exposure {
    /// Whether it is possible at this address.
    ///
    /// # Errors
    /// [`Config`](TransportErrorKind::Config) if other hosts reach the address, and nothing would
    /// protect what they say.
    pub fn check(&self, address: SocketAddr) -> Result<(), TransportError> {
        if !matches!(self, Self::Loopback) || address.ip().to_canonical().is_loopback() {
            return Ok(());
        }
        let why = "other hosts reach this address, so it needs TLS, or proxies that have it";
        let why = format!("{address}: {why}");
        Err(TransportError::with(TransportErrorKind::Config, why))
    }

    /// Whether a connection from there may come in.
    #[must_use]
    pub fn admits(&self, peer: IpAddr) -> bool {
        match self {
            Self::Loopback | Self::Wrapped(_) => true,
            Self::Proxied(proxies) => proxies.contain(peer),
        }
    }

    /// What is to be laid around the bytes.
    #[must_use]
    pub const fn wrap(&self) -> Option<&Arc<dyn Wrap>> {
        match self {
            Self::Wrapped(wrap) => Some(wrap),
            Self::Loopback | Self::Proxied(_) => None,
        }
    }

    /// Counts who has come, where other hosts may. What this host's own peers do to each other is theirs.
    #[must_use]
    pub fn doors(&self, limits: DoorLimits) -> Option<Arc<Doors>> {
        let is_near = matches!(self, Self::Loopback);
        let doors = || Arc::new(Doors::new(limits, self.proxies().cloned()));
        (!is_near).then(doors)
    }

    /// Whose word about the address of a client is believed.
    #[must_use]
    pub const fn proxies(&self) -> Option<&Proxies> {
        match self {
            Self::Proxied(proxies) => Some(proxies),
            Self::Loopback | Self::Wrapped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_plain_text_only_this_host_can_come() {
        for address in [
            "127.0.0.1:1",
            "127.8.0.1:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(Exposure::Loopback.check(address.parse().unwrap()).is_ok());
        }
        for address in ["0.0.0.0:9004", "[::]:1", "192.0.2.1:1", "[2001:db8::1]:1"] {
            let error = Exposure::Loopback.check(address.parse().unwrap());
            assert_eq!(error.unwrap_err().kind(), &TransportErrorKind::Config);
        }
    }

    #[test]
    fn behind_a_proxy_nobody_else_comes_in() {
        let exposure = Exposure::Proxied("192.0.2.7".parse().unwrap());
        assert!(exposure.admits("192.0.2.7".parse().unwrap()));
        assert!(!exposure.admits("192.0.2.8".parse().unwrap()));
        assert!(!exposure.admits("127.0.0.1".parse().unwrap()));
        assert!(exposure.proxies().is_some() && exposure.wrap().is_none());
    }
}
