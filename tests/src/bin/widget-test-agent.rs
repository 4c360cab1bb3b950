//! An agent whose handlers do what handlers must not do, and write down each start and end in a
//! journal, so that starts can be counted by somebody who is not Widget.
//!
//!     widget-test-agent --server URL --state DIR --journal FILE [--interval MS] [--threads N]
//!                       [--on-panic abort]
//!
//! With `--on-panic abort` a panic ends the process before anything is unwound, as in a program that was
//! built with `panic = "abort"`.
//!
//! Each line of the journal is `TASK ATTEMPT start|end PID`, appended by one write: a process that is
//! killed leaves whole lines.

use std::error::Error;
use std::fs::File;
use std::future::pending;
use std::io::{self, Write};
use std::panic::{set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, abort, id};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::yield_now;
use tokio::time::sleep;
use widget_agent::runtime::{SharedRuntime, TokioRuntime};
use widget_agent::widget_core::spool::DEFAULT_LIMIT;
use widget_agent::{
    Agent, AgentBuilder, AnyHandler, Ended, Identity, Payload, Restart, Shutdown, TaskContext,
    TaskError, connect, open_spool, restart_program,
};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut why = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                why = format!("{why}: {error}");
                cause = error.source();
            }
            let _ = writeln!(std::io::stderr(), "widget-test-agent: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let flags = Flags::read(std::env::args().skip(1))?;
    if flags.aborts {
        let say = take_hook();
        set_hook(Box::new(move |panic| {
            say(panic);
            abort()
        }));
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let tokio = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(flags.threads)
        // A new thread would begin to count its calls anew.
        .thread_keep_alive(Duration::from_secs(3_600))
        .build()?;
    let runtime: SharedRuntime = Arc::new(TokioRuntime::new(tokio.handle().clone()));
    let identity = Identity::open(&flags.state, runtime.as_ref())?;
    let opened = open_spool(&flags.state, DEFAULT_LIMIT, runtime.as_ref())?;
    let mut errors = io::stderr();
    if let Some(aside) = &opened.aside {
        let (name, damage) = (&aside.name, aside.damage.as_str());
        writeln!(errors, "widget-test-agent: set aside as {name}: {damage}")?;
    }
    if let Some(trouble) = &opened.trouble {
        writeln!(
            errors,
            "widget-test-agent: the spool cannot be used: {trouble}"
        )?;
    }
    let journal = Journal::open(&flags.journal)?;
    let builder = Agent::builder()
        .id(identity.id())
        .transport(connect(&flags.server, runtime.clone())?)
        .interval(flags.interval)
        .spool(opened.spool)
        .runtime(runtime);
    let (agent, handle) = handlers(builder, &journal).build()?;
    let mut out = std::io::stdout();
    writeln!(out, "agent {}", identity.id())?;
    out.flush()?;
    let ended = tokio.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async {
            terminate.recv().await;
            handle.stop().await;
            pending().await
        };
        Ok::<Ended, Box<dyn Error>>(or(agent.run(), stop).await)
    })?;
    if ended == Ended::Restart {
        restart_program()?;
    }
    // A handler that blocks is not waited for.
    tokio.shutdown_background();
    Ok(())
}

/// The kinds, and whether they may be started again after a loss.
const KINDS: [(&str, bool); 11] = [
    ("quick", false),
    // As slow, and only one at a time.
    ("one-by-one", false),
    // Sleeps as many milliseconds as its input says.
    ("slow", false),
    ("slow-again", true),
    // Ends when it is asked to, and never without.
    ("polite", false),
    ("endless", false),
    // Writes as many lines of 1,024 bytes as its input says.
    ("print", false),
    // Ends the process.
    ("crash", false),
    ("crash-again", true),
    ("panic", false),
    ("panic-again", true),
];

fn handlers(builder: AgentBuilder, journal: &Arc<Journal>) -> AgentBuilder {
    let own = Arc::clone(journal);
    let blocking = AnyHandler::raw_blocking("blocking", move |cx, input| {
        own.note(&cx, "start")?;
        std::thread::sleep(millis(&input));
        own.note(&cx, "end")?;
        Ok(Payload::null())
    });
    let builder = builder
        .handler(Shutdown::new())
        .handler(Restart::new())
        .handler(blocking);
    KINDS.iter().fold(builder, |builder, (kind, idempotent)| {
        let journal = Arc::clone(journal);
        let handler = AnyHandler::raw(*kind, move |cx, input| {
            let journal = Arc::clone(&journal);
            async move {
                journal.note(&cx, "start")?;
                act(&cx, &input).await?;
                journal.note(&cx, "end")?;
                Ok(Payload::from_json_text(format!("\"{} did it\"", id())))
            }
        });
        builder.handler(match *kind {
            _ if *idempotent => handler.idempotent(),
            "one-by-one" => handler.concurrency(1),
            _ => handler,
        })
    })
}

/// A number as input, in milliseconds.
fn millis(input: &Payload) -> Duration {
    let number = str::from_utf8(input.as_bytes()).unwrap_or_default();
    Duration::from_millis(number.parse().unwrap_or_default())
}

#[allow(clippy::panic, reason = "handlers that panic are what is tested")]
async fn act(cx: &TaskContext, input: &Payload) -> Result<(), TaskError> {
    match cx.kind() {
        "slow" | "slow-again" | "one-by-one" => sleep(millis(input)).await,
        "print" => {
            for line in 0..millis(input).as_millis() {
                cx.write(&format!("{line:>1023}\n"));
                // Others have their turn.
                yield_now().await;
            }
        }
        "polite" => {
            cx.cancelled().await;
            return Err(TaskError::new("gave_up", "it was asked to"));
        }
        "endless" => pending().await,
        "crash" | "crash-again" => abort(),
        "panic" | "panic-again" => panic!("a handler that panics"),
        _ => {}
    }
    Ok(())
}

/// Where starts and ends are written down.
struct Journal(File);

impl Journal {
    fn open(path: &Path) -> io::Result<Arc<Self>> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Arc::new(Self(file)))
    }

    fn note(&self, cx: &TaskContext, what: &str) -> io::Result<()> {
        let line = format!("{} {} {what} {}\n", cx.id(), cx.attempt(), id());
        (&self.0).write_all(line.as_bytes())
    }
}

struct Flags {
    server: String,
    state: PathBuf,
    journal: PathBuf,
    interval: Duration,
    /// For blocking work.
    threads: usize,
    /// Whether a panic ends the process.
    aborts: bool,
}

impl Flags {
    fn read(mut args: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut flags = Self {
            server: String::new(),
            state: PathBuf::new(),
            journal: PathBuf::new(),
            interval: Duration::from_secs(1),
            threads: 4,
            aborts: false,
        };
        while let Some(flag) = args.next() {
            let value = args.next().ok_or("a flag without a value")?;
            match flag.as_str() {
                "--server" => flags.server = value,
                "--state" => flags.state = value.into(),
                "--journal" => flags.journal = value.into(),
                "--interval" => flags.interval = Duration::from_millis(value.parse()?),
                "--threads" => flags.threads = value.parse()?,
                "--on-panic" => flags.aborts = value == "abort",
                other => return Err(format!("unknown flag {other}").into()),
            }
        }
        Ok(flags)
    }
}
