//! [`TokenRecord`]: what lets agents join and people in, and [until when](TokenRecord::admits).

use crate::access::{Role, Scope, Verifier};
use crate::time::Timestamp;

/// A token that is to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What is kept of its secret.
    pub verifier: Verifier,
    /// What it is for.
    pub purpose: Purpose,
    /// What people call it.
    pub name: String,
    /// Who made it.
    pub by: String,
    /// Now, by the server's wall clock.
    pub at: Timestamp,
    /// It is good until then; none is for good.
    pub expires: Option<Timestamp>,
}

impl NewToken {
    /// The row of it, under this number.
    #[must_use]
    pub fn into_record(self, number: u64) -> TokenRecord {
        TokenRecord {
            number,
            verifier: self.verifier,
            uses_left: match &self.purpose {
                Purpose::Join { uses, .. } => Some(*uses),
                Purpose::Api { .. } => None,
            },
            purpose: self.purpose,
            name: self.name,
            by: self.by,
            created: self.at,
            expires: self.expires,
            revoked: None,
            last_used: None,
        }
    }
}

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To enrol agents.
    Join {
        /// How many.
        uses: u32,
        /// What each of them is given: the labels by which others are allowed to do something with it.
        labels: Vec<(String, String)>,
    },
    /// To use the API.
    Api {
        /// How much of it.
        role: Role,
        /// For which agents and tasks.
        scope: Scope,
    },
}

impl Purpose {
    /// Which of them, without what belongs to it.
    #[must_use]
    pub const fn kind(&self) -> TokenKind {
        match self {
            Self::Join { .. } => TokenKind::Join,
            Self::Api { .. } => TokenKind::Api,
        }
    }
}

/// What a token is for, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// To enrol agents.
    Join,
    /// To use the API.
    Api,
}

impl TokenKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Api => "api",
        }
    }
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its number in this store, which no other one is ever given.
    pub number: u64,
    /// What is kept of its secret.
    pub verifier: Verifier,
    /// What it is for.
    pub purpose: Purpose,
    /// What people call it.
    pub name: String,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created: Timestamp,
    /// It is good until then; none is for good.
    pub expires: Option<Timestamp>,
    /// How many agents may still join by it; none for other purposes.
    pub uses_left: Option<u32>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
}

impl TokenRecord {
    /// Whether it is good for this, now. The one place of these rules.
    ///
    /// # Errors
    /// What is wrong with it. That is for whoever made it, and not for whoever shows it.
    pub fn admits(&self, kind: TokenKind, now: Timestamp) -> Result<(), TokenFault> {
        if self.purpose.kind() != kind {
            return Err(TokenFault::OtherPurpose);
        }
        if self.revoked.is_some() {
            return Err(TokenFault::Revoked);
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(TokenFault::Expired);
        }
        match self.uses_left {
            Some(0) => Err(TokenFault::UsedUp),
            _ => Ok(()),
        }
    }
}

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// There is none like it.
    #[error("there is no such token")]
    Unknown,
    /// It is for something else.
    #[error("it is a token for another purpose")]
    OtherPurpose,
    /// It was revoked.
    #[error("it was revoked")]
    Revoked,
    /// Its time is over.
    #[error("its time is over")]
    Expired,
    /// As many agents as it was for have joined by it.
    #[error("it is used up")]
    UsedUp,
    /// It is good, but the agent's credential is one that was ended, or that another token let in.
    #[error("the agent's credential is one that is known already")]
    Credential,
}

/// Which tokens to list. Those that are not good any more are among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenQuery {
    /// Only those with a number above this.
    pub after: u64,
    /// At most so many.
    pub limit: usize,
}

/// A part of the list of tokens, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenPage {
    /// The tokens.
    pub tokens: Vec<TokenRecord>,
    /// Where the next part begins, if there is one: for [`TokenQuery::after`].
    pub next: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_purpose_until_it_is_revoked_over_or_used_up() {
        let now = Timestamp::from_millis(1_000);
        let good = NewToken {
            verifier: Verifier::from_bytes([1; 32]),
            purpose: Purpose::Join {
                uses: 1,
                labels: Vec::new(),
            },
            name: String::new(),
            by: String::new(),
            at: now,
            expires: Some(Timestamp::from_millis(1_001)),
        }
        .into_record(1);
        let (join, later) = (TokenKind::Join, Timestamp::from_millis(1_001));
        assert_eq!(good.admits(join, now), Ok(()));
        assert_eq!(
            good.admits(TokenKind::Api, now),
            Err(TokenFault::OtherPurpose)
        );
        assert_eq!(good.admits(join, later), Err(TokenFault::Expired));
        let used_up = TokenRecord {
            uses_left: Some(0),
            ..good.clone()
        };
        assert_eq!(used_up.admits(join, now), Err(TokenFault::UsedUp));
        let revoked = TokenRecord {
            revoked: Some(now),
            ..used_up.clone()
        };
        assert_eq!(revoked.admits(join, later), Err(TokenFault::Revoked));
        let for_good = TokenRecord {
            expires: None,
            ..good
        };
        let last = Timestamp::from_millis(i64::MAX);
        assert_eq!(for_good.admits(join, last), Ok(()));
    }
}
