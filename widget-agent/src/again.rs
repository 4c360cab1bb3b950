//! Whether and how the program starts itself anew: with the feature `restart`.

#[cfg(feature = "restart")]
pub(crate) use on::{register, start};

#[cfg(not(feature = "restart"))]
pub(crate) use off::{register, start};

#[cfg(feature = "restart")]
mod on {
    //! By a task of kind `restart`.

    use std::io;

    use widget_agent::{AgentBuilder, Ended, Restart, restart_program};

    pub(crate) fn register(builder: AgentBuilder) -> AgentBuilder {
        builder.handler(Restart::new())
    }

    /// Starts the program anew if that is why the agent ended.
    pub(crate) fn start(ended: Ended) -> io::Result<()> {
        if ended == Ended::Restart {
            restart_program()?;
        }
        Ok(())
    }
}

#[cfg(not(feature = "restart"))]
mod off {
    //! Not at all: to start a process is 20 KB of a small agent.

    use std::io;

    use widget_agent::{AgentBuilder, Ended};

    pub(crate) fn register(builder: AgentBuilder) -> AgentBuilder {
        builder
    }

    pub(crate) fn start(_: Ended) -> io::Result<()> {
        Ok(())
    }
}
