//! Servers that are none: the agent says so once, does not hammer them, and is there when a real one
//! is.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use widget_agent::runtime::{SharedRuntime, TokioRuntime};
use widget_agent::widget_core::transport::Transport;
use widget_transport_http::HttpTransport;
use widget_transport_tcp::TcpTransport;

use crate::log::Warnings;
use crate::{agent, serve, until};

/// What is written to whoever connects; `None` is nothing, for ever.
type Says = Option<&'static [u8]>;

const CLOSES: Says = Some(b"");
const GARBAGE: Says = Some(&[0xff; 300]);
const FAILS: Says =
    Some(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 4\r\ncontent-type: text/html\r\n\r\noops");
const REDIRECTS: Says = Some(
    b"HTTP/1.1 302 Found\r\nlocation: https://elsewhere.example/\r\ncontent-length: 0\r\n\r\n",
);

/// A server that says the same to everybody.
struct Odd {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Odd {
    fn start(says: Says) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, over) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (count, end): (_, Arc<AtomicBool>) = (Arc::clone(&connections), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                match says {
                    // The other side may be gone already.
                    Some(bytes) => drop(stream.write_all(bytes)),
                    None => kept.push(stream),
                }
            }
        });
        Self {
            address,
            connections,
            over,
            thread: Some(thread),
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Odd {
    /// Its port is free again after this.
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.thread.take().map(JoinHandle::join);
    }
}

async fn survives(scheme: &'static str, says: Says) {
    let (warnings, _guard) = Warnings::listen();
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
    let odd = Odd::start(says);
    let address = odd.address;
    let short = Duration::from_millis(300);
    let transport: Arc<dyn Transport> = match scheme {
        "tcp" => {
            let address = address.to_string().parse().unwrap();
            Arc::new(TcpTransport::new(runtime.clone(), address).with_deadlines(short, short))
        }
        _ => {
            let address = format!("http://{address}").parse().unwrap();
            Arc::new(HttpTransport::new(runtime.clone(), address).with_deadlines(short, short))
        }
    };
    let (agent, handle) = agent(runtime.clone(), transport);
    let begin = Instant::now();
    let driven = tokio::spawn(agent.run());
    until(&runtime, "three attempts", || odd.connections() >= 3).await;
    // The pauses are random, but twice as long on average each time.
    let most = 20 + usize::try_from(begin.elapsed().as_secs()).unwrap() * 4;
    assert!(
        odd.connections() <= most,
        "{} connections",
        odd.connections()
    );
    assert_eq!(warnings.lines().len(), 1, "{warnings:?}");
    assert!(handle.status().last_error.is_some());
    drop(odd);

    let _real = serve(scheme, address).await;
    let reported = || handle.status().reports.acknowledged > 0;
    until(&runtime, "a report at the real server", reported).await;
    assert_eq!(handle.status().reports.dropped, 0);
    assert_eq!(warnings.lines().len(), 1, "{warnings:?}");
    handle.stop().await;
    driven.await.unwrap();
}

#[tokio::test]
async fn tcp_survives_a_server_that_closes() {
    survives("tcp", CLOSES).await;
}

#[tokio::test]
async fn tcp_survives_garbage() {
    survives("tcp", GARBAGE).await;
}

#[tokio::test]
async fn tcp_survives_a_server_of_another_protocol() {
    survives("tcp", FAILS).await;
}

#[tokio::test]
async fn tcp_survives_a_server_that_never_answers() {
    survives("tcp", None).await;
}

#[tokio::test]
async fn http_survives_a_server_that_closes() {
    survives("http", CLOSES).await;
}

#[tokio::test]
async fn http_survives_garbage() {
    survives("http", GARBAGE).await;
}

#[tokio::test]
async fn http_survives_a_server_that_fails() {
    survives("http", FAILS).await;
}

#[tokio::test]
async fn http_survives_a_redirect() {
    survives("http", REDIRECTS).await;
}

#[tokio::test]
async fn http_survives_a_server_that_never_answers() {
    survives("http", None).await;
}
