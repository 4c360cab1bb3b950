//! `task`, and `shutdown`, which is one.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use widget_core::id::AgentId;

use super::{cursor, items};
use crate::args::Task;
use crate::client::{Answer, Client, WAIT};
use crate::fault::Fault;
use crate::print::{Output, Table, text};

#[derive(Debug, Serialize)]
struct NewTask {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
}

pub(super) async fn run(command: Task, client: &Client, output: &mut Output) -> Result<(), Fault> {
    match command {
        Task::List {
            agent,
            states,
            limit,
        } => {
            let mut which = String::new();
            if let Some(agent) = agent {
                which.push_str(&format!("&agent={agent}"));
            }
            if !states.is_empty() {
                let states: Vec<_> = states.iter().map(ToString::to_string).collect();
                which.push_str(&format!("&state={}", states.join(",")));
            }
            let mut table = Table::new(&["ID", "AGENT", "KIND", "STATE", "CREATED"]);
            let (mut left, mut from) = (usize::from(limit), String::new());
            // A page of large tasks has fewer of them.
            while left > 0 {
                let path = format!("/api/v1/tasks?limit={left}{which}{from}");
                let part = client.get(&path).await?;
                let tasks = items(part.value());
                left = left.saturating_sub(tasks.len());
                if output.is_json() {
                    output.json(part.text())?;
                }
                for task in tasks {
                    let fields = ["id", "agent", "kind", "state", "created"];
                    table.line(fields.map(|field| text(task, field)));
                }
                let Some(next) = cursor(part.value())? else {
                    break;
                };
                from = format!("&cursor={next}");
            }
            match output.is_json() {
                true => Ok(()),
                false => Ok(output.table(&table)?),
            }
        }
        Task::Show { id } => {
            let task = client.get(&format!("/api/v1/tasks/{id}")).await?;
            if output.is_json() {
                return Ok(output.json(task.text())?);
            }
            output.table(&facts(task.value()))?;
            Ok(output.table(&timeline(task.value()))?)
        }
        Task::Send { agent, kind, input } => {
            let body = serde_json::to_string(&NewTask { kind, input });
            let body = body.map_err(|error| Fault::usage(format!("no such task: {error}")))?;
            let path = format!("/api/v1/agents/{agent}/tasks");
            let task = client.post(&path, Some(body)).await?;
            say(&task, &text(task.value(), "id"), output)
        }
        Task::Cancel { id } => {
            let task = client
                .post(&format!("/api/v1/tasks/{id}/cancel"), None)
                .await?;
            let state = text(task.value(), "state");
            let said = match has_ended(task.value()) {
                true => format!("task {id} is {state}"),
                false => format!("task {id} is asked to end; it is {state}"),
            };
            say(&task, &said, output)
        }
    }
}

/// Ends an agent's program.
pub(super) async fn shut_down(
    agent: AgentId,
    wait: bool,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    let path = format!("/api/v1/agents/{agent}/shutdown");
    let mut task = client.post(&path, None).await?;
    let id = text(task.value(), "id");
    if !wait {
        let said = format!("agent {agent} is asked to end, by task {id}");
        return say(&task, &said, output);
    }
    // As long as the task: it ends by its ttl, if by nothing else.
    while !has_ended(task.value()) {
        let path = format!("/api/v1/tasks/{id}?wait={}", WAIT.as_secs());
        task = client.get(&path).await?;
    }
    let state = text(task.value(), "state");
    if state == "succeeded" {
        return say(&task, &format!("agent {agent} has ended"), output);
    }
    if output.is_json() {
        output.json(task.text())?;
    }
    let why = failure(task.value());
    Err(Fault::failed(format!(
        "agent {agent} was not ended: task {id} is {state}{why}"
    )))
}

fn say(task: &Answer, text: &str, output: &mut Output) -> Result<(), Fault> {
    match output.is_json() {
        true => output.json(task.text())?,
        false => output.line(text)?,
    }
    Ok(())
}

fn has_ended(task: &Value) -> bool {
    task.get("outcome")
        .is_some_and(|outcome| !outcome.is_null())
}

/// Why it failed, behind a comma.
fn failure(task: &Value) -> String {
    let error = task.get("outcome").and_then(|outcome| outcome.get("error"));
    error
        .filter(|error| !error.is_null())
        .map_or_else(String::new, |error| {
            format!(", {}: {}", text(error, "code"), text(error, "message"))
        })
}

/// What is known of one, a line for each.
fn facts(task: &Value) -> Table {
    let mut table = Table::bare();
    let mut fact = |name: &str, value: String| table.line([name.to_owned(), value]);
    for field in [
        "id", "agent", "kind", "state", "input", "created", "attempt", "progress",
    ] {
        fact(field, text(task, field));
    }
    fact("starts before", text(task, "ttl_at"));
    if let Some(outcome) = task.get("outcome").filter(|outcome| !outcome.is_null()) {
        fact("ended", text(outcome, "at"));
        fact("output", text(outcome, "output"));
        fact("failure", failure(task).trim_start_matches(", ").to_owned());
    }
    table
}

fn timeline(task: &Value) -> Table {
    let mut table = Table::bare();
    let entries = task.get("timeline").and_then(Value::as_array);
    for entry in entries.into_iter().flatten() {
        table.line(["at", "state", "cause", "actor"].map(|field| text(entry, field)));
    }
    table
}
