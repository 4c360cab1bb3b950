//! [`JoinString`]: all that an agent has to be told to join a server, in one text.

use std::fmt;
use std::str::FromStr;

use super::{Secret, text};

/// What a join string begins with.
const PREFIX: &str = "wj1";
/// In place of a pin where none is needed.
const NO_PIN: &str = "-";

/// The token, the pin and the servers by which an agent joins: `wj1.TOKEN.PIN.URL[,URL]…`, the pin `-`
/// where none is needed. Who has it may join, so its text is for the operator and the agent only, and
/// `Debug` leaves out the token.
///
/// ```
/// use widget_core::access::{JoinString, Secret};
///
/// let token = Secret::from_bytes([7; 32]);
/// let servers = vec!["tls://fleet.example:9004".to_owned()];
/// let join = JoinString::new(token, None, servers)?;
/// let text = join.to_string();
/// assert_eq!(text, "wj1.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.-.tls://fleet.example:9004");
/// assert_eq!(text.parse(), Ok(join));
/// # Ok::<(), widget_core::access::InvalidJoinString>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinString {
    token: Secret,
    pin: Option<[u8; 32]>,
    servers: Vec<String>,
}

impl JoinString {
    /// The most servers in one.
    pub const MAX_SERVERS: usize = 8;
    /// The longest text of one, in bytes.
    pub const MAX_LEN: usize = 2 * 1024;

    /// One of these parts. The pin is that of the servers' authority, the servers are 1 to
    /// [`MAX_SERVERS`](Self::MAX_SERVERS) URLs. What a scheme means is for whoever connects to know.
    ///
    /// # Errors
    /// If there are no servers or too many, one is no URL of printable ASCII without quotes and commas,
    /// or the text would be longer than [`MAX_LEN`](Self::MAX_LEN).
    pub fn new(
        token: Secret,
        pin: Option<[u8; 32]>,
        servers: Vec<String>,
    ) -> Result<Self, InvalidJoinString> {
        if servers.is_empty() || servers.len() > Self::MAX_SERVERS {
            return Err(InvalidJoinString::Servers);
        }
        if !servers.iter().all(|server| is_url(server)) {
            return Err(InvalidJoinString::Url);
        }
        let join = Self {
            token,
            pin,
            servers,
        };
        match join.to_string().len() <= Self::MAX_LEN {
            true => Ok(join),
            false => Err(InvalidJoinString::Length),
        }
    }

    /// What lets the agent in.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.token
    }

    /// SHA-256 of the certificate of the servers' authority, where they speak TLS with one that is not
    /// known otherwise.
    #[must_use]
    pub const fn pin(&self) -> Option<&[u8; 32]> {
        self.pin.as_ref()
    }

    /// URLs of the servers, to be tried in this order.
    #[must_use]
    pub fn servers(&self) -> &[String] {
        &self.servers
    }
}

/// Enough that the text reads back and can be typed within quotes. A scheme keeps a torn text from being
/// taken for a host.
fn is_url(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b',' | b'\'' | b'"');
    let scheme = text.split_once("://");
    scheme.is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
        && text.bytes().all(is_plain)
}

/// A text is no [`JoinString`]. It does not say which text, since most of one may be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJoinString {
    /// It does not begin as one.
    #[error("not a join string, which begins with `wj1.`")]
    Prefix,
    /// There is something else where its token should be.
    #[error("its token is not 43 characters of A-Z, a-z, 0-9, - and _: copy the whole text again")]
    Token,
    /// There is something else where its pin should be.
    #[error(
        "its pin is neither - nor 43 characters of A-Z, a-z, 0-9, - and _: copy the whole text again"
    )]
    Pin,
    /// It has no servers, or too many.
    #[error("it must name 1 to 8 servers, with commas between them")]
    Servers,
    /// One of its servers is no URL.
    #[error("one of its servers is no URL such as tls://fleet.example:9004")]
    Url,
    /// It is too long.
    #[error("it is longer than 2,048 bytes")]
    Length,
}

impl FromStr for JoinString {
    type Err = InvalidJoinString;

    fn from_str(text: &str) -> Result<Self, InvalidJoinString> {
        if text.len() > Self::MAX_LEN {
            return Err(InvalidJoinString::Length);
        }
        // No text of 32 bytes has a point in it; the servers may have as many as they like.
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().unwrap_or_default();
        if part() != PREFIX {
            return Err(InvalidJoinString::Prefix);
        }
        let token = part().parse().map_err(|_| InvalidJoinString::Token)?;
        let pin = match part() {
            NO_PIN => None,
            pin => Some(text::decode(pin).ok_or(InvalidJoinString::Pin)?),
        };
        let servers = match part() {
            "" => return Err(InvalidJoinString::Servers),
            servers => servers.split(','),
        };
        let servers = servers.take(Self::MAX_SERVERS + 1);
        Self::new(token, pin, servers.map(str::to_owned).collect())
    }
}

impl fmt::Display for JoinString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = self.pin.as_ref().map(text::encode);
        let pin = pin.as_deref().unwrap_or(NO_PIN);
        let servers = self.servers.join(",");
        write!(f, "{PREFIX}.{}.{pin}.{servers}", self.token.text())
    }
}
