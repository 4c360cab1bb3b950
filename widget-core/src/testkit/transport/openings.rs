//! What becomes of an opening.

use std::time::Duration;

use super::{Answer, Bench, PATIENCE, ScriptedService, hello};
use crate::message::Opening;
use crate::testkit::samples;
use crate::transport::{TransportError, TransportErrorKind};

/// The service sees the opening as the agent said it, and sees it before any command.
pub async fn what_the_agent_says_arrives(bench: Bench) {
    let _connection = bench.connect(3).await;
    assert_eq!(bench.service.openings(), [hello(3)]);
    assert_eq!(bench.service.callers(), []);
}

/// An enrolment arrives as the agent said it, and is welcomed as a Hello is.
pub async fn an_enrolment_arrives_whole(bench: Bench) {
    let mut openings = samples::openings();
    openings.retain(|opening| matches!(opening, Opening::Enrol(_)));
    for opening in &openings {
        let transport = bench.transport(PATIENCE);
        let (_connection, welcome) = transport.connect(opening.clone()).await.unwrap();
        assert_eq!(welcome, ScriptedService::welcome());
    }
    assert_eq!(bench.service.openings(), openings);
}

/// The agent gets the welcome that the service said.
pub async fn the_welcome_is_what_the_service_said(bench: Bench) {
    let transport = bench.transport(PATIENCE);
    let (_connection, welcome) = transport.connect(hello(1)).await.unwrap();
    assert_eq!(welcome, ScriptedService::welcome());
}

/// A refusal comes back with its reason and its text.
pub async fn a_refusal_is_told(bench: Bench) {
    bench.service.answer_openings(Answer::Refused);
    let error = rejected(&bench).await;
    let expected = TransportErrorKind::Refused(ScriptedService::refusal());
    assert_eq!(error.kind(), &expected);
}

/// Busy comes back with the time after which to come again.
pub async fn busy_is_told_with_its_time(bench: Bench) {
    bench.service.answer_openings(Answer::Busy);
    let error = rejected(&bench).await;
    let retry_after = Duration::from_millis(1_234);
    assert_eq!(error.kind(), &TransportErrorKind::Busy { retry_after });
}

/// Where nobody listens, connecting fails as unreachable, with the cause.
pub async fn nobody_there_is_unreachable(bench: Bench) {
    let transport = bench.transport_to(&bench.nobody(), PATIENCE);
    let error = transport.connect(hello(1)).await.unwrap_err();
    assert_eq!(error.kind(), &TransportErrorKind::Unreachable);
    assert!(std::error::Error::source(&error).is_some());
}

async fn rejected(bench: &Bench) -> TransportError {
    let transport = bench.transport(PATIENCE);
    transport.connect(hello(1)).await.unwrap_err()
}
