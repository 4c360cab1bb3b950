//! Describe: what an agent says of itself, checked before anybody else sees it.

use std::collections::BTreeSet;

use widget_core::message::{Describe, HandlerInfo, RefusalReason, Response};
use widget_core::runtime::RuntimeExt;
use widget_core::task::is_kind;
use widget_core::transport::Peer;

use super::{Dispatcher, MAX_DEPTH, busy, is_json};
use crate::events::ServerEvent;
use crate::schema::{MAX_PATTERNS, Schema};

/// The most that an agent may say of itself, in bytes.
const MAX_DESCRIBE: usize = 256 * 1024;
/// The most labels and kinds of task that an agent may have.
const MAX_LABELS: usize = 64;
const MAX_HANDLERS: usize = 256;
/// The longest key and value of a label, in bytes, as the agent's builder has it.
const MAX_LABEL_KEY: usize = 64;
const MAX_LABEL_VALUE: usize = 256;
/// The longest name of a host and of its system, in bytes.
const MAX_NAME: usize = 256;

type Fault = (RefusalReason, String);

impl Dispatcher {
    pub(super) async fn describe(&self, peer: &Peer, describe: Describe) -> Response {
        let checked = match check(&describe) {
            Ok(()) => self.check_schemas(&describe.handlers).await,
            fault => Some(fault),
        };
        match checked {
            Some(Ok(())) => {}
            Some(Err((reason, text))) => return self.refuse(&peer.origin, reason, text),
            None => return busy(),
        }
        let written = self.stores.agents.describe(peer.agent, &describe).await;
        match self.watch_write(written) {
            Ok(()) => {
                self.events.say(ServerEvent::AgentChanged(peer.agent));
                Response::ACK
            }
            Err(error) => self.store_says(peer, &error),
        }
    }

    /// Compiles the schemas, where blocking is allowed; `None` if too many wait for that.
    async fn check_schemas(&self, handlers: &[HandlerInfo]) -> Option<Result<(), Fault>> {
        let with_schema = |handler: &HandlerInfo| {
            let schema = handler.schema.clone()?;
            Some((handler.kind.clone(), schema))
        };
        let schemas: Vec<_> = handlers.iter().filter_map(with_schema).collect();
        if schemas.is_empty() {
            return Some(Ok(()));
        }
        let turn = self.descriptions.turn().await?;
        let compiled = self.runtime.blocking(move || {
            let _turn = turn;
            let mut patterns = MAX_PATTERNS;
            for (kind, schema) in &schemas {
                if !is_json(schema) {
                    let text = format!("it is not JSON, or is nested deeper than {MAX_DEPTH}");
                    return Err(invalid(format!("the schema of {kind}: {text}")));
                }
                let schema = Schema::compile(schema, patterns)
                    .map_err(|fault| invalid(format!("the schema of {kind}: {fault}")))?;
                patterns -= schema.patterns();
            }
            Ok(())
        });
        let panicked = || Err(invalid("the schemas cannot be compiled".into()));
        Some(compiled.await.unwrap_or_else(panicked))
    }
}

fn check(describe: &Describe) -> Result<(), Fault> {
    let large = |text: String| Err((RefusalReason::TooLarge, text));
    let bytes = describe.size();
    if bytes > MAX_DESCRIBE {
        return large(format!(
            "a description of {bytes} bytes, at most {MAX_DESCRIBE} are allowed"
        ));
    }
    let texts = [
        &describe.host,
        &describe.os,
        &describe.boot,
        &describe.version,
    ];
    if texts.iter().any(|text| text.len() > 1_024) {
        return large("host, os, boot and version may have at most 1024 bytes each".into());
    }
    if describe.labels.len() > MAX_LABELS {
        return large(format!("more than {MAX_LABELS} labels"));
    }
    if describe.handlers.len() > MAX_HANDLERS {
        return large(format!("more than {MAX_HANDLERS} kinds of task"));
    }
    let named = [("host", &describe.host), ("os", &describe.os)];
    for (what, text) in named {
        is_at_most(what, text, MAX_NAME)?;
    }
    for (key, value) in &describe.labels {
        is_at_most("the key of a label", key, MAX_LABEL_KEY)?;
        is_at_most("the value of a label", value, MAX_LABEL_VALUE)?;
    }
    let keys: BTreeSet<&str> = describe
        .labels
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    if keys.len() < describe.labels.len() {
        return Err(invalid("two labels with the same key".into()));
    }
    for handler in &describe.handlers {
        if !is_kind(&handler.kind) {
            let text = "a kind of task that is not of the form [a-z0-9_.-]{1,64}";
            return Err(invalid(text.into()));
        }
    }
    Ok(())
}

fn is_at_most(what: &str, text: &str, most: usize) -> Result<(), Fault> {
    let bytes = text.len();
    if bytes <= most {
        return Ok(());
    }
    Err(invalid(format!(
        "{what} has {bytes} bytes, at most {most} are allowed"
    )))
}

fn invalid(text: String) -> Fault {
    (RefusalReason::Invalid, text)
}
