//! `join-token`: what agents are let in by.

use std::collections::BTreeMap;

use serde_json::json;

use super::token::{self, Purpose};
use crate::args::JoinToken;
use crate::client::Client;
use crate::fault::Fault;
use crate::print::{Output, Table, text, words};

pub(super) async fn run(
    command: JoinToken,
    client: &Client,
    output: &mut Output,
) -> Result<(), Fault> {
    match command {
        JoinToken::Create {
            uses,
            ttl,
            labels,
            name,
        } => {
            let labels: BTreeMap<_, _> = labels.into_iter().collect();
            let mut body = json!({
                "uses": uses, "ttl_seconds": ttl.as_secs_f64(), "labels": labels,
            });
            if let Some((body, name)) = body.as_object_mut().zip(name) {
                body.insert("name".to_owned(), name.into());
            }
            token::create("/api/v1/join-tokens", &body, "join", client, output).await
        }
        JoinToken::List => {
            let mut table = Table::new(&[
                "NUMBER",
                "NAME",
                "STATE",
                "USES LEFT",
                "LABELS",
                "EXPIRES",
                "BY",
            ]);
            let add = |token: &_| {
                table.line([
                    text(token, "number"),
                    text(token, "name"),
                    token::state(token).to_owned(),
                    text(token, "uses_left"),
                    words(token, "labels"),
                    text(token, "expires"),
                    text(token, "by"),
                ]);
            };
            token::list(Purpose::Join, client, output, add).await?;
            token::show(&table, output)
        }
        JoinToken::Revoke { number } => token::revoke(Purpose::Join, number, client, output).await,
    }
}
