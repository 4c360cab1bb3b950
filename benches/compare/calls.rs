//! Calls that wait for their answer, one in flight on each of 64 connections: over TCP beside
//! tarpc, over HTTP beside bare hyper.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};
use widget_benches::{
    TRANSPORTS, block_on, hello, listener, memory_store, no_rate, runtime, submit, transport,
};
use widget_core::id::AgentId;
use widget_core::message::{Command, Response};
use widget_core::stop::Stop;
use widget_server::Server;

use crate::Plan;
use crate::child::{Child, say};
use crate::table::{Bar, Subject, Tables};

/// How many connections there are.
pub(crate) const CONNECTIONS: u64 = 64;

pub(crate) fn compare(plan: &Plan, tables: &mut Tables) {
    let over_tcp = Subject {
        what: "reports over TCP, 64 connections",
        floor: "the same to tarpc, which keeps nothing",
        unit: "calls/s",
        bar: Bar::AtLeast(1.0),
    };
    let over_http = Subject {
        what: "reports over HTTP, 64 connections",
        floor: "the same to bare hyper, which keeps nothing",
        unit: "calls/s",
        bar: Bar::AtLeast(0.6),
    };
    let rate = |server: &[&str], load: &[&str]| {
        let mut server = Child::start(server);
        let (at, millis) = (server.line(), plan.millis.to_string());
        Child::start(&[load, &[&at, &millis]].concat()).number()
    };
    tables.compare(
        over_tcp,
        plan.rounds,
        || rate(&["serve", "tcp"], &["load"]),
        || rate(&["serve-tarpc"], &["load-tarpc"]),
    );
    if TRANSPORTS.contains(&"http") {
        tables.compare(
            over_http,
            plan.rounds,
            || rate(&["serve", "http"], &["load-http", "hello"]),
            || rate(&["serve-hyper"], &["load-http", "no-hello"]),
        );
    }
}

/// The role of a server: transport.
pub(crate) fn serve(args: &[&str]) {
    let transport = args[0].to_owned();
    block_on(async move {
        let listener = listener(&transport).await;
        say(listener.local_addr().unwrap());
        let server = Server::builder(runtime(), memory_store())
            .boxed_listener(listener)
            .limits(no_rate())
            .build();
        let stop = Stop::new();
        server.run(stop.signal()).await.unwrap();
    });
}

/// The role of 64 agents: address, milliseconds.
pub(crate) fn load(args: &[&str]) {
    let at: SocketAddr = args[0].parse().unwrap();
    let rate = measure(args[1], |number, count| async move {
        let agent = AgentId::from_u128(u128::from(number) + 1);
        let transport = transport("tcp", runtime(), at);
        let (connection, _) = transport.connect(hello(agent)).await.unwrap();
        for seq in 1.. {
            let answer = connection.call(Command::Submit(submit(seq))).await.unwrap();
            assert_eq!(answer, Response::Ack { through: Some(seq) });
            count.one();
        }
    });
    say(rate);
}

/// Counts answers.
#[derive(Clone, Default)]
pub(crate) struct Count(Rc<Cell<u64>>);

impl Count {
    pub(crate) fn one(&self) {
        self.0.set(self.0.get() + 1);
    }
}

/// Answers a second of 64 clients, each of which counts its own.
pub(crate) fn measure<F: Future<Output = ()> + 'static>(
    millis: &str,
    client: impl Fn(u64, Count) -> F,
) -> f64 {
    let time = Duration::from_millis(millis.parse().unwrap());
    block_on(LocalSet::new().run_until(async {
        let count = Count::default();
        let mut clients = JoinSet::new();
        for number in 0..CONNECTIONS {
            clients.spawn_local(client(number, count.clone()));
        }
        // Until all are connected and warm.
        tokio::time::sleep(time / 4).await;
        let (start, before) = (Instant::now(), count.0.get());
        tokio::time::sleep(time).await;
        (count.0.get() - before) as f64 / start.elapsed().as_secs_f64()
    }))
}
