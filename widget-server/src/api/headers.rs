//! The headers that every answer carries, whatever made it: API, page, assets, events and refusals.
//! Nothing else in the crate sets them.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// What the page may do: show what it brings itself. No inline script or style, no frames, no other
/// host.
const PAGE: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// What any other answer may do, should a browser show it: nothing.
const REST: &str =
    "default-src 'none'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// The same on every answer.
const ALWAYS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // For browsers that do not know frame-ancestors.
    (X_FRAME_OPTIONS, "DENY"),
    // Nobody learns which page a link was on. Browsers then send `Origin: null` with a form, so that
    // the guard goes by what they say in Sec-Fetch-Site.
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Puts them on an answer, in the place of what a handler has set.
pub(super) async fn set(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = if is(headers, &CONTENT_TYPE, "text/html") {
        PAGE
    } else {
        REST
    };
    let keep = is(headers, &CACHE_CONTROL, "immutable");
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if !keep {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn is(headers: &HeaderMap, name: &HeaderName, part: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.contains(part))
}
