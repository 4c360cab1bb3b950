//! The format of the database and the steps that led to it.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, TransactionBehavior};
use widget_core::id::StoreEpoch;
use widget_core::store::{StoreError, StoreErrorKind};
use widget_core::time::Timestamp;

use crate::error::Result;
use crate::rows;

/// Step n leads from format n to format n + 1. Append only: databases have taken these steps.
///
/// To change the format, leave the steps that are there as they are, to the byte, and
/// 1. add `migrations/000N_what.sql`, and its name here; it runs within a transaction, on the tables
///    that the steps before it have left, with all that people have in them;
/// 2. add its hash to the test below;
/// 3. keep a golden database of the new format, as `tests/sqlite/golden.rs` says, and read all of the
///    earlier ones.
///
/// What is JSON in a column needs no step as long as new fields have a default.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_first.sql"),
    include_str!("../migrations/0002_access.sql"),
];

/// Says whose database a file is: "wdgt".
const APPLICATION: i64 = 0x7764_6774;

/// The format that this version writes.
const FORMAT: usize = MIGRATIONS.len();

/// Refuses a database of a newer version and one of another program, and changes neither.
pub(crate) fn check(connection: &Connection) -> Result<()> {
    let format = format(connection)?;
    if format > FORMAT {
        let text =
            format!("the database has format {format}, this version knows formats up to {FORMAT}");
        return Err(StoreError::with(StoreErrorKind::Newer, text).into());
    }
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables > 0 && application != APPLICATION {
        let text = "the database belongs to another program";
        return Err(StoreError::with(StoreErrorKind::Config, text).into());
    }
    Ok(())
}

/// Takes the steps that are missing, all or none, and gives a new database its epoch.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    let format = format(connection)?;
    if format == FORMAT {
        // Reads a row, so that damage shows now and not with the first agent.
        connection.query_row("SELECT epoch FROM epochs", (), |_| Ok(()))?;
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in MIGRATIONS.iter().skip(format) {
        transaction.execute_batch(step)?;
    }
    if format == 0 {
        let epoch = generate_epoch(wall())?;
        transaction.execute("INSERT INTO epochs (epoch) VALUES (?1)", [epoch.as_bytes()])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", rows::limit(FORMAT))?;
    transaction.commit()?;
    if format == 0 {
        tracing::debug!(format = FORMAT, "made a database");
    } else {
        tracing::info!(
            from = format,
            to = FORMAT,
            "brought the database up to date"
        );
    }
    Ok(())
}

/// An epoch that differs from every earlier one.
pub(crate) fn generate_epoch(now: Timestamp) -> Result<StoreEpoch> {
    let random = || {
        getrandom::u64()
            .map_err(|error| StoreError::with(StoreErrorKind::Unavailable, error.to_string()))
    };
    Ok(StoreEpoch::generate(now, [random()?, random()?]))
}

fn format(connection: &Connection) -> Result<usize> {
    let format: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(format).unwrap_or(usize::MAX))
}

fn wall() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::default().after(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FNV-1a, so that a step that was released cannot be changed by accident.
    const HASHES: &[u64] = &[14_910_909_576_296_685_300, 15_460_692_329_772_706_421];

    fn hash(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    #[test]
    fn steps_that_databases_have_taken_never_change() {
        let hashes: Vec<_> = MIGRATIONS.iter().map(|step| hash(step)).collect();
        assert_eq!(hashes, HASHES, "add a step instead, see MIGRATIONS");
    }
}
