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
use super::history::Copied;
use super::journal::Backup;
use crate::{Left, Link, SimAgent, World};

/// For so long a host is suspended at most.
const SUSPENDED: Duration = Duration::from_secs(20);
/// What is asked of the server is over within this time.
const ANSWERED: Duration = Duration::from_secs(60);

impl Director {
    pub(super) async fn begin(&mut self, number: usize) {
        if self.strikes(number).await {
            self.happened(self.plan.faults[number].fault);
        }
    }

    /// A fault has come about.
    pub(super) fn happened(&mut self, fault: Fault) {
        *self.coverage.faults.entry(fault.as_str()).or_default() += 1;
    }

    /// Makes a fault; says whether it has happened with that, and not only may later or not at all.
    async fn strikes(&mut self, number: usize) -> bool {
        let planned = self.plan.faults[number].clone();
        let (fault, lasts) = (planned.fault, planned.lasts);
        let world = self.world.clone();
        let now = world.now();
        let due = now.after(lasts);
        let host = self.parties[planned.agent].agent.host().to_owned();
        world.tell(|| format!("fault {fault} of {host} for {lasts:?}"));
        let party = &mut self.parties[planned.agent];
        let millis = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let millis = if world.chance(500) { millis } else { -millis };
        match fault {
            Fault::KillAgent | Fault::PowerCut => {
                if !party.agent.runs() {
                    return false;
                }
                let left = match fault {
                    Fault::KillAgent => Left::Written,
                    _ => Left::Torn,
                };
                party.agent.kill(left);
                party.at_disk = None;
                party.due = Some(due);
                self.history.died.push((party.agent.id(), now));
            }
            Fault::KillAtDisk | Fault::PowerCutAtDisk => {
                party.at_disk = Some(fault);
                party.agent.end_at_disk(world.below(30));
                return false;
            }
            Fault::DiskRot => {
                // A changed bit cannot be told from a tear if what was written behind it was cut, by a
                // power cut or by a disk that refused: whole frames never end on a multiple of 512.
                let runs = party.agent.runs();
                party.agent.kill(Left::Written);
                party.due = Some(due);
                self.history.died.push((party.agent.id(), now));
                party.at_disk = None;
                let mut image = party.agent.image();
                let whole = |log: &Vec<u8>| !log.is_empty() && !log.len().is_multiple_of(512);
                let rots = runs && image.get(LOG).is_some_and(whole);
                if rots {
                    flip(&mut image, LOG, &mut Noise::new(world.below(u64::MAX)));
                }
                party.agent.put_back(image);
                return rots;
            }
            Fault::StopAgent => {
                if !party.agent.runs() {
                    return false;
                }
                self.history.died.push((party.agent.id(), now));
                party.agent.ask_to_stop();
            }
            Fault::KillServer | Fault::StopServer => {
                let runs = self.server.handle().is_some();
                self.hear_refusals();
                if fault == Fault::KillServer {
                    self.server.kill();
                } else {
                    self.server.stop().await;
                }
                self.server_due = Some(due);
                return runs;
            }
            Fault::KillServerAtStore => {
                let at = (world.below(40), world.chance(500));
                self.server.faults().set_end(Some(at));
                return false;
            }
            Fault::RestoreServer => self.restore(due).await,
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
            Fault::DiskFull | Fault::DiskError | Fault::DiskErrorOnce => {
                let kind = match fault {
                    Fault::DiskFull => std::io::ErrorKind::StorageFull,
                    _ => std::io::ErrorKind::Other,
                };
                let (after, count) = match fault {
                    Fault::DiskErrorOnce => (world.below(10), 1),
                    _ => (0, u64::MAX / 2),
                };
                let disk = party.agent.disk();
                disk.refuse(after, count, kind);
                party.refusing = Some((number, disk.refused()));
                return false;
            }
            Fault::StoreRefuses => self.server.faults().set_refused(500),
            Fault::StoreSlow => self.server.faults().set_delay(Duration::from_millis(700)),
            Fault::AgentClock => {
                world.set_clock(&host, millis);
                return millis != 0;
            }
            Fault::ServerClock => {
                world.set_clock(SERVER, millis);
                return millis != 0;
            }
            Fault::SuspendAgent => return world.suspend(&host, lasts.min(SUSPENDED)),
            Fault::SuspendServer => return world.suspend(SERVER, lasts.min(SUSPENDED)),
            Fault::CloneAgent => return self.clone_agent(planned.agent),
            Fault::DeleteAgent => {
                if self.server.handle().is_none() {
                    return false;
                }
                let agent = party.agent.id();
                // It is over when that is answered, which may be later.
                self.history.deleted.push((agent, now.after(ANSWERED)));
                self.oracle.delete(agent);
            }
            Fault::Purge => {
                if self.server.handle().is_none() {
                    return false;
                }
                let agent = party.agent.id();
                self.history.purged.push((agent, now.after(ANSWERED)));
                self.oracle.purge(agent);
            }
        }
        true
    }

    /// Whether the disk has refused what it was to refuse; it is asked once.
    fn has_refused(&mut self, number: usize) -> bool {
        let party = &mut self.parties[self.plan.faults[number].agent];
        let refused = party.agent.disk().refused();
        let refusing = party.refusing.take_if(|(of, _)| *of == number);
        refusing.is_some_and(|(_, before)| refused > before)
    }

    pub(super) fn end(&mut self, number: usize) {
        if self.has_refused(number) {
            self.happened(self.plan.faults[number].fault);
        }
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
                    let now = self.world.now();
                    self.history.copy_ended(clone.id(), now);
                }
            }
            _ => {}
        }
    }

    /// Puts back one of the backups.
    async fn restore(&mut self, due: Mono) {
        if self.world.chance(200) {
            self.begin_store_anew(due).await;
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
        {
            let mut all = self.journal.all();
            all.reports = marks;
            all.was_restored = true;
        }
        self.hear_refusals();
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
    async fn begin_store_anew(&mut self, due: Mono) {
        let number = self.world.below(u64::MAX);
        self.world.count("a server began with another store");
        let epoch = StoreEpoch::generate(NOW, [number, number]);
        self.hear_refusals();
        self.server.restore(MemoryStore::new(epoch));
        self.let_in().await;
        self.server_due = Some(due);
        let begin = Mono::from_start(Duration::ZERO);
        self.history.restores.push((begin, self.world.now()));
        self.oracle.restored(begin);
        {
            let mut all = self.journal.all();
            all.reports.clear();
            all.backups.clear();
            all.was_restored = true;
        }
        self.backups.clear();
        self.back_up();
    }

    pub(super) fn back_up(&mut self) {
        let marks = self.journal.all().reports.clone();
        let rows = self.server.rows().backup();
        self.backups.push((self.world.now(), rows, marks));
    }

    fn clone_agent(&mut self, number: usize) -> bool {
        let party = &mut self.parties[number];
        if !party.plan.durable || party.clone.is_some() {
            return false;
        }
        let host = format!("{}-copy", party.agent.host());
        let way = (party.plan.way, SERVER);
        let id = party.agent.id();
        let build = build(&self.journal, id, party.plan, self.plan.joined);
        let mut clone = SimAgent::new(&self.world, &self.board, &host, id, way, build);
        clone.put_back(party.agent.image());
        clone.start();
        let copy = Copied {
            agent: id,
            noticed: self.plan.joined.then(|| self.world.now()),
            until: None,
        };
        self.history.clones.push(copy);
        party.clone = Some(clone);
        true
    }
}

fn cut(world: &World, from: &str, to: &str) {
    let link = Link {
        is_cut: true,
        ..world.link(from, to)
    };
    world.set_link(from, to, link);
}
