//! [`Fault`]: what can go wrong in a fleet, by name.

use std::fmt;
use std::str::FromStr;

/// What can go wrong. Each has a name, so that a test can go through a list of them, or through
/// [all](Self::ALL).
///
/// What is said to last goes on until [`Fleet::heal`](crate::Fleet::heal) or
/// [`Fleet::settle`](crate::Fleet::settle).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// The agent's process dies as by `SIGKILL`; its disk keeps what was written. It stays dead.
    KillAgent,
    /// The same, and the next process starts at once.
    RestartAgent,
    /// The agent's host loses its power: of what was not synced some is lost, some torn. It stays off.
    PowerCut,
    /// The agent's host sleeps for five minutes, in which the time goes on and nothing on it runs.
    Suspend,
    /// The agent's disk is lost, and its program starts with an empty one.
    DiskLost,
    /// A copy of the agent's disk starts on another host, with the same id, and goes on until all is
    /// mended. Since both are one memory to the server, both get tasks; what the copy has begun and not
    /// ended when it goes is over when the server gives up on it, a day later.
    CloneAgent,
    /// The agent's disk has no room. It lasts, over starts of the agent as well.
    DiskFull,
    /// The agent's disk fails at every call, reads too. It lasts, over starts of the agent as well.
    DiskError,
    /// The wall clock of the agent's host is set an hour ahead. It lasts.
    ClockAhead,
    /// The wall clock of the agent's host is set an hour back. It lasts.
    ClockBack,
    /// Nothing passes between the agent and the server. It lasts.
    Part,
    /// What the agent says does not arrive; what it is told would. It lasts.
    PartOneWay,
    /// What the agent says arrives; what it is answered does not. It lasts.
    PartAnswers,
    /// Whatever passes between agent and server takes one to five seconds each way. It lasts.
    Slow,
    /// Of a hundred messages ten are lost, and ten come twice. It lasts.
    Lossy,
    /// Of a hundred messages ten end their connection, before they arrive or after. It lasts.
    Resets,
    /// The server's process dies as by `SIGKILL`; its store keeps what was committed. It stays dead.
    KillServer,
    /// The same, and the next process starts at once.
    RestartServer,
    /// The server starts again with the rows of the last [`Fleet::backup`](crate::Fleet::backup), or
    /// with none if there was no backup.
    RestoreServer,
    /// The server's clock is set an hour ahead. It lasts.
    ServerClockAhead,
    /// Each use of the server's store takes up to two seconds before it happens, and after. It lasts.
    StoreSlow,
    /// The server's store cannot be used. It lasts.
    StoreRefuses,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::KillAgent,
        Self::RestartAgent,
        Self::PowerCut,
        Self::Suspend,
        Self::DiskLost,
        Self::CloneAgent,
        Self::DiskFull,
        Self::DiskError,
        Self::ClockAhead,
        Self::ClockBack,
        Self::Part,
        Self::PartOneWay,
        Self::PartAnswers,
        Self::Slow,
        Self::Lossy,
        Self::Resets,
        Self::KillServer,
        Self::RestartServer,
        Self::RestoreServer,
        Self::ServerClockAhead,
        Self::StoreSlow,
        Self::StoreRefuses,
    ];

    /// Its name, such as `power-cut`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KillAgent => "kill-agent",
            Self::RestartAgent => "restart-agent",
            Self::PowerCut => "power-cut",
            Self::Suspend => "suspend",
            Self::DiskLost => "disk-lost",
            Self::CloneAgent => "clone-agent",
            Self::DiskFull => "disk-full",
            Self::DiskError => "disk-error",
            Self::ClockAhead => "clock-ahead",
            Self::ClockBack => "clock-back",
            Self::Part => "part",
            Self::PartOneWay => "part-one-way",
            Self::PartAnswers => "part-answers",
            Self::Slow => "slow",
            Self::Lossy => "lossy",
            Self::Resets => "resets",
            Self::KillServer => "kill-server",
            Self::RestartServer => "restart-server",
            Self::RestoreServer => "restore-server",
            Self::ServerClockAhead => "server-clock-ahead",
            Self::StoreSlow => "store-slow",
            Self::StoreRefuses => "store-refuses",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No fault has this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFault(String);

impl fmt::Display for InvalidFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Fault::ALL.map(Fault::as_str).join(", ");
        write!(f, "no fault is named {}; there are {names}", self.0)
    }
}

impl std::error::Error for InvalidFault {}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(name: &str) -> Result<Self, InvalidFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.as_str() == name);
        found.ok_or_else(|| InvalidFault(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
        }
        let unknown = "rain".parse::<Fault>().unwrap_err().to_string();
        assert!(unknown.contains("rain; there are kill-agent, restart-agent"));
    }
}
