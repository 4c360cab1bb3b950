//! Starts and stops the server: agents on a runtime and thread of their own, page and API on
//! this one, so that neither waits for the other.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use widget_core::runtime::TokioRuntime;
use widget_core::stop::{Stop, StopSignal};
use widget_core::transport::Listener;
use widget_server::open::Door;
use widget_server::{
    AdminListener, HostRules, Limits, Server, ServerBuilder, ServerHandle, open, router,
};

use crate::args::Args;
use crate::ctl;
use crate::exposure::{Papers, Plan, Whom};

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
pub(crate) fn run(args: &Args, plan: Plan) -> Result<(), String> {
    serve(args, plan).map_err(|error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    })
}

fn serve(args: &Args, plan: Plan) -> Result<(), Failure> {
    if plan.is_exposed() {
        tell_who_reads(&args.data);
    }
    let stop = Stop::new();
    let page = current_thread()?;
    let (door, pin) = door(args, &plan)?;
    let admin = match plan.admin {
        Some(at) => {
            let admin = page.block_on(AdminListener::bind(at, door.for_pages()?))?;
            Some(admin.with_limits((&args.limits()).into()))
        }
        None => None,
    };
    let scheme = if pin.is_some() { "https" } else { "http" };
    let (ready, is_ready) = sync_channel(1);
    let agents = {
        let (args, signal) = (AgentArgs::of(args, plan, door, pin), stop.signal());
        thread::Builder::new()
            .name("agents".into())
            .spawn(move || serve_agents(&args, &signal, &ready))?
    };
    let served = match is_ready.recv() {
        Ok(ready) => page.block_on(serve_admin(args, (scheme, admin), ready, &stop)),
        // The thread has ended; what it returns says why.
        Err(_) => Ok(()),
    };
    stop.ask();
    let agents = agents.join().map_err(|_| "the agents' thread panicked")?;
    served.and(agents)
}

/// A data directory that was there before is left as it is, so this is only said.
fn tell_who_reads(data: &Path) {
    let Ok(found) = std::fs::metadata(data) else {
        return;
    };
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            data = %data.display(),
            mode = format!("{mode:o}"),
            "others on this host may look into the data directory: it should have the mode 700"
        );
    }
}

fn current_thread() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// What the agents' thread needs to know.
struct AgentArgs {
    data: std::path::PathBuf,
    store: String,
    plan: Plan,
    door: Door,
    pin: Option<[u8; 32]>,
    names: Vec<String>,
    keep: Duration,
    limits: Limits,
}

impl AgentArgs {
    fn of(args: &Args, plan: Plan, door: Door, pin: Option<[u8; 32]>) -> Self {
        Self {
            data: args.data.clone(),
            store: args.store.clone(),
            plan,
            door,
            pin,
            names: args.allowed_hosts.clone(),
            keep: args.keep,
            limits: args.limits(),
        }
    }

    /// By which URLs agents reach these listeners: under the first name of this server, or at the address
    /// itself if that is one.
    fn servers(&self, listeners: &[Box<dyn Listener>]) -> Vec<String> {
        let url = |listener: &dyn Listener| {
            let (name, at) = (listener.name(), listener.local_addr()?);
            match (&self.plan.whom, self.names.first()) {
                // It is the proxy that they reach, over its own TLS.
                (Whom::Proxies(_), Some(host)) if name == "http" => Some(format!("https://{host}")),
                (Whom::Proxies(_), _) => None,
                (_, Some(host)) if self.plan.is_exposed() => {
                    Some(format!("{name}://{host}:{}", at.port()))
                }
                _ if at.ip().is_unspecified() => None,
                _ => Some(format!("{name}://{at}")),
            }
        };
        listeners
            .iter()
            .filter_map(|listener| url(listener.as_ref()))
            .collect()
    }
}

/// Through what agents and people come, and the pin by which agents know this server.
fn door(args: &Args, plan: &Plan) -> Result<(Door, Option<[u8; 32]>), Failure> {
    match &plan.whom {
        Whom::Near => Ok((Door::Near, None)),
        Whom::Proxies(proxies) => Ok((Door::Behind(proxies.clone()), None)),
        Whom::All(papers) => with_tls(args, plan, papers),
    }
}

#[cfg(feature = "tls")]
fn with_tls(
    args: &Args,
    plan: &Plan,
    papers: &Papers,
) -> Result<(Door, Option<[u8; 32]>), Failure> {
    use std::time::SystemTime;

    use widget_core::time::Timestamp;
    use widget_server::tls::Authority;

    let authority = match papers {
        Papers::Own { chain, key, ca } => Authority::own(chain, key, ca.as_deref())?,
        Papers::Made => {
            let at = plan.listeners.iter().map(|(_, at)| *at).chain(plan.admin);
            let at = at.filter(|at| !at.ip().is_unspecified());
            let own = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let mut names: Vec<String> = at.map(|at| at.ip().to_string()).collect();
            names.extend(args.allowed_hosts.iter().cloned().chain(own));
            names.sort_unstable();
            names.dedup();
            #[expect(
                clippy::disallowed_methods,
                reason = "the program asks the system's clock"
            )]
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = Timestamp::default().after(since.unwrap_or_default());
            Authority::open(&args.data, &names, now)?
        }
    };
    let pin = *authority.pin().as_bytes();
    Ok((Door::Tls(Arc::new(authority)), Some(pin)))
}

#[cfg(not(feature = "tls"))]
fn with_tls(_: &Args, _: &Plan, _: &Papers) -> Result<(Door, Option<[u8; 32]>), Failure> {
    Err("this build has no TLS: build it with the feature `tls`, or say --behind-proxy CIDR".into())
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
        for (kind, at) in &args.plan.listeners {
            let url = format!("{}://{at}", kind.scheme_at(&args.door));
            listeners.push(open::listener_within(&url, &args.door, &args.limits).await?);
        }
        // The last that can fail, since it makes files. Blocking is fine: nobody is served yet.
        let stores = open::store(&args.store, &args.data, &shared)?;
        let at = |listener: &dyn Listener| Some((listener.name(), listener.local_addr()?));
        let listening: Vec<_> = listeners
            .iter()
            .filter_map(|listener| at(listener.as_ref()))
            .collect();
        let servers = args.servers(&listeners);
        let builder = Server::builder(shared, stores)
            .keep(args.keep)
            .limits(args.limits)
            .reached_by(servers, args.pin);
        let builder = if args.plan.is_exposed() {
            builder.expose()
        } else {
            builder
        };
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

async fn serve_admin(
    args: &Args,
    (scheme, admin): (&str, Option<AdminListener>),
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
        lines += &format!("listening admin {scheme}://{}\n", admin.address());
    }
    for (name, at) in &ready.listening {
        lines += &format!("listening {name} {name}://{at}\n");
    }
    if ready.handle.is_exposed() {
        let data = args.data.display();
        tracing::info!(
            "tokens are made with `widgetctl --data {data} token create NAME --role admin`"
        );
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
