//! What is looked at when everything has ended: whether agents that have nothing to do are prompt, and
//! whether their disks have kept what they were to keep.

use std::time::Duration;

use widget_core::spool::Damage;

use super::Fault;
use super::director::Director;
use super::oracle::Asked;
use super::plan::{Kind, TaskPlan};

/// For so long tasks take at most that nothing holds back. A request that nobody wakes waits longer.
const PROMPT: Duration = Duration::from_secs(15);

/// And so long at most if its agent waits when it is let go: a request that nobody wakes comes by itself
/// after 25 s.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How long the store takes meanwhile, at most, before each commit and after it.
const COMMIT: Duration = Duration::from_millis(5);
/// How often a task is queued while its agent asks for more.
const ROUNDS: usize = 2;
/// When a task may go that holds others back.
const LATER: Duration = Duration::from_secs(60 * 60);
/// Until what was asked for is there.
const MOMENT: Duration = Duration::from_millis(100);

impl Director {
    /// A few tasks in quick succession, each held back by the one before and by nothing else.
    pub(super) async fn prompt(&mut self) -> Vec<String> {
        // So that what is queued falls between a look and the wait after it.
        self.server.faults().set_delay(COMMIT);
        let mut numbers = Vec::new();
        for _ in 0..6 {
            for (number, party) in self.parties.iter().enumerate() {
                if self.is_forsaken(number) {
                    continue;
                }
                let plan = TaskPlan {
                    key: Some(9),
                    ..TaskPlan::plain(&self.world, number, Kind::Stubborn)
                };
                numbers.push((number, self.oracle.ask(party.agent.id(), &plan)));
            }
            let pause = Duration::from_millis(30);
            let pause = self.world.between(Duration::ZERO, pause);
            self.world.sleep(pause).await;
        }
        let mut late = self.late(&numbers, PROMPT).await;
        late.extend(self.let_go().await);
        for _ in 0..ROUNDS {
            late.extend(self.in_between().await);
        }
        self.server.faults().set_delay(Duration::ZERO);
        late
    }

    /// Tasks that one before them holds back, until that is cancelled while their agents wait.
    async fn let_go(&mut self) -> Vec<String> {
        let (mut first, mut numbers) = (Vec::new(), Vec::new());
        for (number, party) in self.parties.iter().enumerate() {
            if self.is_forsaken(number) {
                continue;
            }
            let next = TaskPlan {
                key: Some(8),
                ..TaskPlan::plain(&self.world, number, Kind::Stubborn)
            };
            let before = TaskPlan {
                not_before: Some(LATER),
                ..next.clone()
            };
            first.push(self.oracle.ask(party.agent.id(), &before));
            self.world.sleep(MOMENT).await;
            numbers.push((number, self.oracle.ask(party.agent.id(), &next)));
        }
        self.world.sleep(MOMENT).await;
        for number in first {
            self.oracle.cancel(number);
        }
        self.late(&numbers, AT_ONCE).await
    }

    /// A task that is queued while the one before it ends and its agent asks for more: between a look for
    /// tasks and the wait that follows, at times.
    async fn in_between(&mut self) -> Vec<String> {
        let mut numbers = Vec::new();
        for _ in 0..2 {
            for (number, party) in self.parties.iter().enumerate() {
                if self.is_forsaken(number) {
                    continue;
                }
                let plan = TaskPlan::plain(&self.world, number, Kind::Stubborn);
                numbers.push((number, self.oracle.ask(party.agent.id(), &plan)));
            }
            let pause = self.world.between(Duration::ZERO, MOMENT);
            self.world.sleep(pause).await;
        }
        self.late(&numbers, AT_ONCE).await
    }

    /// Waits, and says which of these tasks have not ended then.
    async fn late(&mut self, numbers: &[(usize, usize)], wait: Duration) -> Vec<String> {
        self.world.sleep(wait).await;
        self.look().await;
        let all = self.oracle.all();
        // All copies of disks have ended by now.
        let open = |asked: &Asked| asked.end.is_none();
        let late = numbers
            .iter()
            .filter(|(_, number)| open(&all.asked[*number]));
        late.map(|(party, _)| format!("a task of agent {party} waits though nothing holds it back"))
            .collect()
    }

    /// Agents whose disk did not keep what it was to keep, though nothing has happened to it.
    pub(super) fn lost_memories(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (number, party) in self.parties.iter().enumerate() {
            let mut faults = self
                .plan
                .faults
                .iter()
                .map(|fault| (fault.agent, fault.fault));
            let rots = faults
                .clone()
                .any(|fault| fault == (number, Fault::DiskRot));
            let fails = faults.any(|(agent, fault)| agent == number && fault.is_of_disk());
            for (_, damage) in party.agent.memories().iter().skip(1) {
                let why = match damage {
                    // None could be made, or it could not be read.
                    None | Some(Damage::Unreadable) if fails => continue,
                    None => "it was not there",
                    Some(_) if rots => continue,
                    Some(damage) => damage.as_str(),
                };
                broken.push(format!(
                    "agent {number} has lost the memory on its disk: {why}"
                ));
            }
        }
        broken
    }
}
