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
//!   tell operators what the agent is there for. With an id alone a server takes the agent at its word;
//!   one that has [joined](#joining-a-server) proves who it is.
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
//!   [`Shutdown`], or [`Restart`] for a program that starts itself anew; the hook of each finishes what
//!   is open, or says no.
//!
//! # Joining a server
//!
//! With the feature `join` an agent becomes one of a server's for good: `join(directory, text, runtime)`
//! takes a join string, `wj1.TOKEN.PIN.URL[,URL]…`, once. The agent makes a secret, which goes into the
//! file `credential` of its state directory (`0600`) before anything is said; the token lets it in; the
//! server gives it its id and knows it by the secret from then on. What comes back, `Joined`, has all
//! that an [`AgentBuilder`] needs for that, and `Joined::open` gives it at later starts, when nobody has
//! the string any more. Whoever copies the file is the agent: it belongs into no image and no backup
//! that others read.
//!
//! | what happens | what comes of it |
//! |---|---|
//! | the server does not let it in | an error with the server's words; the same string later goes on with the same secret |
//! | no answer, a crash, a power cut | the same string again goes on where it was, and costs no further use of the token |
//! | the server is not the one with the string's pin | an error; neither token nor secret was said |
//! | the server is older than this | an error that says so |
//! | the file is damaged, or others may read it | an error; it is never made anew by itself, as that takes another token |
//! | the directory has an id and a spool of before | these were another agent's: the id is replaced, the spool set aside with a warning |
//! | the server has deleted the agent, or was restored from before it joined | a warning that it is not let in; it tries again about every 35 s. Delete the file and join anew |
//!
//! # Handlers
//!
//! ```
//! use widget_agent::{Agent, AnyHandler, End, Payload, RetryPolicy, TaskError};
//!
//! // Never started twice. It tells of itself while it runs, and heeds a cancel.
//! let backup = AnyHandler::raw("backup", |cx, _input| async move {
//!     for disk in ["a", "b"] {
//!         cx.write(&format!("saving {disk}\n"));
//!         if cx.is_cancelled() {
//!             return Err(TaskError::new("stopped", "stopped between two disks"));
//!         }
//!     }
//!     Ok(Payload::from_json_text(r#"{"disks":2}"#))
//! });
//! // Once more does no harm: after a failure it is tried again, up to five times in all.
//! let sync = AnyHandler::raw("sync", |_cx, input| async { Ok(input) }).retry(RetryPolicy::default());
//! // It blocks, and only one of them runs at a time.
//! let sort = AnyHandler::raw_blocking("sort", |_cx, input| Ok(input)).concurrency(1);
//! // It will not come back: the next start of the agent says how it ended.
//! let reboot = AnyHandler::raw("reboot", |cx, _input| async move {
//!     cx.will_not_return(End::Host).await?;
//!     std::process::Command::new("reboot").spawn()?;
//!     std::future::pending().await
//! });
//! let agent = Agent::builder().handler(backup).handler(sync).handler(sort).handler(reboot);
//! # drop(agent);
//! ```
//!
//! - **At most once.** A handler starts at most once for each task. If the process dies in the middle,
//!   the task ends as *interrupted*: it may have happened. [`AnyHandler::idempotent`] says that once more
//!   does no harm; the task is then queued again. A task that is lost three times so ends as failed with
//!   code `crash_loop`, since most likely it is what kills the agent.
//! - **Retries** are for handlers that are idempotent: [`AnyHandler::retry`], [`RetryPolicy`],
//!   [`TaskError::permanent`], [`TaskError::retry_after`]. Losses do not count as failures.
//! - **Blocking.** A handler that blocks holds up the agent: its reports, its heartbeat, its other tasks.
//!   Register it with `on_blocking` or [`AnyHandler::raw_blocking`].
//! - **Timeouts** are the task's. A handler is dropped at its timeout; one that blocks goes on, and is
//!   counted in [`Status::stuck`].
//! - **Output.** [`TaskContext::write`] for people to read along, progress for how far it is, and what the
//!   handler gives back, up to 1 MiB of JSON text. What is longer is cut, and flagged as cut: the server
//!   then has a JSON string with the beginning.
//! - **Limits and order.** [`AnyHandler::concurrency`] is for one kind, [`AgentBuilder::tasks`] for all.
//!   The rest waits at the server, which hands out by priority, then by age, and of each ordering key one
//!   at a time.
//! - **Panics** are caught and fail the task. Under `panic = "abort"` they end the process, as always: the
//!   task is interrupted, or counts as lost if the handler is idempotent.
//! - **Restarts.** A handler that ends the process or the host says so before it acts:
//!   [`TaskContext::will_not_return`]. With a durable spool the next start of the agent decides how that
//!   went, by the host's boot and the process. [`Shutdown`] and [`Restart`] do the same.
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
//! | a handler fails or panics | the task fails with its error, or with the code `panic` (under `panic = "abort"` the program ends, as always), or is tried again as its [`RetryPolicy`] says; the agent goes on |
//! | a handler takes too long | it is dropped at the timeout that its task has, if any; one that blocks goes on, and its late result is kept beside the task |
//! | a handler writes more than the server takes in time | the oldest and the latest 128 KiB wait, what is between is left out and counted |
//! | a task is cancelled | [`TaskContext::cancelled`] ends; what the handler then answers is the truth |
//! | the agent is stopped, or shut down | handlers are asked to give up and have 2 s for it, then the server hears a goodbye, for 2 s at most |
//! | the future is dropped | it ends at once, without a goodbye, and its handlers are dropped too |
//! | the process dies | reports that were not delivered die with it, unless you bring a [durable spool](AgentBuilder::spool); tasks that ran end as *interrupted* at the server |
//! | a second process starts with the same id | the later one wins, the other is told so and tries again every 30 s |
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
//! | `tls` | the same over TLS: `tls://` and `https://` |
//! | `join` | `join`, by which an agent becomes one of a server's; `--join` of the program `widget-agent` |
//! | `tokio`, `smol` | the adapter for that runtime in [`runtime`] |
//! | `json` | typed handlers; the codec `json`, by addresses that end in `?codec=json` |
//! | `postcard` | the codec `postcard`, likewise |
//! | `schema` | JSON Schemas of typed handlers' inputs; implies `json` |
//! | `policy` | `Policy`, a host's own rules for what its agent takes; `--policy` of the program `widget-agent` |
//! | `restart` | `restart_program`, by which a process takes the place of itself; the program `widget-agent` can be restarted |
//! | `status` | `--status` of the program `widget-agent` |
//! | `bin` | the program `widget-agent`, on one of the runtimes and with one of the transports at least |
//!
//! The default is `bin`, `smol`, `tcp`, `http`, `tls`, `join`, `policy`, `restart` and `status`, which is the program. To embed an agent, switch the
//! default features off and take what you need, such as `tcp` and `tokio`.

// Runs in simulations, where one seed is one run: clippy.toml says what that forbids.
#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_macros,
        clippy::disallowed_methods,
        clippy::disallowed_types
    )
)]

mod agent;
mod backoff;
mod builder;
mod complain;
mod connect;
mod context;
#[cfg(feature = "join")]
mod credential;
mod disk;
mod durable;
#[cfg(feature = "join")]
mod enrol;
mod entry;
mod first;
#[cfg(test)]
mod fixtures;
mod gate;
mod handle;
#[cfg(feature = "json")]
mod handler;
mod host;
mod identity;
#[cfg(feature = "join")]
mod join;
mod lineage;
mod notes;
mod output;
#[cfg(feature = "policy")]
mod policy;
mod probe;
mod raw;
mod recall;
mod reconnect;
#[cfg(feature = "restart")]
#[expect(
    clippy::disallowed_methods,
    reason = "a new start needs the arguments of this one"
)]
mod replace;
mod restart;
mod retry;
mod room;
mod run;
mod sampling;
#[cfg(feature = "schema")]
mod schema;
mod session;
mod shared;
mod shutdown;
mod sorted;
mod starts;
mod submit;
mod sync;
mod task_error;
mod tasks;
mod update;
mod watched;
mod ways;
mod work;
mod writer;

pub use agent::{Agent, Ended};
pub use builder::{
    AgentBuilder, BuildError, INTERVALS, MAX_HANDLERS, MAX_LABEL_KEY, MAX_LABEL_VALUE, MAX_LABELS,
    is_label,
};
pub use connect::{ConnectError, LOCAL_SERVER, connect};
pub use context::{MAX_PROGRESS, TaskContext};
#[cfg(feature = "join")]
pub use credential::CredentialError;
pub use disk::{FileDisk, open_spool};
#[cfg(feature = "policy")]
pub use gate::Offer;
pub use handle::{AgentHandle, ReportCounts, Status};
#[cfg(feature = "json")]
pub use handler::Handler;
pub use host::Host;
pub use identity::{Identity, IdentityError};
#[cfg(feature = "join")]
pub use join::{JoinError, Joined, join};
#[cfg(feature = "policy")]
pub use policy::{InvalidPolicy, Policy, PolicyError};
pub use probe::{HostProbe, Probe, ProbeError, Sample};
pub use raw::AnyHandler;
#[cfg(feature = "restart")]
pub use replace::restart_program;
pub use restart::Restart;
pub use retry::RetryPolicy;
#[cfg(feature = "schema")]
pub use schema::schema_of;
// Whoever derives a schema uses the same one.
#[cfg(feature = "schema")]
pub use schemars;
pub use shutdown::Shutdown;
pub use task_error::TaskError;
pub use writer::TaskWriter;
// What an embedding program names of it.
pub use widget_core::spool::End;
pub use widget_core::{self, Payload, runtime};
