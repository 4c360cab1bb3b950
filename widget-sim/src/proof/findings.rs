//! [`run`]: one plan from its beginning to its end, and what came of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::director::Director;
use super::{Coverage, Plan};
use crate::World;

/// More steps than that are none that end: the longest worlds take a tenth.
const MOST_STEPS: u64 = 50_000_000;

/// What came of a run.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    /// What was promised and not kept, in sentences. Empty is good.
    pub broken: Vec<String>,
    /// What happened.
    pub coverage: Coverage,
    /// All that happened, as one number.
    pub hash: u64,
    /// How many tasks were accepted.
    pub tasks: u64,
    /// How many of them were asked for when nothing went wrong any more.
    pub calm_tasks: u64,
    /// How many faults came about.
    pub faults: u64,
    /// How long it took in the world.
    pub time: Duration,
}

/// Carries out a plan. A panic in it is a broken promise.
#[must_use]
pub fn run(plan: &Plan) -> Findings {
    ran(plan, false).0
}

/// The same with a trace.
#[must_use]
pub fn run_traced(plan: &Plan) -> (Findings, Vec<String>) {
    ran(plan, true)
}

fn ran(plan: &Plan, traced: bool) -> (Findings, Vec<String>) {
    let world = World::new(plan.seed);
    world.set_steps(MOST_STEPS);
    if traced {
        world.trace();
    }
    let main = Director::new(&world, plan.clone()).run();
    let ran = catch_unwind(AssertUnwindSafe(|| world.run(main)));
    let findings = ran.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Findings {
            broken: vec![format!("a panic: {}", text.unwrap_or_default())],
            hash: world.hash(),
            time: world.now().since_start(),
            ..Findings::default()
        }
    });
    let told = world.told();
    world.end();
    (findings, told)
}
