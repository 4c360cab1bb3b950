//! Who is there: when each agent was last heard from, on the clock that never jumps, and what it
//! asked for last. The latter only to explain why a task waits, so the store does not know it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use widget_core::id::AgentId;
use widget_core::message::KindRoom;
use widget_core::store::AgentRecord;
use widget_core::time::{Mono, Timestamp};

use crate::rates::{Level, Rate};

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

/// What is known in memory of the agents that came since the start. One small row for each: many
/// wait, and a row is part of what that costs.
#[derive(Debug)]
pub(crate) struct Attendance {
    /// How many reports of an agent are taken.
    reports: Rate,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    by_agent: BTreeMap<AgentId, Row>,
    /// The kinds of which an agent takes no more for now: most take all they can get.
    full: BTreeMap<AgentId, Box<[Box<str>]>>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    heard: Mono,
    wall: Timestamp,
    /// When it asked for tasks, if it has.
    asked: Mono,
    ask: LastAsk,
    /// How much of the rate of reports was used when it was heard.
    reports: Level,
    left: bool,
    /// Whether the store has yet to be told.
    news: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastAsk {
    Never,
    WithoutRoom,
    WithRoom,
}

/// What an agent asked for last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    /// When.
    pub(crate) at: Mono,
    /// Whether it had room for any task.
    pub(crate) has_room: bool,
    /// The kinds of which it had room for none.
    pub(crate) full: Box<[Box<str>]>,
}

impl Row {
    /// It was heard from now.
    fn hear(&mut self, rate: Rate, now: Mono) {
        self.reports = rate.after(self.reports, now.since(self.heard));
        self.heard = now;
    }

    const fn new(heard: Mono, wall: Timestamp) -> Self {
        Self {
            heard,
            wall,
            asked: heard,
            ask: LastAsk::Never,
            reports: Level::NONE,
            left: false,
            news: true,
        }
    }
}

impl Attendance {
    pub(crate) fn new(reports: Rate) -> Self {
        Self {
            reports,
            rows: Mutex::default(),
        }
    }

    /// An agent was heard from; says whether that makes it present again.
    pub(crate) fn heard(&self, agent: AgentId, now: Mono, wall: Timestamp) -> bool {
        match self.rows().by_agent.entry(agent) {
            Entry::Vacant(place) => {
                place.insert(Row::new(now, wall));
                true
            }
            Entry::Occupied(mut row) => {
                let row = row.get_mut();
                let was_away = row.left || now.since(row.heard) > ONLINE;
                row.hear(self.reports, now);
                row.wall = wall;
                (row.left, row.news) = (false, true);
                was_away
            }
        }
    }

    /// An agent that was heard asks for so many tasks, and of these kinds for no more than so many.
    pub(crate) fn asked(&self, agent: AgentId, room: u16, kinds: &[KindRoom], now: Mono) {
        let full = kinds.iter().filter(|kind| kind.room == 0);
        let full: Box<[Box<str>]> = full.map(|kind| kind.kind.as_str().into()).collect();
        let mut rows = self.rows();
        if let Some(row) = rows.by_agent.get_mut(&agent) {
            row.asked = now;
            row.ask = match room {
                0 => LastAsk::WithoutRoom,
                _ => LastAsk::WithRoom,
            };
        }
        if full.is_empty() {
            rows.full.remove(&agent);
        } else {
            rows.full.insert(agent, full);
        }
    }

    /// What an agent asked for last, if it has since the start.
    pub(crate) fn last_ask(&self, agent: AgentId) -> Option<Ask> {
        let rows = self.rows();
        let row = rows.by_agent.get(&agent)?;
        (row.ask != LastAsk::Never).then(|| Ask {
            at: row.asked,
            has_room: row.ask == LastAsk::WithRoom,
            full: rows.full.get(&agent).cloned().unwrap_or_default(),
        })
    }

    /// An agent has said goodbye, and the store knows.
    pub(crate) fn left(&self, agent: AgentId, now: Mono, wall: Timestamp) {
        let mut rows = self.rows();
        let row = rows.by_agent.entry(agent);
        let row = row.or_insert(Row::new(now, wall));
        row.hear(self.reports, now);
        row.wall = wall;
        (row.left, row.news) = (true, false);
    }

    /// An agent that was heard has so many reports; says how long they have to wait if that is more than
    /// it may have now.
    pub(crate) fn take_reports(
        &self,
        agent: AgentId,
        many: u32,
        now: Mono,
    ) -> Result<(), Duration> {
        let mut rows = self.rows();
        let Some(row) = rows.by_agent.get_mut(&agent) else {
            return Ok(());
        };
        row.hear(self.reports, now);
        row.reports = self.reports.take(row.reports, many)?;
        Ok(())
    }

    /// Reports that were taken could not be kept.
    pub(crate) fn give_back_reports(&self, agent: AgentId, many: u32) {
        if let Some(row) = self.rows().by_agent.get_mut(&agent) {
            row.reports = self.reports.give_back(row.reports, many);
        }
    }

    /// How many agents have a row.
    pub(crate) fn len(&self) -> usize {
        let rows = self.rows();
        rows.by_agent.len().max(rows.full.len())
    }

    /// An agent was deleted.
    pub(crate) fn forget(&self, agent: AgentId) {
        let mut rows = self.rows();
        rows.by_agent.remove(&agent);
        rows.full.remove(&agent);
    }

    /// Whether an agent is there, and when it was last heard from by the wall clock. Since the
    /// start of this server that is known; for before it the store's word must do.
    pub(crate) fn of(
        &self,
        record: &AgentRecord,
        now: Mono,
        wall: Timestamp,
    ) -> (Presence, Timestamp) {
        let row = self.rows().by_agent.get(&record.id).copied();
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
        rows.by_agent.get(&agent).map(|row| now.since(row.heard))
    }

    /// What the store has yet to be told.
    pub(crate) fn take_news(&self) -> Vec<(AgentId, Timestamp)> {
        let mut rows = self.rows();
        let told = |row: &mut Row| std::mem::take(&mut row.news).then_some(row.wall);
        rows.by_agent
            .iter_mut()
            .filter_map(|(agent, row)| Some((*agent, told(row)?)))
            .collect()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use widget_core::message::Describe;

    use super::*;

    fn attendance() -> Attendance {
        Attendance::new(Rate::new(10, 2, Duration::from_secs(1)))
    }

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
            enrolled: None,
            labels: Vec::new(),
            cloned: None,
            describe: Describe::default(),
        }
    }

    fn at(secs: u64) -> Mono {
        Mono::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn silence_makes_an_agent_stale_and_then_offline() {
        let (attendance, wall) = (attendance(), Timestamp::from_secs(1_000));
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
        let attendance = attendance();
        let record = record(Timestamp::from_secs(1_000));
        attendance.heard(record.id, at(0), record.last_seen);
        let next_year = Timestamp::from_secs(40_000_000);
        assert_eq!(attendance.of(&record, at(1), next_year).0, Presence::Online);
    }

    #[test]
    fn who_left_is_left_until_heard_again() {
        let (attendance, wall) = (attendance(), Timestamp::from_secs(1_000));
        let record = record(wall);
        attendance.left(record.id, at(0), wall);
        assert_eq!(attendance.of(&record, at(500), wall).0, Presence::Left);
        assert!(attendance.heard(record.id, at(501), wall));
        assert_eq!(attendance.of(&record, at(501), wall).0, Presence::Online);
    }

    #[test]
    fn after_a_restart_the_store_knows() {
        let (attendance, wall) = (attendance(), Timestamp::from_secs(1_000));
        let record = record(wall);
        let later = wall.after(Duration::from_secs(60));
        assert_eq!(
            attendance.of(&record, at(0), later),
            (Presence::Stale, wall)
        );
    }

    #[test]
    fn reports_are_taken_as_the_rate_allows_however_often_an_agent_is_heard() {
        let (attendance, wall) = (attendance(), Timestamp::from_secs(5));
        let agent = AgentId::from_u128(1);
        attendance.heard(agent, at(0), wall);
        assert_eq!(attendance.take_reports(agent, 10, at(0)), Ok(()));
        let wait = |many, at| attendance.take_reports(agent, many, at).err();
        let second = Duration::from_secs(1);
        assert_eq!(wait(2, at(0)), Some(second));
        (1..=5).for_each(|n| {
            attendance.heard(agent, at(0).after(second * n / 5), wall);
        });
        attendance.left(agent, at(1), wall);
        assert_eq!(wait(2, at(1)), None);
        attendance.give_back_reports(agent, 2);
        assert_eq!(wait(2, at(1)), None);
        assert_eq!(wait(1, at(1)), Some(second / 2));
    }

    #[test]
    fn a_row_is_small() {
        // Many agents wait, and this is part of what each of them costs.
        assert!(size_of::<Row>() <= 32);
    }

    #[test]
    fn news_are_told_once() {
        let attendance = attendance();
        attendance.heard(AgentId::from_u128(1), at(0), Timestamp::from_secs(5));
        assert_eq!(attendance.take_news().len(), 1);
        assert!(attendance.take_news().is_empty());
    }

    #[test]
    fn the_last_ask_is_kept_whatever_else_is_heard() {
        let (attendance, wall) = (attendance(), Timestamp::from_secs(5));
        let agent = AgentId::from_u128(1);
        attendance.heard(agent, at(0), wall);
        assert_eq!(attendance.last_ask(agent), None);
        let kind = |kind: &str, room| KindRoom {
            kind: kind.into(),
            room,
        };
        attendance.asked(agent, 3, &[kind("backup", 0), kind("echo", 2)], at(1));
        attendance.heard(agent, at(2), wall);
        attendance.left(agent, at(3), wall);
        let full: Box<[Box<str>]> = ["backup".into()].into();
        let ask = |at, has_room, full| Some(Ask { at, has_room, full });
        assert_eq!(attendance.last_ask(agent), ask(at(1), true, full));
        attendance.asked(agent, 0, &[], at(4));
        let nothing = Box::default();
        assert_eq!(attendance.last_ask(agent), ask(at(4), false, nothing));
        attendance.forget(agent);
        assert_eq!(attendance.last_ask(agent), None);
    }
}
