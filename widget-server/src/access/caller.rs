//! [`Caller`]: who asks the server for something, and how much of it that one may have.

use std::net::IpAddr;

use widget_core::access::{Role, Scope};
use widget_core::store::{Action, AuditEntry, Purpose, TokenRecord};
use widget_core::time::Timestamp;

/// What the program itself is called. A token's name stands behind `token:`.
const PROGRAM: &str = "program";

/// Who asks the server for something, and how much of it that one may have.
///
/// The program that has the server inside may do all. Whoever asks over HTTP is what a token proves or,
/// on a server for its own host alone, anybody on that host. What is out of a caller's scope is not
/// there for it; what is beyond its role or its kinds of task it is [`Denied`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    who: String,
    token: Option<u64>,
    peer: String,
    role: Role,
    scope: Scope,
}

/// A caller may not do that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// Its role is too small.
    #[error("this needs the role {0}")]
    Role(Role),
    /// Its token is for other kinds of task.
    #[error("this token is not for tasks of that kind")]
    Kind,
}

impl Denied {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Role(_) => "role",
            Self::Kind => "scope",
        }
    }
}

impl Caller {
    /// The program that has the server inside.
    #[must_use]
    pub fn program() -> Self {
        Self::with_all(PROGRAM, String::new())
    }

    /// Somebody on this host, where nobody else can come.
    #[must_use]
    pub fn near(peer: Option<IpAddr>) -> Self {
        Self::with_all("local", text(peer))
    }

    /// The user of this host with this number, whom the system has told apart from all others.
    #[must_use]
    pub fn local(user: u32) -> Self {
        Self::with_all(&format!("local:{user}"), String::new())
    }

    /// Nobody in particular, for whom nothing is there.
    pub(crate) fn nobody() -> Self {
        Self {
            who: "nobody".to_owned(),
            token: None,
            peer: String::new(),
            role: Role::Viewer,
            scope: nothing(),
        }
    }

    /// Who has shown a token for the API, which has been found good.
    #[must_use]
    pub fn by_token(token: &TokenRecord, peer: Option<IpAddr>) -> Self {
        let (role, scope) = match &token.purpose {
            Purpose::Api { role, scope } => (*role, scope.clone()),
            // It lets agents in, and nobody look.
            Purpose::Join { .. } => (Role::Viewer, nothing()),
        };
        Self {
            who: format!("token:{}", token.name),
            token: Some(token.number),
            peer: text(peer),
            role,
            scope,
        }
    }

    fn with_all(who: &str, peer: String) -> Self {
        Self {
            who: who.to_owned(),
            token: None,
            peer,
            role: Role::Admin,
            scope: Scope::default(),
        }
    }

    /// Who it is, as it stands in the audit list: `token:deploy`, `local:1000`, `local`,
    /// `program`.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// The number of the token that it has shown, if it has.
    pub(crate) const fn token(&self) -> Option<u64> {
        self.token
    }

    /// How much it may do.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Whether an agent with these labels, which its join token gave, is there for it.
    #[must_use]
    pub fn sees(&self, labels: &[(String, String)]) -> bool {
        self.scope.has_agent(labels)
    }

    /// Whether every agent is.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.scope.labels.is_empty()
    }

    /// Whether it may do what needs this role.
    ///
    /// # Errors
    /// [`Denied::Role`].
    pub fn may(&self, role: Role) -> Result<(), Denied> {
        match self.role >= role {
            true => Ok(()),
            false => Err(Denied::Role(role)),
        }
    }

    /// Whether it may send tasks of this kind, and cancel them.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn may_send(&self, kind: &str) -> Result<(), Denied> {
        self.may(Role::Operator)?;
        match self.scope.has_kind(kind) {
            true => Ok(()),
            false => Err(Denied::Kind),
        }
    }

    /// The name under which its tasks go, if it is not the program itself.
    pub(crate) fn name(&self) -> Option<String> {
        (self.who != PROGRAM).then(|| self.who.clone())
    }

    /// The same as [`entry`](Self::entry), if what it does is to be in the list: what the program does
    /// with its own tasks is its own affair.
    pub(crate) fn audits(&self, at: Timestamp, action: Action, target: &str) -> Option<AuditEntry> {
        (self.who != PROGRAM).then(|| self.entry(at, action, target))
    }

    /// An entry of the audit list about what it did.
    pub(crate) fn entry(&self, at: Timestamp, action: Action, target: &str) -> AuditEntry {
        let entry = AuditEntry::new(at, &self.who, &self.peer, action, target);
        match self.token {
            Some(number) => entry.by_token(number),
            None => entry,
        }
    }
}

fn text(peer: Option<IpAddr>) -> String {
    peer.map(|peer| peer.to_string()).unwrap_or_default()
}

/// No agent has this label.
fn nothing() -> Scope {
    Scope {
        labels: vec![(String::new(), String::new())],
        kinds: Vec::new(),
    }
}
