//! One good sample of each message, by its name.

use widget_core::id::Attempt;
use widget_core::message::{Command, Opening, Response, UpdateItem};
use widget_core::task::AgentEvent;
use widget_core::testkit::fixtures::{epoch, task_id};
use widget_core::testkit::samples;
use widget_core::v1;

/// The rows of version 1.
pub(crate) const VERSION_1: [&str; 2] = ["version 1 submit-data", "version 1 request-work"];

/// The first sample of each command, as the agent that has joined says it.
pub(crate) fn commands() -> Vec<(String, Command)> {
    let mut all = Vec::new();
    for sample in samples::commands() {
        let name = format!("command {}", sample.name());
        // A new variant has to say here what is good of it.
        let command = match sample {
            Command::Submit(mut submit) => {
                submit.epoch = epoch(1);
                Command::Submit(submit)
            }
            Command::Update(mut update) => {
                update.items = vec![UpdateItem {
                    task: task_id(1),
                    attempt: Attempt(1),
                    event: AgentEvent::Start,
                }];
                Command::Update(update)
            }
            other @ (Command::Describe(_) | Command::RequestWork(_) | Command::Goodbye(_)) => other,
        };
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, command));
        }
    }
    all
}

/// The first sample of each response.
pub(crate) fn responses() -> Vec<(String, Response)> {
    let mut all: Vec<(String, Response)> = Vec::new();
    for sample in samples::responses() {
        let name = format!("response {}", sample.name());
        if !all.iter().any(|(known, _)| *known == name) {
            all.push((name, sample));
        }
    }
    all
}

/// What a peer is answered, in a word or two.
pub(crate) fn says(response: &Response) -> String {
    match response {
        Response::Refused(refusal) => format!("refused {}", refusal.reason.as_str()),
        other => other.name().to_owned(),
    }
}

/// Each command of version 1.
pub(crate) fn version_1() -> Vec<(&'static str, v1::Command)> {
    let submit = v1::Command::SubmitData {
        collector_id: 17,
        total_memory: 1 << 34,
        used_memory: 1 << 33,
        average_cpu_usage: 12.5,
    };
    let all = [submit, v1::Command::RequestWork(17)];
    all.map(|command| {
        let name = match command {
            v1::Command::SubmitData { .. } => VERSION_1[0],
            v1::Command::RequestWork(_) => VERSION_1[1],
        };
        (name, command)
    })
    .into()
}

/// Names of openings as rows have them.
pub(crate) fn row_of(opening: &Opening, how: &str) -> String {
    format!("opening {}, {how}", opening.name())
}
