//! [`Program`]: the agent of the program, put together from its flags, on whichever runtime.

use std::error::Error;
use std::future::IntoFuture;
use std::path::Path;

use futures_lite::future::or;
use widget_agent::runtime::{BoxFuture, Runtime, SharedRuntime};
use widget_agent::widget_core::spool::{LogSpool, SetAside};
use widget_agent::{Agent, AgentHandle, Ended, Identity, IdentityError, Shutdown, open_spool};

use crate::args::Options;
use crate::{again, joining, policing, say};

/// An agent, ready to run.
pub(crate) struct Program {
    agent: Agent,
    handle: AgentHandle,
    /// Keeps others out of the state directory.
    identity: Identity,
}

impl Program {
    /// Puts it together, once it has joined where it is to. `drive` runs a future to its end.
    pub(crate) fn new(
        mut options: Options,
        runtime: SharedRuntime,
        drive: impl FnOnce(BoxFuture<'_, ()>),
    ) -> Result<Self, Box<dyn Error>> {
        let builder = Agent::builder().runtime(runtime.clone());
        // Before anything is said to anybody.
        let builder = policing::begin(builder, &options.policy, &options.state)?;
        let (mut builder, joined) = joining::begin(builder, &mut options, &runtime, drive)?;
        for url in &options.servers {
            builder = builder.transport(widget_agent::connect(url, runtime.clone())?);
        }
        for (key, value) in options.labels {
            builder = builder.label(key, value);
        }
        let identity = match joined {
            Some(identity) => identity,
            None => Identity::open(&options.state, runtime.as_ref())?,
        };
        if let Some(limit) = options.spool {
            builder = builder.spool(spool(&options.state, limit, runtime.as_ref())?);
        }
        let builder = builder
            .id(identity.id())
            .interval(options.interval)
            .handler(Shutdown::new());
        let (agent, handle) = again::register(builder).build()?;
        Ok(Self {
            agent,
            handle,
            identity,
        })
    }

    /// Runs it until it ends: by a task, or by a signal. `signal` ends with the next one.
    pub(crate) async fn run(self, mut signal: impl AsyncFnMut()) -> Ended {
        let Self {
            agent,
            handle,
            identity: _held,
        } = self;
        say(&["agent ", &handle.status().id.to_string(), "\n"].concat());
        let stop = async {
            signal().await;
            // The first signal says goodbye, the second does not wait for that.
            or(handle.stop(), signal()).await;
            Ended::Stopped
        };
        or(agent.into_future(), stop).await
    }
}

/// The spool on disk, with a warning for what is wrong there.
fn spool(directory: &Path, limit: u64, runtime: &dyn Runtime) -> Result<LogSpool, IdentityError> {
    let opened = open_spool(directory, limit, runtime)?;
    if let Some(SetAside { name, damage }) = opened.aside {
        let what = "the spool cannot be read and was set aside; a new one begins";
        warn(what, &[&name, ": ", damage.as_str()].concat());
    }
    if let Some(error) = opened.trouble {
        warn("the spool cannot be written", &error.to_string());
    }
    Ok(opened.spool)
}

fn warn(what: &'static str, error: &str) {
    tracing::warn!(error, "{what}");
}
