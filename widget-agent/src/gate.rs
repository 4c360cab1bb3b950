//! [`Gate`]: what the host of an agent has to say about a task before anything else looks at it, with the
//! feature `policy`. It counts for more than the server's word.

#[cfg(feature = "policy")]
pub use on::Offer;

#[cfg(feature = "policy")]
pub(crate) use on::{Gate, Senders};

#[cfg(not(feature = "policy"))]
pub(crate) use off::{Gate, Senders};

#[cfg(feature = "policy")]
mod on {
    //! What the program around has registered.

    use std::fmt;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use widget_core::message::{Response, Work, WorkTask, extra};
    use widget_core::runtime::SharedRuntime;
    use widget_core::task::Failure;
    use widget_core::time::Timestamp;

    use crate::{AgentBuilder, complain, run};

    /// A task that a server offers, before the agent takes it.
    #[derive(Debug, Clone, Copy)]
    #[non_exhaustive]
    pub struct Offer<'a> {
        /// The task.
        pub task: &'a WorkTask,
        /// Who asked for it, in the server's words, such as `token:deploy`. None if the server does not
        /// say, and of a task that was taken before the agent was started.
        pub by: Option<&'a str>,
        /// Now, by this host's wall clock.
        pub at: Timestamp,
    }

    type Look = dyn Fn(&Offer<'_>) -> Result<(), Failure> + Send + Sync;

    /// Says no to a task, with the reason, if somebody has registered that.
    pub(crate) struct Gate(Option<Box<Look>>);

    impl Gate {
        /// Nobody has.
        pub(crate) const NONE: Self = Self(None);

        /// Asks the one before, and then this one. One that panics says no.
        fn and<F>(self, look: F) -> Self
        where
            F: Fn(&Offer<'_>) -> Result<(), Failure> + Send + Sync + 'static,
        {
            Self(Some(Box::new(move |offer| {
                if let Some(before) = &self.0 {
                    before(offer)?;
                }
                let looks = catch_unwind(AssertUnwindSafe(|| look(offer)));
                let said = looks
                    .unwrap_or_else(|panic| Err(Failure::new("panic", run::panic_text(&*panic))));
                said.map_err(|failure| {
                    complain::debug("a task is not let in", &failure.message);
                    run::failure(&failure.code, &failure.message)
                })
            })))
        }

        pub(crate) fn look(
            &self,
            task: &WorkTask,
            by: Option<&str>,
            runtime: &SharedRuntime,
        ) -> Result<(), Failure> {
            let Some(look) = &self.0 else {
                return Ok(());
            };
            let at = runtime.wall();
            look(&Offer { task, by, at })
        }
    }

    impl fmt::Debug for Gate {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Gate")
        }
    }

    /// Who asked for the tasks of an answer, in their order.
    pub(crate) struct Senders<'a>(&'a [String]);

    impl<'a> Senders<'a> {
        /// Reads an answer with tasks.
        pub(crate) fn of(response: &'a Response) -> Option<(&'a Work, Self)> {
            match response {
                Response::Work(work) => Some((work, Self(&[]))),
                Response::Assigned(assigned) => Some((&assigned.work, Self(&assigned.by))),
                _ => None,
            }
        }

        /// Who asked for the task at this place, if that is known.
        pub(crate) fn get(&self, place: usize) -> Option<&str> {
            let by = self.0.get(place).filter(|by| !by.is_empty());
            by.map(String::as_str)
        }
    }

    impl AgentBuilder {
        /// Has the host say which tasks it takes, before their handlers look at them: a task for which
        /// `look` gives a failure is rejected with that. It counts for every kind, and for each attempt;
        /// added again, all of them have to say yes. A task that was taken and not started is looked at
        /// again when the agent is started, and fails if the answer is no. `look` must not block; a panic
        /// of it is a no.
        ///
        /// ```
        /// use widget_agent::Agent;
        /// use widget_agent::widget_core::task::Failure;
        ///
        /// let agent = Agent::builder().gate(|offer| match offer.task.kind.as_str() {
        ///     "reboot" => Err(Failure::new("on_stage", "not while the show goes on")),
        ///     _ => Ok(()),
        /// });
        /// # drop(agent);
        /// ```
        pub fn gate<F>(mut self, look: F) -> Self
        where
            F: Fn(&Offer<'_>) -> Result<(), Failure> + Send + Sync + 'static,
        {
            self.gate = self.gate.and(look);
            self.extras
                .retain(|(number, _)| *number != extra::READS_ASSIGNED);
            self.extras.push((extra::READS_ASSIGNED, vec![1]));
            self
        }
    }
}

#[cfg(not(feature = "policy"))]
mod off {
    //! Nothing: what there is a handler for is taken.

    use std::marker::PhantomData;

    use widget_core::message::{Response, Work, WorkTask};
    use widget_core::runtime::SharedRuntime;
    use widget_core::task::Failure;

    #[derive(Debug)]
    pub(crate) struct Gate;

    impl Gate {
        pub(crate) const NONE: Self = Self;

        #[expect(
            clippy::unnecessary_wraps,
            clippy::unused_self,
            reason = "as it is where a host has a say"
        )]
        pub(crate) const fn look(
            &self,
            _: &WorkTask,
            _: Option<&str>,
            _: &SharedRuntime,
        ) -> Result<(), Failure> {
            Ok(())
        }
    }

    pub(crate) struct Senders<'a>(PhantomData<&'a ()>);

    impl Senders<'_> {
        /// This agent is never told who asked.
        pub(crate) const fn of(response: &Response) -> Option<(&Work, Self)> {
            match response {
                Response::Work(work) => Some((work, Self(PhantomData))),
                _ => None,
            }
        }

        #[expect(clippy::unused_self, reason = "as it is where a host has a say")]
        pub(crate) const fn get(&self, _: usize) -> Option<&str> {
            None
        }
    }
}
