//! A server in an axum application that was there before: with the application's state, behind its
//! way to let people in, ended with it.
//!
//!     cargo run --example mounted_server
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use widget_agent::{Agent, connect};
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::{AgentQuery, MemoryStore};
use widget_examples::{Error, ask};
use widget_server::{HostRules, Server, ServerEvent, ServerHandle, open, router};

/// The application's own state. The server's handle is a part of it like any other.
#[derive(Clone)]
struct Shop {
    name: &'static str,
    tills: ServerHandle,
}

/// A page of the application's own, with what the server knows.
async fn tills(State(shop): State<Shop>) -> Response {
    match shop
        .tills
        .agents(&AgentQuery {
            after: 0,
            limit: 100,
        })
        .await
    {
        Ok(list) => format!("{} has {} till", shop.name, list.items.len()).into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response(),
    }
}

/// How the application lets people in.
async fn require_key(State(key): State<&'static str>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    if given.is_some_and(|given| given == key) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, "no key, no entry").into_response()
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);

    // The server: agents come in by a port of their own.
    let agents = open::listener("tcp://127.0.0.1:0").await?;
    let url = format!("tcp://{}", agents.local_addr().ok_or("no address")?);
    let epoch = StoreEpoch::generate(runtime.wall(), runtime.random_pair());
    let store = Arc::new(MemoryStore::new(epoch));
    let server = Server::builder(runtime.clone(), store.into())
        .boxed_listener(agents)
        .build();
    let mut events = server.handle().events();

    // The application: its own page is open to all, the server's API and page are below a path of
    // their own and behind the key.
    let shop = Shop {
        name: "the shop",
        tills: server.handle(),
    };
    let widget = router(server.handle(), HostRules::default());
    let app = Router::new()
        .route("/shop", get(tills))
        .with_state(shop)
        .nest(
            "/widget",
            widget.layer(from_fn_with_state("Bearer open-sesame", require_key)),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;

    // One signal ends both.
    let stop = Stop::new();
    let stopped = stop.signal();
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(async move { stopped.asked().await })
        .into_future();
    let (served, server) = (
        tokio::spawn(served),
        tokio::spawn(server.run(stop.signal())),
    );

    // A till, as it would run elsewhere.
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(&url, runtime.clone())?)
        .runtime(runtime)
        .build()?;
    let agent = tokio::spawn(agent.run());
    while events.next().await != Some(ServerEvent::Reported(id)) {}

    let (status, said) = ask(at, "GET /shop", &[]).await?;
    println!("the application's page: {status} {said}");
    let (status, said) = ask(at, "GET /widget/api/v1/agents", &[]).await?;
    println!("the API without a key: {status} {said}");
    let key = ["authorization: Bearer open-sesame"];
    let (status, said) = ask(at, "GET /widget/api/v1/agents", &key).await?;
    let lists_it = said.contains(&id.to_string());
    println!("the API with the key: {status}, lists the till: {lists_it}");
    let (status, page) = ask(at, "GET /widget", &key).await?;
    let links = page.contains(&format!("href=\"/widget/agents/{id}\""));
    println!("the page with the key: {status}, links to the till: {links}");

    handle.stop().await;
    agent.await?;
    stop.ask();
    served.await??;
    server.await??;
    println!("application and server have ended");
    Ok(())
}
