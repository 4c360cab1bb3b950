//! `audit`: what was done, by whom.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::sleep;

use crate::args::{Audit, AuditCommand};
use crate::client::Client;
use crate::fault::Fault;
use crate::print::{Output, text};

/// How often is looked for more.
const PAUSE: Duration = Duration::from_secs(1);
/// How many entries are shown unless something is said.
const SHOWN: u16 = 100;

/// A part of the list, the newest first.
#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

pub(super) async fn run(asked: Audit, client: &Client, output: &mut Output) -> Result<(), Fault> {
    if let Some(AuditCommand::Export { after, since }) = asked.command {
        // clap would take flags of all commands, such as --data, for these too.
        if asked.limit.is_some() || asked.since.is_some() || asked.follow {
            let text = "an export has flags of its own: say them behind the word export";
            return Err(Fault::usage(text));
        }
        let path = export(after.unwrap_or(0), since.and_then(ago).as_deref());
        return client.lines(&path, |line| Ok(output.json(line)?)).await;
    }
    let since = asked.since.and_then(ago);
    let mut last = match asked.since {
        Some(_) => print_past(0, since.as_deref(), client, output).await?,
        None => {
            let limit = asked.limit.unwrap_or(SHOWN);
            let newest = client.get(&format!("/api/v1/audit?limit={limit}")).await?;
            if output.is_json() && !asked.follow {
                return Ok(output.json(newest.text())?);
            }
            print_part(newest.text(), output)?
        }
    };
    if !asked.follow {
        return Ok(());
    }
    loop {
        sleep(PAUSE).await;
        last = print_past(last, since.as_deref(), client, output).await?;
    }
}

/// Where all entries past this number are, and since this time.
fn export(after: u64, since: Option<&str>) -> String {
    let since = since.map_or(String::new(), |since| format!("&since={since}"));
    format!("/api/v1/audit/export?after={after}{since}")
}

/// The time so long ago; nothing if that was before all times that the server has.
fn ago(ago: Duration) -> Option<String> {
    let then = SystemTime::now().checked_sub(ago)?;
    then.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(humantime::format_rfc3339_millis(then).to_string())
}

/// Prints all entries past this number as they come, the oldest first. Gives the number of the last.
async fn print_past(
    past: u64,
    since: Option<&str>,
    client: &Client,
    output: &mut Output,
) -> Result<u64, Fault> {
    let (path, mut last) = (export(past, since), past);
    let each = |line: &str| {
        last = last.max(print(line, output)?);
        Ok(())
    };
    client.lines(&path, each).await?;
    Ok(last)
}

/// Prints a part of the list, the oldest first. Gives the number of the newest, or 0.
fn print_part(part: &str, output: &mut Output) -> Result<u64, Fault> {
    let part: Part<'_> = serde_json::from_str(part).map_err(odd)?;
    let oldest_first = part.items.into_iter().rev();
    oldest_first
        .map(|entry| print(entry.get(), output))
        .try_fold(0, |last, number| Ok(number?.max(last)))
}

/// Prints an entry. Gives its number.
fn print(entry: &str, output: &mut Output) -> Result<u64, Fault> {
    let value: Value = serde_json::from_str(entry).map_err(odd)?;
    match output.is_json() {
        true => output.json(entry)?,
        false => output.line(&line(&value))?,
    }
    Ok(value.get("number").and_then(Value::as_u64).unwrap_or(0))
}

fn odd(error: serde_json::Error) -> Fault {
    Fault::failed(format!("the list cannot be read: {error}"))
}

fn line(entry: &Value) -> String {
    let mut parts = Vec::new();
    for field in ["at", "who", "action", "target"] {
        parts.push(text(entry, field));
    }
    for (field, word) in [
        ("agent", "agent"),
        ("peer", "from"),
        ("before", "was"),
        ("after", "is"),
    ] {
        let value = text(entry, field);
        if !value.is_empty() {
            parts.push(format!("{word} {value}"));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}
