//! [`HttpUrl`]: where a server is asked over HTTP.

use std::fmt;
use std::str::FromStr;

use widget_core::runtime::Address;

/// Where a server is asked: `http://host[:port][/prefix]`, or the same with `https`. The port is 80,
/// or 443, if none is named; the prefix is what a proxy wants before the paths of Widget.
///
/// ```
/// use widget_transport_http::HttpUrl;
///
/// let url: HttpUrl = "http://fleet.example:8080/widget/".parse().unwrap();
/// assert_eq!((url.address().port, url.prefix()), (8080, "/widget"));
/// assert_eq!(url.to_string(), "http://fleet.example:8080/widget");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl {
    is_secure: bool,
    address: Address,
    /// Empty, or begins with a slash and ends with none.
    prefix: String,
}

/// Why a text is no [`HttpUrl`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// It begins neither with `http://` nor with `https://`.
    #[error("an address over HTTP begins with http:// or https://, such as http://127.0.0.1:9005")]
    Scheme,
    /// It names a user or a password.
    #[error("an address over HTTP names no user and no password: leave out what ends with @")]
    UserInfo,
    /// It has a query or a fragment.
    #[error("an address over HTTP ends with its path: leave out what begins with ? or #")]
    Query,
    /// Its host or port cannot be read.
    #[error("not a host with or without a port, such as 127.0.0.1:9005, fleet.example or [::1]")]
    Host,
    /// Its path has characters that a path must write with %.
    #[error("the path has characters that a path cannot have: write them with %")]
    Path,
}

impl HttpUrl {
    /// Whether it is `https://`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Host and port.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// What stands before every path: empty, or `/` and more.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What a request says in `Host`: the port only if it is not the usual one.
    pub(crate) fn authority(&self) -> String {
        let mut whole = self.address.to_string();
        if self.address.port == default_port(self.is_secure) {
            whole.truncate(whole.rfind(':').unwrap_or(whole.len()));
        }
        whole
    }
}

impl FromStr for HttpUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = text.split_once("://").ok_or(InvalidUrl::Scheme)?;
        let is_secure = scheme.eq_ignore_ascii_case(crate::NAME_WRAPPED);
        if !is_secure && !scheme.eq_ignore_ascii_case(crate::NAME) {
            return Err(InvalidUrl::Scheme);
        }
        if rest.contains(['?', '#']) {
            return Err(InvalidUrl::Query);
        }
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        if !path.bytes().all(fits_path) {
            return Err(InvalidUrl::Path);
        }
        Ok(Self {
            is_secure,
            address: address(authority, is_secure)?,
            prefix: path.trim_end_matches('/').to_owned(),
        })
    }
}

/// The port where an address names none.
const fn default_port(is_secure: bool) -> u16 {
    if is_secure { 443 } else { 80 }
}

fn address(authority: &str, is_secure: bool) -> Result<Address, InvalidUrl> {
    if authority.contains('@') {
        return Err(InvalidUrl::UserInfo);
    }
    let has_port = !authority.ends_with(']') && authority.contains(':');
    let address = if has_port {
        authority.parse()
    } else {
        format!("{authority}:{}", default_port(is_secure)).parse()
    };
    let address: Address = address.map_err(|_| InvalidUrl::Host)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte);
    if address.host.bytes().all(fits) {
        Ok(address)
    } else {
        Err(InvalidUrl::Host)
    }
}

fn fits_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = crate::name_of(self.is_secure);
        write!(f, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_port_and_prefix_are_read() {
        for (text, host, port, prefix, shown) in [
            ("http://a", "a", 80, "", "http://a"),
            ("HTTP://a/", "a", 80, "", "http://a"),
            ("http://a:80", "a", 80, "", "http://a"),
            ("http://a:9005/x/y", "a", 9005, "/x/y", "http://a:9005/x/y"),
            ("http://[::1]", "::1", 80, "", "http://[::1]"),
            ("http://[::1]:180", "::1", 180, "", "http://[::1]:180"),
            ("http://[fe80::80]", "fe80::80", 80, "", "http://[fe80::80]"),
            ("http://a/x%20y//", "a", 80, "/x%20y", "http://a/x%20y"),
            ("https://a", "a", 443, "", "https://a"),
            ("HTTPS://a:443/x", "a", 443, "/x", "https://a/x"),
            ("https://a:80", "a", 80, "", "https://a:80"),
            ("http://a:443", "a", 443, "", "http://a:443"),
            ("https://[::1]:9005", "::1", 9005, "", "https://[::1]:9005"),
        ] {
            let url: HttpUrl = text.parse().unwrap();
            assert_eq!((url.address.host.as_str(), url.address.port), (host, port));
            assert_eq!(url.prefix, prefix);
            assert_eq!(url.is_secure(), shown.starts_with("https:"));
            assert_eq!(url.to_string(), shown);
            assert_eq!(shown.parse(), Ok(url));
        }
    }

    #[test]
    fn what_is_no_such_address_is_refused_with_its_reason() {
        for (text, why) in [
            ("", InvalidUrl::Scheme),
            ("a:9005", InvalidUrl::Scheme),
            ("httpss://a", InvalidUrl::Scheme),
            ("tcp://a:9004", InvalidUrl::Scheme),
            ("http://me:secret@a/", InvalidUrl::UserInfo),
            ("http://a/?b", InvalidUrl::Query),
            ("http://a#b", InvalidUrl::Query),
            ("http://", InvalidUrl::Host),
            ("http:///x", InvalidUrl::Host),
            ("http://a:", InvalidUrl::Host),
            ("http://a:70000", InvalidUrl::Host),
            ("http://::1", InvalidUrl::Host),
            ("http://a b", InvalidUrl::Host),
            ("http://a\r\nb", InvalidUrl::Host),
            ("http://a/x y", InvalidUrl::Path),
            ("http://a/\u{e4}", InvalidUrl::Path),
        ] {
            assert_eq!(text.parse::<HttpUrl>(), Err(why), "{text}");
        }
    }
}
