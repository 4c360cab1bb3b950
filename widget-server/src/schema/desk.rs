//! [`Desk`]: one check at a time, and a line of those who wait that does not grow for ever.
//!
//! A schema may take megabytes and the better part of a second to compile, and whoever can connect
//! can say one. Without a desk, as many would be compiled at once as there are connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use event_listener::Event;

/// Where checks are made.
#[derive(Debug)]
pub(crate) struct Desk {
    is_taken: AtomicBool,
    left: Event,
    in_line: AtomicUsize,
    most: usize,
}

impl Desk {
    /// A desk at whose line at most so many stand.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            is_taken: AtomicBool::new(false),
            left: Event::new(),
            in_line: AtomicUsize::new(0),
            most,
        })
    }

    /// Waits for its turn; `None` if the line is full. The turn goes with the work, which may go on
    /// when nobody waits for its result any more.
    pub(crate) async fn turn(self: &Arc<Self>) -> Option<Turn> {
        let _in_line = InLine::join(self)?;
        loop {
            if let Some(turn) = self.take() {
                return Some(turn);
            }
            let left = self.left.listen();
            // It may have been left in between.
            if let Some(turn) = self.take() {
                return Some(turn);
            }
            left.await;
        }
    }

    fn take(self: &Arc<Self>) -> Option<Turn> {
        let was_taken = self.is_taken.swap(true, Ordering::AcqRel);
        (!was_taken).then(|| Turn(Arc::clone(self)))
    }
}

/// The desk is its holder's, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(Arc<Desk>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.is_taken.store(false, Ordering::Release);
        self.0.left.notify_additional(1);
    }
}

struct InLine<'a>(&'a Desk);

impl<'a> InLine<'a> {
    fn join(desk: &'a Desk) -> Option<Self> {
        let before = desk.in_line.fetch_add(1, Ordering::AcqRel);
        let joined = Self(desk);
        (before < desk.most).then_some(joined)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.in_line.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_lite::future::{block_on, poll_once};

    use super::*;

    #[test]
    fn the_next_in_line_has_its_turn_when_the_desk_is_left() {
        block_on(async {
            let desk = Desk::new(2);
            let first = desk.turn().await;
            let mut gone = Box::pin(desk.turn());
            let mut second = pin!(desk.turn());
            assert!(poll_once(&mut gone).await.is_none());
            assert!(poll_once(&mut second).await.is_none());
            drop(gone);
            assert!(poll_once(&mut second).await.is_none());
            drop(first);
            assert!(
                poll_once(&mut second)
                    .await
                    .is_some_and(|turn| turn.is_some())
            );
        });
    }

    #[test]
    fn nobody_waits_behind_a_full_line() {
        block_on(async {
            let desk = Desk::new(1);
            let _first = desk.turn().await;
            let mut second = Box::pin(desk.turn());
            assert!(poll_once(&mut second).await.is_none());
            assert!(desk.turn().await.is_none());
            drop(second);
            let mut third = pin!(desk.turn());
            assert!(poll_once(&mut third).await.is_none());
        });
    }
}
