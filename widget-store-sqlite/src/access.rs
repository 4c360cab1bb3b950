//! Who may come into the server of a [`SqliteStore`]: tokens and credentials.

use async_trait::async_trait;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use widget_core::access::{Role, Scope, Verifier};
use widget_core::id::AgentId;
use widget_core::store::{
    AccessStore, AuditEntry, AuditPage, AuditQuery, CredentialRecord, Enrolled, Enrolment,
    NewToken, Purpose, StoreError, StoreErrorKind, TokenKind, TokenPage, TokenQuery, TokenRecord,
};
use widget_core::time::Timestamp;

use crate::error::{Error, Result};
use crate::rows::{self, Cells};
use crate::store::SqliteStore;
use crate::{audit, counts};

macro_rules! token {
    ($rest:literal) => {
        concat!(
            "SELECT number, verifier, purpose, grants, name, created, created_by, expires, uses_left, \
             revoked, last_used FROM tokens WHERE ",
            $rest
        )
    };
}
pub(crate) const TOKEN: &str = token!("verifier = ?1");
pub(crate) const TOKENS: &str = token!("number > ?1 ORDER BY number LIMIT ?2");
const ADD_TOKEN: &str = "
    INSERT INTO tokens (verifier, purpose, grants, name, created, created_by, expires, uses_left)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(crate) const REVOKE: &str =
    "UPDATE tokens SET revoked = ?2 WHERE number = ?1 AND revoked IS NULL";
pub(crate) const USED: &str =
    "UPDATE tokens SET last_used = max(coalesce(last_used, ?2), ?2) WHERE number = ?1";
const TAKE_USE: &str = "UPDATE tokens SET uses_left = uses_left - 1 WHERE number = ?1";

macro_rules! credential {
    ($rest:literal) => {
        concat!(
            "SELECT verifier, agent, token, labels, created, ended FROM credentials WHERE ",
            $rest
        )
    };
}
pub(crate) const CREDENTIAL: &str = credential!("verifier = ?1");
pub(crate) const CREDENTIAL_OF: &str = credential!("agent = ?1");
const ADD_CREDENTIAL: &str = "
    INSERT INTO credentials (verifier, agent, token, labels, created) VALUES (?1, ?2, ?3, ?4, ?5)";
pub(crate) const END: &str = "UPDATE credentials SET ended = ?2 WHERE agent = ?1 AND ended IS NULL";

#[async_trait]
impl AccessStore for SqliteStore {
    async fn add_token(
        &self,
        token: NewToken,
        audit: AuditEntry,
    ) -> std::result::Result<TokenRecord, StoreError> {
        self.write(move |connection| add_token(connection, &token, &audit))
            .await
    }

    async fn token(
        &self,
        verifier: &Verifier,
    ) -> std::result::Result<Option<TokenRecord>, StoreError> {
        let verifier = *verifier;
        self.read(move |connection| token(connection, &verifier))
            .await
    }

    async fn tokens(&self, query: &TokenQuery) -> std::result::Result<TokenPage, StoreError> {
        let query = *query;
        self.read(move |connection| tokens(connection, query)).await
    }

    async fn revoke(&self, token: u64, audit: AuditEntry) -> std::result::Result<bool, StoreError> {
        let audit = audit.to_token(token);
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(REVOKE)?;
            let revoked = statement.execute([token.cast_signed(), audit.at.as_millis()])? > 0;
            if revoked {
                audit::add(connection, &audit)?;
            }
            Ok(revoked)
        })
        .await
    }

    async fn tokens_used(&self, used: &[(u64, Timestamp)]) -> std::result::Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        let used = used.to_vec();
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(USED)?;
            for (number, at) in &used {
                statement.execute([number.cast_signed(), at.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn enrol(&self, enrolment: &Enrolment) -> std::result::Result<Enrolled, StoreError> {
        let enrolment = enrolment.clone();
        self.write(move |connection| enrol(connection, &enrolment))
            .await
    }

    async fn credential(
        &self,
        verifier: &Verifier,
    ) -> std::result::Result<Option<CredentialRecord>, StoreError> {
        let verifier = *verifier;
        self.read(move |connection| credential(connection, &verifier))
            .await
    }

    async fn credential_of(
        &self,
        agent: AgentId,
    ) -> std::result::Result<Option<CredentialRecord>, StoreError> {
        self.read(move |connection| credential_of(connection, agent))
            .await
    }

    async fn end_credential(
        &self,
        agent: AgentId,
        audit: AuditEntry,
    ) -> std::result::Result<bool, StoreError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(END)?;
            let ended = statement.execute(params![agent.as_bytes(), audit.at.as_millis()])?;
            if ended > 0 {
                counts::CREDENTIALS.take(connection)?;
            }
            audit::add(connection, &audit)?;
            Ok(ended > 0)
        })
        .await
    }

    async fn note(&self, audit: AuditEntry) -> std::result::Result<(), StoreError> {
        self.write(move |connection| audit::add(connection, &audit))
            .await
    }

    // The list may be long, and a filter may find nothing in all of it.
    async fn audit(&self, query: &AuditQuery) -> std::result::Result<AuditPage, StoreError> {
        let query = query.clone();
        self.read_long(move |connection| audit::page(connection, &query))
            .await
    }
}

fn add_token(connection: &Connection, new: &NewToken, audit: &AuditEntry) -> Result<TokenRecord> {
    if token(connection, &new.verifier)?.is_some() {
        return Err(StoreErrorKind::Conflict.into());
    }
    let token = new.clone().into_record(0);
    connection.prepare_cached(ADD_TOKEN)?.execute(params![
        token.verifier.as_bytes(),
        token.purpose.kind().as_str(),
        grants(&token.purpose)?,
        token.name,
        token.created.as_millis(),
        token.by,
        token.expires.map(Timestamp::as_millis),
        token.uses_left,
    ])?;
    let number = connection.last_insert_rowid().cast_unsigned();
    audit::add(connection, &audit.clone().to_token(number))?;
    Ok(TokenRecord { number, ..token })
}

fn enrol(connection: &Connection, enrolment: &Enrolment) -> Result<Enrolled> {
    let shown = token(connection, &enrolment.token)?;
    let known = credential(connection, &enrolment.credential)?;
    let decided = enrolment.decide(shown.as_ref(), known.as_ref());
    let Enrolled::New(credential) = &decided else {
        return Ok(decided);
    };
    if credential_of(connection, credential.agent)?.is_some() {
        return Err(StoreErrorKind::Conflict.into());
    }
    counts::CREDENTIALS.has_room(connection, enrolment.most)?;
    counts::CREDENTIALS.add(connection)?;
    let (number, at) = (credential.token.cast_signed(), enrolment.at.as_millis());
    connection.prepare_cached(TAKE_USE)?.execute([number])?;
    connection.prepare_cached(USED)?.execute([number, at])?;
    connection.prepare_cached(ADD_CREDENTIAL)?.execute(params![
        credential.verifier.as_bytes(),
        credential.agent.as_bytes(),
        number,
        serde_json::to_string(&credential.labels)?,
        credential.created.as_millis(),
    ])?;
    audit::add(connection, &enrolment.entry(credential))?;
    Ok(decided)
}

fn token(connection: &Connection, verifier: &Verifier) -> Result<Option<TokenRecord>> {
    let mut statement = connection.prepare_cached(TOKEN)?;
    rows::first(statement.query([verifier.as_bytes()])?, read_token)
}

fn tokens(connection: &Connection, query: TokenQuery) -> Result<TokenPage> {
    let mut statement = connection.prepare_cached(TOKENS)?;
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let limit = rows::limit(query.limit.saturating_add(1));
    let mut tokens = rows::all(statement.query([after, limit])?, read_token)?;
    let more = tokens.len() > query.limit;
    tokens.truncate(query.limit);
    let next = tokens.last().filter(|_| more).map(|token| token.number);
    Ok(TokenPage { tokens, next })
}

fn credential(connection: &Connection, verifier: &Verifier) -> Result<Option<CredentialRecord>> {
    let mut statement = connection.prepare_cached(CREDENTIAL)?;
    rows::first(statement.query([verifier.as_bytes()])?, read_credential)
}

fn credential_of(connection: &Connection, agent: AgentId) -> Result<Option<CredentialRecord>> {
    let mut statement = connection.prepare_cached(CREDENTIAL_OF)?;
    rows::first(statement.query([agent.as_bytes()])?, read_credential)
}

/// What a token grants, as JSON. What its purpose does not have is left out.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Grants {
    #[serde(skip_serializing_if = "Option::is_none")]
    uses: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    labels: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
}

fn grants(purpose: &Purpose) -> Result<String> {
    let grants = match purpose.clone() {
        Purpose::Join { uses, labels } => Grants {
            uses: Some(uses),
            labels,
            ..Grants::default()
        },
        Purpose::Api { role, scope } => Grants {
            role: Some(role.as_str().to_owned()),
            labels: scope.labels,
            kinds: scope.kinds,
            ..Grants::default()
        },
    };
    Ok(serde_json::to_string(&grants)?)
}

fn read_purpose(word: &str, grants: &str) -> Result<Purpose> {
    let grants: Grants = serde_json::from_str(grants)?;
    let (labels, kinds) = (grants.labels, grants.kinds);
    if word == TokenKind::Join.as_str() {
        let uses = grants.uses.unwrap_or_default();
        return Ok(Purpose::Join { uses, labels });
    }
    if word == TokenKind::Api.as_str() {
        let role: Role = grants
            .role
            .unwrap_or_default()
            .parse()
            .map_err(Error::damaged)?;
        let scope = Scope { labels, kinds };
        return Ok(Purpose::Api { role, scope });
    }
    Err(Error::damaged(format!("no token is for {word}")))
}

fn read_token(cells: &mut Cells<'_>) -> Result<TokenRecord> {
    Ok(TokenRecord {
        number: cells.number()?,
        verifier: Verifier::from_bytes(cells.take()?),
        purpose: read_purpose(&cells.take::<String>()?, &cells.take::<String>()?)?,
        name: cells.take()?,
        created: cells.time()?,
        by: cells.take()?,
        expires: cells.some_time()?,
        uses_left: cells.take()?,
        revoked: cells.some_time()?,
        last_used: cells.some_time()?,
    })
}

fn read_credential(cells: &mut Cells<'_>) -> Result<CredentialRecord> {
    Ok(CredentialRecord {
        verifier: Verifier::from_bytes(cells.take()?),
        agent: AgentId::from_bytes(cells.take()?),
        token: cells.number()?,
        labels: serde_json::from_str(&cells.take::<String>()?)?,
        created: cells.time()?,
        ended: cells.some_time()?,
    })
}
