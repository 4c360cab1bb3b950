//! Any text as each thing that has a form as text: what is read reads the same when it is written.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use super::Seed;
use crate::access::{AGENT_PREFIX, JoinString, Secret, TOKEN_PREFIX};
use crate::id::{AgentId, SpoolEpoch, StoreEpoch, TaskId};
use crate::runtime::Address;
use crate::task::StateName;
use crate::testkit::fixtures::{NOW, agent, epoch, secret, store_epoch, task_id};
use crate::time::Timestamp;

/// Any text as an address, as each kind of id, a time, a join string, a secret, and the name of a state.
pub fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    reads_again::<Address>(text);
    reads_again::<AgentId>(text);
    reads_again::<TaskId>(text);
    reads_again::<SpoolEpoch>(text);
    reads_again::<StoreEpoch>(text);
    reads_again::<Timestamp>(text);
    reads_again::<JoinString>(text);
    for prefix in ["", TOKEN_PREFIX, AGENT_PREFIX] {
        let secret = text.strip_prefix(prefix).map(str::parse::<Secret>);
        if let Some(Ok(secret)) = secret {
            assert_eq!(format!("{prefix}{}", secret.text()), text);
        }
    }
    if let Ok(name) = text.parse::<StateName>() {
        assert_eq!(name.as_str(), text);
    }
}

fn reads_again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    let Ok(value) = text.parse::<T>() else {
        return;
    };
    let written = value.to_string();
    assert!(
        written.parse::<T>().is_ok_and(|again| again == value),
        "{text:?} is written as {written:?}"
    );
}

pub(super) fn seeds() -> Vec<Seed> {
    let mut texts = vec![
        "127.0.0.1:9004".to_owned(),
        "[::1]:9004".to_owned(),
        "fleet.example:65535".to_owned(),
        "a b:1".to_owned(),
        "1970-01-01T00:00:00Z".to_owned(),
        "9999-12-31T23:59:59.999+01:00".to_owned(),
        NOW.to_string(),
        agent(1).to_string(),
        task_id(2).to_string(),
        epoch(3).to_string(),
        store_epoch(4).to_string(),
    ];
    texts.extend(StateName::ALL.map(|name| name.as_str().to_owned()));
    let token = secret(5).text();
    texts.push(format!("wj1.{token}.-.tcp://[::1]:9004"));
    texts.push(format!(
        "wj1.{token}.{token}.tls://a.example:9004,https://b"
    ));
    texts.push(format!("{TOKEN_PREFIX}{token}"));
    texts.push(format!("{AGENT_PREFIX}{token}"));
    let named = texts.into_iter().enumerate();
    named
        .map(|(at, text)| (format!("text-{at}"), text.into_bytes()))
        .collect()
}
