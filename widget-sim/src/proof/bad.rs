//! Requests of the API that are to be refused, one for each reason that a client can cause by itself.

use std::time::Duration;

use widget_core::Payload;
use widget_core::payload::MAX_INPUT;
use widget_core::task::Once;
use widget_server::{SendError, TaskRequest};

use super::plan::Kind;
use super::rogue::ROGUE;

/// How many there are.
pub(super) const BAD: u64 = 7;

/// The request with this number.
pub(super) fn request(number: u64) -> TaskRequest {
    let input = match number {
        0 => Payload::from_json_text(" ".repeat(MAX_INPUT + 1)),
        1 => Payload::from_json_text("{"),
        _ => Payload::null(),
    };
    let kind = match number {
        2 => "No Kind",
        _ => Kind::Plain.as_str(),
    };
    let mut request = TaskRequest::new(ROGUE, kind, input);
    match number {
        3 => request.ttl = Some(Duration::ZERO),
        4 => request.timeout = Some(Duration::ZERO),
        5 => request.ordering_key = Some(String::new()),
        6 => request.once = Once::Key(String::new()),
        _ => {}
    }
    request
}

/// The name of a refusal.
pub(super) const fn name(error: &SendError) -> &'static str {
    match error {
        SendError::UnknownAgent => "UnknownAgent",
        SendError::NotBefore(_) => "NotBefore",
        // A clock was set meanwhile, so that the same time is another one.
        SendError::KeyReused(_) => "KeyReused",
        SendError::Store(_) => "Store",
        SendError::AgentIsV1 => "AgentIsV1",
        SendError::Kind => "Kind",
        SendError::InputTooLarge(_) => "InputTooLarge",
        SendError::Input => "Input",
        SendError::Ttl => "Ttl",
        SendError::Timeout => "Timeout",
        SendError::OrderingKey => "OrderingKey",
        SendError::Key => "Key",
        _ => "otherwise",
    }
}
