//! What a token for the API allows: a [`Role`] and a [`Scope`].

use std::fmt;
use std::str::FromStr;

/// How much may be done. Each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look.
    Viewer,
    /// Send tasks and cancel them.
    Operator,
    /// All: delete agents, make and revoke tokens, read the audit list.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word is no [`Role`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the roles are viewer, operator and admin")]
pub struct InvalidRole;

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(word: &str) -> Result<Self, InvalidRole> {
        let mut all = Self::ALL.into_iter();
        all.find(|role| role.as_str() == word).ok_or(InvalidRole)
    }
}

/// Which agents and which kinds of task a role is for. Empty lists are no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only agents whose credential has each of these labels.
    pub labels: Vec<(String, String)>,
    /// Only these kinds. One that ends in `*` stands for all that begin so.
    pub kinds: Vec<String>,
}

impl Scope {
    /// Whether an agent with these labels is within it. They must be those that its join token gave,
    /// never what an agent says of itself.
    #[must_use]
    pub fn has_agent(&self, labels: &[(String, String)]) -> bool {
        self.labels.iter().all(|label| labels.contains(label))
    }

    /// Whether tasks of this kind are within it.
    #[must_use]
    pub fn has_kind(&self, kind: &str) -> bool {
        let fits = |known: &String| match known.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == known,
        };
        self.kinds.is_empty() || self.kinds.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_what_those_before_it_may_and_has_a_word() {
        assert!(Role::ALL.is_sorted());
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(InvalidRole));
    }

    #[test]
    fn a_scope_wants_every_label_and_one_of_its_kinds() {
        let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let scope = Scope {
            labels: vec![label("zone", "a"), label("tier", "web")],
            kinds: vec!["backup.*".to_owned(), "reindex".to_owned()],
        };
        let both = [label("tier", "web"), label("zone", "a"), label("x", "")];
        assert!(scope.has_agent(&both) && !scope.has_agent(&both[..1]));
        assert!(!scope.has_agent(&[label("zone", "b"), label("tier", "web")]));
        for (kind, is_in) in [
            ("backup.", true),
            ("backup.full", true),
            ("backup", false),
            ("reindex", true),
            ("reindex.all", false),
        ] {
            assert_eq!(scope.has_kind(kind), is_in, "{kind}");
        }
        let all = Scope::default();
        assert!(all.has_agent(&[]) && all.has_kind("anything"));
    }
}
