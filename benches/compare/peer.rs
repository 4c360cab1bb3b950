//! The peer over TCP: tarpc, with the same report in each request and a server that only answers.

use std::net::SocketAddr;

use futures_util::StreamExt;
use tarpc::context;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tokio::net::{TcpListener, TcpStream};
use widget_benches::{block_on, submit};
use widget_core::message::Submit;

use crate::calls::measure;
use crate::child::say;

#[tarpc::service]
trait Reports {
    async fn submit(report: Submit) -> u64;
}

#[derive(Clone)]
struct Answers;

impl Reports for Answers {
    async fn submit(self, _: context::Context, report: Submit) -> u64 {
        report.through()
    }
}

/// The role of its server.
pub(crate) fn serve() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let transport = tarpc::serde_transport::Transport::from((stream, Bincode::default()));
            let requests = BaseChannel::with_defaults(transport).execute(Answers.serve());
            tokio::spawn(requests.for_each(|answer| async {
                tokio::spawn(answer);
            }));
        }
    });
}

/// The role of 64 clients: address, milliseconds.
pub(crate) fn load(args: &[&str]) {
    let at: SocketAddr = args[0].parse().unwrap();
    let rate = measure(args[1], |_, count| async move {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let transport = tarpc::serde_transport::Transport::from((stream, Bincode::default()));
        let client = ReportsClient::new(tarpc::client::Config::default(), transport).spawn();
        for seq in 1.. {
            let through = client
                .submit(context::current(), submit(seq))
                .await
                .unwrap();
            assert_eq!(through, seq);
            count.one();
        }
    });
    say(rate);
}
