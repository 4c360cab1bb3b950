//! [`Address`]: a host, by name or number, and a port.

use std::fmt;
use std::str::FromStr;

/// A host and a port to connect to. The name is resolved at each connect.
///
/// ```
/// use widget_core::runtime::Address;
///
/// let address: Address = "[::1]:9004".parse().unwrap();
/// assert_eq!((address.host.as_str(), address.port), ("::1", 9004));
/// assert_eq!(address.to_string(), "[::1]:9004");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Name, IPv4 or IPv6 address, the last without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A text is not an address: it must be `host:port`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address of the form host:port, such as 127.0.0.1:9004 or [::1]:9004")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = match bracketed {
            Some(v6) => v6,
            None if is_v6(host) => return Err(InvalidAddress),
            None => host,
        };
        let odd = |c: char| {
            c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '[' | ']' | '?' | '#')
        };
        if host.is_empty() || host.chars().any(odd) {
            return Err(InvalidAddress);
        }
        let port = port.parse().map_err(|_| InvalidAddress)?;
        Ok(Self {
            host: host.to_owned(),
            port,
        })
    }
}

/// Not by `contains`: the search that this brings along is a kilobyte of a small agent.
fn is_v6(host: &str) -> bool {
    host.bytes().any(|byte| byte == b':')
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_v6(&self.host) {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "localhost",
            "localhost:",
            ":9004",
            "a:70000",
            "::1:9004",
            "a b:1",
            "x/y:1",
        ] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress), "{text}");
        }
    }
}
