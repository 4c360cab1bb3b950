//! Tokens, by which agents join and people and programs use the API.

use std::time::Duration;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use widget_core::access::{JoinString, Role, Scope, TOKEN_PREFIX};
use widget_core::store::{Purpose, TokenKind, TokenQuery, TokenRecord};
use widget_core::time::Timestamp;

use super::Problem;
use super::gate::Asking;
use super::query::{Asked, Body};
use super::shapes::Page;
use crate::handle::TokenRequest;

/// How many rows a part of a list has, and may have.
const LIST: (usize, usize) = (100, 1_000);
/// How long a join token is good for unless said otherwise: a quarter of an hour.
const JOIN_TTL: f64 = 900.0;

type Labels = std::collections::BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewJoinToken {
    name: Option<String>,
    uses: Option<u32>,
    ttl_seconds: Option<f64>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApiToken {
    name: String,
    role: Option<String>,
    ttl_seconds: Option<f64>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    kinds: Vec<String>,
}

/// A token that was just made. Only here is its secret.
#[derive(Debug, Serialize)]
pub(super) struct Made {
    #[serde(skip_serializing_if = "Option::is_none")]
    join: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    token: Token,
}

#[derive(Debug, Serialize)]
pub(super) struct Token {
    number: u64,
    purpose: &'static str,
    name: String,
    by: String,
    created: Timestamp,
    expires: Option<Timestamp>,
    revoked: Option<Timestamp>,
    last_used: Option<Timestamp>,
    uses_left: Option<u32>,
    role: Option<&'static str>,
    labels: Labels,
    kinds: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokensQuery {
    limit: Option<usize>,
    cursor: Option<u64>,
}

pub(super) async fn create_join(
    Asking(handle): Asking,
    Body(new): Body<NewJoinToken>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let ttl = new.ttl_seconds.unwrap_or(JOIN_TTL);
    let request = TokenRequest {
        purpose: Purpose::Join {
            uses: new.uses.unwrap_or(1),
            labels: new.labels.into_iter().collect(),
        },
        name: new.name.unwrap_or_else(|| "join".to_owned()),
        ttl: Some(seconds(ttl)?),
    };
    let (pin, servers) = handle.ways_in();
    if servers.is_empty() {
        let text = "this server has no address that can be put into a join string: start it with \
                    --allowed-host NAME, the name by which agents reach it";
        return Err(Problem::new(StatusCode::CONFLICT, "no_address", text));
    }
    let (secret, token) = handle.create_token(request).await?;
    let join = JoinString::new(secret, pin, servers).map_err(|error| {
        let text = format!("no join string can be made of this server's addresses: {error}");
        Problem::new(StatusCode::CONFLICT, "no_address", text)
    })?;
    let made = Made {
        join: Some(join.to_string()),
        secret: None,
        token: token.into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn create(
    Asking(handle): Asking,
    Body(new): Body<NewApiToken>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let role = new.role.as_deref().unwrap_or(Role::Viewer.as_str());
    let role = role
        .parse()
        .map_err(|error: widget_core::access::InvalidRole| {
            Problem::bad_request("invalid_role", error.to_string())
        })?;
    let request = TokenRequest {
        purpose: Purpose::Api {
            role,
            scope: Scope {
                labels: new.labels.into_iter().collect(),
                kinds: new.kinds,
            },
        },
        name: new.name,
        ttl: new.ttl_seconds.map(seconds).transpose()?,
    };
    let (secret, token) = handle.create_token(request).await?;
    let made = Made {
        join: None,
        secret: Some(format!("{TOKEN_PREFIX}{}", secret.text())),
        token: token.into(),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

fn seconds(seconds: f64) -> Result<Duration, Problem> {
    Duration::try_from_secs_f64(seconds).map_err(|_| crate::handle::TokenError::Ttl.into())
}

pub(super) async fn list(
    Asking(handle): Asking,
    Asked(query): Asked<TokensQuery>,
) -> Result<Json<Page<Token>>, Problem> {
    let query = TokenQuery {
        after: query.cursor.unwrap_or_default(),
        limit: query.limit.unwrap_or(LIST.0).clamp(1, LIST.1),
    };
    let page = handle.tokens(&query).await?;
    Ok(Json(Page {
        items: page.tokens.into_iter().map(Into::into).collect(),
        next: page.next.map(|next| next.to_string()),
    }))
}

pub(super) async fn revoke(
    Asking(handle): Asking,
    Path(number): Path<String>,
) -> Result<StatusCode, Problem> {
    let number = number.parse().map_err(|_| {
        Problem::bad_request(
            "invalid_number",
            "a token is named by its number, such as 7",
        )
    })?;
    match handle.revoke_token(number).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "unknown_token",
            "there is no such token, or it was revoked before",
        )),
    }
}

impl From<TokenRecord> for Token {
    fn from(token: TokenRecord) -> Self {
        let kind: TokenKind = token.purpose.kind();
        let (role, labels, kinds) = match token.purpose {
            Purpose::Join { labels, .. } => (None, labels, Vec::new()),
            Purpose::Api { role, scope } => (Some(role.as_str()), scope.labels, scope.kinds),
        };
        Self {
            number: token.number,
            purpose: kind.as_str(),
            name: token.name,
            by: token.by,
            created: token.created,
            expires: token.expires,
            revoked: token.revoked,
            last_used: token.last_used,
            uses_left: token.uses_left,
            role,
            labels: labels.into_iter().collect(),
            kinds,
        }
    }
}
