//! [`Fault`]: what can go wrong, by name.

use std::fmt;

/// What can go wrong with an agent, its server, or the way between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The agent's process is killed.
    KillAgent,
    /// The agent's host loses its power: what was not synced may be torn or gone.
    PowerCut,
    /// The agent's process is killed at one of its next uses of the disk.
    KillAtDisk,
    /// The agent's host loses its power at one of the next uses of its disk.
    PowerCutAtDisk,
    /// The agent is asked to stop.
    StopAgent,
    /// The server's process is killed.
    KillServer,
    /// The server's process is killed at one of the next uses of its store, before it happens or after.
    KillServerAtStore,
    /// The server is asked to stop.
    StopServer,
    /// The server's store is put back to an earlier state.
    RestoreServer,
    /// Agent and server do not hear each other.
    Part,
    /// The server does not hear the agent.
    PartToServer,
    /// The agent does not hear the server.
    PartToAgent,
    /// Messages are lost.
    Lossy,
    /// Messages take long and overtake each other.
    Slow,
    /// Connections are reset.
    Resets,
    /// Messages come twice.
    Repeats,
    /// The agent's disk is full.
    DiskFull,
    /// The agent's disk fails.
    DiskError,
    /// One use of the agent's disk fails, such as one sync.
    DiskErrorOnce,
    /// The server's store refuses.
    StoreRefuses,
    /// The server's store takes long.
    StoreSlow,
    /// The agent's clock is set.
    AgentClock,
    /// The server's clock is set.
    ServerClock,
    /// The agent's host is suspended.
    SuspendAgent,
    /// The server's host is suspended.
    SuspendServer,
    /// A copy of the agent's disk runs on another host.
    CloneAgent,
    /// The agent is deleted at the server.
    DeleteAgent,
    /// All that is queued for the agent is purged.
    Purge,
    /// A bit on the agent's disk changes while its process is away.
    DiskRot,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 29] = [
        Self::KillAgent,
        Self::PowerCut,
        Self::KillAtDisk,
        Self::PowerCutAtDisk,
        Self::StopAgent,
        Self::KillServer,
        Self::KillServerAtStore,
        Self::StopServer,
        Self::RestoreServer,
        Self::Part,
        Self::PartToServer,
        Self::PartToAgent,
        Self::Lossy,
        Self::Slow,
        Self::Resets,
        Self::Repeats,
        Self::DiskFull,
        Self::DiskError,
        Self::DiskErrorOnce,
        Self::StoreRefuses,
        Self::StoreSlow,
        Self::AgentClock,
        Self::ServerClock,
        Self::SuspendAgent,
        Self::SuspendServer,
        Self::CloneAgent,
        Self::DeleteAgent,
        Self::Purge,
        Self::DiskRot,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::KillAgent => "kill-agent",
            Self::PowerCut => "power-cut",
            Self::KillAtDisk => "kill-at-disk",
            Self::PowerCutAtDisk => "power-cut-at-disk",
            Self::StopAgent => "stop-agent",
            Self::KillServer => "kill-server",
            Self::KillServerAtStore => "kill-server-at-store",
            Self::StopServer => "stop-server",
            Self::RestoreServer => "restore-server",
            Self::Part => "part",
            Self::PartToServer => "part-to-server",
            Self::PartToAgent => "part-to-agent",
            Self::Lossy => "lossy",
            Self::Slow => "slow",
            Self::Resets => "resets",
            Self::Repeats => "repeats",
            Self::DiskFull => "disk-full",
            Self::DiskError => "disk-error",
            Self::DiskErrorOnce => "disk-error-once",
            Self::StoreRefuses => "store-refuses",
            Self::StoreSlow => "store-slow",
            Self::AgentClock => "agent-clock",
            Self::ServerClock => "server-clock",
            Self::SuspendAgent => "suspend-agent",
            Self::SuspendServer => "suspend-server",
            Self::CloneAgent => "clone-agent",
            Self::DeleteAgent => "delete-agent",
            Self::Purge => "purge",
            Self::DiskRot => "disk-rot",
        }
    }
}

impl Fault {
    /// Whether the agent's disk refuses something, or what is on it changes.
    pub(super) const fn is_of_disk(self) -> bool {
        matches!(
            self,
            Self::KillAtDisk
                | Self::PowerCutAtDisk
                | Self::DiskFull
                | Self::DiskError
                | Self::DiskErrorOnce
                | Self::DiskRot
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
