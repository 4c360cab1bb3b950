//! [`Starts`]: when the handler of which task has started, as the handlers themselves saw it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use widget_agent::AgentBuilder;
use widget_core::id::TaskId;
use widget_core::time::Mono;

use crate::SimRuntime;

/// All starts in one world.
#[derive(Debug, Clone, Default)]
pub(super) struct Starts(Arc<Mutex<BTreeMap<TaskId, Vec<Mono>>>>);

impl Starts {
    /// An agent whose handlers are counted.
    pub(super) fn counted(&self, agent: AgentBuilder, runtime: &SimRuntime) -> AgentBuilder {
        let (world, host) = (runtime.world(), runtime.host());
        agent.each_handler(|handler| {
            let (starts, world, host) = (self.clone(), world.clone(), Arc::clone(&host));
            handler.on_start(move |cx| {
                let (id, attempt) = (cx.id(), cx.attempt());
                world.tell(|| format!("{host}: {} {id} starts, attempt {attempt}", cx.kind()));
                let mut starts = starts.0.lock().unwrap_or_else(PoisonError::into_inner);
                starts.entry(id).or_default().push(world.now());
            })
        })
    }

    /// When the handler of a task has started.
    pub(super) fn of(&self, task: TaskId) -> Vec<Mono> {
        let starts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        starts.get(&task).cloned().unwrap_or_default()
    }
}
