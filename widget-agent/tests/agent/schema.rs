//! Handlers that say what their input looks like.

use serde::Deserialize;
use serde_json::{Value, json};
use widget_agent::schemars::{self, JsonSchema};
use widget_agent::{AnyHandler, Handler, Payload, TaskContext, TaskError, schema_of};

use crate::server::Server;
use crate::{builder, start};

#[derive(Deserialize, JsonSchema)]
struct Books {
    shelf: Shelf,
}

#[derive(Deserialize, JsonSchema)]
struct Shelf(u32);

struct Reindex;

impl Handler for Reindex {
    const KIND: &str = "reindex";
    type Input = Books;
    type Output = u32;

    async fn run(&self, _cx: TaskContext, input: Books) -> Result<u32, TaskError> {
        Ok(input.shelf.0)
    }

    fn schema(&self) -> Option<Payload> {
        Some(schema_of::<Books>())
    }
}

#[tokio::test(start_paused = true)]
async fn the_description_has_the_schema_of_each_handler_that_has_one() {
    let server = Server::new();
    let raw = AnyHandler::raw("raw", |_cx, input| async { Ok(input) });
    let by_hand = Payload::from_json_text(r#"{"type":"string"}"#);
    let (_agent, _handle) = start(
        builder(&server)
            .handler(Reindex)
            .on_with_schema(
                "close",
                |_cx, books: Books| async move { Ok(books.shelf.0) },
            )
            .handler(raw.schema(by_hand))
            .on("plain", |_cx, text: String| async move { Ok(text) }),
    );
    let describe = server.describes.next().await;
    let schema = |kind: &str| {
        let mut handlers = describe.handlers.iter();
        let handler = handlers.find(|handler| handler.kind == kind).unwrap();
        let schema = handler.schema.as_ref()?;
        Some(serde_json::from_slice::<Value>(schema.as_bytes()).unwrap())
    };
    assert_eq!(schema("plain"), None);
    assert_eq!(schema("raw"), Some(json!({"type": "string"})));
    let reindex = schema("reindex").unwrap();
    assert_eq!(reindex["properties"]["shelf"]["type"], "integer");
    assert_eq!(reindex["required"], json!(["shelf"]));
    assert_eq!(schema("close"), Some(reindex));
}
