//! The port of API and page: what each connection may do, and how long.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use futures_lite::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::Purpose;
use widget_core::transport::{Exposure, TransportError, TransportErrorKind};
use widget_server::{
    AdminLimits, AdminListener, HostRules, Server, ServerHandle, TokenRequest, open, router,
};

/// Against hanging only.
async fn limited<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, work).await.expect("it hangs")
}

const SHORT: Duration = Duration::from_millis(50);

struct Admin {
    address: SocketAddr,
    handle: ServerHandle,
    stop: Stop,
    serving: JoinHandle<Result<(), TransportError>>,
}

impl Admin {
    async fn start(exposure: Exposure, edit: impl FnOnce(&mut AdminLimits)) -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let stores = open::store("memory", "unused".as_ref(), &runtime).unwrap();
        let handle = Server::builder(runtime, stores).build().handle();
        let mut limits = AdminLimits::default();
        edit(&mut limits);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = AdminListener::bind(any, exposure)
            .await
            .unwrap()
            .with_limits(limits);
        let (address, stop) = (listener.address(), Stop::new());
        let app = Router::new()
            .route(
                "/length",
                post(|body: String| async move { body.len().to_string() }),
            )
            .route(
                "/endless",
                get(|| async { Body::from_stream(stream::repeat_with(piece)) }),
            )
            .route("/slow", get(slow))
            .merge(router(handle.clone(), HostRules::default()));
        let serving = tokio::spawn(listener.serve(app, handle.clone(), stop.signal()));
        Self {
            address,
            handle,
            stop,
            serving,
        }
    }

    async fn near(edit: impl FnOnce(&mut AdminLimits)) -> Self {
        Self::start(Exposure::Loopback, edit).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn counted(&self) -> Vec<(&'static str, u64)> {
        self.handle.refusals().into_iter().collect()
    }

    /// Waits until something was refused, and says what.
    async fn refused(&self) -> Vec<(&'static str, u64)> {
        limited(async {
            while self.counted().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.counted()
    }
}

fn piece() -> Result<Vec<u8>, std::io::Error> {
    Ok(vec![b'x'; 64 * 1024])
}

async fn slow() -> &'static str {
    tokio::time::sleep(SHORT).await;
    "at last"
}

/// What comes until the other side closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut came = Vec::new();
    match limited(stream.read_to_end(&mut came)).await {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8_lossy(&came).into_owned(),
    }
}

const LIVE: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn what_is_asked_is_answered() {
    let admin = Admin::near(|_| {}).await;
    let mut stream = admin.connect().await;
    stream.write_all(LIVE).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(admin.counted().is_empty());
}

#[tokio::test]
async fn other_hosts_are_served_in_plain_text_by_no_means() {
    let any = "0.0.0.0:0".parse().unwrap();
    let error = AdminListener::bind(any, Exposure::Loopback)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Config);
}

#[tokio::test]
async fn headers_that_do_not_come_are_not_waited_for() {
    let admin = Admin::near(|limits| limits.head = SHORT).await;
    for begun in ["", "GET /healthz HTTP/1.1\r\nHost: local"] {
        let mut stream = admin.connect().await;
        stream.write_all(begun.as_bytes()).await.unwrap();
        assert!(!rest(stream).await.contains("200"));
    }
    assert_eq!(admin.refused().await[0].0, "admin_header");
}

#[tokio::test]
async fn a_connection_that_rests_is_closed_and_no_refusal() {
    let admin = Admin::near(|limits| limits.head = 2 * SHORT).await;
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(stream).await;
    assert!(answer.ends_with("at last"), "{answer}");
    assert!(admin.counted().is_empty(), "{:?}", admin.counted());
}

#[tokio::test]
async fn headers_that_drip_are_cut() {
    let admin = Admin::near(|limits| limits.head = 4 * SHORT).await;
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nX: ")
        .await
        .unwrap();
    // Each byte comes in time, and all of them do not.
    let drips = async {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 5).await;
        }
    };
    limited(drips).await;
    assert_eq!(admin.refused().await, [("admin_header", 1)]);
}

#[tokio::test]
async fn headers_that_have_no_end_are_refused() {
    let admin = Admin::near(|_| {}).await;
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nX: ")
        .await
        .unwrap();
    let _ = stream.write_all(&vec![b'x'; 64 * 1024]).await;
    assert!(!rest(stream).await.contains("200"));
    assert_eq!(admin.refused().await, [("admin_header", 1)]);
}

#[tokio::test]
async fn a_body_that_drips_is_cut() {
    let admin = Admin::near(|limits| limits.body = 4 * SHORT).await;
    let mut stream = admin.connect().await;
    let head = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (reader, mut writer) = stream.into_split();
    let drips = tokio::spawn(async move {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 5).await;
        }
    });
    let mut answer = Vec::new();
    let mut reader = reader;
    let _ = limited(reader.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    limited(drips).await.unwrap();
    assert_eq!(admin.refused().await, [("admin_body", 1)]);
}

#[tokio::test]
async fn a_body_that_stops_is_not_waited_for() {
    let admin = Admin::near(|limits| limits.body = SHORT).await;
    let mut stream = admin.connect().await;
    let head = b"POST /length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf";
    stream.write_all(head).await.unwrap();
    rest(stream).await;
    assert_eq!(admin.refused().await, [("admin_body", 1)]);
}

#[tokio::test]
async fn a_body_that_is_long_gets_the_time_for_its_length() {
    let admin = Admin::near(|limits| {
        limits.body = Duration::from_millis(1);
        limits.rate = 1_000;
    })
    .await;
    let mut stream = admin.connect().await;
    let body = "x".repeat(100_000);
    let head = format!(
        "POST /length HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream
        .write_all((head + &body[..60_000]).as_bytes())
        .await
        .unwrap();
    tokio::time::sleep(SHORT).await;
    stream.write_all(&body.as_bytes()[60_000..]).await.unwrap();
    let answer = rest(stream).await;
    assert!(answer.ends_with("100000"), "{answer}");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_ends() {
    let admin = Admin::near(|limits| {
        limits.write = SHORT;
        limits.rate = u32::MAX;
    })
    .await;
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(admin.refused().await, [("admin_unread", 1)]);
    // What was on its way comes, and then the end.
    let mut piece = vec![0; 64 * 1024];
    limited(async { while stream.read(&mut piece).await.is_ok_and(|count| count > 0) {} }).await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_closed() {
    let admin = Admin::near(|limits| limits.connections = 1).await;
    let mut first = admin.connect().await;
    first
        .write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(admin.connect().await).await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("too many connections here\n"), "{answer}");
    assert_eq!(admin.counted(), [("admin_full", 1)]);
    let mut begin = [0; 12];
    limited(first.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let admin = Admin::near(|_| {}).await;
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    // It has to have been read.
    tokio::time::sleep(SHORT / 2).await;
    admin.stop.ask();
    let answer = rest(stream).await;
    assert!(answer.ends_with("at last"), "{answer}");
    limited(admin.serving).await.unwrap().unwrap();
    assert!(TcpStream::connect(admin.address).await.is_err());
}

#[tokio::test]
async fn behind_a_proxy_nobody_else_gets_in() {
    let exposure = Exposure::Proxied("10.0.0.0/8".parse().unwrap());
    let admin = Admin::start(exposure, |_| {}).await;
    let mut stream = admin.connect().await;
    let _ = stream.write_all(LIVE).await;
    assert!(rest(stream).await.is_empty());
    assert_eq!(admin.refused().await, [("admin_stranger", 1)]);
}

#[cfg(feature = "tls")]
mod over_tls {
    //! The same with TLS.

    use tokio_util::compat::{FuturesAsyncReadCompatExt, TokioAsyncReadCompatExt};
    use widget_core::runtime::Wrap;
    use widget_core::time::Timestamp;
    use widget_core::tls::{Application, Pin, TlsClient, Trust};
    use widget_server::tls::Authority;

    use super::*;

    async fn start() -> (Admin, Pin) {
        let data = tempfile::tempdir().unwrap();
        let names = ["127.0.0.1".to_owned()];
        let authority = Authority::open(data.path(), &names, Timestamp::default()).unwrap();
        let server = authority.server(Application::Http).unwrap();
        let exposure = Exposure::Wrapped(Arc::new(server));
        let admin = Admin::start(exposure, |limits| limits.handshake = 4 * SHORT).await;
        (admin, authority.pin())
    }

    #[tokio::test]
    async fn what_is_asked_is_answered() {
        let (admin, pin) = start().await;
        let client = TlsClient::new(&Trust::Pin(pin), "127.0.0.1", Application::Http).unwrap();
        let stream = admin.connect().await.compat();
        let mut stream = client.wrap(Box::new(stream)).await.unwrap().compat();
        stream.write_all(LIVE).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = Vec::new();
        limited(stream.read_to_end(&mut answer)).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200"));
        assert!(admin.counted().is_empty());
    }

    #[tokio::test]
    async fn in_plain_text_nothing_is_answered() {
        let (admin, _) = start().await;
        let mut stream = admin.connect().await;
        stream.write_all(LIVE).await.unwrap();
        assert!(!rest(stream).await.contains("HTTP"));
        assert_eq!(admin.refused().await, [("admin_tls", 1)]);
    }

    #[tokio::test]
    async fn a_greeting_that_does_not_come_is_not_waited_for() {
        let (admin, _) = start().await;
        assert!(rest(admin.connect().await).await.is_empty());
        assert_eq!(admin.refused().await, [("admin_handshake", 1)]);
    }
}

#[tokio::test]
async fn an_export_that_nobody_reads_is_ended() {
    let admin = Admin::near(|limits| limits.write = SHORT).await;
    // More than the system keeps for a connection.
    for _ in 0..4_000 {
        let label = |n| (format!("label-{n}"), "x".repeat(250));
        let request = TokenRequest {
            purpose: Purpose::Join {
                uses: 1,
                labels: (0..16).map(label).collect(),
            },
            name: "one".to_owned(),
            ttl: Some(SHORT),
        };
        admin.handle.create_token(request).await.unwrap();
    }
    let mut stream = admin.connect().await;
    stream
        .write_all(b"GET /api/v1/audit/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(admin.refused().await, [("admin_unread", 1)]);
}
