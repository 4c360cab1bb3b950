//! Who is there: when each agent was last heard from, on the clock that never jumps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::store::AgentRecord;
use widget_core::time::{Mono, Timestamp};

/// An agent that was heard from within this is online.
pub const ONLINE: Duration = Duration::from_secs(30);
/// One that was not, but within this, is stale. After it, it is offline.
pub const STALE: Duration = Duration::from_secs(90);

/// Whether an agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// Heard from within [`ONLINE`].
    Online,
    /// Heard from within [`STALE`].
    Stale,
    /// Not heard from for longer.
    Offline,
    /// It said goodbye.
    Left,
}

impl Presence {
    /// All of them, the most present first.
    pub const ALL: [Self; 4] = [Self::Online, Self::Stale, Self::Offline, Self::Left];

    /// The word that API and page use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Stale => "stale",
            Self::Offline => "offline",
            Self::Left => "left",
        }
    }

    const fn after(silence: Duration) -> Self {
        if silence.as_millis() <= ONLINE.as_millis() {
            Self::Online
        } else if silence.as_millis() <= STALE.as_millis() {
            Self::Stale
        } else {
            Self::Offline
        }
    }
}

impl fmt::Display for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When each agent was last heard from. One small row for each agent that came since the start.
#[derive(Debug, Default)]
pub(crate) struct Attendance {
    rows: Mutex<BTreeMap<AgentId, Row>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    heard: Mono,
    wall: Timestamp,
    left: bool,
    /// Whether the store has yet to be told.
    news: bool,
}

impl Attendance {
    /// An agent was heard from; says whether that makes it present again.
    pub(crate) fn heard(&self, agent: AgentId, now: Mono, wall: Timestamp) -> bool {
        let row = Row {
            heard: now,
            wall,
            left: false,
            news: true,
        };
        let before = self.rows().insert(agent, row);
        before.is_none_or(|row| row.left || now.since(row.heard) > ONLINE)
    }

    /// An agent has said goodbye, and the store knows.
    pub(crate) fn left(&self, agent: AgentId, now: Mono, wall: Timestamp) {
        self.rows().insert(
            agent,
            Row {
                heard: now,
                wall,
                left: true,
                news: false,
            },
        );
    }

    /// An agent was deleted.
    pub(crate) fn forget(&self, agent: AgentId) {
        self.rows().remove(&agent);
    }

    /// Whether an agent is there, and when it was last heard from by the wall clock. Since the
    /// start of this server that is known; for before it the store's word must do.
    pub(crate) fn of(
        &self,
        record: &AgentRecord,
        now: Mono,
        wall: Timestamp,
    ) -> (Presence, Timestamp) {
        let row = self.rows().get(&record.id).copied();
        match row {
            Some(row) if row.left => (Presence::Left, row.wall),
            Some(row) => (Presence::after(now.since(row.heard)), row.wall),
            None if record.left.is_some() => (Presence::Left, record.last_seen),
            None => (
                Presence::after(wall.since(record.last_seen)),
                record.last_seen,
            ),
        }
    }

    /// For how long nothing was heard of an agent, if it was heard since the start of this server.
    pub(crate) fn silence(&self, agent: AgentId, now: Mono) -> Option<Duration> {
        let rows = self.rows();
        rows.get(&agent).map(|row| now.since(row.heard))
    }

    /// What the store has yet to be told.
    pub(crate) fn take_news(&self) -> Vec<(AgentId, Timestamp)> {
        let mut rows = self.rows();
        let told = |row: &mut Row| std::mem::take(&mut row.news).then_some(row.wall);
        rows.iter_mut()
            .filter_map(|(agent, row)| Some((*agent, told(row)?)))
            .collect()
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<AgentId, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use widget_core::message::Describe;

    use super::*;

    fn record(last_seen: Timestamp) -> AgentRecord {
        AgentRecord {
            id: AgentId::from_u128(1),
            number: 1,
            first_seen: last_seen,
            last_seen,
            left: None,
            protocol: 2,
            transport: "tcp".into(),
            epoch: None,
            describe: Describe::default(),
        }
    }

    fn at(secs: u64) -> Mono {
        Mono::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn silence_makes_an_agent_stale_and_then_offline() {
        let (attendance, wall) = (Attendance::default(), Timestamp::from_secs(1_000));
        let record = record(wall);
        assert!(attendance.heard(record.id, at(0), wall));
        for (secs, presence) in [
            (30, Presence::Online),
            (31, Presence::Stale),
            (90, Presence::Stale),
            (91, Presence::Offline),
        ] {
            assert_eq!(
                attendance.of(&record, at(secs), wall).0,
                presence,
                "after {secs} s"
            );
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_changes_nothing() {
        let attendance = Attendance::default();
        let record = record(Timestamp::from_secs(1_000));
        attendance.heard(record.id, at(0), record.last_seen);
        let next_year = Timestamp::from_secs(40_000_000);
        assert_eq!(attendance.of(&record, at(1), next_year).0, Presence::Online);
    }

    #[test]
    fn who_left_is_left_until_heard_again() {
        let (attendance, wall) = (Attendance::default(), Timestamp::from_secs(1_000));
        let record = record(wall);
        attendance.left(record.id, at(0), wall);
        assert_eq!(attendance.of(&record, at(500), wall).0, Presence::Left);
        assert!(attendance.heard(record.id, at(501), wall));
        assert_eq!(attendance.of(&record, at(501), wall).0, Presence::Online);
    }

    #[test]
    fn after_a_restart_the_store_knows() {
        let (attendance, wall) = (Attendance::default(), Timestamp::from_secs(1_000));
        let record = record(wall);
        let later = wall.after(Duration::from_secs(60));
        assert_eq!(
            attendance.of(&record, at(0), later),
            (Presence::Stale, wall)
        );
    }

    #[test]
    fn news_are_told_once() {
        let attendance = Attendance::default();
        attendance.heard(AgentId::from_u128(1), at(0), Timestamp::from_secs(5));
        assert_eq!(attendance.take_news().len(), 1);
        assert!(attendance.take_news().is_empty());
    }
}
