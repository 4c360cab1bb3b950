//! [`TimedBody`]: a request's body, which has to come in time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use widget_core::runtime::BoxFuture;
use widget_core::time::Mono;

use super::serve::Ground;

/// Fails once it has taken too long.
pub(super) struct TimedBody {
    inner: Incoming,
    ground: Arc<Ground>,
    begun: Mono,
    came: u64,
    /// Until when the next must be there: nothing before it is waited for.
    limit: Option<BoxFuture<'static, ()>>,
}

impl TimedBody {
    pub(super) fn new(inner: Incoming, ground: Arc<Ground>) -> Self {
        Self {
            inner,
            begun: ground.runtime.now(),
            ground,
            came: 0,
            limit: None,
        }
    }

    fn end(&self) -> Mono {
        let limits = &self.ground.limits;
        self.begun.after(limits.body).after(limits.extra(self.came))
    }

    /// Ready when the time is over.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.end();
        let ground = &self.ground;
        let limit = self.limit.get_or_insert_with(|| {
            let runtime = Arc::clone(&ground.runtime);
            Box::pin(async move { runtime.sleep_until(end).await })
        });
        limit.as_mut().poll(cx)
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.limit = None;
            if let Some(Ok(frame)) = &frame
                && let Some(data) = frame.data_ref()
            {
                self.came = self.came.saturating_add(data.len() as u64);
            }
            // What comes drop by drop is never waited for long, and is late all the same.
            if self.ground.runtime.now() < self.end() {
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
        } else if self.poll_late(cx).is_pending() {
            return Poll::Pending;
        }
        self.ground.refused("admin_body");
        Poll::Ready(Some(Err("the body did not come in time".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
