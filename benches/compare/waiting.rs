//! Servers with many clients that wait, and such clients.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use widget_benches::{block_on, hello, runtime, transport, wait_for_work};
use widget_core::id::AgentId;

use crate::child::{say, wait_to_go};

/// What makes numbers that stand far apart of those that follow each other.
const SCATTER: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
/// How many connect at a time.
const AT_ONCE: usize = 64;

/// The role of a server: a transport's name, `task` or `hyper`.
pub(crate) fn serve(args: &[&str]) {
    match args[0] {
        "task" => serve_each(|mut stream| async move {
            let mut byte = [0; 1];
            while stream.read_exact(&mut byte).await.is_ok() {}
        }),
        "hyper" => serve_each(|stream| async {
            let service = service_fn(wait_for_ever);
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }),
        _ => crate::calls::serve(args),
    }
}

fn serve_each<F: Future<Output = ()> + Send + 'static>(serve: fn(TcpStream) -> F) {
    block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
}

async fn wait_for_ever(_: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    pending().await
}

/// The role of clients: what they wait at, address, number.
pub(crate) fn wait(args: &[&str]) {
    let (what, at) = (args[0].to_owned(), args[1].parse().unwrap());
    let number: usize = args[2].parse().unwrap();
    block_on(async move {
        for first in (0..number).step_by(AT_ONCE) {
            let some =
                (first..number.min(first + AT_ONCE)).map(|number| connect(&what, at, number));
            futures_util::future::join_all(some).await;
        }
        // Until the last have asked.
        tokio::time::sleep(Duration::from_millis(100)).await;
        say("all wait");
        thread::spawn(wait_to_go);
        pending::<()>().await;
    });
}

async fn connect(what: &str, at: SocketAddr, number: usize) {
    match what {
        "task" | "hyper" => {
            let mut stream = TcpStream::connect(at).await.unwrap();
            if what == "hyper" {
                let request = b"GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
                stream.write_all(request).await.unwrap();
            }
            // Stays open as long as this process.
            tokio::spawn(async move {
                pending::<()>().await;
                drop(stream);
            });
        }
        transport_name => {
            // In no order, as agents come back to a server that was started again.
            let agent = AgentId::from_u128((number as u128 + 1).wrapping_mul(SCATTER));
            let transport = transport(transport_name, runtime(), at);
            let (connection, _) = transport.connect(hello(agent)).await.unwrap();
            tokio::spawn(async move {
                // Ends with the server.
                let _ = connection.call(wait_for_work()).await;
            });
        }
    }
}
