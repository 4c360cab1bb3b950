//! Hosts with their clocks, and the processes on them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::schedule::Flag;
use super::{SimRuntime, World, lock};
use crate::testkit::fixtures::NOW;
use crate::time::Timestamp;

/// A process of a world. Numbers are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u64);

impl ProcessId {
    /// What belongs to no process and never ends: whoever drives the world.
    pub const WORLD: Self = Self(0);

    pub(super) const fn number(self) -> u64 {
        self.0
    }
}

#[derive(Default)]
pub(super) struct Hosts {
    hosts: Vec<Host>,
    numbers: BTreeMap<Arc<str>, usize>,
    /// The host of each process that lives.
    processes: BTreeMap<ProcessId, usize>,
    ended: BTreeSet<ProcessId>,
    last: u64,
}

struct Host {
    name: Arc<str>,
    /// How far its wall clock is ahead of the world's, in milliseconds.
    ahead: i64,
    /// When it was started, in nanoseconds of the world's time.
    booted: u64,
    boots: u64,
    /// How long it was suspended since the world began, in nanoseconds.
    slept: u64,
    /// Until when it is suspended, and since when.
    asleep: Option<(u64, u64)>,
    /// It has no power just now.
    dark: bool,
    /// Who could go on if it were not suspended.
    parked: Vec<Arc<Flag>>,
}

impl Hosts {
    /// The number of the host of this name, which is there from its first use on.
    pub(super) fn number(&mut self, name: &str) -> usize {
        let found = self.numbers.get(name).copied();
        found.unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            self.numbers.insert(Arc::clone(&name), self.hosts.len());
            self.hosts.push(Host {
                name,
                ahead: 0,
                booted: 0,
                boots: 1,
                slept: 0,
                asleep: None,
                dark: false,
                parked: Vec::new(),
            });
            self.hosts.len() - 1
        })
    }

    pub(super) fn name(&self, host: usize) -> Arc<str> {
        Arc::clone(&self.hosts[host].name)
    }

    fn named(&mut self, name: &str) -> &mut Host {
        let number = self.number(name);
        &mut self.hosts[number]
    }
}

impl World {
    /// A new process on a host, which is there from its first use on.
    #[must_use]
    pub fn process(&self, host: &str) -> SimRuntime {
        let mut hosts = lock(&self.0.hosts);
        let number = hosts.number(host);
        hosts.last += 1;
        let process = ProcessId(hosts.last);
        hosts.processes.insert(process, number);
        SimRuntime::new(self.clone(), process, number)
    }

    /// Ends a process as `SIGKILL` does: its tasks are dropped where they wait, its connections are
    /// reset, nothing of it runs any more. One that has ended already stays so.
    pub fn kill(&self, process: ProcessId) {
        {
            let mut hosts = lock(&self.0.hosts);
            if hosts.processes.remove(&process).is_none() {
                return;
            }
            hosts.ended.insert(process);
        }
        self.count("process killed");
        self.0.schedule.end(process);
    }

    /// Whether a process has not been killed.
    #[must_use]
    pub fn is_alive(&self, process: ProcessId) -> bool {
        process == ProcessId::WORLD || lock(&self.0.hosts).processes.contains_key(&process)
    }

    /// Cuts the power of a host and starts it again: its processes are gone, without a word to whoever is
    /// connected with them; another boot, uptime from zero. What its disks hold then is theirs to say.
    pub fn reboot(&self, host: &str) {
        let processes: Vec<ProcessId> = {
            let mut hosts = lock(&self.0.hosts);
            let number = hosts.number(host);
            hosts.hosts[number].dark = true;
            let its = hosts.processes.iter().filter(|(_, at)| **at == number);
            its.map(|(process, _)| *process).collect()
        };
        for process in processes {
            self.kill(process);
        }
        let now = self.0.now.load(Ordering::Relaxed);
        let mut hosts = lock(&self.0.hosts);
        let host = hosts.named(host);
        (host.booted, host.boots) = (now, host.boots + 1);
        host.dark = false;
    }

    /// What tells the boots of a host apart.
    #[must_use]
    pub fn boot(&self, host: &str) -> String {
        let mut hosts = lock(&self.0.hosts);
        format!("{host}-{}", hosts.named(host).boots)
    }

    /// Sets the wall clock of a host ahead by so many milliseconds; back if negative.
    pub fn set_clock(&self, host: &str, by: i64) {
        let mut hosts = lock(&self.0.hosts);
        let host = hosts.named(host);
        host.ahead = host.ahead.saturating_add(by);
    }

    /// Suspends a host for this time: nothing on it runs, its clocks but the one that never jumps go
    /// on. What is sent to it waits. One that is suspended already sleeps on.
    ///
    /// One that is suspended is not again; says whether it was not.
    pub fn suspend(&self, host: &str, time: Duration) -> bool {
        let now = self.0.now.load(Ordering::Relaxed);
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let until = now.saturating_add(nanos);
        let number = {
            let mut hosts = lock(&self.0.hosts);
            let number = hosts.number(host);
            let host = &mut hosts.hosts[number];
            if host.asleep.is_some() {
                return false;
            }
            host.asleep = Some((until, now));
            number
        };
        self.0.asleep.fetch_add(1, Ordering::Relaxed);
        self.0.suspensions.fetch_add(1, Ordering::Relaxed);
        let world = self.clone();
        let wake = self.sleep(time);
        let wake = async move {
            wake.await;
            world.resume(number);
        };
        self.0.schedule.spawn(ProcessId::WORLD, Box::pin(wake));
        true
    }

    fn resume(&self, number: usize) {
        let now = self.0.now.load(Ordering::Relaxed);
        let parked = {
            let mut hosts = lock(&self.0.hosts);
            let host = &mut hosts.hosts[number];
            if let Some((_, since)) = host.asleep.take() {
                host.slept += now - since;
                self.0.asleep.fetch_sub(1, Ordering::Relaxed);
            }
            std::mem::take(&mut host.parked)
        };
        self.0.schedule.put_back(parked);
    }

    /// Whether this one cannot go on because its host is suspended; it is kept then.
    pub(super) fn parks(&self, flag: &Arc<Flag>) -> bool {
        if flag.process() == ProcessId::WORLD || self.0.asleep.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut hosts = lock(&self.0.hosts);
        let Some(number) = hosts.processes.get(&flag.process()).copied() else {
            return false;
        };
        let host = &mut hosts.hosts[number];
        let parks = host.asleep.is_some();
        if parks {
            host.parked.push(Arc::clone(flag));
        }
        parks
    }

    /// Whether a host has just lost its power and not yet got it back.
    pub(super) fn is_dark(&self, host: usize) -> bool {
        lock(&self.0.hosts).hosts[host].dark
    }

    /// How long a host was suspended, in nanoseconds.
    pub(super) fn slept(&self, host: usize) -> u64 {
        if self.0.suspensions.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let now = self.0.now.load(Ordering::Relaxed);
        let hosts = lock(&self.0.hosts);
        let host = &hosts.hosts[host];
        host.slept + host.asleep.map_or(0, |(_, since)| now - since)
    }

    pub(super) fn wall(&self, host: usize) -> Timestamp {
        let now = Duration::from_nanos(self.0.now.load(Ordering::Relaxed));
        let ahead = lock(&self.0.hosts).hosts[host].ahead;
        Timestamp::from_millis(NOW.after(now).as_millis().saturating_add(ahead))
    }

    pub(super) fn uptime(&self, host: usize) -> Duration {
        let now = self.0.now.load(Ordering::Relaxed);
        let booted = lock(&self.0.hosts).hosts[host].booted;
        // A host is up for a while when the world begins.
        Duration::from_nanos(now - booted) + Duration::from_secs(60)
    }
}
