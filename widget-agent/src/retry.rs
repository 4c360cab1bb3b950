//! [`RetryPolicy`]: how often a handler is tried again that failed, and after which pauses.

use std::time::Duration;

use widget_core::task::{AgentEvent, Failure, Finish, FinishKind};

use crate::raw::AnyHandler;
use crate::task_error::Again;

/// How often a handler is tried that fails, and after which pauses. See [`AnyHandler::retry`].
///
/// The pause before the attempt after next is twice as long as the one before, and each is a random
/// part of that, from nothing to the whole: so tasks that failed together do not come back together.
///
/// ```
/// use std::time::Duration;
/// use widget_agent::{AnyHandler, RetryPolicy};
///
/// let policy = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
/// assert_eq!(policy.first_pause, Duration::from_secs(1));
/// let sync = AnyHandler::raw("sync", |_cx, input| async { Ok(input) }).retry(policy);
/// # drop(sync);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often it is started in all, as far as it fails: 5 unless said otherwise. 0 counts as 1.
    /// Starts that were lost because the agent died count apart, and the server ends a task that was
    /// lost three times.
    pub attempts: u32,
    /// The longest that the pause after the first failure may be: 1 s unless said otherwise.
    pub first_pause: Duration,
    /// The longest pause: 5 min unless said otherwise.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5 * 60),
        }
    }
}

impl RetryPolicy {
    /// The pause after so many failures, by a random number.
    fn pause(&self, failures: u32, random: u64) -> Duration {
        let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
        let ceiling = self.first_pause.saturating_mul(factor);
        let millis = millis(ceiling.min(self.longest_pause)).min(u64::MAX - 1);
        Duration::from_millis(random % (millis + 1))
    }
}

/// What is known of a handler and of the task that it failed.
#[derive(Debug)]
pub(crate) struct Tries {
    idempotent: bool,
    policy: Option<RetryPolicy>,
    /// How often it has failed, this time included.
    failures: u32,
}

impl Tries {
    /// Of a handler, of whether the server was told that it is idempotent, and of how often the task
    /// has failed before.
    pub(crate) fn new(handler: Option<&AnyHandler>, idempotent: bool, failures: u32) -> Self {
        Self {
            idempotent,
            policy: handler.and_then(|handler| handler.retry),
            failures: failures.saturating_add(1),
        }
    }

    /// The last word on a failure of this kind: another attempt, if there is one left, or the end.
    /// `leaving` says that the agent leaves, which is why the handler gave up.
    pub(crate) fn last_word(
        &self,
        kind: FinishKind,
        mut failure: Failure,
        again: Again,
        leaving: bool,
        random: impl FnOnce() -> u64,
    ) -> AgentEvent {
        let policy = self.policy.unwrap_or_default();
        let pause = match (again, self.policy) {
            _ if !self.idempotent => None,
            (Again::Never, _) => None,
            (Again::After(pause), _) => Some(pause),
            (Again::Unsaid, _) if leaving => Some(Duration::ZERO),
            (Again::Unsaid, Some(policy)) => Some(policy.pause(self.failures, random())),
            (Again::Unsaid, None) => None,
        };
        match pause {
            Some(pause) if self.failures < policy.attempts => AgentEvent::Retry {
                failure,
                after_ms: millis(pause),
                lost: false,
            },
            _ => {
                if self.failures > 1 {
                    let attempts = self.failures.to_string();
                    failure
                        .message
                        .extend([" (after ", &attempts, " attempts)"]);
                }
                AgentEvent::Finish(Finish::without(kind, failure))
            }
        }
    }
}

fn millis(pause: Duration) -> u64 {
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 3,
        first_pause: Duration::from_millis(100),
        longest_pause: Duration::from_millis(350),
    };

    fn tries(idempotent: bool, policy: Option<RetryPolicy>, failures: u32) -> Tries {
        Tries {
            idempotent,
            policy,
            failures,
        }
    }

    /// The pause before the next attempt and the message, of which one is there.
    fn word(tries: &Tries, again: Again, leaving: bool) -> (Option<u64>, String) {
        let failure = Failure::new("code", "why");
        let longest = || 100;
        match tries.last_word(FinishKind::Failed, failure, again, leaving, longest) {
            AgentEvent::Retry { after_ms, lost, .. } => {
                assert!(!lost);
                (Some(after_ms), String::new())
            }
            AgentEvent::Finish(finish) => (None, finish.failure.unwrap().message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_any_part_of_that() {
        let longest = |failures| (0..1_000).map(|n| POLICY.pause(failures, n)).max();
        let longest: Vec<u128> = (1..=4).map(|n| longest(n).unwrap().as_millis()).collect();
        assert_eq!(longest, [100, 200, 350, 350]);
        assert_eq!(POLICY.pause(1, 0), Duration::ZERO);
        let endless = RetryPolicy {
            first_pause: Duration::MAX,
            longest_pause: Duration::MAX,
            ..POLICY
        };
        assert!(endless.pause(u32::MAX, u64::MAX) <= Duration::MAX);
    }

    #[test]
    fn a_failure_is_tried_again_until_the_attempts_are_used_up() {
        let some = |failures| word(&tries(true, Some(POLICY), failures), Again::Unsaid, false);
        assert_eq!(some(1).0, Some(100));
        assert_eq!(some(2).0, Some(100));
        assert_eq!(some(3), (None, "why (after 3 attempts)".to_owned()));
    }

    #[test]
    fn without_a_policy_only_who_asks_is_tried_again_and_not_for_ever() {
        let none = |failures, again| word(&tries(true, None, failures), again, false);
        let asked = Again::After(Duration::from_secs(9));
        assert_eq!(none(1, Again::Unsaid), (None, "why".to_owned()));
        assert_eq!(none(1, asked).0, Some(9_000));
        assert_eq!(none(4, asked).0, Some(9_000));
        assert_eq!(none(5, asked).1, "why (after 5 attempts)");
    }

    #[test]
    fn what_is_permanent_or_not_idempotent_is_not_tried_again() {
        let permanent = word(&tries(true, Some(POLICY), 1), Again::Never, true);
        assert_eq!(permanent, (None, "why".to_owned()));
        let asked = Again::After(Duration::ZERO);
        assert_eq!(word(&tries(false, None, 1), asked, true).0, None);
    }

    #[test]
    fn who_gives_up_because_the_agent_leaves_gets_its_turn_again_at_once() {
        assert_eq!(word(&tries(true, None, 1), Again::Unsaid, true).0, Some(0));
        assert_eq!(word(&tries(true, None, 5), Again::Unsaid, true).0, None);
    }

    #[test]
    fn no_attempts_count_as_one() {
        let none = RetryPolicy {
            attempts: 0,
            ..POLICY
        };
        let word = word(&tries(true, Some(none), 1), Again::Unsaid, false);
        assert_eq!(word, (None, "why".to_owned()));
    }
}
