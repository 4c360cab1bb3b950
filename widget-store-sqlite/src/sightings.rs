//! Where agents were seen, and what is kept of those of which there are two.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use widget_core::store::{Arrival, CloneMark, HostId, Sighting};
use widget_core::time::Timestamp;

use crate::audit;
use crate::error::Result;
use crate::rows;

pub(crate) const KNOWN: &str =
    "SELECT machine, boot FROM sightings WHERE agent = ?1 ORDER BY position";
pub(crate) const FORGET: &str = "DELETE FROM sightings WHERE agent = ?1";
const ADD: &str = "INSERT INTO sightings (agent, position, machine, boot) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const MARK: &str = "UPDATE agents SET cloned = ?2 WHERE number = ?1 AND cloned IS NULL";

/// What it means that the agent with this number arrives where it does. It is kept, and the agent
/// marked if there are two of it.
pub(crate) fn sight(
    connection: &Connection,
    number: i64,
    arrival: &Arrival,
    heard: Option<Timestamp>,
) -> Result<Option<Sighting>> {
    let Some(host) = &arrival.host else {
        return Ok(None);
    };
    let known = known(connection, number)?;
    let sighting = Sighting::of(&known, host, heard, arrival.at);
    let kept = Sighting::keep(&known, host);
    if kept != known {
        keep(connection, number, &kept)?;
    }
    if let (Sighting::Clone, Some(last)) = (sighting, known.last()) {
        let mark = CloneMark {
            since: arrival.at,
            hosts: [last.clone(), host.clone()],
        };
        let mut statement = connection.prepare_cached(MARK)?;
        let marked = statement.execute(params![number, write_mark(&mark)?])? > 0;
        if let Some(audit) = arrival.audit.as_ref().filter(|_| marked) {
            audit::add(connection, audit)?;
        }
    }
    Ok(Some(sighting))
}

fn known(connection: &Connection, number: i64) -> Result<Vec<HostId>> {
    let mut statement = connection.prepare_cached(KNOWN)?;
    rows::all(statement.query([number])?, |cells| {
        let (machine, boot) = (cells.take()?, cells.take::<String>()?);
        Ok(HostId::new(machine, &boot))
    })
}

/// Keeps these hosts of the agent and no others.
pub(crate) fn keep(connection: &Connection, number: i64, hosts: &[HostId]) -> Result<()> {
    connection.prepare_cached(FORGET)?.execute([number])?;
    let mut statement = connection.prepare_cached(ADD)?;
    for (position, host) in hosts.iter().enumerate() {
        let position = rows::limit(position);
        statement.execute(params![number, position, host.machine(), host.boot()])?;
    }
    Ok(())
}

/// A mark as JSON: the machines as their 16 bytes.
#[derive(Serialize, Deserialize)]
struct MarkRow {
    since: i64,
    hosts: [([u8; 16], String); 2],
}

fn write_mark(mark: &CloneMark) -> Result<String> {
    let row = MarkRow {
        since: mark.since.as_millis(),
        hosts: mark
            .hosts
            .each_ref()
            .map(|host| (*host.machine(), host.boot().to_owned())),
    };
    Ok(serde_json::to_string(&row)?)
}

pub(crate) fn read_mark(json: &str) -> Result<CloneMark> {
    let row: MarkRow = serde_json::from_str(json)?;
    Ok(CloneMark {
        since: Timestamp::from_millis(row.since),
        hosts: row.hosts.map(|(machine, boot)| HostId::new(machine, &boot)),
    })
}
