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
use widget_core::transport::Exposure;

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
    pub(super) exposure: Exposure,
}

/// Who is on the other side of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Peer {
    /// Somebody at this address.
    At(IpAddr),
    /// The user of this host with this number, if the system tells.
    User(Option<u32>),
}

impl Ground {
    /// From where a request comes, past proxies that are trusted.
    fn client_of(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let Some(proxies) = self.exposure.proxies() else {
            return Client {
                address: peer.to_canonical(),
                is_secure: self.exposure.wrap().is_some(),
            };
        };
        let said = headers.get_all("x-forwarded-for").iter();
        let said: Vec<_> = said.map(|said| said.to_str().unwrap_or("?")).collect();
        let proto = headers.get("x-forwarded-proto");
        Client {
            address: proxies.client_of(peer, Some(&said.join(","))),
            is_secure: proto.is_some_and(|proto| proto == "https"),
        }
    }

    /// Counts what was refused here.
    pub(super) fn refused(&self, word: &'static str) {
        self.handle.count_refused(word);
    }
}

/// Serves one connection until it ends or, once it is asked to stop, has answered what is under way.
pub(super) async fn serve<I>(io: I, ground: Arc<Ground>, peer: Peer)
where
    I: Read + Write + Send + Unpin + 'static,
{
    // From its beginning until its answer.
    let is_asked = Arc::new(AtomicBool::new(true));
    let own = (Arc::clone(&ground), Arc::clone(&is_asked), peer);
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
    (ground, is_asked, peer): (Arc<Ground>, Arc<AtomicBool>, Peer),
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let app = ground.app.clone();
    match peer {
        Peer::At(peer) => {
            let client = ground.client_of(peer, request.headers());
            request.extensions_mut().insert(client);
        }
        Peer::User(user) => {
            let caller = user.map_or_else(Caller::nobody, Caller::local);
            request.extensions_mut().insert(caller);
        }
    }
    let request = request.map(|body| Body::new(TimedBody::new(body, ground)));
    let answer = app.oneshot(request).await;
    is_asked.store(false, Ordering::Relaxed);
    answer
}
