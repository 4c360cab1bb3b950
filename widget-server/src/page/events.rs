//! `GET /events`: hints that something has changed, as server-sent events, at most one a second.
//! They say only that it is worth to look again, so one that is missed harms nobody.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_lite::{future, stream};
use serde::Deserialize;
use tokio::time::{Instant, sleep_until};
use widget_core::id::AgentId;

use super::reply::Trouble;
use crate::api::{Asking, Problem};
use crate::events::{Events, ServerEvent};
use crate::streams::{Crowded, Seat};

const PACE: Duration = Duration::from_secs(1);
/// Proxies cut what is silent for long.
const ALIVE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    /// Only what concerns this agent.
    agent: Option<String>,
}

pub(super) async fn stream(
    Asking(handle): Asking,
    Query(ask): Query<Ask>,
) -> Result<impl IntoResponse, Response> {
    let agent = match ask.agent.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => {
            let id = id.parse();
            Some(id.map_err(|_| Trouble::no_agent().into_response())?)
        }
        None => None,
    };
    if let Some(agent) = agent
        && !handle
            .sees(agent)
            .await
            .map_err(|error| Trouble::from(error).into_response())?
    {
        return Err(Trouble::no_agent().into_response());
    }
    let (seat, events) = handle.stream().map_err(too_many)?;
    let hints = Hints {
        events,
        agent,
        next: Instant::now(),
        _seat: Some(seat),
    };
    let hints = stream::unfold(hints, |mut hints: Hints| async move {
        hints.next().await?;
        Some((Ok::<_, Infallible>(Event::default().data("changed")), hints))
    });
    Ok(Sse::new(hints).keep_alive(KeepAlive::new().interval(ALIVE)))
}

/// The script of the page looks now and then instead, and asks again.
fn too_many(crowded: Crowded) -> Response {
    let detail = match crowded {
        Crowded::All => "as many pages are told of changes as may be",
        Crowded::Caller => "as many pages of this token are told of changes as may be",
    };
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(status, "too_many_streams", detail).into_response()
}

struct Hints {
    /// None where nobody counts.
    _seat: Option<Seat>,
    events: Events,
    agent: Option<AgentId>,
    /// No hint before this.
    next: Instant,
}

impl Hints {
    /// Waits for something that concerns the reader; `None` when the server ends.
    async fn next(&mut self) -> Option<()> {
        while !concerns(self.agent, self.events.next().await?) {}
        sleep_until(self.next).await;
        // What came meanwhile is said with this hint.
        while let Some(event) = future::poll_once(self.events.next()).await {
            event?;
        }
        self.next = Instant::now() + PACE;
        Some(())
    }
}

fn concerns(agent: Option<AgentId>, event: ServerEvent) -> bool {
    let Some(wanted) = agent else {
        return true;
    };
    match event {
        ServerEvent::AgentChanged(agent)
        | ServerEvent::Reported(agent)
        | ServerEvent::TaskChanged { agent, .. } => agent == wanted,
        ServerEvent::Missed => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::EventSource;

    const ONE: AgentId = AgentId::from_u128(1);
    const TWO: AgentId = AgentId::from_u128(2);

    #[tokio::test(start_paused = true)]
    async fn many_events_are_one_hint_a_second() {
        let source = EventSource::new();
        let mut hints = Hints {
            events: source.subscribe(),
            agent: None,
            next: Instant::now(),
            _seat: None,
        };
        let start = Instant::now();
        for _ in 0..50 {
            source.say(ServerEvent::Reported(ONE));
        }
        assert_eq!(hints.next().await, Some(()));
        assert_eq!(start.elapsed(), Duration::ZERO);
        source.say(ServerEvent::Reported(ONE));
        assert_eq!(hints.next().await, Some(()));
        assert_eq!(start.elapsed(), PACE);
        assert_eq!(
            future::poll_once(hints.next()).await,
            None,
            "nothing is left"
        );
    }

    #[test]
    fn a_page_of_one_agent_hears_of_no_other() {
        assert!(concerns(None, ServerEvent::Reported(TWO)));
        assert!(concerns(Some(ONE), ServerEvent::Reported(ONE)));
        assert!(!concerns(Some(ONE), ServerEvent::Reported(TWO)));
        assert!(concerns(Some(ONE), ServerEvent::Missed));
    }

    #[tokio::test]
    async fn the_stream_ends_with_the_server() {
        let source = EventSource::new();
        let mut hints = Hints {
            events: source.subscribe(),
            agent: None,
            next: Instant::now(),
            _seat: None,
        };
        source.close();
        assert_eq!(hints.next().await, None);
    }
}
