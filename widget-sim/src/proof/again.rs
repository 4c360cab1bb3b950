//! The story that mere chance hardly ever tells: a backup is made while a task is on its way to its agent,
//! the agent runs the task to its end, and then that backup is put back, with nothing handed out since. The
//! store cannot know; the agent does.

use std::time::Duration;

use super::director::Director;
use super::plan::{Kind, TaskPlan};

/// Until a task has come to its end.
const RUN: Duration = Duration::from_secs(2);
/// How long the server is away at most: a lease may end meanwhile, so that the task comes again at a later
/// attempt.
const AWAY: Duration = Duration::from_secs(60);
/// How long what comes again has.
const LONG: Duration = Duration::from_secs(100);

impl Director {
    /// Tells it, where backups are put back at all; says whether one was.
    pub(super) async fn again(&mut self) -> bool {
        if !self.journal.backs_up() {
            return false;
        }
        self.journal.all().backups.clear();
        for (number, party) in self.parties.iter().enumerate() {
            if !self.is_forsaken(number) {
                let plan = TaskPlan::plain(&self.world, number, Kind::Stubborn);
                self.oracle.ask(party.agent.id(), &plan);
            }
        }
        self.world.sleep(RUN).await;
        self.look().await;
        let mut backups = std::mem::take(&mut self.journal.all().backups);
        if backups.is_empty() {
            return false;
        }
        let nth = self.world.below(backups.len() as u64) as usize;
        let away = self.world.between(Duration::ZERO, AWAY);
        self.put_back(backups.swap_remove(nth), self.world.now().after(away));
        let end = self.world.now().after(away + LONG);
        while self.world.now() < end {
            self.look().await;
            self.world.sleep(Duration::from_secs(1)).await;
        }
        true
    }
}
