//! Who may speak to the API: requests for names that are this server's, and from no other site.
//!
//! A page on the web can make a browser send requests to loopback, by a name of its own that
//! resolves there or by a plain form. The first is told by `Host`, the second by where the browser
//! says that it comes from.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Problem;

/// The names under which this server may be asked. Loopback's always are.
#[derive(Debug, Clone, Default)]
pub struct HostRules {
    names: Arc<[String]>,
}

impl HostRules {
    /// Loopback's names and these, without ports: a bound address, a name that a proxy uses.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let lower = |name: String| name.trim_matches(['[', ']']).to_ascii_lowercase();
        Self {
            names: names.into_iter().map(|name| lower(name.into())).collect(),
        }
    }

    fn allow(&self, host: &str) -> bool {
        let name = without_port(host).to_ascii_lowercase();
        if name == "localhost" || self.names.contains(&name) {
            return true;
        }
        name.parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
    }
}

pub(super) async fn check(
    State(rules): State<HostRules>,
    request: Request,
    next: Next,
) -> Response {
    let host = host(&request);
    let Some(host) = host.filter(|host| rules.allow(host)) else {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "host_not_allowed",
            "this server does not go by that name; start it with --allowed-host NAME to allow it",
        )
        .into_response();
    };
    if !request.method().is_safe() && is_cross_origin(request.headers(), host) {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "a page of another site may not change anything here",
        )
        .into_response();
    }
    next.run(request).await
}

fn host(request: &Request) -> Option<&str> {
    let mut values = request.headers().get_all(header::HOST).iter();
    match (values.next(), values.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Browsers say where a request comes from; programs that are no browsers say nothing.
fn is_cross_origin(headers: &HeaderMap, host: &str) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let from = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"));
    from.is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_named_hosts_are_allowed_whatever_the_port() {
        let rules = HostRules::new(["widget.lan", "[2001:DB8::1]"]);
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:3000",
            "127.1.2.3",
            "[::1]:3000",
            "widget.lan:1",
            "[2001:db8::1]:3000",
        ] {
            assert!(rules.allow(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1",
            "127.0.0.1.evil",
            "",
        ] {
            assert!(!rules.allow(host), "{host}");
        }
    }

    #[test]
    fn another_site_is_told_by_what_the_browser_says() {
        let cross = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_cross_origin(&headers, "127.0.0.1:3000")
        };
        assert!(!cross(&[]));
        assert!(!cross(&[("sec-fetch-site", "same-origin")]));
        assert!(!cross(&[("origin", "http://127.0.0.1:3000")]));
        assert!(cross(&[("sec-fetch-site", "cross-site")]));
        assert!(cross(&[("sec-fetch-site", "same-site")]));
        assert!(cross(&[("origin", "http://127.0.0.1:3001")]));
        assert!(cross(&[("origin", "null")]));
    }
}
