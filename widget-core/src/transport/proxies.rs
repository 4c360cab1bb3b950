//! [`Proxies`]: whose word about the address of a client is believed.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The networks of one's own proxies, in the notation of RFC 4632 and RFC 4291 (CIDR): `10.0.0.0/8`,
/// `2001:db8::/32`, or one address alone. Several are separated by commas.
///
/// ```
/// use widget_core::transport::Proxies;
///
/// let proxies: Proxies = "10.0.0.0/8, ::1".parse().unwrap();
/// assert!(proxies.contain("10.1.2.3".parse().unwrap()));
/// assert!(!proxies.contain("192.0.2.1".parse().unwrap()));
/// assert_eq!(proxies.to_string(), "10.0.0.0/8,::1/128");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies(Vec<Network>);

/// All addresses whose first bits are these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u32,
}

/// A text says no network, or one whose address has bits behind its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no network such as 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7")]
pub struct InvalidNetwork(String);

/// The longest text that an [`InvalidNetwork`] says again, in bytes.
const MAX_SAID: usize = 64;

impl Proxies {
    /// Whether this is the address of one. An IPv4 address that is written as one of IPv6 is the same
    /// as it is.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client for which `peer` speaks, if it is a proxy, by what it and those before it have
    /// written into `X-Forwarded-For`: each appends the address of whom it heard, so from the end on
    /// the first that is none of the proxies is the client. What stands before that is the client's
    /// own word. Where something is unreadable, it is the nearest that was read.
    ///
    /// ```
    /// use widget_core::transport::Proxies;
    ///
    /// let proxies: Proxies = "10.0.0.0/8".parse().unwrap();
    /// let of = |peer: &str, said| proxies.client_of(peer.parse().unwrap(), said).to_string();
    /// assert_eq!(of("10.0.0.1", Some("1.1.1.1, 192.0.2.9, 10.0.0.2")), "192.0.2.9");
    /// assert_eq!(of("192.0.2.9", Some("1.1.1.1")), "192.0.2.9");
    /// ```
    #[must_use]
    pub fn client_of(&self, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
        let mut client = peer.to_canonical();
        for said in forwarded.unwrap_or_default().rsplit(',') {
            if !self.contain(client) {
                break;
            }
            let Ok(said) = said.trim().parse::<IpAddr>() else {
                break;
            };
            client = said.to_canonical();
        }
        client
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let other = first.to_bits() ^ address.to_bits();
                other.leading_zeros() >= self.bits
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let other = first.to_bits() ^ address.to_bits();
                other.leading_zeros() >= self.bits
            }
            _ => false,
        }
    }

    /// Whether its address has nothing behind its bits.
    fn is_first(self) -> bool {
        let zeros = match self.first {
            IpAddr::V4(first) => first.to_bits().trailing_zeros().min(32),
            IpAddr::V6(first) => first.to_bits().trailing_zeros().min(128),
        };
        zeros + self.bits >= length(self.first)
    }
}

const fn length(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || {
            let end = text.floor_char_boundary(MAX_SAID);
            InvalidNetwork(text.get(..end).unwrap_or_default().to_owned())
        };
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| invalid())?;
        let most = length(first);
        let bits = match bits {
            // Nothing that only some would read as a number, such as a sign.
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| invalid())?
            }
            Some(_) => return Err(invalid()),
            None => most,
        };
        let network = Self { first, bits };
        if bits <= most && network.is_first() {
            Ok(network)
        } else {
            Err(invalid())
        }
    }
}

impl FromStr for Proxies {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let networks = text.split(',').map(|text| text.trim().parse());
        networks.collect::<Result<_, _>>().map(Self)
    }
}

impl Extend<Self> for Proxies {
    fn extend<T: IntoIterator<Item = Self>>(&mut self, others: T) {
        self.0.extend(others.into_iter().flat_map(|other| other.0));
    }
}

impl fmt::Display for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, network) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}/{}", network.first, network.bits)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(text: &str) -> Proxies {
        text.parse().unwrap()
    }

    fn contain(text: &str, address: &str) -> bool {
        proxies(text).contain(address.parse().unwrap())
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.7/32", "::ffff:192.0.2.7", "::1"),
            ("0.0.0.0/0", "192.0.2.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("::1", "::1", "::2"),
        ] {
            assert!(contain(network, inside), "{inside} in {network}");
            assert!(!contain(network, outside), "{outside} in {network}");
            let again = proxies(network).to_string();
            assert_eq!(proxies(&again), proxies(network));
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/8/8",
            "10.0.0.1/8",
            "2001:db8::1/32",
            "::/129",
            "proxy.example",
            "10.0.0.0/8,",
            "10.0.0.0/99999999999",
        ] {
            assert!(text.parse::<Proxies>().is_err(), "{text}");
        }
        let error = "\u{e4}".repeat(100).parse::<Proxies>().unwrap_err();
        assert!(error.to_string().len() < 200, "{error}");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        let proxies = proxies("10.0.0.0/8,::1");
        for (peer, said, client) in [
            // A stranger's word counts for nothing.
            ("192.0.2.1", Some("198.51.100.1"), "192.0.2.1"),
            ("10.0.0.1", None, "10.0.0.1"),
            ("10.0.0.1", Some(""), "10.0.0.1"),
            ("10.0.0.1", Some("198.51.100.1"), "198.51.100.1"),
            // What the client says of itself stands before what proxies say of it.
            ("10.0.0.1", Some("127.0.0.1, 198.51.100.1"), "198.51.100.1"),
            ("::1", Some("198.51.100.1,10.0.0.9"), "198.51.100.1"),
            ("10.0.0.1", Some("10.0.0.7"), "10.0.0.7"),
            ("10.0.0.1", Some("198.51.100.1, unknown"), "10.0.0.1"),
            ("10.0.0.1", Some("evil, 10.0.0.2"), "10.0.0.2"),
            ("::ffff:10.0.0.1", Some("2001:db8::5"), "2001:db8::5"),
        ] {
            let found = proxies.client_of(peer.parse().unwrap(), said);
            assert_eq!(found.to_string(), client, "{peer} {said:?}");
        }
    }
}
