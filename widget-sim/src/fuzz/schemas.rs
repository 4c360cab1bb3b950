//! Any bytes as what an agent says of the input of a kind, and as such an input.

use std::sync::Arc;

use widget_core::Payload;
use widget_core::message::{Command, Describe, HandlerInfo, Response};
use widget_core::store::MemoryStore;
use widget_core::testkit::fixtures::store_epoch;
use widget_core::testkit::fuzz::Seed;
use widget_core::testkit::transport::hello;
use widget_core::transport::Origin;
use widget_server::{SendError, Server};

use crate::World;

/// The most places of an input that are named.
const PLACES: usize = 10;

/// Any bytes as a schema and, behind the first zero byte, an input: the schema is taken or refused, and
/// the input fits, or its places are named.
pub fn schemas(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0).map(<[u8]>::to_vec);
    let schema = parts.next().unwrap_or_default();
    let input = parts.next().unwrap_or_else(|| b"null".to_vec());
    let world = World::new(1);
    let runtime = world.process("server");
    let store = Arc::new(MemoryStore::new(store_epoch(9)));
    let server = Server::builder(Arc::new(runtime), store.into()).build();
    let (service, handle) = (server.service(), server.handle());
    let (answer, sent) = world.run(async move {
        let origin = Origin {
            transport: "sim",
            address: "agent".into(),
            ip: None,
        };
        let (peer, _) = service.open(&origin, hello(1)).await.unwrap();
        let handler = HandlerInfo {
            kind: "reindex".to_owned(),
            idempotent: false,
            schema: Some(Payload::from_json_text(schema)),
        };
        let describe = Describe {
            handlers: vec![handler],
            ..Describe::default()
        };
        let answer = service.call(&peer, Command::Describe(describe)).await;
        let input = Payload::from_json_text(input);
        (answer, handle.send(peer.agent, "reindex", input).await)
    });
    world.end();
    match answer {
        Response::Refused(refusal) => {
            // What is said if compiling it panicked.
            assert_ne!(refusal.text, "the schemas cannot be compiled");
        }
        Response::Ack { .. } => {}
        other => panic!("{other:?}"),
    }
    match sent {
        Ok(_) | Err(SendError::Input) => {}
        Err(SendError::InputDoesNotFit(misfits)) => {
            assert!((1..=PLACES).contains(&misfits.len()));
        }
        Err(other) => panic!("{other:?}"),
    }
}

pub(super) fn seeds() -> Vec<Seed> {
    let pairs = [
        (r#"{"type":"object","required":["a"]}"#, r#"{"a":1}"#),
        (
            r##"{"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"type":"integer","maximum":9}}}"##,
            r#"{"a":10}"#,
        ),
        (r##"{"items":{"$ref":"#"},"maxItems":2}"##, "[[],[[]],[]]"),
        (
            r#"{"pattern":"^(a+)+$","format":"email"}"#,
            r#""aaaaaaaab""#,
        ),
        (
            r#"{"anyOf":[{"const":1},{"enum":["x",null]}],"not":{"minimum":1e9}}"#,
            r#""y""#,
        ),
        (
            r#"{"if":{"type":"array"},"then":{"uniqueItems":true},"else":{"multipleOf":0.1}}"#,
            "[1,1.0]",
        ),
        (
            r#"{"patternProperties":{"^x":{"minLength":2}},"unevaluatedProperties":false}"#,
            r#"{"x":"y","z":0}"#,
        ),
        (r#"{"type":12}"#, "null"),
        (r#"{"$ref":"https://example.com/x"}"#, "null"),
        ("true", "[[[["),
    ];
    let named = pairs.iter().enumerate();
    named
        .map(|(at, (schema, input))| (format!("schema-{at}"), format!("{schema}\0{input}").into()))
        .collect()
}
