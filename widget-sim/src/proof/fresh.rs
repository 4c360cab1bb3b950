//! That fresh tasks come to their end once nothing goes wrong any more, and leave nothing behind.

use std::time::Duration;

use widget_core::task::StateName;

use super::director::Director;
use super::plan::{Kind, TaskPlan};

impl Director {
    /// How many tasks an agent still has after a while, if any. What its server has given up, such as when
    /// the agent was deleted, may still run.
    async fn still_has(&mut self, party: usize) -> Option<usize> {
        for _ in 0..60 {
            let handle = self.parties[party].agent.handle();
            let left = handle.map_or(0, |handle| handle.status().tasks);
            if left == 0 {
                return None;
            }
            self.world.sleep(Duration::from_secs(1)).await;
            self.look().await;
        }
        let handle = self.parties[party].agent.handle();
        handle.map(|handle| handle.status().tasks)
    }

    /// A fresh task for each agent; says what has not become of it.
    async fn fresh_round(&mut self) -> Vec<String> {
        let mut numbers = Vec::new();
        for (number, party) in self.parties.iter().enumerate() {
            if self.is_forsaken(number) {
                continue;
            }
            let plan = TaskPlan::plain(&self.world, number, Kind::Stubborn);
            let id = party.agent.id();
            numbers.push((number, self.oracle.ask(id, &plan)));
        }
        for _ in 0..120 {
            self.world.sleep(Duration::from_secs(1)).await;
            self.look().await;
            for number in self.oracle.unanswered() {
                self.oracle.ask_again(number);
            }
            let all = self.oracle.all();
            if numbers
                .iter()
                .all(|(_, number)| all.asked[*number].end.is_some())
            {
                break;
            }
        }
        let mut broken = Vec::new();
        for (party, number) in numbers {
            let end = self.oracle.all().asked[number].end.clone();
            let state = end.map(|(_, outcome)| outcome.state);
            if state != Some(StateName::Succeeded) {
                broken.push(format!(
                    "a fresh task of agent {party} has not succeeded within two minutes: {state:?}"
                ));
            }
            if state == Some(StateName::Succeeded)
                && let Some(left) = self.still_has(party).await
            {
                broken.push(format!(
                    "agent {party} still has {left} tasks though all have ended"
                ));
            }
        }
        broken
    }

    pub(super) async fn fresh(&mut self) {
        let mut broken = self.fresh_round().await;
        if broken.is_empty() {
            broken = self.prompt().await;
            self.dismiss_strangers().await;
            self.world.sleep(Duration::from_secs(1)).await;
            broken.extend(self.bounds());
        }
        self.broken.extend(broken);
        if self.again().await {
            // A store that has gone back is none that stands still.
            let broken = self.fresh_round().await;
            self.broken.extend(broken);
        }
    }
}
