//! What each fault does, and how it is undone.

use std::io::ErrorKind;
use std::time::Duration;

use super::{Fault, Fleet, Member, Parties, SERVER};
use crate::{Image, Left, Link};

/// How far clocks are set, in milliseconds.
const CLOCK: i64 = 60 * 60 * 1_000;
/// How long a host is suspended.
const SUSPENDED: Duration = Duration::from_secs(5 * 60);
/// How slow a slow link is, each way.
const SLOW: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How slow a slow store is, before each use of it and after.
const STORE: Duration = Duration::from_secs(2);
/// What goes wrong of a thousand messages.
const WRONG: u16 = 100;

impl Fleet {
    /// Has something go wrong, now: with an agent, with what is between it and the server, or with the
    /// server, which is then the same whichever agent is named. It is counted in
    /// [`World::counts`](crate::World::counts) by its name.
    pub fn apply(&self, agent: usize, fault: Fault) {
        let world = &self.0.world;
        let mut parties = self.parties();
        let host = parties.member(agent).agent.host().to_owned();
        world.tell(|| format!("{host}: {fault}"));
        world.count(fault.as_str());
        match fault {
            Fault::KillServer => parties.server.kill(),
            Fault::RestartServer => drop(parties.server.start()),
            Fault::RestoreServer => {
                let rows = parties.backup.backup();
                parties.server.restore(rows);
                parties.server.start();
            }
            Fault::ServerClockAhead => {
                world.set_clock(SERVER, CLOCK);
                parties.server_ahead += CLOCK;
            }
            Fault::StoreSlow => parties.server.faults().set_delay(STORE),
            Fault::StoreRefuses => parties.server.faults().set_refused(1_000),
            Fault::Part => world.part(&host, SERVER, true),
            Fault::PartOneWay => self.change_link(&host, SERVER, |link| link.is_cut = true),
            Fault::PartAnswers => self.change_link(SERVER, &host, |link| link.is_cut = true),
            Fault::Slow => self.change_links(&host, |link| link.delay = SLOW),
            Fault::Lossy => self.change_links(&host, |link| {
                (link.lost, link.repeated) = (WRONG, WRONG);
            }),
            Fault::Resets => self.change_links(&host, |link| link.resets = WRONG),
            Fault::Suspend => {
                world.suspend(&host, SUSPENDED);
            }
            Fault::CloneAgent => self.copy(&mut parties, agent),
            Fault::ClockAhead => self.set_clock(parties.member(agent), CLOCK),
            Fault::ClockBack => self.set_clock(parties.member(agent), -CLOCK),
            Fault::KillAgent => parties.member(agent).agent.kill(Left::Written),
            Fault::RestartAgent => drop(parties.member(agent).agent.start()),
            Fault::PowerCut => parties.member(agent).agent.kill(Left::Torn),
            Fault::DiskLost => {
                let agent = &mut parties.member(agent).agent;
                agent.put_back(Image::new());
                agent.start();
            }
            Fault::DiskFull => refuse(parties.member(agent), ErrorKind::StorageFull),
            Fault::DiskError => refuse(parties.member(agent), ErrorKind::Other),
        }
    }

    /// Undoes what lasts: starts who is dead, ends copies, joins links, mends disks and stores, sets
    /// clocks right. An agent that ended by itself is left alone, unless it is to be restarted.
    pub fn heal(&self) {
        let world = &self.0.world;
        world.tell(|| "all is mended".to_owned());
        let mut parties = self.parties();
        world.set_clock(SERVER, -std::mem::take(&mut parties.server_ahead));
        parties.server.faults().set_delay(Duration::ZERO);
        parties.server.faults().set_refused(0);
        if parties.server.handle().is_none() {
            parties.server.start();
        }
        for member in &mut parties.members {
            if let Some(mut clone) = member.clone.take() {
                clone.kill(Left::Written);
            }
            let ahead = std::mem::take(&mut member.ahead);
            self.set_clock(member, -ahead);
            member.ahead = 0;
            let host = member.agent.host();
            for (from, to) in [(host, SERVER), (SERVER, host)] {
                world.set_link(from, to, self.0.link.clone());
            }
            member.agent.disk().heal();
            let restarts = member.agent.ended() == Some(widget_agent::Ended::Restart);
            if restarts || member.agent.handle().is_none() {
                member.agent.start();
            }
        }
    }

    /// Keeps a copy of the server's rows as they are now, for
    /// [`Fault::RestoreServer`].
    pub fn backup(&self) {
        let mut parties = self.parties();
        parties.backup = parties.server.rows().backup();
    }

    /// Makes the links of a host and the server worse than they are.
    fn change_links(&self, host: &str, change: impl Fn(&mut Link)) {
        self.change_link(host, SERVER, &change);
        self.change_link(SERVER, host, &change);
    }

    fn change_link(&self, from: &str, to: &str, change: impl Fn(&mut Link)) {
        let mut link = self.0.world.link(from, to);
        change(&mut link);
        self.0.world.set_link(from, to, link);
    }

    fn set_clock(&self, member: &mut Member, by: i64) {
        self.0.world.set_clock(member.agent.host(), by);
        member.ahead += by;
    }

    /// Starts what was copied from the disk of an agent.
    fn copy(&self, parties: &mut Parties, agent: usize) {
        let member = parties.member(agent);
        let host = format!("{}-copy", member.agent.host());
        let mut clone = (self.0.make)(agent, &host);
        clone.put_back(member.agent.image());
        clone.start();
        if let Some(mut before) = member.clone.replace(clone) {
            before.kill(Left::Written);
        }
    }
}

fn refuse(member: &Member, kind: ErrorKind) {
    member.agent.disk().refuse(0, u64::MAX, kind);
}
