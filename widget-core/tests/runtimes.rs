//! The conformance suite on the runtime adapters: tokio with one and with several threads, smol.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)] // a failing test is what it is for

#[cfg(feature = "tokio")]
mod on_tokio {
    use std::sync::Arc;

    use widget_core::runtime::{BoxFuture, SharedRuntime, TokioRuntime};
    use widget_core::testkit::runtime::Harness;

    struct Tokio(tokio::runtime::Runtime);

    impl Harness for Tokio {
        fn runtime(&self) -> SharedRuntime {
            Arc::new(TokioRuntime::new(self.0.handle().clone()))
        }

        fn drive(&self, work: BoxFuture<'static, ()>) {
            self.0.block_on(work);
        }
    }

    fn build(mut builder: tokio::runtime::Builder) -> Tokio {
        Tokio(builder.enable_all().build().unwrap())
    }

    mod on_one_thread {
        use tokio::runtime::Builder;

        widget_core::runtime_suite!(|| super::build(Builder::new_current_thread()));
    }

    mod on_several_threads {
        use tokio::runtime::Builder;

        widget_core::runtime_suite!(|| super::build(Builder::new_multi_thread()));
    }
}

#[cfg(feature = "smol")]
mod on_smol {
    use std::sync::Arc;

    use smol::Executor;
    use widget_core::runtime::{BoxFuture, SharedRuntime, SmolRuntime};
    use widget_core::testkit::runtime::Harness;

    #[derive(Default)]
    struct Smol(Arc<Executor<'static>>);

    impl Harness for Smol {
        fn runtime(&self) -> SharedRuntime {
            Arc::new(SmolRuntime::new(self.0.clone()))
        }

        fn drive(&self, work: BoxFuture<'static, ()>) {
            smol::block_on(self.0.run(work));
        }
    }

    widget_core::runtime_suite!(Smol::default);
}
