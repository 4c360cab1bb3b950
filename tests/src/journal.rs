//! What a `widget-test-agent` wrote down of its handlers, beside all that Widget says of them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Starts and ends by task.
#[derive(Debug, Default)]
pub struct Journal {
    counts: HashMap<String, (usize, usize)>,
    order: Vec<String>,
}

impl Journal {
    /// Reads it; a file that is not there yet is empty.
    ///
    /// # Panics
    /// If a line is not what the agent writes.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let mut journal = Self::default();
        for line in fs::read_to_string(path).unwrap_or_default().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [task, _attempt, what, _pid] = words[..] else {
                panic!("a line of the journal: {line}");
            };
            let (starts, ends) = journal.counts.entry(task.to_owned()).or_default();
            match what {
                "start" => {
                    *starts += 1;
                    journal.order.push(task.to_owned());
                }
                _ => *ends += 1,
            }
        }
        journal
    }

    /// How often the handler of a task was started.
    #[must_use]
    pub fn starts(&self, task: &str) -> usize {
        self.counts.get(task).map_or(0, |counts| counts.0)
    }

    /// How often it came to its end.
    #[must_use]
    pub fn ends(&self, task: &str) -> usize {
        self.counts.get(task).map_or(0, |counts| counts.1)
    }

    /// The tasks in the order of their starts.
    #[must_use]
    pub fn order(&self) -> &[String] {
        &self.order
    }
}
