//! How to test a handler of one's own: with a real server and a real agent in one process, without
//! a socket or a file. Copy [`Bench`] and write tests like those below it.
//!
//!     cargo test -p widget-examples --test handler_test
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has to fail"
)]

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use widget_agent::{Agent, AnyHandler, Handler, TaskContext, TaskError};
use widget_core::Payload;
use widget_core::id::{AgentId, StoreEpoch};
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::store::MemoryStore;
use widget_core::task::{Outcome, StateName};
use widget_core::transport::MemoryTransport;
use widget_server::{Server, ServerEvent, ServerHandle};

/// The handler under test.
struct Divide;

#[derive(Deserialize)]
struct Numbers {
    dividend: i64,
    divisor: i64,
}

#[derive(Serialize)]
struct Quotient {
    quotient: i64,
}

impl Handler for Divide {
    const KIND: &str = "divide";
    type Input = Numbers;
    type Output = Quotient;

    async fn run(&self, _cx: TaskContext, numbers: Numbers) -> Result<Quotient, TaskError> {
        let quotient = numbers.dividend.checked_div(numbers.divisor);
        let quotient = quotient.ok_or_else(|| TaskError::new("no_quotient", "there is none"))?;
        Ok(Quotient { quotient })
    }
}

/// A server and an agent with the handler under test. They end with the runtime of the test.
struct Bench {
    server: ServerHandle,
    agent: AgentId,
    /// Ends the server when it is dropped.
    _stop: Stop,
}

impl Bench {
    async fn start(handler: impl Into<AnyHandler>) -> Self {
        let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
        let store = Arc::new(MemoryStore::new(StoreEpoch::from_bytes([1; 16])));
        let server = Server::builder(runtime.clone(), store.into()).build();
        let id = AgentId::from_u128(1);
        let (agent, _) = Agent::builder()
            .id(id)
            .transport(Arc::new(MemoryTransport::new(server.service())))
            .handler(handler)
            .runtime(runtime)
            .build()
            .unwrap();
        let (handle, stop) = (server.handle(), Stop::new());
        let mut events = handle.events();
        tokio::spawn(server.run(stop.signal()));
        tokio::spawn(agent.run());
        // Tasks can be sent to an agent that is known.
        while events.next().await != Some(ServerEvent::AgentChanged(id)) {}
        Self {
            server: handle,
            agent: id,
            _stop: stop,
        }
    }

    async fn run(&self, kind: &str, input: &str) -> Outcome {
        let input = Payload::from_json_text(input.to_owned());
        let task = self.server.send(self.agent, kind, input).await.unwrap();
        let outcome = timeout(Duration::from_secs(10), self.server.outcome(task.id)).await;
        outcome.expect("the task hangs").unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_quotient_is_given_back() {
    let bench = Bench::start(Divide).await;
    let outcome = bench.run("divide", r#"{"dividend":42,"divisor":6}"#).await;
    assert_eq!(outcome.state, StateName::Succeeded);
    assert_eq!(outcome.output.unwrap().as_bytes(), br#"{"quotient":7}"#);
}

#[tokio::test]
async fn what_cannot_be_divided_fails_and_says_why() {
    let bench = Bench::start(Divide).await;
    let outcome = bench.run("divide", r#"{"dividend":1,"divisor":0}"#).await;
    assert_eq!(outcome.state, StateName::Failed);
    assert_eq!(outcome.failure.unwrap().code, "no_quotient");
}

#[tokio::test]
async fn an_input_of_another_shape_is_not_taken() {
    let bench = Bench::start(Divide).await;
    let outcome = bench.run("divide", r#"{"dividend":"a lot"}"#).await;
    assert_eq!(outcome.state, StateName::Rejected);
}
