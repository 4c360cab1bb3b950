//! [`serve`]: one connection of API and page, from its first byte to its last.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use futures_lite::future::or;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioTimer;
use tower::ServiceExt;
use widget_core::runtime::SharedRuntime;
use widget_core::stop::StopSignal;
use widget_core::transport::{Place, Proxies};

use super::body::TimedBody;
use super::limits::AdminLimits;
use super::paced::Paced;
use crate::access::Caller;
use crate::api::Client;
use crate::handle::ServerHandle;

/// The most bytes of headers, and of a body at a time.
const BUFFER: usize = 16 * 1024;

/// What the connections of a listener have in common.
pub(super) struct Ground {
    pub(super) runtime: SharedRuntime,
    pub(super) handle: ServerHandle,
    pub(super) app: Router,
    pub(super) limits: AdminLimits,
    pub(super) stop: StopSignal,
}

impl Ground {
    /// Counts what was refused here.
    pub(super) fn refused(&self, word: &'static str) {
        self.handle.count_refused(word, None);
    }
}

/// What is known of the other side of a connection.
#[derive(Clone, Default)]
pub(super) struct Peer {
    /// Its host.
    pub(super) address: Option<IpAddr>,
    /// Whose word about the address of a client is believed.
    pub(super) proxies: Option<Proxies>,
    /// Whether it has TLS.
    pub(super) is_secure: bool,
    /// Who it is, where that is known without a token.
    pub(super) caller: Option<Caller>,
    /// Its place among those that have come from other hosts.
    pub(super) place: Option<Arc<Place>>,
}

impl Peer {
    /// From where a request comes, past proxies that are trusted.
    fn client(&self, headers: &HeaderMap) -> Option<Client> {
        let address = self.address?;
        let Some(proxies) = &self.proxies else {
            return Some(Client {
                address: address.to_canonical(),
                is_secure: self.is_secure,
            });
        };
        let said = headers.get_all("x-forwarded-for").iter();
        let said: Vec<_> = said.map(|said| said.to_str().unwrap_or("?")).collect();
        let proto = headers.get("x-forwarded-proto");
        Some(Client {
            address: proxies.client_of(address, Some(&said.join(","))),
            is_secure: proto.is_some_and(|proto| proto == "https"),
        })
    }
}

/// Serves one connection until it ends or, once it is asked to stop, has answered what is under way.
pub(super) async fn serve<I>(io: I, ground: Arc<Ground>, peer: Peer)
where
    I: Read + Write + Send + Unpin + 'static,
{
    // From its beginning until its answer.
    let is_asked = Arc::new(AtomicBool::new(true));
    let own = (Arc::clone(&ground), Arc::clone(&is_asked), Arc::new(peer));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ground.limits.head)
        .max_buf_size(BUFFER)
        .half_close(false)
        .serve_connection(
            Paced::new(io, Arc::clone(&ground), Arc::clone(&is_asked)),
            service_fn(move |request| answer(own.clone(), request)),
        );
    let asked = async {
        ground.stop.asked().await;
        None
    };
    let mut end = or(async { Some((&mut connection).await) }, asked).await;
    if end.is_none() {
        std::pin::Pin::new(&mut connection).graceful_shutdown();
        end = Some(connection.await);
    }
    // A peer that has gone or rests is no news, and whatever else went wrong was counted where it did.
    if let Some(Err(error)) = end
        && (error.is_parse() || error.is_timeout() && is_asked.load(Ordering::Relaxed))
    {
        ground.refused("admin_header");
    }
}

async fn answer(
    (ground, is_asked, peer): (Arc<Ground>, Arc<AtomicBool>, Arc<Peer>),
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let app = ground.app.clone();
    let mut request = request.map(|body| Body::new(TimedBody::new(body, ground)));
    if let Some(client) = peer.client(request.headers()) {
        request.extensions_mut().insert(client);
    }
    if let Some(place) = peer.place.clone() {
        request.extensions_mut().insert(place);
    }
    if let Some(caller) = peer.caller.clone() {
        request.extensions_mut().insert(caller);
    }
    let answer = app.oneshot(request).await;
    is_asked.store(false, Ordering::Relaxed);
    answer
}
