//! What turns the list of a suite's cases into tests: the macro, the limit, what a case runs on.

use std::future::{Future, pending};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use futures_lite::future::{block_on, or};

use crate::store::{AccessStore, AgentStore, ReportStore, TaskStore, WholeStore};

/// A case that takes longer hangs.
pub const LIMIT: Duration = Duration::from_secs(10);
/// What is done by then was done soon.
const PROMPT: Duration = Duration::from_secs(2);

/// Runs a case to its end on this thread.
///
/// # Panics
/// If the case does, or if it takes longer than [`LIMIT`].
pub fn run<T>(case: impl Future<Output = T>) -> T {
    block_on(limited(case))
}

/// The result of work that must not hang.
///
/// # Panics
/// If it takes longer than [`LIMIT`].
pub async fn limited<T>(work: impl Future<Output = T>) -> T {
    within(LIMIT, "the case hangs", work).await
}

/// The result of work that comes soon, though from another thread perhaps.
///
/// # Panics
/// With the promise, if it does not come within two seconds.
pub(super) async fn promptly<T>(promise: &str, work: impl Future<Output = T>) -> T {
    within(PROMPT, promise, work).await
}

async fn within<T>(limit: Duration, promise: &str, work: impl Future<Output = T>) -> T {
    let (late, over) = async_channel::bounded::<()>(1);
    let (done, waiting) = mpsc::channel::<()>();
    // A thread, since no runtime's clock can be asked here. It ends with the work.
    std::thread::spawn(move || {
        if waiting.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
            let _ = late.try_send(());
        }
    });
    let end = async {
        match over.recv().await {
            Ok(()) => None,
            Err(_) => pending().await,
        }
    };
    let result = or(async { Some(work.await) }, end).await;
    drop(done);
    result.expect(promise)
}

/// What a case runs on: a store, or a store and something that must live as long as it.
pub trait Subject<T: ?Sized> {
    /// The store.
    fn subject(&self) -> &T;
}

macro_rules! subjects {
    ($($store:ident)*) => {$(
        impl<S: $store + 'static> Subject<dyn $store> for S {
            fn subject(&self) -> &(dyn $store + 'static) {
                self
            }
        }

        impl<S: $store + 'static, K> Subject<dyn $store> for (S, K) {
            fn subject(&self) -> &(dyn $store + 'static) {
                &self.0
            }
        }
    )*};
}

subjects!(TaskStore AgentStore ReportStore AccessStore WholeStore);

#[doc(hidden)]
#[macro_export]
macro_rules! __store_cases {
    ($fresh:expr, $store:ident, $suite:ident: $($group:ident [$($case:ident),* $(,)?])*) => {$($(
        #[test]
        fn $case() {
            $crate::testkit::run(async {
                let fresh = ($fresh)().await;
                let store = $crate::testkit::Subject::<dyn $crate::store::$store>::subject(&fresh);
                $crate::testkit::$suite::$group::$case(store).await;
            });
        }
    )*)*};
}
