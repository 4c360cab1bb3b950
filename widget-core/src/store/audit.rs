//! [`AuditEntry`]: who did what, when, and from where.

use std::borrow::Cow;
use std::fmt;

use crate::id::AgentId;
use crate::time::Timestamp;

/// The longest name in an entry, in bytes; what is longer is cut.
const MAX_NAME: usize = 256;
/// The longest value before or after, in bytes; what is longer is cut.
const MAX_VALUE: usize = 4_096;

/// One line of the audit list. It is written in the transaction of the effect that it tells of, and
/// never changed.
///
/// Texts may be of other people's making: they are to be shown as text. They are cut: `who`, `peer`,
/// `action` and `target` after 256 bytes, `before` and `after` after 4,096.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuditEntry {
    /// When, by the server's wall clock.
    pub at: Timestamp,
    /// Who did it, such as `token:deploy`.
    pub who: String,
    /// The number of the token that let it in, if it was one.
    pub token: Option<u64>,
    /// The agent that it concerns, or that did it.
    pub agent: Option<AgentId>,
    /// From where, for people.
    pub peer: String,
    /// What was done.
    pub action: Action,
    /// To what, such as the id of a task.
    pub target: String,
    /// What was there before: a word, or JSON.
    pub before: Option<String>,
    /// What is there after it: a word, or JSON.
    pub after: Option<String>,
}

impl AuditEntry {
    /// An entry of these, to which nothing else is known yet.
    #[must_use]
    pub fn new(at: Timestamp, who: &str, peer: &str, action: Action, target: &str) -> Self {
        Self {
            at,
            who: cut(who, MAX_NAME),
            token: None,
            agent: None,
            peer: cut(peer, MAX_NAME),
            action: match action {
                Action::Other(word) => Action::Other(cut(&word, MAX_NAME).into()),
                known => known,
            },
            target: cut(target, MAX_NAME),
            before: None,
            after: None,
        }
    }

    /// The same by the token of this number.
    #[must_use]
    pub fn by_token(mut self, number: u64) -> Self {
        self.token = Some(number);
        self
    }

    /// The same about this agent.
    #[must_use]
    pub const fn of_agent(mut self, agent: AgentId) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The same of something that was so and is so now.
    #[must_use]
    pub fn changing(mut self, before: Option<&str>, after: Option<&str>) -> Self {
        self.before = before.map(|text| cut(text, MAX_VALUE));
        self.after = after.map(|text| cut(text, MAX_VALUE));
        self
    }

    /// The same done to the token of this number: for stores, which give the numbers.
    #[must_use]
    pub fn to_token(mut self, number: u64) -> Self {
        self.target = format!("token:{number}");
        self
    }
}

fn cut(text: &str, most: usize) -> String {
    text.get(..text.floor_char_boundary(most))
        .unwrap_or_default()
        .to_owned()
}

/// What was done, as a word that never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// A token was made.
    TokenCreate,
    /// A token was revoked.
    TokenRevoke,
    /// An agent enrolled.
    AgentEnrol,
    /// An agent was deleted.
    AgentDelete,
    /// An agent was seen on two hosts at once.
    AgentClone,
    /// Somebody decided on which of them it goes on.
    AgentRelease,
    /// A task was queued.
    TaskCreate,
    /// A task was cancelled, or asked to end.
    TaskCancel,
    /// Somebody signed in.
    SignIn,
    /// Somebody signed out.
    SignOut,
    /// Somebody was not allowed what they asked for.
    Denied,
    /// Something that this version has no name for.
    Other(Cow<'static, str>),
}

impl Action {
    /// Every action that has a name here.
    pub const ALL: [Self; 11] = [
        Self::TokenCreate,
        Self::TokenRevoke,
        Self::AgentEnrol,
        Self::AgentDelete,
        Self::AgentClone,
        Self::AgentRelease,
        Self::TaskCreate,
        Self::TaskCancel,
        Self::SignIn,
        Self::SignOut,
        Self::Denied,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::TokenCreate => "token.create",
            Self::TokenRevoke => "token.revoke",
            Self::AgentEnrol => "agent.enrol",
            Self::AgentDelete => "agent.delete",
            Self::AgentClone => "agent.clone",
            Self::AgentRelease => "agent.release",
            Self::TaskCreate => "task.create",
            Self::TaskCancel => "task.cancel",
            Self::SignIn => "sign_in",
            Self::SignOut => "sign_out",
            Self::Denied => "denied",
            Self::Other(word) => word,
        }
    }
}

impl From<&str> for Action {
    /// What the word stands for; any other one is kept as it is.
    fn from(word: &str) -> Self {
        let mut known = Self::ALL.into_iter();
        known
            .find(|action| action.as_str() == word)
            .unwrap_or_else(|| Self::Other(word.to_owned().into()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry as it is in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, rising in the order of the commits. Some may be missing.
    pub number: u64,
    /// What it says.
    pub entry: AuditEntry,
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// In which order.
    pub order: AuditOrder,
    /// Only those past the one with this number, in that order.
    pub past: Option<u64>,
    /// Only those of this time or later, by the wall clock that they have. It may have been set meanwhile, so
    /// in a list by number they need not stand together.
    pub since: Option<Timestamp>,
    /// Only those by exactly this one.
    pub who: Option<String>,
    /// Only those of this action.
    pub action: Option<Action>,
    /// Only those of exactly this target.
    pub target: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether it is about this entry, wherever it begins and however many it wants.
    #[must_use]
    pub fn wants(&self, entry: &AuditEntry) -> bool {
        self.since.is_none_or(|since| since <= entry.at)
            && self.who.as_ref().is_none_or(|who| *who == entry.who)
            && self
                .action
                .as_ref()
                .is_none_or(|action| *action == entry.action)
            && self
                .target
                .as_ref()
                .is_none_or(|target| *target == entry.target)
    }
}

/// In which order entries are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AuditOrder {
    /// The newest first, for people.
    #[default]
    NewestFirst,
    /// The oldest first, to have all of them.
    OldestFirst,
}

/// A part of the audit list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditRecord>,
    /// Where the next part begins, if there is one: for [`AuditQuery::past`].
    pub next: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_has_a_word_of_its_own_and_others_stay_as_they_are() {
        for action in Action::ALL {
            assert_eq!(Action::from(action.as_str()), action);
        }
        let other = Action::from("planet.move");
        assert_eq!(other, Action::Other("planet.move".into()));
    }

    #[test]
    fn texts_are_cut_where_a_character_ends() {
        let long = "ü".repeat(3_000);
        let other = Action::Other(long.clone().into());
        let entry = AuditEntry::new(Timestamp::default(), &long, &long, other, &long)
            .changing(Some(&long), Some(&format!("x{long}")));
        let names = [&entry.who, &entry.peer, &entry.target];
        assert!(names.iter().all(|name| name.len() == MAX_NAME));
        assert_eq!(entry.action.as_str().len(), MAX_NAME);
        assert_eq!(entry.before.map(|text| text.len()), Some(MAX_VALUE));
        assert_eq!(entry.after.map(|text| text.len()), Some(MAX_VALUE - 1));
    }
}
