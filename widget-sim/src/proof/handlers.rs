//! The handlers of the proof's agents: what a [`Kind`] does, written into the journal.

use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use widget_agent::{
    AnyHandler, End, Payload, Restart, RetryPolicy, Shutdown, TaskContext, TaskError,
};
use widget_core::id::AgentId;
use widget_core::runtime::RuntimeExt;

use super::joined::proven;
use super::journal::{Journal, Runs};
use super::plan::{AgentPlan, Kind};
use crate::{Build, SimRuntime, Way};

/// How often a handler that can be tried again is.
const RETRY: RetryPolicy = RetryPolicy {
    attempts: 3,
    first_pause: Duration::from_millis(200),
    longest_pause: Duration::from_secs(2),
};

/// What the agents of the proof are built of.
pub(super) fn build(journal: &Journal, agent: AgentId, plan: AgentPlan, joined: bool) -> Build {
    let journal = journal.clone();
    Arc::new(move |builder, runtime| {
        let scene = Scene {
            journal: journal.clone(),
            runtime: runtime.clone(),
            agent,
            // What goes over bytes, the journal does not hear.
            heard: plan.way == Way::Calls,
        };
        let builder = match joined {
            true => proven(builder, agent, runtime),
            false => builder,
        };
        let mut builder = builder
            .interval(plan.interval)
            .gauge("sim.sample", scene.samples())
            .tasks(plan.tasks)
            .handler(scene.ending(Kind::Shutdown))
            .handler(scene.ending(Kind::Restart));
        for kind in Kind::ALL {
            if let Some(handler) = scene.handler(kind) {
                builder = builder.handler(handler);
            }
        }
        builder
    })
}

#[derive(Clone)]
struct Scene {
    journal: Journal,
    runtime: SimRuntime,
    agent: AgentId,
    heard: bool,
}

impl Scene {
    /// Numbers what is measured, so that no sample is taken for another.
    fn samples(&self) -> impl FnMut() -> f64 + Send + 'static {
        let (journal, host) = (self.journal.clone(), self.runtime.host());
        move || journal.samples(&host)
    }

    fn starts(&self, kind: Kind, context: &TaskContext) -> Runs {
        let host = self.runtime.host();
        let which = (context.id(), context.attempt());
        self.journal
            .starts(which, kind, (self.agent, &host), self.heard)
    }

    /// A result that no other start has.
    fn result(&self, context: &TaskContext, runs: &Runs) -> Payload {
        let text = format!("{{\"start\":{}}}", runs.number);
        self.journal.ends(context.id(), text.as_bytes());
        Payload::from_json_text(text)
    }

    fn handler(&self, kind: Kind) -> Option<AnyHandler> {
        let scene = self.clone();
        let name = kind.as_str();
        Some(match kind {
            Kind::Unknown | Kind::Shutdown | Kind::Restart => return None,
            Kind::Blocking => AnyHandler::raw_blocking(name, move |context, _| {
                let runs = scene.starts(kind, &context);
                Ok(scene.result(&context, &runs))
            })
            .concurrency(2),
            Kind::Again | Kind::Deadly => AnyHandler::raw(name, move |context, input| {
                scene.clone().run(kind, context, input)
            })
            .retry(RETRY),
            _ => AnyHandler::raw(name, move |context, input| {
                scene.clone().run(kind, context, input)
            }),
        })
    }

    async fn run(
        self,
        kind: Kind,
        context: TaskContext,
        input: Payload,
    ) -> Result<Payload, TaskError> {
        let runs = self.starts(kind, &context);
        let world = self.runtime.world();
        let lasts = std::str::from_utf8(input.as_bytes()).ok();
        let lasts = Duration::from_millis(lasts.and_then(|text| text.parse().ok()).unwrap_or(0));
        match kind {
            Kind::Plain => {
                let asked = async {
                    context.cancelled().await;
                    Err(TaskError::new("gave_up", "it was asked to give up"))
                };
                let worked = async {
                    self.runtime.sleep(lasts).await;
                    Ok(())
                };
                or(worked, asked).await?;
            }
            Kind::Chatty => {
                for n in 0..5 {
                    self.runtime.sleep(lasts / 5).await;
                    context.progress_raw(Payload::from_json_text(format!("{n}")));
                    context.write("a line\n");
                }
            }
            Kind::Again => {
                self.runtime.sleep(lasts).await;
                if world.chance(300) {
                    return Err(TaskError::new("unlucky", "it failed this time"));
                }
                if world.chance(20) {
                    return Err(TaskError::new("hopeless", "it will never work").permanent());
                }
                if world.chance(50) {
                    let error = TaskError::new("later", "it is to be tried again later");
                    return Err(error.retry_after(Duration::from_secs(1)));
                }
            }
            // Without the words that a panic prints.
            Kind::Panics => std::panic::resume_unwind(Box::new("a panic on purpose")),
            Kind::Fails => return Err(TaskError::new("failed", "it failed")),
            Kind::Deadly | Kind::DeadlyOnce => {
                self.runtime.sleep(lasts / 10).await;
                world.count("a handler ended its process");
                world.kill(self.runtime.process());
                std::future::pending::<()>().await;
            }
            Kind::Reboot => {
                context.will_not_return(End::Host).await?;
                if world.chance(200) {
                    return Err(TaskError::new("refused", "the host does not go down"));
                }
                self.runtime.sleep(lasts / 10).await;
                world.count("a handler started its host anew");
                world.reboot(&self.runtime.host());
                std::future::pending::<()>().await;
            }
            _ => self.runtime.sleep(lasts).await,
        }
        Ok(self.result(&context, &runs))
    }

    /// What ends the agent, and says no now and then.
    fn ending(&self, kind: Kind) -> AnyHandler {
        let scene = self.clone();
        let hook = move || {
            let scene = scene.clone();
            async move {
                if scene.runtime.world().chance(100) {
                    return Err("not now".to_owned());
                }
                scene.runtime.sleep(Duration::from_millis(20)).await;
                Ok(())
            }
        };
        let handler: AnyHandler = if kind == Kind::Shutdown {
            Shutdown::new().before(hook).into()
        } else {
            Restart::new().before(hook).into()
        };
        let scene = self.clone();
        // How long it runs is not looked at.
        handler.on_start(move |context| drop(scene.starts(kind, context)))
    }
}
