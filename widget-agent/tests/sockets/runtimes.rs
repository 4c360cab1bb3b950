//! The same agent on each runtime.

use std::sync::Arc;
use std::sync::mpsc::channel;

use widget_agent::runtime::{SharedRuntime, SmolRuntime, TokioRuntime};
use widget_agent::{AgentHandle, Ended, connect};

use crate::{agent, serve, until};

/// A server on a thread of its own; ends when what comes back is dropped.
fn server(scheme: &'static str) -> (String, tokio::sync::oneshot::Sender<()>) {
    let (address, known) = channel();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread();
        let tokio = { tokio }.enable_all().build().unwrap();
        tokio.block_on(async {
            let served = serve(scheme, ([127, 0, 0, 1], 0).into()).await;
            address.send(served.address).unwrap();
            let _ = ended.await;
        });
    });
    (format!("{scheme}://{}", known.recv().unwrap()), end)
}

/// Looks at it until it has reported, and ends it.
async fn check(runtime: &SharedRuntime, handle: &AgentHandle, scheme: &str) {
    let reported = || handle.status().reports.acknowledged >= 3;
    until(runtime, "three reports", reported).await;
    assert_eq!(handle.status().transport, Some(scheme));
    handle.stop().await;
    assert_eq!(handle.status().reports.dropped, 0);
}

fn on_tokio(tokio: &tokio::runtime::Runtime) {
    for scheme in ["tcp", "http"] {
        let (url, _server) = server(scheme);
        tokio.block_on(async {
            let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
            let transport = connect(&url, runtime.clone()).unwrap();
            let (agent, handle) = agent(runtime.clone(), transport);
            let driven = tokio::spawn(agent.run());
            check(&runtime, &handle, scheme).await;
            assert_eq!(driven.await.unwrap(), Ended::Stopped);
        });
    }
}

#[test]
fn an_agent_runs_on_tokio_with_many_threads() {
    let tokio = tokio::runtime::Builder::new_multi_thread();
    on_tokio(&{ tokio }.enable_all().build().unwrap());
}

#[test]
fn an_agent_runs_on_tokio_with_one_thread() {
    let tokio = tokio::runtime::Builder::new_current_thread();
    on_tokio(&{ tokio }.enable_all().build().unwrap());
}

#[test]
fn an_agent_runs_on_smol() {
    for scheme in ["tcp", "http"] {
        let (url, _server) = server(scheme);
        let executor = Arc::new(smol::Executor::new());
        let runtime: SharedRuntime = Arc::new(SmolRuntime::new(Arc::clone(&executor)));
        let transport = connect(&url, runtime.clone()).unwrap();
        let (agent, handle) = agent(runtime.clone(), transport);
        smol::block_on(executor.run(async {
            let driven = executor.spawn(agent.run());
            check(&runtime, &handle, scheme).await;
            assert_eq!(driven.await, Ended::Stopped);
        }));
    }
}
