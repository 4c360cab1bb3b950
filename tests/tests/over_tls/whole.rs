//! A whole server and a whole agent: what its authority signs, the agent knows by its address.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use widget_agent::{Agent, connect};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::testkit::fixtures::agent as agent_id;
use widget_core::testkit::limited;
use widget_core::tls::Pin;
use widget_server::open::{self, Door, LISTENERS, ListenerKind};
use widget_server::tls::Authority;
use widget_server::{Server, ServerEvent};

use crate::harness::on_tokio;

fn runtime() -> SharedRuntime {
    Arc::new(TokioRuntime::current().unwrap())
}

fn authority() -> (TempDir, Authority) {
    let data = tempfile::tempdir().unwrap();
    let names = ["127.0.0.1".to_owned()];
    let authority = Authority::open(data.path(), &names, runtime().wall()).unwrap();
    (data, authority)
}

/// One with this listener, and its address.
async fn server(kind: &ListenerKind, door: &Door) -> (Server, String) {
    let scheme = kind.scheme_at(door);
    let at = format!("{scheme}://127.0.0.1:0");
    let listener = open::listener_at(&at, door).await.unwrap();
    let address = format!("{scheme}://{}", listener.local_addr().unwrap());
    let stores = open::store("memory", "unused".as_ref(), &runtime()).unwrap();
    let server = Server::builder(runtime(), stores).boxed_listener(listener);
    (server.build(), address)
}

#[test]
fn an_agent_reports_to_a_server_that_it_knows_by_its_pin() {
    on_tokio(limited(async {
        let (_data, authority) = authority();
        let (pin, door) = (authority.pin(), Door::Tls(Arc::new(authority)));
        for kind in LISTENERS {
            let (server, address) = server(kind, &door).await;
            let (handle, stop) = (server.handle(), Stop::new());
            let mut events = handle.events();
            let serving = tokio::spawn(server.run(stop.signal()));
            let url = format!("{address}?pin={pin}");
            let builder = Agent::builder()
                .runtime(runtime())
                .interval(Duration::from_secs(1));
            let transport = connect(&url, runtime()).unwrap();
            let (agent, of_agent) = builder
                .id(agent_id(1))
                .transport(transport)
                .build()
                .unwrap();
            let running = tokio::spawn(agent.into_future());
            let reported = ServerEvent::Reported(agent_id(1));
            while events.next().await.unwrap() != reported {}
            of_agent.stop().await;
            running.await.unwrap();
            stop.ask();
            serving.await.unwrap().unwrap();
        }
    }));
}

#[test]
fn an_agent_says_nothing_to_a_server_that_does_not_match_its_pin() {
    on_tokio(limited(async {
        let (_data, authority) = authority();
        let door = Door::Tls(Arc::new(authority));
        for kind in LISTENERS {
            let (server, address) = server(kind, &door).await;
            let (handle, stop) = (server.handle(), Stop::new());
            let serving = tokio::spawn(server.run(stop.signal()));
            let url = format!("{address}?pin={}", Pin::of(b"another"));
            let transport = connect(&url, runtime()).unwrap();
            let hello = widget_core::testkit::transport::hello(1);
            let error = transport.connect(hello).await.unwrap_err();
            let mut why = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            assert!(why.contains("UnknownIssuer"), "{why}");
            stop.ask();
            serving.await.unwrap().unwrap();
            assert_eq!(handle.refusals().get("tls"), Some(&1));
            assert!(handle.agent(agent_id(1)).await.unwrap().is_none());
        }
    }));
}
