//! [`Limits`]: how much a server takes of those who come, and the one table by which programs and people
//! name each of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use widget_core::transport::DoorLimits;

/// How much a server takes of those who come. What is beyond is refused, counted
/// ([`ServerHandle::refusals`](crate::ServerHandle::refusals)) and, where it can be, said with the time
/// after which it may be tried again.
///
/// [`ServerBuilder::limits`](crate::ServerBuilder::limits) takes those of the server itself,
/// [`open::listener_within`](crate::open::listener_within) and `AdminLimits` those of connections.
///
/// ```
/// use widget_server::Limits;
///
/// let mut limits = Limits::default();
/// limits.agents = 500;
/// limits.set("reports", 1_000)?;
/// assert!(limits.set("gophers", 1).is_err());
/// # Ok::<(), widget_server::UnknownLimit>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Agents that are known. Those that are come in all the same. 100,000.
    pub agents: u32,
    /// Tasks of one agent that are queued. 10,000.
    pub queued_tasks: u32,
    /// Agents that join by one token, in a minute; as many at once. 60.
    pub enrolments: u32,
    /// Reports of one agent, in a second. 200.
    pub reports: u32,
    /// Reports of one agent at once, beyond which the limit in a second counts; 1,024, which is what
    /// one message may have, at least. 20,000.
    pub report_burst: u32,
    /// Pages that are told of changes. 256.
    pub streams: u32,
    /// The same for one caller, where callers have tokens. 8.
    pub streams_per_caller: u32,
    /// Connections of a listener for agents. 20,000.
    pub connections: u32,
    /// The same from one address. 4,096.
    pub connections_per_address: u32,
    /// Those of them that have not proven who they are. 2,048.
    pub unproven: u32,
    /// The same from one address. 512.
    pub unproven_per_address: u32,
    /// Connections of the port of API and page. 512.
    pub admin_connections: u32,
    /// The same from one address. 256.
    pub admin_per_address: u32,
    /// Those of them on which nobody has shown a good token. 256.
    pub admin_unproven: u32,
    /// The same from one address. 64.
    pub admin_unproven_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            agents: 100_000,
            queued_tasks: 10_000,
            enrolments: 60,
            reports: 200,
            report_burst: 20_000,
            streams: 256,
            streams_per_caller: 8,
            connections: 20_000,
            connections_per_address: 4_096,
            unproven: 2_048,
            unproven_per_address: 512,
            admin_connections: 512,
            admin_per_address: 256,
            admin_unproven: 256,
            admin_unproven_per_address: 64,
        }
    }
}

/// One of the [`Limits`].
#[derive(Clone, Copy)]
pub struct Limit {
    /// What it is called, as its field.
    pub name: &'static str,
    /// Of what it is a number, in a few words.
    pub unit: &'static str,
    field: fn(&mut Limits) -> &mut u32,
}

impl Limit {
    /// What it is among these.
    #[must_use]
    pub fn of(&self, limits: &Limits) -> u32 {
        let mut limits = *limits;
        *(self.field)(&mut limits)
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.name)
            .field("unit", &self.unit)
            .finish_non_exhaustive()
    }
}

/// There is no limit of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no limit {0}: there are {known}", known = known())]
pub struct UnknownLimit(String);

impl Limits {
    /// All of them, in the order of the fields.
    pub const ALL: &[Limit] = &[
        limit("agents", "agents that are known", |l| &mut l.agents),
        limit("queued_tasks", "queued tasks of one agent", |l| {
            &mut l.queued_tasks
        }),
        limit("enrolments", "agents a minute by one join token", |l| {
            &mut l.enrolments
        }),
        limit("reports", "reports a second of one agent", |l| {
            &mut l.reports
        }),
        limit("report_burst", "reports at once of one agent", |l| {
            &mut l.report_burst
        }),
        limit("streams", "pages that are told of changes", |l| {
            &mut l.streams
        }),
        limit("streams_per_caller", "the same of one caller", |l| {
            &mut l.streams_per_caller
        }),
        limit("connections", "connections of a listener", |l| {
            &mut l.connections
        }),
        limit("connections_per_address", "the same of one address", |l| {
            &mut l.connections_per_address
        }),
        limit("unproven", "those that have proven nothing yet", |l| {
            &mut l.unproven
        }),
        limit("unproven_per_address", "the same of one address", |l| {
            &mut l.unproven_per_address
        }),
        limit("admin_connections", "connections of API and page", |l| {
            &mut l.admin_connections
        }),
        limit("admin_per_address", "the same of one address", |l| {
            &mut l.admin_per_address
        }),
        limit("admin_unproven", "those without a good token yet", |l| {
            &mut l.admin_unproven
        }),
        limit(
            "admin_unproven_per_address",
            "the same of one address",
            |l| &mut l.admin_unproven_per_address,
        ),
    ];

    /// Sets the one of this name.
    ///
    /// # Errors
    /// [`UnknownLimit`], which names those that there are.
    pub fn set(&mut self, name: &str, value: u32) -> Result<(), UnknownLimit> {
        let limit = Self::ALL.iter().find(|limit| limit.name == name);
        let limit = limit.ok_or_else(|| UnknownLimit(name.to_owned()))?;
        *(limit.field)(self) = value;
        Ok(())
    }
}

const fn limit(
    name: &'static str,
    unit: &'static str,
    field: fn(&mut Limits) -> &mut u32,
) -> Limit {
    Limit { name, unit, field }
}

fn known() -> String {
    let names: Vec<_> = Limits::ALL.iter().map(|limit| limit.name).collect();
    names.join(", ")
}

/// What they say of connections to listeners for agents.
impl From<&Limits> for DoorLimits {
    fn from(limits: &Limits) -> Self {
        let mut doors = Self::default();
        doors.from_one = limits.connections_per_address as usize;
        doors.unproven = limits.unproven as usize;
        doors.unproven_from_one = limits.unproven_per_address as usize;
        doors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_each_field_by_its_name() {
        let fields = serde_json::to_value(Limits::default()).unwrap();
        let fields = fields.as_object().unwrap();
        assert_eq!(fields.len(), Limits::ALL.len());
        for (number, limit) in (1_000..).zip(Limits::ALL) {
            let default = u64::from(limit.of(&Limits::default()));
            assert_eq!(fields[limit.name].as_u64(), Some(default));
            let mut limits = Limits::default();
            limits.set(limit.name, number).unwrap();
            assert_eq!(limit.of(&limits), number);
            let changed = serde_json::to_value(limits).unwrap();
            assert_eq!(changed[limit.name], number);
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let error = Limits::default().set("gophers", 1).unwrap_err().to_string();
        assert!(error.contains("gophers"), "{error}");
        for limit in Limits::ALL {
            assert!(error.contains(limit.name), "{error}");
        }
        assert!(serde_json::from_str::<Limits>(r#"{"gophers":1}"#).is_err());
        let some: Limits = serde_json::from_str(r#"{"agents":5}"#).unwrap();
        assert_eq!((some.agents, some.reports), (5, 200));
    }

    #[test]
    fn a_listener_that_is_told_nothing_has_the_same() {
        let doors = DoorLimits::from(&Limits::default());
        assert_eq!(doors, DoorLimits::default());
    }
}
