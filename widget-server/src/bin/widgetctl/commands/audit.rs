//! `audit`: what was done, by whom.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::cursor;
use crate::client::Client;
use crate::fault::Fault;
use crate::print::{Output, text};

/// How often is looked for more.
const PAUSE: Duration = Duration::from_secs(1);
/// How many entries are asked for at a time, where few are expected.
const FEW: u16 = 50;

/// A part of the list, the newest first.
#[derive(Debug, Deserialize)]
struct Part<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

/// An entry as it came, and its number.
struct Entry {
    number: u64,
    json: String,
}

pub(super) async fn run(
    limit: u16,
    follow: bool,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    let path = format!("/api/v1/audit?limit={limit}");
    let newest = client.get(&path).await?;
    if output.is_json() && !follow {
        return Ok(output.json(newest.text())?);
    }
    let mut last = print(entries(newest.text())?, 0, output)?;
    if !follow {
        return Ok(());
    }
    loop {
        sleep(PAUSE).await;
        let new = since(last, client).await?;
        last = print(new, last, output)?;
    }
}

/// All entries behind this number, the newest first.
async fn since(last: u64, client: &Client) -> Result<Vec<Entry>, Fault> {
    let (mut all, mut path) = (Vec::new(), format!("/api/v1/audit?limit={FEW}"));
    loop {
        let part = client.get(&path).await?;
        let found = entries(part.text())?;
        let reached = found.iter().any(|entry| entry.number <= last);
        all.extend(found.into_iter().filter(|entry| entry.number > last));
        match cursor(part.value())? {
            Some(next) if !reached => path = format!("/api/v1/audit?limit={FEW}&cursor={next}"),
            _ => return Ok(all),
        }
    }
}

fn entries(part: &str) -> Result<Vec<Entry>, Fault> {
    let odd = |error| Fault::failed(format!("the list cannot be read: {error}"));
    let part: Part<'_> = serde_json::from_str(part).map_err(odd)?;
    let entry = |json: &RawValue| {
        let json = json.get();
        let value: Value = serde_json::from_str(json).map_err(odd)?;
        Ok(Entry {
            number: value.get("number").and_then(Value::as_u64).unwrap_or(0),
            json: json.to_owned(),
        })
    };
    part.items.into_iter().map(entry).collect()
}

/// Prints them, the oldest first. Gives the number of the newest, or this one if there is none.
fn print(newest_first: Vec<Entry>, last: u64, output: &mut Output) -> Result<u64, Fault> {
    let mut last = last;
    for entry in newest_first.into_iter().rev() {
        match output.is_json() {
            true => output.json(&entry.json)?,
            false => {
                let value = serde_json::from_str(&entry.json).unwrap_or_default();
                output.line(&line(&value))?;
            }
        }
        last = last.max(entry.number);
    }
    Ok(last)
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
