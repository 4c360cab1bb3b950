//! Handlers over types, by way of serde.

use serde::{Deserialize, Serialize};
use widget_agent::widget_core::Payload;
use widget_agent::widget_core::task::{AgentEvent, FinishKind};
use widget_agent::{Handler, TaskContext, TaskError};

use crate::server::{Server, task};
use crate::tasks::{code, finish, until_the_end};
use crate::{builder, start};

#[derive(Debug, Deserialize)]
struct Sum {
    numbers: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct Total {
    total: i64,
}

struct Adder;

impl Handler for Adder {
    const KIND: &str = "add";
    type Input = Sum;
    type Output = Total;

    async fn run(&self, cx: TaskContext, input: Sum) -> Result<Total, TaskError> {
        cx.progress(&0.5);
        let total = input.numbers.iter().sum();
        Ok(Total { total })
    }

    fn idempotent(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_type_gets_and_gives_its_types() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).handler(Adder));
    server
        .hand_out(vec![task(1, "add", r#"{"numbers": [1, 2]}"#)])
        .await;
    let events = until_the_end(&server).await;
    assert_eq!(events[0], AgentEvent::Accept { idempotent: true });
    let output = Payload::from_json_text(r#"{"total":3}"#);
    assert_eq!(finish(&events).output, Some(output));
}

#[tokio::test(start_paused = true)]
async fn an_input_that_does_not_fit_is_rejected_before_it_is_accepted() {
    let server = Server::new();
    let (_agent, _handle) = start(builder(&server).handler(Adder));
    for (number, input) in [(1, "{"), (2, "[]"), (3, r#"{"numbers": ["x"]}"#)] {
        server.hand_out(vec![task(number, "add", input)]).await;
        let events = server.ok().await;
        let [AgentEvent::Reject(failure)] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!(failure.code, "bad_input");
        assert!(failure.message.contains("line 1"), "{failure}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_error_becomes_a_failure_with_a_question_mark() {
    let server = Server::new();
    let (_agent, _handle) = start(
        builder(&server).on("parse", |_cx, text: String| async move {
            let number: u8 = text.parse()?;
            Ok(number)
        }),
    );
    server.hand_out(vec![task(1, "parse", r#""999""#)]).await;
    let events = until_the_end(&server).await;
    assert_eq!(
        (finish(&events).kind, code(&events)),
        (FinishKind::Failed, "failed")
    );
    server.hand_out(vec![task(2, "parse", r#""99""#)]).await;
    let output = Some(Payload::from_json_text("99"));
    assert_eq!(finish(&until_the_end(&server).await).output, output);
}

#[derive(Debug)]
struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("its parser is broken")
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_that_panics_while_it_is_read_costs_its_task_and_not_the_agent() {
    let server = Server::new();
    let agent = builder(&server).handler(Adder);
    let (_agent, _handle) = start(agent.on("fragile", |_cx, _: Fragile| async { Ok(()) }));
    server.hand_out(vec![task(1, "fragile", "{}")]).await;
    let events = server.ok().await;
    let [AgentEvent::Reject(failure)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(failure.code, "panic");
    assert!(failure.message.contains("parser is broken"), "{failure}");
    server
        .hand_out(vec![task(2, "add", r#"{"numbers": [1]}"#)])
        .await;
    assert!(finish(&until_the_end(&server).await).output.is_some());
}
