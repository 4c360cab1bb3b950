//! Style, script and icon of the page, a part of the binary. Their addresses carry a hash of their
//! content, so browsers may keep them for ever and never show an old one.

use axum::extract::{Path, RawQuery};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

struct Asset {
    name: &'static str,
    content_type: &'static str,
    body: &'static [u8],
    hash: u64,
}

impl Asset {
    const fn new(name: &'static str, content_type: &'static str, body: &'static [u8]) -> Self {
        Self {
            name,
            content_type,
            body,
            hash: fnv(body),
        }
    }

    fn version(&self) -> String {
        format!("v={:016x}", self.hash)
    }
}

static ASSETS: [Asset; 3] = [
    Asset::new(
        "style.css",
        "text/css; charset=utf-8",
        include_bytes!("../../assets/style.css"),
    ),
    Asset::new(
        "app.js",
        "text/javascript; charset=utf-8",
        include_bytes!("../../assets/app.js"),
    ),
    Asset::new(
        "icon.svg",
        "image/svg+xml",
        include_bytes!("../../assets/icon.svg"),
    ),
];

/// FNV-1a: enough to tell one version of a file from the next.
const fn fnv(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}

/// The path of an asset.
pub(super) fn path(name: &str) -> String {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => format!("/assets/{name}?{}", asset.version()),
        None => format!("/assets/{name}"),
    }
}

pub(super) async fn serve(Path(name): Path<String>, RawQuery(query): RawQuery) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let cache = match query {
        Some(version) if version == asset.version() => "public, max-age=31536000, immutable",
        _ => "no-store",
    };
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, cache)];
    (headers, asset.body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[tokio::test]
    async fn only_the_current_version_is_kept_for_ever() {
        let path = path("style.css");
        let version = path.split('?').nth(1).unwrap().to_owned();
        let cache = async |query: Option<&str>| {
            let query = RawQuery(query.map(str::to_owned));
            let reply = serve(Path("style.css".into()), query).await;
            reply.headers()[CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert!(cache(Some(&version)).await.contains("immutable"));
        assert_eq!(cache(Some("v=0")).await, "no-store");
        assert_eq!(cache(None).await, "no-store");
    }

    #[tokio::test]
    async fn what_is_not_there_is_not_found() {
        let reply = serve(Path("secret".into()), RawQuery(None)).await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND);
    }
}
