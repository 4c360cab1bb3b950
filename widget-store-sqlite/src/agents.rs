//! The agents of a [`SqliteStore`].

use async_trait::async_trait;
use rusqlite::{Connection, params};
use widget_core::Payload;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::Describe;
use widget_core::store::{
    AgentPage, AgentQuery, AgentRecord, AgentStore, Arrival, Arrived, AuditEntry, HostId,
    SessionKey, StoreError, StoreErrorKind, fill_page,
};
use widget_core::time::Timestamp;

use crate::error::{Error, Result};
use crate::rows::{self, Cells};
use crate::store::SqliteStore;
use crate::{audit, counts, sightings};

const ARRIVE: &str = "
    INSERT INTO agents (id, first_seen, last_seen, protocol, transport, epoch, enrolled, labels)
    VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7)
    ON CONFLICT (id) DO UPDATE SET
        last_seen = max(last_seen, excluded.last_seen),
        left_at = NULL,
        protocol = max(protocol, excluded.protocol),
        transport = excluded.transport,
        epoch = coalesce(excluded.epoch, epoch),
        enrolled = coalesce(excluded.enrolled, enrolled),
        labels = coalesce(excluded.labels, labels)
    RETURNING number";
pub(crate) const ENDED: &str = "SELECT 1 FROM credentials WHERE agent = ?1 AND ended IS NOT NULL";
/// When it was heard last, unless it has left.
pub(crate) const HEARD: &str =
    "SELECT CASE WHEN left_at IS NULL THEN last_seen END FROM agents WHERE id = ?1";
/// Not more of them than it takes to know that there are enough.
pub(crate) const RELEASE: &str = "
    UPDATE agents SET cloned = NULL WHERE id = ?1 AND cloned IS NOT NULL RETURNING number";
const SEEN: &str = "
    UPDATE agents SET
        last_seen = max(last_seen, ?2),
        left_at = CASE WHEN left_at >= ?2 THEN left_at END
    WHERE id = ?1";
const LEAVE: &str = "UPDATE agents SET last_seen = max(last_seen, ?2), left_at = ?2 WHERE id = ?1";
const DESCRIBE: &str = "UPDATE agents SET describe = ?2 WHERE id = ?1 RETURNING number";
const FORGET_SCHEMAS: &str = "DELETE FROM schemas WHERE agent = ?1";
const ADD_SCHEMA: &str = "INSERT INTO schemas VALUES (?1, ?2, ?3)";
const SCHEMAS: &str = "SELECT handler, schema FROM schemas WHERE agent = ?1";
const DELETE: &str = "DELETE FROM agents WHERE id = ?1";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, number, first_seen, last_seen, left_at, protocol, transport, epoch, describe, \
             enrolled, labels, cloned FROM agents ",
            $rest
        )
    };
}
pub(crate) const ONE: &str = select!("WHERE id = ?1");
pub(crate) const PAGE: &str = select!("WHERE number > ?1 ORDER BY number LIMIT ?2");

#[async_trait]
impl AgentStore for SqliteStore {
    async fn arrive(&self, arrival: &Arrival) -> std::result::Result<Arrived, StoreError> {
        let arrival = arrival.clone();
        self.write(move |connection| arrive(connection, &arrival))
            .await
    }

    async fn describe(
        &self,
        agent: AgentId,
        describe: &Describe,
    ) -> std::result::Result<(), StoreError> {
        let describe = describe.clone();
        self.write(move |connection| write_describe(connection, agent, &describe))
            .await
    }

    async fn seen(&self, heard: &[(AgentId, Timestamp)]) -> std::result::Result<(), StoreError> {
        if heard.is_empty() {
            return Ok(());
        }
        let heard = heard.to_vec();
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(SEEN)?;
            for (agent, at) in &heard {
                statement.execute(params![agent.as_bytes(), at.as_millis()])?;
            }
            Ok(())
        })
        .await
    }

    async fn leave(&self, agent: AgentId, at: Timestamp) -> std::result::Result<(), StoreError> {
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(LEAVE)?;
            statement.execute(params![agent.as_bytes(), at.as_millis()])?;
            Ok(())
        })
        .await
    }

    async fn agent(&self, agent: AgentId) -> std::result::Result<Option<AgentRecord>, StoreError> {
        self.read(move |connection| one(connection, agent)).await
    }

    async fn agents(&self, query: &AgentQuery) -> std::result::Result<AgentPage, StoreError> {
        let query = *query;
        self.read(move |connection| page(connection, query)).await
    }

    async fn delete_agent(&self, agent: AgentId) -> std::result::Result<bool, StoreError> {
        self.write(move |connection| {
            let deleted = connection
                .prepare_cached(DELETE)?
                .execute([agent.as_bytes()])?;
            if deleted > 0 {
                counts::AGENTS.take(connection)?;
            }
            Ok(deleted > 0)
        })
        .await
    }

    async fn release(
        &self,
        agent: AgentId,
        keep: Option<&HostId>,
        audit: AuditEntry,
    ) -> std::result::Result<bool, StoreError> {
        let keep: Vec<HostId> = keep.into_iter().cloned().collect();
        self.write(move |connection| {
            let mut statement = connection.prepare_cached(RELEASE)?;
            let released = statement.query([agent.as_bytes()])?;
            let Some(number) = rows::first(released, |cells| cells.take::<i64>())? else {
                return Ok(false);
            };
            sightings::keep(connection, number, &keep)?;
            audit::add(connection, &audit)?;
            Ok(true)
        })
        .await
    }

    // In memory: a database that is opened again may be a restored one, and then every agent has to
    // say Hello, so that what it has seen is compared. No other process can have it open.
    async fn session_key(&self, fresh: SessionKey) -> std::result::Result<SessionKey, StoreError> {
        Ok(self.session_key.get_or_init(|| fresh).clone())
    }
}

fn arrive(connection: &Connection, arrival: &Arrival) -> Result<Arrived> {
    if has_ended(connection, arrival.agent)? {
        return Err(StoreErrorKind::NotFound.into());
    }
    let mut statement = connection.prepare_cached(HEARD)?;
    let known = statement.query([arrival.agent.as_bytes()])?;
    let known = rows::first(known, |cells| cells.some_time())?;
    if known.is_none() {
        counts::AGENTS.has_room(connection, arrival.most)?;
        counts::AGENTS.add(connection)?;
    }
    let heard = known.flatten();
    let credential = arrival.credential.as_ref();
    let labels = credential.map(|credential| serde_json::to_string(&credential.labels));
    let mut statement = connection.prepare_cached(ARRIVE)?;
    let row = statement.query(params![
        arrival.agent.as_bytes(),
        arrival.at.as_millis(),
        arrival.protocol,
        arrival.transport,
        arrival.epoch.as_ref().map(SpoolEpoch::as_bytes),
        credential.map(|credential| credential.created.as_millis()),
        labels.transpose()?,
    ])?;
    let no_row = || Error::damaged("an agent has no row");
    let number = rows::first(row, |cells| cells.take::<i64>())?.ok_or_else(no_row)?;
    let sighting = sightings::sight(connection, number, arrival, heard)?;
    let record = one(connection, arrival.agent)?.ok_or_else(no_row)?;
    Ok(Arrived { record, sighting })
}

/// Whether the agent's credential has ended.
fn has_ended(connection: &Connection, agent: AgentId) -> Result<bool> {
    let mut statement = connection.prepare_cached(ENDED)?;
    Ok(statement.exists([agent.as_bytes()])?)
}

/// Schemas go beside the JSON, see the table.
fn write_describe(connection: &Connection, agent: AgentId, describe: &Describe) -> Result<()> {
    let mut plain = describe.clone();
    for handler in &mut plain.handlers {
        handler.schema = None;
    }
    let json = serde_json::to_string(&plain)?;
    let mut statement = connection.prepare_cached(DESCRIBE)?;
    let row = statement.query(params![agent.as_bytes(), json])?;
    let Some(number) = rows::first(row, |cells| cells.take::<i64>())? else {
        return Ok(());
    };
    connection
        .prepare_cached(FORGET_SCHEMAS)?
        .execute([number])?;
    for (position, handler) in describe.handlers.iter().enumerate() {
        if let Some(schema) = &handler.schema {
            let mut statement = connection.prepare_cached(ADD_SCHEMA)?;
            statement.execute(params![number, rows::limit(position), schema.as_bytes()])?;
        }
    }
    Ok(())
}

fn one(connection: &Connection, agent: AgentId) -> Result<Option<AgentRecord>> {
    let mut statement = connection.prepare_cached(ONE)?;
    let found = rows::first(statement.query([agent.as_bytes()])?, record)?;
    found
        .map(|found| with_schemas(connection, found))
        .transpose()
}

fn page(connection: &Connection, query: AgentQuery) -> Result<AgentPage> {
    let mut statement = connection.prepare_cached(PAGE)?;
    let after = i64::try_from(query.after).unwrap_or(i64::MAX);
    let limit = rows::limit(query.limit.saturating_add(1));
    let agents = rows::each(statement.query([after, limit])?, |cells| {
        record(cells).and_then(|found| with_schemas(connection, found))
    });
    let (agents, more) = fill_page(agents, query.limit, |row| row.describe.size())?;
    let next = agents.last().filter(|_| more).map(|row| row.number);
    Ok(AgentPage { agents, next })
}

fn record(cells: &mut Cells<'_>) -> Result<AgentRecord> {
    Ok(AgentRecord {
        id: AgentId::from_bytes(cells.take()?),
        number: cells.number()?,
        first_seen: cells.time()?,
        last_seen: cells.time()?,
        left: cells.take::<Option<i64>>()?.map(Timestamp::from_millis),
        protocol: cells.take()?,
        transport: cells.take::<String>()?.into(),
        epoch: cells
            .take::<Option<[u8; 16]>>()?
            .map(SpoolEpoch::from_bytes),
        describe: match cells.take::<Option<String>>()? {
            Some(json) => serde_json::from_str(&json)?,
            None => Describe::default(),
        },
        enrolled: cells.some_time()?,
        labels: match cells.take::<Option<String>>()? {
            Some(json) => serde_json::from_str(&json)?,
            None => Vec::new(),
        },
        cloned: cells
            .take::<Option<String>>()?
            .map(|json| sightings::read_mark(&json))
            .transpose()?,
    })
}

fn with_schemas(connection: &Connection, mut found: AgentRecord) -> Result<AgentRecord> {
    if found.describe.handlers.is_empty() {
        return Ok(found);
    }
    let mut statement = connection.prepare_cached(SCHEMAS)?;
    let mut rows = statement.query([found.number.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let position: usize = usize::try_from(row.get::<_, i64>(0)?).unwrap_or(usize::MAX);
        if let Some(handler) = found.describe.handlers.get_mut(position) {
            let schema: Vec<u8> = row.get(1)?;
            handler.schema = Some(Payload::from_json_text(schema));
        }
    }
    Ok(found)
}
