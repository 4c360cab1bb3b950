//! [`Policy`]: which tasks a host lets its agent take, in the words of whoever has the host. Pure rules;
//! [`file`] reads them.

mod file;
mod pattern;
mod times;

use std::fmt;
use std::str::FromStr;

use widget_core::task::Failure;
use widget_core::time::Timestamp;

pub use file::PolicyError;
use pattern::Patterns;
use times::Times;

use crate::AgentBuilder;

/// Which tasks a host lets its agent take. It counts for more than the server: a task that it denies is
/// rejected, with the code [`DENIED`](Self::DENIED) and the line that does.
///
/// A text of lines. The first rule that fits decides; what none fits is allowed, unless a line says
/// `default deny`. What follows a `#` at the beginning of a word is for people.
///
/// ```text
/// # Nobody ends this agent from afar.
/// deny  kind shutdown,restart
/// allow kind backup.*  from token:ops-*
/// deny  kind deploy.*  at mon-fri 08:00-18:00 utc
/// ```
///
/// | part of a rule | fits |
/// |---|---|
/// | `kind PATTERN[,PATTERN]…` | a task's kind. `*` stands for any characters, `?` for any one |
/// | `from PATTERN[,PATTERN]…` | who asked for it, in the server's words: `token:NAME`, `local:USER`, `local` |
/// | `at [DAYS] [HH:MM-HH:MM] utc` | when the task comes: days such as `mon-fri` or `sat,sun`, a span of hours, which may go over midnight, or both |
///
/// A rule needs at least one of them. Where a server does not say who asked, a rule with `from` denies as if
/// it fitted, and never allows.
///
/// ```
/// use widget_agent::widget_core::time::Timestamp;
/// use widget_agent::{Agent, Policy};
///
/// let policy: Policy = "deny kind deploy.* at mon-fri 08:00-18:00 utc".parse()?;
/// let monday: Timestamp = "2026-01-05T09:30:00.000Z".parse()?;
/// let denied = policy.check("deploy.web", None, monday).unwrap_err();
/// assert_eq!(denied.code, Policy::DENIED);
/// assert!(policy.check("backup", None, monday).is_ok());
///
/// let agent = Agent::builder().policy(policy);
/// # drop(agent);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    rules: Vec<Rule>,
    /// Decides what no rule fits.
    default: Option<Rule>,
}

/// A text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct InvalidPolicy {
    /// Which line, the first being 1.
    line: usize,
    why: String,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    line: usize,
    /// As it is said to others.
    text: String,
    allows: bool,
    /// None fits all.
    kinds: Option<Patterns>,
    from: Option<Patterns>,
    at: Option<Times>,
}

impl Policy {
    /// The code of a task's failure that a policy denies.
    pub const DENIED: &str = "denied_by_policy";
    /// The longest text, in bytes.
    pub const MAX_TEXT: u64 = 64 * 1024;
    /// The longest line, in bytes.
    pub const MAX_LINE: usize = 512;
    /// The most rules.
    pub const MAX_RULES: usize = 1_000;

    /// Whether a task of this kind may be taken, that these asked for, at this time. `by` is none if that
    /// is not known.
    ///
    /// # Errors
    /// A [`Failure`] for the server and for people, if not: it names the line.
    pub fn check(&self, kind: &str, by: Option<&str>, at: Timestamp) -> Result<(), Failure> {
        for rule in &self.rules {
            let kinds = rule.kinds.as_ref();
            if !kinds.is_none_or(|kinds| kinds.fit(kind)) || !rule.at.is_none_or(|t| t.has(at)) {
                continue;
            }
            match (&rule.from, by) {
                (None, _) => return rule.decide(""),
                (Some(from), Some(by)) if from.fit(by) => return rule.decide(""),
                (Some(_), None) if !rule.allows => {
                    return rule.decide(", as it is not known who asked");
                }
                _ => {}
            }
        }
        match &self.default {
            Some(rule) => rule.decide(", as no other line allows it"),
            None => Ok(()),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPolicy> {
        let mut policy = Self::default();
        for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let added = policy.add(at + 1, line);
            added.map_err(|why| InvalidPolicy { line: at + 1, why })?;
        }
        Ok(policy)
    }

    /// Adds what a line says, if it says something.
    fn add(&mut self, number: usize, line: &[u8]) -> Result<(), String> {
        if line.len() > Self::MAX_LINE {
            return Err(format!("longer than {} bytes", Self::MAX_LINE));
        }
        let text = str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
        if text.trim().chars().any(|c| c.is_control() && c != '\t') {
            return Err("a control character".to_owned());
        }
        let words = text.split_whitespace();
        let words: Vec<&str> = words.take_while(|word| !word.starts_with('#')).collect();
        let Some((first, rest)) = words.split_first() else {
            return Ok(());
        };
        let allows = match (*first, rest) {
            ("allow", _) | ("default", ["allow"]) => true,
            ("deny", _) | ("default", ["deny"]) => false,
            ("default", _) => return Err("default is allow or deny".to_owned()),
            (other, _) => {
                return Err(format!(
                    "{other:?}: a line begins with allow, deny or default"
                ));
            }
        };
        let mut rule = Rule {
            line: number,
            text: words.join(" "),
            allows,
            kinds: None,
            from: None,
            at: None,
        };
        if *first == "default" {
            return match self.default.replace(rule) {
                Some(_) => Err("there is a default already".to_owned()),
                None => Ok(()),
            };
        }
        rule.read(rest)?;
        if self.rules.len() >= Self::MAX_RULES {
            return Err(format!("more than {} rules", Self::MAX_RULES));
        }
        self.rules.push(rule);
        Ok(())
    }
}

impl FromStr for Policy {
    type Err = InvalidPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

/// As it was read, without what is for people.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = self.rules.iter().chain(&self.default);
        all.try_for_each(|rule| writeln!(f, "{}", rule.text))
    }
}

impl Rule {
    /// Reads the parts behind the first word.
    fn read<'a>(&mut self, mut words: &'a [&'a str]) -> Result<(), String> {
        if words.is_empty() {
            return Err("it says of nothing: kind * is everything".to_owned());
        }
        while let Some((part, rest)) = words.split_first() {
            let twice = match *part {
                "kind" => {
                    let (kinds, left) = list(part, rest, is_kind)?;
                    words = left;
                    self.kinds.replace(kinds).is_some()
                }
                "from" => {
                    let (from, left) = list(part, rest, |c| !c.is_control())?;
                    words = left;
                    self.from.replace(from).is_some()
                }
                "at" => {
                    let end = rest.iter().position(|word| *word == "utc");
                    let (times, left) = end
                        .and_then(|end| Some((rest.get(..end)?, rest.get(end + 1..)?)))
                        .ok_or("times end with utc: at mon-fri 08:00-18:00 utc")?;
                    words = left;
                    self.at.replace(Times::parse(times)?).is_some()
                }
                other => return Err(format!("{other:?}: a rule has kind, from and at")),
            };
            if twice {
                return Err(format!("{part} is there twice"));
            }
        }
        Ok(())
    }

    fn decide(&self, why: &str) -> Result<(), Failure> {
        if self.allows {
            return Ok(());
        }
        let (line, text) = (self.line, &self.text);
        let message = format!("line {line} of the agent's policy denies it{why}: {text}");
        Err(Failure::new(Policy::DENIED, message))
    }
}

/// A list of patterns, and what stands behind it.
fn list<'a>(
    part: &str,
    words: &'a [&'a str],
    is_allowed: impl Fn(char) -> bool,
) -> Result<(Patterns, &'a [&'a str]), String> {
    let Some((list, rest)) = words.split_first() else {
        return Err(format!("{part} of what: {part} * is all"));
    };
    match Patterns::parse(list, is_allowed) {
        Ok(patterns) => Ok((patterns, rest)),
        Err("") => Err(format!("{list:?} has a part that is empty")),
        Err(part) => Err(format!("{part:?}: kinds are of [a-z0-9_.-], with * and ?")),
    }
}

/// What kinds of tasks consist of.
fn is_kind(c: char) -> bool {
    matches!(c, 'a'..='z' | '0'..='9' | '_' | '.' | '-')
}

impl AgentBuilder {
    /// Has it take only what this policy allows: a [`gate`](Self::gate) that asks it. Its handlers for
    /// `shutdown` and `restart` are no exception.
    pub fn policy(self, policy: Policy) -> Self {
        self.gate(move |offer| policy.check(&offer.task.kind, offer.by, offer.at))
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
