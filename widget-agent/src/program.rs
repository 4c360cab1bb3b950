//! [`Program`]: the agent of the program, put together from its flags, on whichever runtime.

use std::error::Error;

use futures_lite::future::or;
use widget_agent::runtime::SharedRuntime;
use widget_agent::{Agent, AgentHandle, Identity, Shutdown};

use crate::args::Options;
use crate::say;

/// An agent, ready to run.
pub(crate) struct Program {
    agent: Agent,
    handle: AgentHandle,
    /// Keeps others out of the state directory.
    identity: Identity,
}

impl Program {
    pub(crate) fn new(options: Options, runtime: SharedRuntime) -> Result<Self, Box<dyn Error>> {
        let mut builder = Agent::builder().runtime(runtime.clone());
        for url in &options.servers {
            builder = builder.transport(widget_agent::connect(url, runtime.clone())?);
        }
        for (key, value) in options.labels {
            builder = builder.label(key, value);
        }
        let identity = Identity::open(&options.state, runtime.as_ref())?;
        let builder = builder
            .id(identity.id())
            .interval(options.interval)
            .handler(Shutdown::new());
        let (agent, handle) = builder.build()?;
        Ok(Self {
            agent,
            handle,
            identity,
        })
    }

    /// Runs it until it ends: by a task, or by a signal. `signal` ends with the next one.
    pub(crate) async fn run(self, mut signal: impl AsyncFnMut()) {
        let Self {
            agent,
            handle,
            identity: _held,
        } = self;
        say(&["agent ", &handle.status().id.to_string(), "\n"].concat());
        let ended = async {
            agent.await;
        };
        let stop = async {
            signal().await;
            // The first signal says goodbye, the second does not wait for that.
            or(handle.stop(), signal()).await;
        };
        or(ended, stop).await;
    }
}
