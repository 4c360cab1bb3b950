//! How each [`Fault`] comes about, and how it ends.

use std::time::Duration;

use widget_core::id::StoreEpoch;
use widget_core::spool::LOG;
use widget_core::store::MemoryStore;
use widget_core::testkit::disk::flip;
use widget_core::testkit::fixtures::{NOW, Noise};
use widget_core::time::Mono;

use super::Fault;
use super::director::{Director, SERVER};
use super::handlers::build;
use super::journal::Backup;
use crate::{Left, Link, SimAgent, World};

/// For so long a host is suspended at most.
const SUSPENDED: Duration = Duration::from_secs(20);

impl Director {
    pub(super) async fn begin(&mut self, number: usize) {
        let planned = self.plan.faults[number].clone();
        let (fault, lasts) = (planned.fault, planned.lasts);
        let due = self.world.now().after(lasts);
        let world = self.world.clone();
        let host = self.parties[planned.agent].agent.host().to_owned();
        world.tell(|| format!("fault {fault} of {host} for {lasts:?}"));
        *self.coverage.faults.entry(fault.as_str()).or_default() += 1;
        let party = &mut self.parties[planned.agent];
        let millis = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let millis = if world.chance(500) { millis } else { -millis };
        match fault {
            Fault::KillAgent => {
                party.agent.kill(Left::Written);
                party.due = Some(due);
            }
            Fault::PowerCut => {
                party.agent.kill(Left::Torn);
                party.due = Some(due);
            }
            Fault::KillAtDisk | Fault::PowerCutAtDisk => {
                party.left = match fault {
                    Fault::KillAtDisk => Left::Written,
                    _ => Left::Torn,
                };
                party.agent.end_at_disk(world.below(30));
            }
            Fault::DiskRot => {
                // A changed bit cannot be told from a tear if what was written behind it was cut, by a
                // power cut or by a disk that refused: whole frames never end on a multiple of 512.
                let runs = party.agent.runs();
                party.agent.kill(Left::Written);
                party.due = Some(due);
                let mut image = party.agent.image();
                let whole = |log: &Vec<u8>| !log.len().is_multiple_of(512);
                if runs && image.get(LOG).is_some_and(whole) {
                    flip(&mut image, LOG, &mut Noise::new(world.below(u64::MAX)));
                }
                party.agent.put_back(image);
            }
            Fault::StopAgent => party.agent.ask_to_stop(),
            Fault::KillServer => {
                self.server.kill();
                self.server_due = Some(due);
            }
            Fault::StopServer => {
                self.server.stop().await;
                self.server_due = Some(due);
            }
            Fault::RestoreServer => self.restore(due),
            Fault::Part => world.part(&host, SERVER, true),
            Fault::PartToServer => cut(&world, &host, SERVER),
            Fault::PartToAgent => cut(&world, SERVER, &host),
            Fault::Lossy | Fault::Slow | Fault::Resets | Fault::Repeats => {
                for (from, to) in [(&*host, SERVER), (SERVER, &*host)] {
                    let mut link = world.link(from, to);
                    match fault {
                        Fault::Lossy => link.lost = 200,
                        Fault::Slow => link.delay.1 = Duration::from_secs(4),
                        Fault::Resets => link.resets = 200,
                        _ => link.repeated = 300,
                    }
                    world.set_link(from, to, link);
                }
            }
            Fault::DiskFull => {
                let kind = std::io::ErrorKind::StorageFull;
                party.agent.disk().refuse(0, u64::MAX / 2, kind);
            }
            Fault::DiskError => {
                let kind = std::io::ErrorKind::Other;
                party.agent.disk().refuse(0, u64::MAX / 2, kind);
            }
            Fault::DiskErrorOnce => {
                let kind = std::io::ErrorKind::Other;
                party.agent.disk().refuse(world.below(10), 1, kind);
            }
            Fault::StoreRefuses => self.server.faults().set_refused(500),
            Fault::StoreSlow => self.server.faults().set_delay(Duration::from_millis(700)),
            Fault::AgentClock => world.set_clock(&host, millis),
            Fault::ServerClock => world.set_clock(SERVER, millis),
            Fault::SuspendAgent => world.suspend(&host, lasts.min(SUSPENDED)),
            Fault::SuspendServer => world.suspend(SERVER, lasts.min(SUSPENDED)),
            Fault::CloneAgent => self.clone_agent(planned.agent),
            Fault::DeleteAgent => {
                let agent = party.agent.id();
                // It is over when that is answered, which may be later.
                let until = self.world.now().after(Duration::from_secs(60));
                self.history.deleted.push((agent, until));
                self.oracle.delete(agent);
            }
            Fault::Purge => self.oracle.purge(party.agent.id()),
        }
    }

    pub(super) fn end(&mut self, number: usize) {
        let planned = &self.plan.faults[number];
        let party = &mut self.parties[planned.agent];
        let host = party.agent.host().to_owned();
        match planned.fault {
            Fault::Part
            | Fault::PartToServer
            | Fault::PartToAgent
            | Fault::Lossy
            | Fault::Slow
            | Fault::Resets
            | Fault::Repeats => {
                self.world.set_link(&host, SERVER, Link::default());
                self.world.set_link(SERVER, &host, Link::default());
            }
            Fault::DiskFull | Fault::DiskError => party.agent.disk().heal(),
            Fault::StoreRefuses => self.server.faults().set_refused(0),
            Fault::StoreSlow => self.server.faults().set_delay(Duration::ZERO),
            Fault::CloneAgent => {
                if let Some(mut clone) = party.clone.take() {
                    clone.kill(Left::Written);
                }
            }
            _ => {}
        }
    }

    /// Puts back one of the backups.
    fn restore(&mut self, due: Mono) {
        if self.world.chance(200) {
            self.begin_store_anew(due);
            return;
        }
        let more = std::mem::take(&mut self.journal.all().backups);
        self.backups.extend(more);
        self.backups.sort_by_key(|(at, _, _)| *at);
        // What was not yet known then is little with the newest, and much with another.
        let count = self.backups.len();
        let nth = if self.world.chance(500) {
            count - 1
        } else {
            self.world.below(count as u64) as usize
        };
        let (from, rows, marks) = &self.backups[nth];
        let backup = (*from, rows.backup(), marks.clone());
        self.put_back(backup, due);
    }

    /// Puts back this backup; a server starts with it then.
    pub(super) fn put_back(&mut self, (from, rows, marks): Backup, due: Mono) {
        self.journal.all().reports = marks;
        self.server.restore(rows);
        self.server_due = Some(due);
        // What is answered by the process that has just ended is none of it.
        self.history.restores.push((from, self.world.now()));
        self.oracle.restored(from);
        self.world
            .tell(|| format!("restored from {:?}", from.since_start()));
        // What was made since is of a past that is none any more.
        self.backups.retain(|(at, _, _)| *at <= from);
        self.back_up();
    }

    /// There is no backup, and the server begins with an empty store.
    fn begin_store_anew(&mut self, due: Mono) {
        let number = self.world.below(u64::MAX);
        self.world.count("a server began with another store");
        let epoch = StoreEpoch::generate(NOW, [number, number]);
        self.server.restore(MemoryStore::new(epoch));
        self.server_due = Some(due);
        let begin = Mono::from_start(Duration::ZERO);
        self.history.restores.push((begin, self.world.now()));
        self.oracle.restored(begin);
        self.journal.all().reports.clear();
        self.backups.clear();
        self.journal.all().backups.clear();
        self.back_up();
    }

    pub(super) fn back_up(&mut self) {
        let marks = self.journal.all().reports.clone();
        let rows = self.server.rows().backup();
        self.backups.push((self.world.now(), rows, marks));
    }

    fn clone_agent(&mut self, number: usize) {
        let now = self.world.now();
        let party = &mut self.parties[number];
        if !party.plan.durable || party.clone.is_some() {
            return;
        }
        let host = format!("{}-copy", party.agent.host());
        let way = (party.plan.way, SERVER);
        let build = build(&self.journal, party.plan);
        let id = party.agent.id();
        let mut clone = SimAgent::new(&self.world, &self.board, &host, id, way, build);
        clone.put_back(party.agent.image());
        clone.start();
        self.history.clones.push((id, now));
        party.clone = Some(clone);
    }
}

fn cut(world: &World, from: &str, to: &str) {
    let link = Link {
        is_cut: true,
        ..world.link(from, to)
    };
    world.set_link(from, to, link);
}
