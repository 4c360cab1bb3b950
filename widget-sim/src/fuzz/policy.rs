//! Any bytes as the policy of an agent.

use widget_agent::Policy;
use widget_core::task::Failure;
use widget_core::testkit::fuzz::Seed;
use widget_core::time::Timestamp;

/// The longest text of an error or a denial, in bytes.
const LONGEST: usize = 2 * 1024;

/// Any text as a policy, and what it says of some tasks: an error or a denial is one line, and a policy
/// decides as it is written.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let is_line = |said: &str| said.len() <= LONGEST && !said.contains(char::is_control);
    let policy: Policy = match text.parse() {
        Ok(policy) => policy,
        Err(error) => {
            let said = format!("{error}");
            assert!(is_line(&said), "{said:?}");
            return;
        }
    };
    let written = policy.to_string();
    let again: Policy = match written.parse() {
        Ok(again) => again,
        Err(error) => panic!("{text:?} is {written:?}: {error}"),
    };
    let hour = |hour: i64| Timestamp::from_secs(hour * 3_600);
    for at in (0..7 * 24).step_by(5).map(hour) {
        for kind in ["shutdown", "backup.db", "x"] {
            for by in [None, Some("local"), Some("token:ops-1")] {
                let denied = policy.check(kind, by, at);
                assert_eq!(denied.is_ok(), again.check(kind, by, at).is_ok());
                if let Err(Failure { code, message }) = denied {
                    assert!(code == Policy::DENIED && is_line(&message), "{message:?}");
                }
            }
        }
    }
}

pub(super) fn seeds() -> Vec<Seed> {
    let texts = [
        "",
        "deny kind *",
        "# nobody\ndeny  kind shutdown,restart\nallow kind backup.*  from token:ops-*\n",
        "deny\tkind deploy.*  at mon-fri 08:00-18:00 utc\r\ndefault deny\r\n",
        "deny at fri-mon,wed 22:00-24:00 utc from local:*,token:c? # and so on",
        "allow from a from b",
        "deny kind a at 08:00-18:00",
        "default perhaps",
    ];
    let named = texts.iter().enumerate();
    named
        .map(|(at, text)| (format!("policy-{at}"), text.as_bytes().to_vec()))
        .collect()
}
