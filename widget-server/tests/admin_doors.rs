//! The port of API and page where other hosts may come: who holds a place there, and who gives way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has to fail"
)]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use widget_core::access::{Role, Scope};
use widget_core::runtime::{BoxFuture, SharedRuntime, Stream, TokioRuntime, Wrap};
use widget_core::stop::Stop;
use widget_core::store::Purpose;
use widget_core::transport::{DoorLimits, Exposure};
use widget_server::{
    AdminLimits, AdminListener, HostRules, Limits, Server, ServerHandle, TokenRequest, open, router,
};

/// Stands for TLS, and protects nothing.
#[derive(Debug)]
struct Bare;

impl Wrap for Bare {
    fn wrap(&self, stream: Box<dyn Stream>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async { Ok(stream) })
    }
}

/// Against hanging only.
async fn limited<T>(work: impl Future<Output = T>) -> T {
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, work).await.expect("it hangs")
}

struct Admin {
    address: SocketAddr,
    handle: ServerHandle,
    _stop: Stop,
}

impl Admin {
    async fn start(exposure: Exposure, edit: impl FnOnce(&mut DoorLimits)) -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let stores = open::store("memory", "unused".as_ref(), &runtime).unwrap();
        let handle = Server::builder(runtime, stores).expose().build().handle();
        let mut limits = AdminLimits::default();
        edit(&mut limits.doors);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = AdminListener::bind(any, exposure).await.unwrap();
        let listener = listener.with_limits(limits);
        let (address, stop) = (listener.address(), Stop::new());
        let app = router(handle.clone(), HostRules::default());
        tokio::spawn(listener.serve(app, handle.clone(), stop.signal()));
        Self {
            address,
            handle,
            _stop: stop,
        }
    }

    /// Where one address may have so many that have shown nothing, for so long.
    async fn with(unproven: usize, grace: Duration) -> Self {
        Self::start(Exposure::Wrapped(Arc::new(Bare)), |doors| {
            (doors.unproven_from_one, doors.grace) = (unproven, grace);
        })
        .await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn token(&self) -> String {
        let request = TokenRequest {
            purpose: Purpose::Api {
                role: Role::Viewer,
                scope: Scope::default(),
            },
            name: "ann".to_owned(),
            ttl: None,
        };
        let (secret, _) = self.handle.create_token(request).await.unwrap();
        format!("wt1.{}", secret.text())
    }

    fn counted(&self, word: &str) -> u64 {
        self.handle.refusals().get(word).copied().unwrap_or(0)
    }
}

/// Asks for something without the right to it, or with it, and says how that was answered.
async fn ask(stream: &mut TcpStream, token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"));
    let request = format!("GET /readyz HTTP/1.1\r\nHost: localhost\r\n{token}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut came = vec![0; 16 * 1024];
    let read = limited(stream.read(&mut came)).await.unwrap();
    came.truncate(read);
    String::from_utf8_lossy(&came).into_owned()
}

async fn is_closed(mut stream: TcpStream) -> bool {
    !matches!(limited(stream.read(&mut [0])).await, Ok(1..))
}

#[tokio::test]
async fn who_says_nothing_makes_room_for_another() {
    let admin = Admin::with(1, Duration::ZERO).await;
    let mute = admin.connect().await;
    let mut next = admin.connect().await;
    assert!(ask(&mut next, None).await.starts_with("HTTP/1.1 401"));
    assert!(is_closed(mute).await);
    assert_eq!(admin.counted("admin_put_out"), 1);
    // A wrong token proves nothing.
    let mut last = admin.connect().await;
    assert!(ask(&mut last, None).await.starts_with("HTTP/1.1 401"));
    assert!(is_closed(next).await);
}

#[tokio::test]
async fn who_has_shown_a_good_token_stays() {
    let admin = Admin::with(1, Duration::ZERO).await;
    let token = admin.token().await;
    let mut first = admin.connect().await;
    assert!(
        ask(&mut first, Some(&token))
            .await
            .starts_with("HTTP/1.1 200")
    );
    let mute = admin.connect().await;
    let mut last = admin.connect().await;
    assert!(ask(&mut last, None).await.starts_with("HTTP/1.1 401"));
    assert!(is_closed(mute).await);
    assert!(
        ask(&mut first, Some(&token))
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(admin.counted("admin_put_out"), 1);
}

#[tokio::test]
async fn one_too_many_of_an_address_is_closed_and_counted() {
    let admin = Admin::with(2, Duration::from_secs(3_600)).await;
    let mut first = admin.connect().await;
    let _second = admin.connect().await;
    assert!(is_closed(admin.connect().await).await);
    assert_eq!(admin.counted("admin_full_address"), 1);
    assert!(ask(&mut first, None).await.starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn an_address_has_its_limit_of_all_whoever_they_are() {
    let wrapped = Exposure::Wrapped(Arc::new(Bare));
    let admin = Admin::start(wrapped, |doors| doors.from_one = 1).await;
    let mut first = admin.connect().await;
    let token = admin.token().await;
    assert!(
        ask(&mut first, Some(&token))
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert!(is_closed(admin.connect().await).await);
    assert_eq!(admin.counted("admin_full_address"), 1);
}

#[tokio::test]
async fn there_are_so_many_that_have_shown_nothing_from_wherever_they_come() {
    let proxies = Exposure::Proxied("127.0.0.0/8".parse().unwrap());
    let admin = Admin::start(proxies, |doors| {
        (doors.unproven, doors.unproven_from_one) = (2, 1);
        doors.grace = Duration::from_secs(3_600);
    })
    .await;
    let _kept = [admin.connect().await, admin.connect().await];
    let mut told = String::new();
    let mut third = admin.connect().await;
    let _ = limited(third.read_to_string(&mut told)).await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    assert_eq!(admin.counted("admin_full"), 1);
}

#[tokio::test]
async fn this_hosts_own_are_not_counted_so() {
    let admin = Admin::start(Exposure::Loopback, |doors| {
        (doors.unproven, doors.unproven_from_one, doors.from_one) = (1, 1, 1);
    })
    .await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(admin.connect().await);
    }
    for stream in &mut all {
        assert!(ask(stream, None).await.starts_with("HTTP/1.1 401"));
    }
}

#[tokio::test]
async fn the_limits_of_a_server_are_those_of_its_port_too() {
    let mut limits = Limits::default();
    assert_eq!(AdminLimits::from(&limits), AdminLimits::default());
    limits.admin_connections = 1;
    limits.admin_per_address = 2;
    limits.admin_unproven = 3;
    limits.admin_unproven_per_address = 4;
    let admin = AdminLimits::from(&limits);
    let doors = admin.doors;
    let all = [doors.from_one, doors.unproven, doors.unproven_from_one];
    assert_eq!((admin.connections, all), (1, [2, 3, 4]));
}
