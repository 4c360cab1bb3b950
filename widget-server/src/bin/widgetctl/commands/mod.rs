//! The commands, and what they have in common.

mod agent;
mod audit;
mod join_token;
mod task;
mod token;

use serde_json::Value;

use crate::args::Command;
use crate::client::Client;
use crate::fault::Fault;
use crate::print::Output;

/// Does what is asked for.
pub(crate) async fn run(
    command: Command,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    match command {
        Command::JoinToken(command) => join_token::run(command, client, output).await,
        Command::Token(command) => token::run(command, client, output).await,
        Command::Agent(command) => agent::run(command, client, output).await,
        Command::Task(command) => task::run(command, client, output).await,
        Command::Shutdown { agent, wait } => task::shut_down(agent, wait, client, output).await,
        Command::Audit(asked) => audit::run(asked, client, output).await,
    }
}

/// Hands over each item of a list, part by part; as JSON the parts are printed as they are.
async fn each(
    path: &str,
    client: &Client,
    output: &mut Output,
    mut item: impl FnMut(&Value),
) -> Result<(), Fault> {
    let mut next = None;
    loop {
        let part = match &next {
            None => client.get(&format!("{path}?limit=200")).await?,
            Some(next) => {
                client
                    .get(&format!("{path}?limit=200&cursor={next}"))
                    .await?
            }
        };
        if output.is_json() {
            output.json(part.text())?;
        } else {
            items(part.value()).iter().for_each(&mut item);
        }
        next = cursor(part.value())?;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// The items of a part of a list.
fn items(part: &Value) -> &[Value] {
    let items = part.get("items").and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

/// Where the next part begins.
fn cursor(part: &Value) -> Result<Option<String>, Fault> {
    let Some(next) = part.get("next").and_then(Value::as_str) else {
        return Ok(None);
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match next.bytes().all(is_plain) {
        true => Ok(Some(next.to_owned())),
        false => Err(Fault::failed(
            "the server says where the list goes on in an odd way",
        )),
    }
}
