//! The log events of the agent, but for the one good one. All go through these few places: each place that logs is
//! half a kilobyte of a small agent.

/// Says that something went wrong, with the reason.
pub(crate) fn warn(what: &'static str, error: &str) {
    tracing::warn!(error, "{what}");
}

/// Says what only those want to know who look closely.
pub(crate) fn debug(what: &'static str, about: &str) {
    tracing::debug!(about, "{what}");
}
