//! [`first`]: several futures at once, until one of them ends.

use std::future::poll_fn;
use std::task::Poll;

use widget_core::runtime::BoxFuture;

/// Drives all of them, in this order each time, until the first ends. The others are dropped.
///
/// Boxed, and not joined by combinators: those make one function of all of them, which is larger than
/// its parts.
pub(crate) async fn first<T>(mut parts: Vec<BoxFuture<'_, T>>) -> T {
    poll_fn(|cx| {
        for part in &mut parts {
            if let Poll::Ready(value) = part.as_mut().poll(cx) {
                return Poll::Ready(value);
            }
        }
        Poll::Pending
    })
    .await
}
