//! Tests of what policies decide, and of what is none.

use proptest::prelude::*;
use widget_core::testkit::fixtures::Noise;

use super::*;

const POLICY: &str = "\
# An example.
default allow

deny  kind shutdown      # from afar
allow kind backup.*  from token:ops-*
deny\tkind *  from token:ci-*,local
deny  kind deploy.*  at mon-fri 08:00-18:00 utc
";

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const MONDAY: &str = "2026-01-05T09:30:00.000Z";
const SUNDAY: &str = "2026-01-04T09:30:00.000Z";

#[test]
fn the_first_rule_that_fits_decides() {
    let policy = policy(POLICY);
    for (kind, by, when, line) in [
        ("shutdown", Some("token:ops-1"), SUNDAY, 4),
        ("backup.db", Some("token:ops-1"), MONDAY, 0),
        ("backup.db", Some("token:ci-1"), MONDAY, 6),
        ("backup.db", Some("local"), MONDAY, 6),
        ("backup.db", Some("local:1000"), MONDAY, 0),
        ("deploy.web", Some("token:ops-1"), MONDAY, 7),
        ("deploy.web", Some("token:ops-1"), SUNDAY, 0),
        ("other", Some("token:else"), MONDAY, 0),
    ] {
        let denied = policy.check(kind, by, at(when)).err();
        let said = format!("{kind} {by:?} {when}: {denied:?}");
        match denied {
            None => assert_eq!(line, 0, "{said}"),
            Some(failure) => {
                assert_eq!(failure.code, "denied_by_policy");
                let start = format!("line {line} of the agent's policy denies it");
                assert!(failure.message.starts_with(&start), "{said}");
            }
        }
    }
}

#[test]
fn a_denial_has_the_line_without_what_is_for_people() {
    let denied = policy(POLICY).check("shutdown", None, at(MONDAY));
    let message = "line 4 of the agent's policy denies it: deny kind shutdown";
    assert_eq!(denied.unwrap_err().message, message);
}

#[test]
fn without_a_default_what_no_rule_fits_is_allowed() {
    for text in ["", "# nothing\r\n", "default allow", "allow kind a"] {
        assert_eq!(policy(text).check("b", None, at(MONDAY)), Ok(()));
    }
    let closed = policy("allow kind a\ndefault deny\n");
    assert_eq!(closed.check("a", None, at(MONDAY)), Ok(()));
    let denied = closed.check("b", Some("local"), at(MONDAY)).unwrap_err();
    assert_eq!(
        denied.message,
        "line 2 of the agent's policy denies it, as no other line allows it: default deny"
    );
}

#[test]
fn a_rule_about_who_asked_denies_and_never_allows_where_that_is_not_known() {
    let open = policy("deny from token:ci-*");
    let denied = open.check("a", None, at(MONDAY)).unwrap_err();
    assert!(denied.message.contains("not known who asked"), "{denied}");
    assert_eq!(open.check("a", Some(""), at(MONDAY)), Ok(()));
    let closed = policy("allow from *\ndefault deny");
    assert!(closed.check("a", None, at(MONDAY)).is_err());
    assert_eq!(closed.check("a", Some("local"), at(MONDAY)), Ok(()));
    // Of another kind or time it says nothing.
    let narrow = policy("deny kind b from *\ndeny from * at sat utc");
    assert_eq!(narrow.check("a", None, at(MONDAY)), Ok(()));
}

#[test]
fn parts_stand_in_any_order_and_one_is_enough() {
    let times = policy("deny at sat-sun utc");
    assert!(times.check("a", None, at(SUNDAY)).is_err());
    assert!(times.check("a", None, at(MONDAY)).is_ok());
    let mixed = policy("deny at sun utc from x kind a");
    assert!(mixed.check("a", Some("x"), at(SUNDAY)).is_err());
    assert!(mixed.check("a", Some("y"), at(SUNDAY)).is_ok());
}

#[test]
fn an_unknown_word_names_the_known_ones() {
    for (text, parts) in [
        (
            "forbid kind a",
            &["line 1", "forbid", "allow, deny or default"][..],
        ),
        (
            "\n\nDeny kind a",
            &["line 3", "\"Deny\"", "allow, deny or default"],
        ),
        ("deny kinds a", &["kinds", "kind, from and at"]),
        ("deny kind a to b", &["\"to\"", "kind, from and at"]),
        ("deny kind a b", &["\"b\"", "kind, from and at"]),
        ("deny", &["kind *"]),
        ("deny kind", &["kind *"]),
        ("deny from # ops", &["from *"]),
        ("deny kind Backup", &["\"Backup\"", "[a-z0-9_.-]"]),
        ("deny kind a,,b", &["a,,b", "empty"]),
        ("deny kind a kind b", &["kind", "twice"]),
        ("deny at mon-fri 08:00-18:00", &["utc"]),
        ("deny at utc", &["days, hours or both"]),
        ("deny at mon-fri 08:00-18:00 cet", &["utc"]),
        ("deny at always utc", &["always", "mon, tue"]),
        ("default", &["allow or deny"]),
        ("default deny kind a", &["allow or deny"]),
        ("default deny\ndefault deny", &["line 2", "already"]),
        ("deny kind a\u{7}", &["control"]),
        ("deny kind a\rdeny kind b", &["control"]),
    ] {
        let error = text.parse::<Policy>().unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{text:?}: {part:?} in {error:?}");
        }
        assert!(!error.contains(char::is_control), "{error:?}");
    }
}

#[test]
fn lines_and_rules_have_their_bounds() {
    let long = format!("deny kind {}", "a,".repeat(300));
    assert!(
        long.parse::<Policy>()
            .unwrap_err()
            .to_string()
            .contains("512")
    );
    let many = |rules| "deny kind a\n".repeat(rules).parse::<Policy>();
    assert!(many(1_000).is_ok());
    let error = many(1_001).unwrap_err().to_string();
    assert!(
        error.contains("line 1001") && error.contains("1000"),
        "{error}"
    );
}

/// Rules as they are written, and what they are.
#[derive(Debug, Clone)]
struct Written {
    allows: bool,
    kinds: Vec<String>,
    from: Vec<String>,
    days: Vec<usize>,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Written {
    fn text(&self) -> String {
        let mut text = if self.allows { "allow" } else { "deny" }.to_owned();
        let mut add = |part: &str, list: String, end: &str| {
            if !list.is_empty() {
                text.extend([" ", part, " ", &list, end]);
            }
        };
        let days: Vec<&str> = self.days.iter().map(|day| DAYS[*day]).collect();
        add("kind", self.kinds.join(","), "");
        add("at", days.join(","), " utc");
        add("from", self.from.join(","), "");
        text
    }

    fn fits(&self, kind: &str, by: Option<&str>, day: usize) -> bool {
        let one = |list: &[String], text: &str| list.iter().any(|part| part == "*" || part == text);
        (self.kinds.is_empty() || one(&self.kinds, kind))
            && (self.days.is_empty() || self.days.contains(&day))
            && (self.from.is_empty() || by.map_or(!self.allows, |by| one(&self.from, by)))
    }
}

fn written() -> impl Strategy<Value = Written> {
    let list = || proptest::collection::vec("[ab*]", 0..3);
    let days = proptest::collection::vec(0..7_usize, 0..3);
    let parts = (any::<bool>(), list(), list(), days);
    let some = |(_, kinds, from, days): &(bool, Vec<String>, Vec<String>, Vec<usize>)| {
        !kinds.is_empty() || !from.is_empty() || !days.is_empty()
    };
    let parts = parts.prop_filter("a rule says of something", some);
    parts.prop_map(|(allows, kinds, from, days)| Written {
        allows,
        kinds,
        from,
        days,
    })
}

proptest! {
    #[test]
    fn a_policy_decides_as_its_rules_say_one_after_the_other(
        rules in proptest::collection::vec(written(), 0..6),
        default in any::<bool>(),
        kind in "[abc]",
        by in proptest::option::of("[abc]"),
        day in 0..7_usize,
    ) {
        let mut text = if default { "default allow\n" } else { "default deny\n" }.to_owned();
        for rule in &rules {
            text.extend([&rule.text(), "\n"]);
        }
        let policy: Policy = text.parse().unwrap();
        let monday = Timestamp::from_secs(4 * 86_400);
        let when = monday.after(std::time::Duration::from_secs(86_400 * day as u64));
        let by = by.as_deref();
        let decides = rules.iter().find(|rule| rule.fits(&kind, by, day));
        let expected = decides.map_or(default, |rule| rule.allows);
        prop_assert_eq!(policy.check(&kind, by, when).is_ok(), expected, "{}", text);
    }

    #[test]
    fn any_text_is_a_policy_or_one_clear_line(text in "[a-z0-9 *?,:#\\-\n\u{0}-\u{7f}é]{0,60}") {
        holds(text.as_bytes());
    }
}

/// What is true of whatever bytes.
fn holds(bytes: &[u8]) {
    match Policy::from_bytes(bytes) {
        Err(error) => {
            let said = error.to_string();
            assert!(!said.contains(char::is_control), "{said:?}");
            assert!(said.len() < 2_048, "{said:?}");
        }
        Ok(policy) => {
            let again: Policy = policy.to_string().parse().unwrap();
            assert_eq!(again.to_string(), policy.to_string());
            for kind in ["a", "shutdown"] {
                for by in [None, Some("local")] {
                    let when = at(MONDAY);
                    let (one, other) = (policy.check(kind, by, when), again.check(kind, by, when));
                    assert_eq!(one.is_ok(), other.is_ok());
                }
            }
        }
    }
}

#[test]
fn a_damaged_policy_is_a_policy_or_one_clear_line() {
    let mut noise = Noise::new(11);
    for _ in 0..5_000 {
        let mut bytes = POLICY.as_bytes().to_vec();
        for _ in 0..=noise.below(4) {
            let place = noise.below(bytes.len() as u64) as usize;
            bytes[place] = noise.bits() as u8;
        }
        holds(&bytes);
    }
}
