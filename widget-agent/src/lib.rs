//! An agent of Widget for your program: it reports what the host is doing and runs the tasks that a
//! server sends.
//!
//! An agent is a future that your program drives on its own runtime, and a handle to look at it and
//! to end it. It starts no thread and no runtime of its own. When the server is away it keeps its
//! reports and goes on.
//!
//! ```
//! # #[cfg(feature = "tcp")]
//! # async fn embed(runtime: widget_core::runtime::SharedRuntime) -> Result<(), Box<dyn std::error::Error>> {
//! use widget_agent::{Agent, Identity, Shutdown, connect};
//!
//! let identity = Identity::open("state", runtime.as_ref())?;
//! let (agent, handle) = Agent::builder()
//!     .id(identity.id())
//!     .transport(connect("tcp://127.0.0.1:9004", runtime.clone())?)
//!     .gauge("queue.depth", || 3.0)
//!     .on_raw("echo", |_cx, input| async { Ok(input) })
//!     .handler(Shutdown::new())
//!     .runtime(runtime)
//!     .build()?;
//! let before = handle.status();
//! let why = agent.await;
//! # Ok(())
//! # }
//! ```
//!
//! - **Reports.** The [`HostProbe`] measures memory and CPU; a gauge adds a value of your own, a
//!   [`Probe`] several. They are read at the interval, where blocking is allowed.
//! - **Tasks.** A handler runs one kind of task: a closure over JSON text (`on_raw`) or, with the
//!   feature `json`, over your own types (`on`, `Handler`). It starts at most once for each task,
//!   unless you say that once more does no harm. It has a [`TaskContext`] to say how far it is and to
//!   hear that it is to give up.
//! - **The end.** [`AgentHandle::stop`] says goodbye. A server can end an agent only if you
//!   register [`Shutdown`], and its veto has the last word.
//! - **Runtimes.** The features `tokio` and `smol` bring the adapters of [`widget_core::runtime`].
//!
//! | feature | what it adds |
//! |---|---|
//! | `tcp` | `tcp://` addresses for [`connect`](fn@connect) |
//! | `tokio`, `smol` | the adapter for that runtime |
//! | `json` | typed handlers |
//! | `bin` | the program `widget-agent` |

mod agent;
mod backoff;
mod builder;
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
mod session;
mod shared;
mod shutdown;
mod sorted;
mod spent;
mod submit;
mod task_error;
mod tasks;
mod update;
mod work;

pub use agent::{Agent, Ended};
pub use builder::{
    AgentBuilder, BuildError, INTERVALS, MAX_HANDLERS, MAX_LABEL_KEY, MAX_LABEL_VALUE, MAX_LABELS,
    is_label,
};
pub use connect::{ConnectError, connect};
pub use context::{MAX_PROGRESS, TaskContext};
pub use handle::{AgentHandle, ReportCounts, Status};
#[cfg(feature = "json")]
pub use handler::Handler;
pub use host::Host;
pub use identity::{Identity, IdentityError};
pub use probe::{HostProbe, Probe, ProbeError, Sample};
pub use raw::AnyHandler;
pub use shutdown::Shutdown;
pub use task_error::TaskError;
// What an embedding program names of it.
pub use widget_core;
