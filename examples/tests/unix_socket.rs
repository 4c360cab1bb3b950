//! The suite of transports on the example `unix_socket`, on smol and on tokio.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has to fail"
)]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime, TokioRuntime};
use widget_core::stop::StopSignal;
use widget_core::testkit::transport::{Listening, Speak, TransportHarness};
use widget_core::transport::{Listener, Service, Transport};
use widget_examples::unix_socket::{UnixSocketListener, UnixTransport};

mod on_smol {
    //! Clients on smol.
    widget_core::transport_suite!(super::Harness::on_smol());
}

mod on_tokio {
    //! Clients on tokio.
    widget_core::transport_suite!(super::Harness::on_tokio());
}

/// A directory for the sockets of one case, and what drives its clients.
struct Harness {
    directory: TempDir,
    drives: Drives,
}

enum Drives {
    Smol(Arc<smol::Executor<'static>>),
    Tokio(tokio::runtime::Runtime),
}

impl Harness {
    fn on_smol() -> Self {
        Self::with(Drives::Smol(Arc::default()))
    }

    fn on_tokio() -> Self {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self::with(Drives::Tokio(tokio.unwrap()))
    }

    fn with(drives: Drives) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory, drives }
    }

    fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    }
}

impl TransportHarness for Harness {
    fn listen(&self, service: Arc<dyn Service>, stop: StopSignal) -> Listening {
        let path = self.path("server");
        Listening::on_thread(move |ready| {
            let executor = Arc::new(smol::Executor::new());
            let runtime = Arc::new(SmolRuntime::new(Arc::clone(&executor)));
            smol::block_on(executor.run(async {
                let listener = UnixSocketListener::bind(runtime, Path::new(&path)).unwrap();
                ready.send(path).unwrap();
                Box::new(listener).serve(service, stop).await.unwrap();
            }));
        })
    }

    fn transport(&self, server: &str, patience: Duration) -> Arc<dyn Transport> {
        Arc::new(UnixTransport::new(self.runtime(), server).with_patience(patience))
    }

    fn nobody(&self) -> String {
        self.path("nobody")
    }

    fn peer(&self, speak: Speak) -> String {
        let path = self.path("peer");
        let socket = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || speak(Box::new(socket.accept().unwrap().0)));
        path
    }

    fn runtime(&self) -> SharedRuntime {
        match &self.drives {
            Drives::Smol(executor) => Arc::new(SmolRuntime::new(Arc::clone(executor))),
            Drives::Tokio(tokio) => Arc::new(TokioRuntime::new(tokio.handle().clone())),
        }
    }

    fn block_on(&self, case: BoxFuture<'static, ()>) {
        match &self.drives {
            Drives::Smol(executor) => smol::block_on(executor.run(case)),
            Drives::Tokio(tokio) => tokio.block_on(case),
        }
    }
}
