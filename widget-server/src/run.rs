//! Starts and stops the server: agents on a runtime and thread of their own, page and API on
//! this one, so that neither waits for the other.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use widget_core::runtime::TokioRuntime;
use widget_core::stop::{Stop, StopSignal};
use widget_core::transport::{Exposure, Listener};
use widget_server::{AdminListener, HostRules, Server, ServerBuilder, ServerHandle, open, router};

use crate::args::{Args, Bind};
use crate::ctl;

type Failure = Box<dyn Error + Send + Sync>;

/// What the agents' thread says once it is ready.
struct Ready {
    handle: ServerHandle,
    listening: Vec<(&'static str, SocketAddr)>,
}

/// Runs until a signal comes.
///
/// # Errors
/// One line on why it cannot start or go on.
pub(crate) fn run(args: &Args) -> Result<(), String> {
    serve(args).map_err(|error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    })
}

fn serve(args: &Args) -> Result<(), Failure> {
    let stop = Stop::new();
    let page = current_thread()?;
    let admin = match args.admin {
        Bind::At(at) => Some(page.block_on(AdminListener::bind(at, Exposure::Loopback))?),
        Bind::Off => None,
    };
    let (ready, is_ready) = sync_channel(1);
    let agents = {
        let (args, signal) = (AgentArgs::of(args), stop.signal());
        thread::Builder::new()
            .name("agents".into())
            .spawn(move || serve_agents(&args, &signal, &ready))?
    };
    let served = match is_ready.recv() {
        Ok(ready) => page.block_on(serve_admin(args, admin, ready, &stop)),
        // The thread has ended; what it returns says why.
        Err(_) => Ok(()),
    };
    stop.ask();
    let agents = agents.join().map_err(|_| "the agents' thread panicked")?;
    served.and(agents)
}

fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// What the agents' thread needs to know.
struct AgentArgs {
    data: std::path::PathBuf,
    store: String,
    urls: Vec<String>,
    keep: Duration,
}

impl AgentArgs {
    fn of(args: &Args) -> Self {
        Self {
            data: args.data.clone(),
            store: args.store.clone(),
            urls: args.listen.urls.clone(),
            keep: args.keep,
        }
    }
}

fn serve_agents(
    args: &AgentArgs,
    stop: &StopSignal,
    ready: &SyncSender<Ready>,
) -> Result<(), Failure> {
    let runtime = current_thread()?;
    let adapter = Arc::new(TokioRuntime::new(runtime.handle().clone()));
    let shared: widget_core::runtime::SharedRuntime = adapter;
    runtime.block_on(async {
        let mut listeners = Vec::new();
        for url in &args.urls {
            listeners.push(open::listener(url).await?);
        }
        // The last that can fail, since it makes files. Blocking is fine: nobody is served yet.
        let stores = open::store(&args.store, &args.data, &shared)?;
        let at = |listener: &dyn Listener| Some((listener.name(), listener.local_addr()?));
        let listening: Vec<_> = listeners
            .iter()
            .filter_map(|listener| at(listener.as_ref()))
            .collect();
        let builder = Server::builder(shared, stores)
            .keep(args.keep)
            .reached_by(ways(&listening), None);
        let server = listeners
            .into_iter()
            .fold(builder, ServerBuilder::boxed_listener)
            .build();
        if ready
            .send(Ready {
                handle: server.handle(),
                listening,
            })
            .is_err()
        {
            return Ok(());
        }
        server.run(stop.clone()).await.map_err(Failure::from)
    })
}

/// By which URLs agents of this host come in, for join strings.
fn ways(listening: &[(&'static str, SocketAddr)]) -> Vec<String> {
    let url = |(name, at): &(&str, SocketAddr)| format!("{name}://{at}");
    listening.iter().map(url).collect()
}

async fn serve_admin(
    args: &Args,
    admin: Option<AdminListener>,
    ready: Ready,
    stop: &Stop,
) -> Result<(), Failure> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let ctl = ctl::bind(&args.data).await;
    let mut lines = String::new();
    if let Some(admin) = &admin {
        lines += &format!("listening admin http://{}\n", admin.address());
    }
    for (name, at) in &ready.listening {
        lines += &format!("listening {name} {name}://{at}\n");
    }
    {
        let mut out = io::stdout().lock();
        out.write_all(lines.as_bytes())?;
        out.flush()?;
    }
    let signalled = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = ready.handle.server_ended() => {}
        }
        tracing::info!("stopping");
        stop.ask();
    };
    let signal = stop.signal();
    let ctl = ctl::serve(ctl, &ready.handle, stop.signal());
    let Some(admin) = admin else {
        return tokio::join!(signalled, ctl).1.map_err(Failure::from);
    };
    let bound = admin.address().ip().to_string();
    let rules = HostRules::new(args.allowed_hosts.iter().cloned().chain([bound]));
    let app = router(ready.handle.clone(), rules);
    let serve = admin.serve(app, ready.handle.clone(), signal);
    let ((), served, by_socket) = tokio::join!(signalled, serve, ctl);
    served.and(by_socket).map_err(Failure::from)
}
