//! An agent in an axum application: on the application's runtime, beside its routes and its state.
//!
//!     cargo run --example axum_app
//!
//! A shop takes orders over HTTP. Its operators see how many wait, and can close it.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use widget_agent::{Agent, connect};
use widget_core::Payload;
use widget_core::id::AgentId;
use widget_core::runtime::{RuntimeExt, SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_examples::{Error, LocalServer, ask};

/// The application's own state.
#[derive(Default)]
struct Shop {
    is_closed: AtomicBool,
    orders: AtomicU32,
}

async fn order(State(shop): State<Arc<Shop>>) -> (StatusCode, &'static str) {
    if shop.is_closed.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "closed");
    }
    shop.orders.fetch_add(1, Ordering::Relaxed);
    (StatusCode::OK, "ordered")
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let server = LocalServer::start()?;

    // The application, as it would be without an agent.
    let shop = Arc::new(Shop::default());
    let app = Router::new()
        .route("/orders", post(order))
        .with_state(Arc::clone(&shop));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let stop = Stop::new();
    let stopped = stop.signal();
    let served = axum::serve(listener, app)
        .with_graceful_shutdown(async move { stopped.asked().await })
        .into_future();
    let served = tokio::spawn(served);

    // The agent. Closures share the state as routes do.
    let runtime: SharedRuntime = Arc::new(TokioRuntime::current().ok_or("not in a runtime")?);
    let id = AgentId::generate(runtime.wall(), runtime.random_pair());
    let (counted, closed) = (Arc::clone(&shop), shop);
    let (agent, handle) = Agent::builder()
        .id(id)
        .transport(connect(server.url(), runtime.clone())?)
        .label("role", "shop")
        .gauge("orders", move || {
            f64::from(counted.orders.load(Ordering::Relaxed))
        })
        .on_raw("close", move |_cx, _input| {
            closed.is_closed.store(true, Ordering::Relaxed);
            async { Ok(Payload::null()) }
        })
        .runtime(runtime)
        .build()?;
    let agent = tokio::spawn(agent.run());

    // A customer, then an operator, then a customer again.
    for _ in 0..3 {
        let (status, said) = ask(at, "POST /orders", &[]).await?;
        println!("the shop says {status} {said}");
    }
    handle.report_now();
    let all_three = ("orders".to_owned(), 3.0);
    server
        .report(id, |report| report.gauges.contains(&all_three))
        .await?;
    println!("the server sees 3 orders");
    let task = server.handle().send(id, "close", Payload::null()).await?;
    let task = server
        .task(task.id, |task| task.state.name().is_terminal())
        .await?;
    println!("the task to close has {}", task.state.name());
    let (status, said) = ask(at, "POST /orders", &[]).await?;
    println!("the shop says {status} {said}");

    // One end for both.
    handle.stop().await;
    println!("the agent has ended: {:?}", agent.await?);
    stop.ask();
    served.await??;
    Ok(())
}
