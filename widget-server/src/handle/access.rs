//! Tokens, by which agents join and people and programs use the API; and what was done.

use std::net::IpAddr;
use std::time::Duration;

use widget_core::access::{Role, Scope, Secret, Verifier};
use widget_core::store::{
    Action, AuditPage, AuditQuery, NewToken, Purpose, StoreError, TokenKind, TokenPage, TokenQuery,
};
use widget_core::store::{TokenFault, TokenRecord};

use super::{AskError, ServerHandle};
use crate::access::{Caller, Denied, Pass, Proves, verifier};
use crate::noted::Deed;

/// The longest name of a token, and of a label in one, in bytes; and of a label's value.
const MAX_NAME: usize = 64;
const MAX_VALUE: usize = 256;
/// The most labels, and the most kinds, of a token.
const MAX_LIST: usize = 64;
/// How many agents may join by one token at most.
const MAX_USES: u32 = 100_000;
/// The longest time that a token is good for, about ten years.
const MAX_TTL: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// What people call it: 1 to 64 bytes.
    pub name: String,
    /// How long it is good for; none is for good, which only one for the API may be.
    pub ttl: Option<Duration>,
}

/// A token cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Whoever asks may not do that.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The name is empty or long, or has characters that do not show.
    #[error("a token's name must have 1 to {MAX_NAME} bytes, none of them a control character")]
    Name,
    /// A label or a kind is empty or long or has characters that do not show, or there are too many.
    #[error(
        "labels and kinds must have 1 to {MAX_NAME} bytes and values at most {MAX_VALUE}, none of \
         them a control character; there may be {MAX_LIST} of each"
    )]
    Limits,
    /// Whoever makes tokens could make one without limits.
    #[error("a token with the role admin is for all agents and kinds: leave labels and kinds out")]
    AdminScope,
    /// Nobody could join by it, or too many.
    #[error("a join token is for 1 to {MAX_USES} agents")]
    Uses,
    /// It would be good for no time, or for too long.
    #[error(
        "a token is good for more than no time and at most ten years, and one to join never for ever"
    )]
    Ttl,
    /// There is no randomness to make a secret of.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The store could not be asked.
    #[error("the token could not be stored")]
    Store(#[from] StoreError),
}

/// What becomes of a token that somebody shows.
#[derive(Debug)]
pub(crate) enum Shown {
    /// It is this one's.
    Good(Caller, Verifier),
    /// It is not good, whatever is wrong with it.
    Bad,
    /// Too many wrong ones came from there: nothing is looked at for so long.
    TooMany(Duration),
    /// The store could not be asked.
    Unknown,
}

/// So long a browser keeps what a person has signed in with.
pub(crate) const SIGNED_IN: Duration = Duration::from_secs(12 * 60 * 60);

/// The routes by which people come and go.
const SIGN_IN: (&str, &str) = ("POST", "/sign-in");
const SIGN_OUT: (&str, &str) = ("POST", "/sign-out");

impl ServerHandle {
    /// Makes a token. Its secret is in the answer and nowhere else: what is kept tells it only again.
    ///
    /// # Errors
    /// [`TokenError`]; none is made then.
    pub async fn create_token(
        &self,
        request: TokenRequest,
    ) -> Result<(Secret, TokenRecord), TokenError> {
        self.caller.may(Role::Admin)?;
        check(&request)?;
        let runtime = &self.dispatcher.runtime;
        let secret = runtime.secret().map(Secret::from_bytes);
        let secret = secret.ok_or(TokenError::NoRandomness)?;
        let proves = match request.purpose.kind() {
            TokenKind::Join => Proves::Join,
            TokenKind::Api => Proves::Api,
        };
        let at = runtime.wall();
        let audit = self.caller.entry(at, Action::TokenCreate, "");
        let audit = audit.changing(None, Some(&says(&request)));
        let token = NewToken {
            verifier: verifier(proves, &secret),
            purpose: request.purpose,
            name: request.name,
            by: self.caller.who().to_owned(),
            at,
            expires: request.ttl.map(|ttl| at.after(ttl)),
        };
        let added = self.dispatcher.stores.access.add_token(token, audit).await;
        Ok((secret, self.dispatcher.watch_write(added)?))
    }

    /// Tokens by number, good or not.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn tokens(&self, query: &TokenQuery) -> Result<TokenPage, AskError> {
        self.caller.may(Role::Admin)?;
        let tokens = self.dispatcher.stores.access.tokens(query).await;
        Ok(self.dispatcher.watch(tokens)?)
    }

    /// Revokes a token from now on; says whether that changed anything. Agents that have joined by it
    /// stay.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn revoke_token(&self, number: u64) -> Result<bool, AskError> {
        self.caller.may(Role::Admin)?;
        let at = self.dispatcher.runtime.wall();
        let target = format!("token:{number}");
        let audit = self.caller.entry(at, Action::TokenRevoke, &target);
        let audit = audit.changing(Some("not revoked"), Some("revoked"));
        let revoked = self.dispatcher.stores.access.revoke(number, audit).await;
        Ok(self.dispatcher.watch_write(revoked)?)
    }

    /// Who shows this secret of a token for the API.
    pub(crate) async fn shown(&self, secret: &Secret, peer: Option<IpAddr>) -> Shown {
        if let Some(wait) = self.dispatcher.has_to_wait(peer) {
            self.count_refused("tries", peer);
            return Shown::TooMany(wait);
        }
        let shown = self.look_at(verifier(Proves::Api, secret), peer).await;
        if matches!(shown, Shown::Bad) {
            self.dispatcher.was_wrong(peer);
        }
        shown
    }

    /// The same for what a browser keeps of it.
    pub(crate) async fn shown_again(&self, pass: &str, peer: Option<IpAddr>) -> Shown {
        let Ok(key) = self.dispatcher.session_key().await else {
            return Shown::Unknown;
        };
        let now = self.dispatcher.runtime.wall();
        match Pass::open(pass, &key).filter(|pass| pass.expiry > now) {
            // Sealed here, so it is no guess: nobody waits for it, and nobody has to wait because of it.
            Some(pass) => self.look_at(pass.token, peer).await,
            // One of an earlier start, as a rule, and no guess.
            None => Shown::Bad,
        }
    }

    async fn look_at(&self, token: Verifier, peer: Option<IpAddr>) -> Shown {
        let dispatcher = &self.dispatcher;
        let found = dispatcher.stores.access.token(&token).await;
        let Ok(found) = dispatcher.watch(found) else {
            return Shown::Unknown;
        };
        let wall = dispatcher.runtime.wall();
        let found = found.ok_or(TokenFault::Unknown);
        let good = found.and_then(|found| found.admits(TokenKind::Api, wall).map(|()| found));
        match good {
            Ok(token) => {
                dispatcher.uses.used(token.number, wall);
                Shown::Good(Caller::by_token(&token, peer), token.verifier)
            }
            Err(fault) => {
                tracing::debug!(%fault, "a token lets nobody in");
                self.count_refused("bad_token", peer);
                Shown::Bad
            }
        }
    }

    /// Lets somebody sign in: what the browser is to keep, if the token is good.
    pub(crate) async fn sign_in(
        &self,
        secret: &Secret,
        peer: Option<IpAddr>,
    ) -> Result<String, Shown> {
        let (caller, token) = match self.shown(secret, peer).await {
            Shown::Good(caller, token) => (caller, token),
            other => return Err(other),
        };
        let key = self.dispatcher.session_key().await;
        let key = key.map_err(|_| Shown::Unknown)?;
        let at = self.dispatcher.runtime.wall();
        if self.is_news(&caller, SIGN_IN) {
            let entry = caller.entry(at, Action::SignIn, caller.who());
            let noted = self.dispatcher.stores.access.note(entry).await;
            let noted = self.dispatcher.watch_write(noted);
            noted.map_err(|_| Shown::Unknown)?;
        }
        let expiry = at.after(SIGNED_IN);
        Ok(Pass { token, expiry }.seal(&key))
    }

    /// Whether this is to be in the audit list: of each token once a minute, so that nobody fills it.
    fn is_news(&self, caller: &Caller, route: (&'static str, &'static str)) -> bool {
        let token = caller.token();
        let now = self.dispatcher.runtime.now();
        self.dispatcher.noted.is_news(Deed { token, route }, now)
    }

    /// Notes that whoever asks has signed out.
    pub(crate) async fn signed_out(&self) {
        if !self.is_news(&self.caller, SIGN_OUT) {
            return;
        }
        let at = self.dispatcher.runtime.wall();
        let entry = self.caller.entry(at, Action::SignOut, self.caller.who());
        let noted = self.dispatcher.stores.access.note(entry).await;
        // It is out all the same.
        let _ = self.dispatcher.watch_write(noted);
    }

    /// Notes that whoever asks was not allowed something: of each token and route once a minute, and each time
    /// as a number.
    pub(crate) async fn was_denied(
        &self,
        route: (&'static str, &'static str),
        path: &str,
        why: Denied,
    ) {
        self.count_refused("denied", None);
        if !self.is_news(&self.caller, route) {
            return;
        }
        let at = self.dispatcher.runtime.wall();
        let target = format!("{} {path}", route.0);
        let entry = self.caller.entry(at, Action::Denied, &target);
        let entry = entry.changing(None, Some(why.word()));
        let noted = self.dispatcher.stores.access.note(entry).await;
        // It is not allowed all the same.
        let _ = self.dispatcher.watch_write(noted);
    }

    /// What was done, by whom.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, AskError> {
        self.caller.may(Role::Admin)?;
        let page = self.dispatcher.stores.access.audit(query).await;
        Ok(self.dispatcher.watch(page)?)
    }
}

fn check(request: &TokenRequest) -> Result<(), TokenError> {
    let shows = |text: &str, most| text.len() <= most && !text.contains(char::is_control);
    let is_name = |text: &str| !text.is_empty() && shows(text, MAX_NAME);
    if !is_name(&request.name) {
        return Err(TokenError::Name);
    }
    let (labels, kinds): (&[_], &[String]) = match &request.purpose {
        Purpose::Join { uses, labels } => {
            if !(1..=MAX_USES).contains(uses) {
                return Err(TokenError::Uses);
            }
            (labels, &[])
        }
        Purpose::Api { scope, .. } => (&scope.labels, &scope.kinds),
    };
    if matches!(&request.purpose, Purpose::Api { role: Role::Admin, scope } if *scope != Scope::default())
    {
        return Err(TokenError::AdminScope);
    }
    let are_labels = labels
        .iter()
        .all(|(key, value)| is_name(key) && shows(value, MAX_VALUE));
    let fit = labels.len() <= MAX_LIST && kinds.len() <= MAX_LIST;
    if !(fit && are_labels && kinds.iter().all(|kind| is_name(kind))) {
        return Err(TokenError::Limits);
    }
    let is_for_good = request.purpose.kind() == TokenKind::Api;
    match request.ttl {
        Some(ttl) if !ttl.is_zero() && ttl <= MAX_TTL => Ok(()),
        None if is_for_good => Ok(()),
        _ => Err(TokenError::Ttl),
    }
}

/// What the audit list says of a new token.
fn says(request: &TokenRequest) -> String {
    let ttl = request.ttl.map(|ttl| ttl.as_secs());
    // What may be long comes last, since the list keeps the beginning of a long value.
    let (first, last) = match &request.purpose {
        Purpose::Join { uses, labels } => (
            serde_json::json!({"purpose": "join", "name": request.name, "ttl_seconds": ttl, "uses": uses}),
            serde_json::json!({"labels": labels}),
        ),
        Purpose::Api { role, scope } => (
            serde_json::json!({"purpose": "api", "name": request.name, "role": role.as_str(), "ttl_seconds": ttl}),
            serde_json::json!({"kinds": scope.kinds, "labels": scope.labels}),
        ),
    };
    let (first, last) = (first.to_string(), last.to_string());
    let (first, last) = (first.trim_end_matches('}'), last.trim_start_matches('{'));
    format!("{first},{last}")
}
