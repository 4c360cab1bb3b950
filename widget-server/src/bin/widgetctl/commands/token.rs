//! `token`: what people and programs are let in by; and what all tokens have in common.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::{each, items};
use crate::args::{Token, Ttl};
use crate::client::Client;
use crate::fault::Fault;
use crate::print::{Output, Table, text, words};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Join,
    Api,
}

impl Purpose {
    /// The API's word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Api => "api",
        }
    }

    /// What such a token is called, and the command for it.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Join => ("join token", "join-token"),
            Self::Api => ("token", "token"),
        }
    }

    fn is_of(self, token: &Value) -> bool {
        text(token, "purpose") == self.word()
    }
}

pub(super) async fn run(command: Token, client: &Client, output: &mut Output) -> Result<(), Fault> {
    match command {
        Token::Create {
            name,
            role,
            labels,
            kinds,
            ttl,
        } => {
            let ttl = match ttl {
                Ttl::For(ttl) => Some(ttl.as_secs_f64()),
                Ttl::Ever => None,
            };
            let labels: BTreeMap<_, _> = labels.into_iter().collect();
            let body = json!({
                "name": name, "role": role.as_str(), "labels": labels, "kinds": kinds,
                "ttl_seconds": ttl,
            });
            create("/api/v1/tokens", &body, "secret", client, output).await
        }
        Token::List => {
            let mut table = Table::new(&[
                "NUMBER",
                "NAME",
                "STATE",
                "ROLE",
                "LABELS",
                "KINDS",
                "EXPIRES",
                "LAST USED",
                "BY",
            ]);
            let add = |token: &_| {
                table.line([
                    text(token, "number"),
                    text(token, "name"),
                    state(token).to_owned(),
                    text(token, "role"),
                    words(token, "labels"),
                    words(token, "kinds"),
                    text(token, "expires"),
                    text(token, "last_used"),
                    text(token, "by"),
                ]);
            };
            list(Purpose::Api, client, output, add).await?;
            show(&table, output)
        }
        Token::Revoke { number } => revoke(Purpose::Api, number, client, output).await,
    }
}

/// Makes one and prints what it is, alone.
pub(super) async fn create(
    path: &str,
    body: &Value,
    field: &str,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    let made = client.post(path, Some(body.to_string())).await?;
    if output.is_json() {
        return Ok(output.json(made.text())?);
    }
    Ok(output.line(&text(made.value(), field))?)
}

/// Hands over each token of this purpose. As JSON they are printed, whatever they are for.
pub(super) async fn list(
    purpose: Purpose,
    client: &Client,
    output: &mut Output,
    mut add: impl FnMut(&Value),
) -> Result<(), Fault> {
    let add = |token: &Value| {
        if purpose.is_of(token) {
            add(token);
        }
    };
    each("/api/v1/tokens", client, output, add).await
}

/// Prints a list, unless it was as JSON.
pub(super) fn show(table: &Table, output: &mut Output) -> Result<(), Fault> {
    if !output.is_json() {
        output.table(table)?;
    }
    Ok(())
}

/// Revokes the token of this number, if that is what it is for: there is no way back.
pub(super) async fn revoke(
    purpose: Purpose,
    number: u64,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    let before = number.saturating_sub(1);
    let path = format!("/api/v1/tokens?limit=1&cursor={before}");
    let found = client.get(&path).await?;
    let found = items(found.value()).first();
    let found = found.filter(|token| text(token, "number") == number.to_string());
    let (name, _) = purpose.names();
    match found {
        Some(token) if purpose.is_of(token) => {}
        Some(_) => {
            let other = match purpose {
                Purpose::Join => Purpose::Api,
                Purpose::Api => Purpose::Join,
            };
            let (other, command) = other.names();
            return Err(Fault::failed(format!(
                "{number} is a {other}: revoke it by `widgetctl {command} revoke {number}`"
            )));
        }
        None => return Err(Fault::failed(format!("there is no {name} {number}"))),
    }
    client.delete(&format!("/api/v1/tokens/{number}")).await?;
    if !output.is_json() {
        output.line(&format!("{name} {number} is revoked"))?;
    }
    Ok(())
}

/// Whether it is good, in a word.
pub(super) fn state(token: &Value) -> &'static str {
    let is_over = || {
        let expires = humantime::parse_rfc3339(&text(token, "expires")).ok();
        // By this host's clock; the server goes by its own.
        expires.is_some_and(|end| end <= SystemTime::now())
    };
    if token.get("revoked").is_some_and(|at| !at.is_null()) {
        return "revoked";
    }
    if token.get("uses_left").and_then(Value::as_u64) == Some(0) {
        return "used up";
    }
    if is_over() { "expired" } else { "good" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_until_something_ended_it() {
        let (past, future) = ("2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z");
        for (token, word) in [
            (
                json!({"revoked": null, "expires": null, "uses_left": null}),
                "good",
            ),
            (
                json!({"revoked": null, "expires": future, "uses_left": 1}),
                "good",
            ),
            (
                json!({"revoked": past, "expires": past, "uses_left": 0}),
                "revoked",
            ),
            (
                json!({"revoked": null, "expires": future, "uses_left": 0}),
                "used up",
            ),
            (
                json!({"revoked": null, "expires": past, "uses_left": 1}),
                "expired",
            ),
        ] {
            assert_eq!(state(&token), word, "{token}");
        }
    }
}
