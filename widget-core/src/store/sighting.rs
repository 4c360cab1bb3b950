//! [`Sighting`]: on which host an agent is, and whether it is on two.

use std::time::Duration;

use crate::time::Timestamp;

/// Which start of which machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostId {
    machine: [u8; 16],
    boot: String,
}

impl HostId {
    /// The longest name of a boot, in bytes; what is longer is cut.
    const MAX_BOOT: usize = 64;

    /// The host of these.
    #[must_use]
    pub fn new(machine: [u8; 16], boot: &str) -> Self {
        let boot = boot.get(..boot.floor_char_boundary(Self::MAX_BOOT));
        Self {
            machine,
            boot: boot.unwrap_or_default().to_owned(),
        }
    }

    /// What stays the same as long as the machine does.
    #[must_use]
    pub const fn machine(&self) -> &[u8; 16] {
        &self.machine
    }

    /// What is another with each start of it.
    #[must_use]
    pub fn boot(&self) -> &str {
        &self.boot
    }
}

/// What it means that an agent arrives on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sighting {
    /// It is where it was, or seen for the first time.
    Same,
    /// Its machine was started anew.
    Rebooted,
    /// It is on another machine, after a silence or a goodbye.
    Moved,
    /// There are two of it.
    Clone,
}

impl Sighting {
    /// An agent that was heard from within this time is still where it was.
    pub const SILENCE: Duration = Duration::from_secs(90);

    /// What it means that an agent arrives on this host now. `known` are the hosts that it was seen on,
    /// where it is now last; `heard` is when it was last heard from, unless it has said goodbye since.
    ///
    /// A host never comes back after another one was seen, since each start of a machine is a host of
    /// its own: if it does, both are running. So copies of one disk are found even where all machines
    /// say that they are the same one.
    #[must_use]
    pub fn of(known: &[HostId], host: &HostId, heard: Option<Timestamp>, now: Timestamp) -> Self {
        let Some((last, earlier)) = known.split_last() else {
            return Self::Same;
        };
        let is_silent = heard.is_none_or(|heard| now >= heard.after(Self::SILENCE));
        if host == last {
            Self::Same
        } else if earlier.contains(host) {
            Self::Clone
        } else if host.machine == last.machine {
            Self::Rebooted
        } else if is_silent {
            Self::Moved
        } else {
            Self::Clone
        }
    }

    /// How many hosts of an agent are kept, where it is now among them.
    pub const KEPT: usize = 8;

    /// What is kept of the hosts once it has arrived on this one.
    #[must_use]
    pub fn keep(known: &[HostId], host: &HostId) -> Vec<HostId> {
        let others = known.iter().filter(|known| *known != host);
        let mut kept: Vec<HostId> = others.chain([host]).cloned().collect();
        kept.drain(..kept.len().saturating_sub(Self::KEPT));
        kept
    }
}

/// An agent was seen on two hosts, and nobody has decided yet on which it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloneMark {
    /// When that was noticed.
    pub since: Timestamp,
    /// The two: where it was, and where it arrived.
    pub hosts: [HostId; 2],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(machine: u8, boot: &str) -> HostId {
        HostId::new([machine; 16], boot)
    }

    fn secs(secs: i64) -> Timestamp {
        Timestamp::from_millis(secs * 1_000)
    }

    #[test]
    fn what_a_host_means_depends_on_those_before_it_and_the_silence() {
        use Sighting::{Clone, Moved, Rebooted, Same};
        let (a, a2, b) = (host(1, "x"), host(1, "y"), host(2, "x"));
        let none: &[HostId] = &[];
        let known = [a.clone(), a2.clone()];
        for (known, host, silence, expected) in [
            (none, &a, Some(0), Same),
            (&known[..1], &a, Some(0), Same),
            (&known[..1], &a2, Some(0), Rebooted),
            (&known, &a2, Some(0), Same),
            // Started anew, and yet the one before goes on.
            (&known, &a, Some(1_000), Clone),
            (&known, &b, Some(89), Clone),
            (&known, &b, Some(-5), Clone),
            (&known, &b, Some(90), Moved),
            (&known, &b, None, Moved),
            (&[b.clone(), a.clone()], &b, None, Clone),
        ] {
            let heard = silence.map(|silence| secs(1_000 - silence));
            let sighting = Sighting::of(known, host, heard, secs(1_000));
            assert_eq!(sighting, expected, "{known:?} {host:?} {silence:?}");
        }
    }

    #[test]
    fn the_last_hosts_are_kept_each_once() {
        let mut known = Vec::new();
        for n in (0..20).chain([15]) {
            known = Sighting::keep(&known, &host(n, ""));
        }
        let machines: Vec<u8> = known.iter().map(|host| host.machine[0]).collect();
        assert_eq!(machines, [12, 13, 14, 16, 17, 18, 19, 15]);
    }

    #[test]
    fn a_long_name_of_a_boot_is_cut() {
        assert_eq!(host(1, &"ü".repeat(100)).boot().len(), HostId::MAX_BOOT);
    }
}
