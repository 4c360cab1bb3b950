//! `agent`: who reports and works.

use serde_json::Value;

use super::{each, token};
use crate::args::Agent;
use crate::client::Client;
use crate::fault::Fault;
use crate::print::{Output, Table, text, words};

pub(super) async fn run(command: Agent, client: &Client, output: &mut Output) -> Result<(), Fault> {
    match command {
        Agent::List => {
            let mut table =
                Table::new(&["ID", "HOST", "PRESENCE", "LAST SEEN", "LABELS", "VERSION"]);
            let add = |agent: &_| {
                table.line([
                    text(agent, "id"),
                    text(agent, "host"),
                    text(agent, "presence"),
                    text(agent, "last_seen"),
                    words(agent, "labels"),
                    text(agent, "version"),
                ]);
            };
            each("/api/v1/agents", client, output, add).await?;
            token::show(&table, output)
        }
        Agent::Show { id } => {
            let agent = client.get(&format!("/api/v1/agents/{id}")).await?;
            if output.is_json() {
                return Ok(output.json(agent.text())?);
            }
            Ok(output.table(&facts(agent.value()))?)
        }
        Agent::Delete { id } => {
            client.delete(&format!("/api/v1/agents/{id}")).await?;
            if !output.is_json() {
                output.line(&format!("agent {id} is deleted"))?;
            }
            Ok(())
        }
        Agent::Release { id } => {
            let path = format!("/api/v1/agents/{id}/release");
            client.post(&path, None).await?;
            if !output.is_json() {
                output.line(&format!("agent {id} goes on"))?;
            }
            Ok(())
        }
    }
}

/// What is known of one, a line for each.
fn facts(agent: &Value) -> Table {
    let mut table = Table::bare();
    let mut fact = |name: &str, value: String| table.line([name.to_owned(), value]);
    for field in ["id", "host", "presence"] {
        fact(field, text(agent, field));
    }
    let cloned = text(agent, "cloned");
    if !cloned.is_empty() {
        fact(
            "there are two",
            format!("since {cloned}: it gets no tasks until `agent release`"),
        );
    }
    fact("labels", words(agent, "labels"));
    for field in ["os", "version", "transport"] {
        fact(field, text(agent, field));
    }
    fact("first seen", text(agent, "first_seen"));
    fact("last seen", text(agent, "last_seen"));
    let handlers = agent.get("handlers").and_then(Value::as_array);
    let kinds = handlers.into_iter().flatten();
    let kinds: Vec<_> = kinds.map(|handler| text(handler, "kind")).collect();
    fact("takes", kinds.join(","));
    if let Some(latest) = agent.get("latest").filter(|latest| !latest.is_null()) {
        fact("reported", text(latest, "at"));
        let memory = (text(latest, "used_memory"), text(latest, "total_memory"));
        fact("memory", format!("{} of {} bytes", memory.0, memory.1));
        fact("cpu", format!("{} %", text(latest, "average_cpu")));
    }
    fact("reports given up", text(agent, "dropped"));
    table
}
