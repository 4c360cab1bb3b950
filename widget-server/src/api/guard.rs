//! Who may speak to the API: requests for names that are this server's, and from no other site.
//!
//! A page on the web can make a browser send requests to loopback, by a name of its own that
//! resolves there or by a plain form. The first is told by `Host`, the second by where the browser
//! says that it comes from. Beside that, what changes something has to say what its body is: no form
//! can say that it is JSON, and another site's script has to ask first, which nobody here allows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::HttpBody;
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
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let sender = Sender::of(request.headers(), host);
    if sender == Sender::OtherSite {
        return Problem::new(
            StatusCode::FORBIDDEN,
            "cross_origin",
            "a page of another site may not change anything here; this one's own may if the browser \
             says so, which it does to https and to loopback",
        )
        .into_response();
    }
    if !is_declared(&request, sender) {
        return Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "what changes something is sent with Content-Type: application/json, or by a program \
             that is no browser with neither body nor content type",
        )
        .into_response();
    }
    next.run(request).await
}

/// Who sends a request, by what it says of itself.
/// Whether a browser says that a request comes from a page of this very server.
pub(super) fn is_own_page(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    host.is_some_and(|host| Sender::of(headers, host) == Sender::Page)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// A page of this server, or somebody at its browser.
    Page,
    /// No browser: those say where a request comes from.
    Program,
    /// A page of another site.
    OtherSite,
}

impl Sender {
    fn of(headers: &HeaderMap, host: &str) -> Self {
        if let Some(site) = headers.get("sec-fetch-site") {
            let ours = site == "same-origin" || site == "none";
            return if ours { Self::Page } else { Self::OtherSite };
        }
        let Some(origin) = headers.get(header::ORIGIN) else {
            return Self::Program;
        };
        let from = origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"));
        match from {
            Some((_, from)) if from.eq_ignore_ascii_case(host) => Self::Page,
            _ => Self::OtherSite,
        }
    }
}

/// Whether the request says what its body is, and that is something which its sender may send.
fn is_declared(request: &Request, sender: Sender) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    match (types.next(), types.next()) {
        (None, _) => sender == Sender::Program && request.body().is_end_stream(),
        (Some(only), None) => only.to_str().is_ok_and(|text| {
            let (essence, _) = text.split_once(';').unwrap_or((text, ""));
            let is = |name| essence.trim().eq_ignore_ascii_case(name);
            is("application/json")
                || sender == Sender::Page && is("application/x-www-form-urlencoded")
        }),
        _ => false,
    }
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

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn another_site_is_told_by_what_the_browser_says() {
        use Sender::{OtherSite, Page, Program};
        let local = ("origin", "http://127.0.0.1:3000");
        let same = ("sec-fetch-site", "same-origin");
        let cross = ("sec-fetch-site", "cross-site");
        for (said, sender) in [
            (&[][..], Program),
            (&[same], Page),
            (&[("sec-fetch-site", "none")], Page),
            (&[local], Page),
            // Forms of a page that sends no referrer.
            (&[("origin", "null"), same], Page),
            (&[cross], OtherSite),
            (&[local, cross], OtherSite),
            (&[("sec-fetch-site", "same-site")], OtherSite),
            (&[("origin", "http://127.0.0.1:3001")], OtherSite),
            (&[("origin", "null")], OtherSite),
        ] {
            let found = Sender::of(&headers(said), "127.0.0.1:3000");
            assert_eq!(found, sender, "{said:?}");
        }
    }

    #[test]
    fn what_changes_something_says_what_its_body_is() {
        use Sender::{Page, Program};
        let json = ("content-type", "application/json");
        let form = ("content-type", "application/x-www-form-urlencoded");
        let plain = ("content-type", "text/plain");
        for (said, body, program, page) in [
            (&[][..], "", true, false),
            (&[], "{}", false, false),
            (&[json], "", true, true),
            (&[json], "{}", true, true),
            (
                &[("content-type", "Application/JSON ; charset=utf-8")],
                "{}",
                true,
                true,
            ),
            (&[form], "", false, true),
            (&[form], "a=b", false, true),
            (&[plain], "", false, false),
            (&[plain], "{}", false, false),
            (
                &[("content-type", "multipart/form-data; boundary=x")],
                "",
                false,
                false,
            ),
            (
                &[("content-type", "text/plain; application/json")],
                "{}",
                false,
                false,
            ),
            (&[("content-type", "application/jsonp")], "{}", false, false),
            (&[("content-type", "")], "", false, false),
            (&[json, plain], "{}", false, false),
        ] {
            let mut request = Request::new(axum::body::Body::from(body));
            *request.headers_mut() = headers(said);
            let found = (is_declared(&request, Program), is_declared(&request, Page));
            assert_eq!(found, (program, page), "{said:?} {body}");
        }
    }
}
