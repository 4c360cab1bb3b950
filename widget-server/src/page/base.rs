//! [`Site`]: a server and where its page is mounted. A program may nest the router under a prefix of
//! its own; whatever the page links to begins with that prefix, which is what the address of the
//! request has before the part that the router was given.

use std::convert::Infallible;
use std::fmt;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;

use crate::access::Caller;
use crate::handle::ServerHandle;

/// What stands before every path of the page: empty, or such as `/widget`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Base(String);

/// A server, as a request found it.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) handle: ServerHandle,
    pub(crate) base: Base,
}

impl Base {
    fn of(asked: &str, inner: &str) -> Self {
        let base = asked
            .strip_suffix(inner)
            // The router's own root, asked for without a slash behind the prefix.
            .unwrap_or(if inner == "/" { asked } else { "" });
        let base = base.trim_end_matches('/');
        // Two slashes would make it the name of a host.
        let is_host = base.starts_with("//");
        Self(if is_host {
            String::new()
        } else {
            base.to_owned()
        })
    }

    /// The address of the list of agents. A nested router answers to its prefix without a slash.
    pub(super) fn home(&self) -> &str {
        if self.0.is_empty() { "/" } else { &self.0 }
    }

    /// A path of the page as an address.
    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let OriginalUri(asked) = OriginalUri::from_request_parts(parts, state).await?;
        Ok(Self::of(asked.path(), parts.uri.path()))
    }
}

impl FromRequestParts<ServerHandle> for Site {
    type Rejection = Infallible;

    /// Where nobody is known to ask, which is only where nothing is needed for it, the handle shows
    /// nothing.
    async fn from_request_parts(
        parts: &mut Parts,
        handle: &ServerHandle,
    ) -> Result<Self, Infallible> {
        let caller = parts.extensions.get::<Caller>().cloned();
        Ok(Self {
            handle: handle.as_caller(caller.unwrap_or_else(Caller::nobody)),
            base: Base::from_request_parts(parts, handle).await?,
        })
    }
}

/// Text as a value in the query of an address.
pub(crate) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_the_router_was_not_given() {
        for (asked, inner, base) in [
            ("/", "/", ""),
            ("/agents/1", "/agents/1", ""),
            ("/widget", "/", "/widget"),
            ("/widget/", "/", "/widget"),
            ("/a/b/agents/1", "/agents/1", "/a/b"),
            ("//evil.example/tasks", "/tasks", ""),
            ("/other", "/tasks", ""),
        ] {
            assert_eq!(Base::of(asked, inner).to_string(), base, "{asked}");
        }
    }
}
