//! Who is let in by a secret.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has to fail"
)]

mod common;

use common::{origin, server};
use widget_core::access::Secret;
use widget_core::id::{AgentId, SpoolEpoch};
use widget_core::message::{Credential, Enrol, Hello, Opening, RefusalReason};
use widget_core::store::AgentQuery;
use widget_core::transport::Rejection;

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_not_known_lets_nobody_in() {
    let server = server();
    let hello = Hello {
        versions: (2, 2),
        codecs: vec![1],
        agent: AgentId::from_u128(1),
        epoch: SpoolEpoch::from_bytes([1; 16]),
        seen: None,
        credential: Credential::Secret(Secret::from_bytes([1; 32])),
        extras: Vec::new(),
    };
    let enrol = Enrol {
        token: Secret::from_bytes([2; 32]),
        hello: hello.clone(),
        extras: Vec::new(),
    };
    for (opening, word) in [
        (Opening::Hello(hello), "credential"),
        (Opening::Enrol(enrol), "join_token"),
    ] {
        let Err(Rejection::Refused(refusal)) = server.service().open(&origin(), opening).await
        else {
            panic!("it was let in");
        };
        assert_eq!(refusal.reason, RefusalReason::Credential);
        assert_eq!(server.handle().refusals().get(word), Some(&1));
    }
    let all = AgentQuery {
        after: 0,
        limit: 10,
    };
    let agents = server.handle().agents(&all).await.unwrap();
    assert!(agents.items.is_empty());
}
