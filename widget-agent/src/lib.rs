//! An agent of Widget for your program: it reports what the host is doing and runs the tasks that a
//! server sends.
//!
//! An agent is a future that your program drives on its own runtime, and a handle to look at it and
//! to end it. It starts no runtime of its own and keeps no state outside of these two. When the server
//! is away, it keeps its reports and goes on.
//!
//! ```
//! # #[cfg(all(feature = "tcp", feature = "tokio"))]
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use widget_agent::runtime::{SharedRuntime, TokioRuntime};
//! use widget_agent::{Agent, Identity, connect};
//!
//! let tokio = TokioRuntime::current().ok_or("not on tokio")?;
//! let runtime: SharedRuntime = Arc::new(tokio);
//! let identity = Identity::open("state", runtime.as_ref())?;
//! let (agent, handle) = Agent::builder()
//!     .id(identity.id())
//!     .transport(connect("tcp://127.0.0.1:9004", runtime.clone())?)
//!     .gauge("queue.depth", || 3.0)
//!     .on_raw("echo", |_cx, input| async { Ok(input) })
//!     .runtime(runtime)
//!     .build()?;
//! let driven = tokio::spawn(agent.run());
//! // … what the program is for …
//! println!("{:?}", handle.status());
//! handle.stop().await;
//! driven.await?;
//! # Ok(())
//! # }
//! ```
//!
//! On smol it is the same with a `SmolRuntime`, made from the executor that the program drives. On a
//! runtime of your own, implement [`runtime::Runtime`].
//!
//! # Its parts
//!
//! - **Who it is.** An [`Identity`] is an id in a directory that one process at a time may use. Labels
//!   tell operators what the agent is there for.
//! - **Where it reports.** [`connect`](fn@connect) makes a transport from an address; those of a list
//!   are tried in its order. An agent that had to take a later one tries the earlier ones about every
//!   30 s and goes back to them. All of them should lead to servers with one store.
//! - **Reports.** The [`HostProbe`] measures memory and CPU; a gauge adds a value of your own, a
//!   [`Probe`] several. They are read at the interval, where blocking is allowed.
//! - **Tasks.** A handler runs one kind of task: a closure over JSON text (`on_raw`) or, with the
//!   feature `json`, over your own types (`on`, `Handler`). A [`TaskContext`] says how far it is, and
//!   hears that it is to give up. With the feature `schema` the server knows what an input looks like
//!   and refuses what does not fit.
//! - **The end.** [`AgentHandle::stop`] says goodbye. A server can end an agent only if you register
//!   [`Shutdown`], and its veto has the last word.
//!
//! # When things fail
//!
//! | what happens | what the agent does |
//! |---|---|
//! | the server is away, answers nonsense, redirects or never answers | says so once as a warning, keeps its reports, tries again after pauses of up to 10 s, random so that a fleet does not come back all at once; a server that is busy says itself when |
//! | the first of several servers welcomes the agent and fails at once, or is busy for half a minute | the next one gets its turn; the first is tried again later |
//! | nobody takes the reports for long | after 4,096 of them every second one of the older half is given up, later the oldest; each is counted ([`ReportCounts`]) |
//! | a connection is cut | what was not acknowledged is sent again, and the server knows what it has; running handlers go on, and what became of them is told on the next connection |
//! | the server refuses what the agent says of itself, such as a schema that it cannot read | logged as a warning; reports and tasks go on, the page shows neither name nor handlers |
//! | an output, or news of progress, is more than the server or a proxy before it takes | it is left out; the task fails with the code `output_refused`, or goes on |
//! | a handler fails or panics | the task fails with its error, or with the code `panic` (under `panic = "abort"` the program ends, as always); the agent goes on |
//! | a handler takes too long | it is dropped at the timeout that its task has, if any |
//! | a task is cancelled | [`TaskContext::cancelled`] ends; what the handler then answers is the truth |
//! | the agent is stopped, or shut down | handlers are asked to give up and have 2 s for it, then the server hears a goodbye, for 2 s at most |
//! | the future is dropped | it ends at once, without a goodbye, and its handlers are dropped too |
//! | the process dies | reports that were not delivered die with it, unless you bring a [durable spool](AgentBuilder::spool); tasks that ran end as *interrupted* at the server |
//! | a second process starts with the same id | the later one wins, the other is told so and tries again every 30 s |
//!
//! A handler starts at most once for each task, unless it says that once more does no harm
//! ([`AnyHandler::idempotent`]).
//!
//! # What it takes
//!
//! It starts no threads of its own; blocking work (probes, looking up names) goes to those of the
//! runtime, on smol to a thread for each that ends with it. Between two reports it sleeps but for one request that waits at the server, renewed every 25 s. Every queue
//! has a bound: 4,096 reports, 64 tasks ([`AgentBuilder::tasks`]), one batch of reports and one of news
//! under way.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `tcp`, `http` | addresses with that scheme for [`connect`](fn@connect) |
//! | `tokio`, `smol` | the adapter for that runtime in [`runtime`] |
//! | `json` | typed handlers; the codec `json`, by addresses that end in `?codec=json` |
//! | `postcard` | the codec `postcard`, likewise |
//! | `schema` | JSON Schemas of typed handlers' inputs; implies `json` |
//! | `bin` | the program `widget-agent`, on one of the runtimes and with one of the transports at least |
//!
//! The default is `bin`, `smol`, `tcp` and `http`, which is the program. To embed an agent, switch the
//! default features off and take what you need, such as `tcp` and `tokio`.

mod agent;
mod backoff;
mod builder;
mod complain;
mod connect;
mod context;
mod entry;
mod handle;
#[cfg(feature = "json")]
mod handler;
mod host;
mod identity;
mod probe;
mod raw;
mod reconnect;
mod run;
mod sampling;
#[cfg(feature = "schema")]
mod schema;
mod session;
mod shared;
mod shutdown;
mod sorted;
mod submit;
mod task_error;
mod tasks;
mod update;
mod ways;
mod work;

pub use agent::{Agent, Ended};
pub use builder::{
    AgentBuilder, BuildError, INTERVALS, MAX_HANDLERS, MAX_LABEL_KEY, MAX_LABEL_VALUE, MAX_LABELS,
    is_label,
};
pub use connect::{ConnectError, LOCAL_SERVER, connect};
pub use context::{MAX_PROGRESS, TaskContext};
pub use handle::{AgentHandle, ReportCounts, Status};
#[cfg(feature = "json")]
pub use handler::Handler;
pub use host::Host;
pub use identity::{Identity, IdentityError};
pub use probe::{HostProbe, Probe, ProbeError, Sample};
pub use raw::AnyHandler;
#[cfg(feature = "schema")]
pub use schema::schema_of;
// Whoever derives a schema uses the same one.
#[cfg(feature = "schema")]
pub use schemars;
pub use shutdown::Shutdown;
pub use task_error::TaskError;
// What an embedding program names of it.
pub use widget_core::{self, Payload, runtime};
