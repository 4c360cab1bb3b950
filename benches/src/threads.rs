//! Servers and agents, each on a current-thread runtime on a thread of its own, as the programs
//! have them.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::Stores;
use widget_server::{Server, ServerHandle};

use crate::fixtures::{listener, no_rate};

/// Runs a future on a current-thread runtime of tokio's.
///
/// # Panics
/// If there can be no runtime.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(work)
}

/// The same on a thread of its own, which lives as long as the program.
pub fn on_a_thread<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    thread::spawn(move || block_on(async { work().await }));
}

/// The runtime that this is called in.
///
/// # Panics
/// Outside of any.
#[must_use]
pub fn runtime() -> SharedRuntime {
    Arc::new(TokioRuntime::current().unwrap())
}

/// A server with one listener, of this transport.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn serve(transport: &'static str, stores: Stores) -> (ServerHandle, SocketAddr) {
    let (send, ready) = channel();
    on_a_thread(move || async move {
        let listener = listener(transport).await;
        let address = listener.local_addr().unwrap();
        let server = Server::builder(runtime(), stores)
            .boxed_listener(listener)
            .limits(no_rate())
            .build();
        send.send((server.handle(), address)).unwrap();
        let stop = Stop::new();
        server.run(stop.signal()).await.unwrap();
    });
    ready.recv().unwrap()
}

/// A connection to a thread that sends back every 64 bytes it gets, by blocking calls.
///
/// # Panics
/// If it cannot be started.
#[must_use]
pub fn echo() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut bytes = [0; 64];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).unwrap();
        }
    });
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}
