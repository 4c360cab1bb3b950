//! What `--status` prints: what is in the spool of a state directory, with the feature `status`. It only
//! reads, also while an agent runs there.

use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use widget_agent::widget_core::spool::{Inspection, LIMITS, LOG};

use crate::args::Options;

/// How often a file is looked at that seems damaged: an agent may be writing.
const LOOKS: usize = 5;

/// Whether this build can say it: it is a fiftieth of a small agent.
pub(crate) const KNOWN: bool = cfg!(feature = "status");

/// What is in the spool of this directory, in lines of `name: value`. The error is one line.
pub(crate) fn status(options: &Options) -> Result<String, String> {
    let (directory, limit) = (&options.state, options.spool.unwrap_or_default());
    let path = directory.join(LOG);
    let mut text = ["spool: ", &path.to_string_lossy(), "\n"].concat();
    let mut looks = LOOKS;
    let found = loop {
        looks -= 1;
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                text.push_str("there is no spool: no agent with one on disk was started here\n");
                break None;
            }
            Err(error) => return Err([&*path.to_string_lossy(), ": ", &error.to_string()].concat()),
        };
        match Inspection::of(&bytes) {
            Ok(found) => break Some(found),
            Err(_) if looks > 0 => {}
            Err(damage) => {
                let what = "this cannot be read, and the next start sets it aside: ";
                text.extend([what, damage.as_str(), "\n"]);
                break None;
            }
        }
    };
    if let Some(found) = found {
        lines(&mut text, &found, limit);
    }
    for name in aside(directory) {
        text.extend(["set aside: ", &name, "\n"]);
    }
    Ok(text)
}

fn lines(text: &mut String, found: &Inspection, limit: u64) {
    let stats = &found.stats;
    let number = |number: usize| number.to_string();
    let oldest = stats.oldest.map(|at| at.to_string());
    for (name, value) in [
        ("epoch", found.epoch.to_string()),
        ("bytes", stats.bytes.to_string()),
        ("limit", limit.to_string()),
        ("reports waiting", number(stats.reports)),
        ("reports dropped", stats.dropped.to_string()),
        ("oldest report", oldest.unwrap_or_else(|| "none".to_owned())),
        ("tasks waiting", number(found.waiting)),
        ("tasks running", number(found.started)),
        ("tasks over, not yet told", number(found.over)),
    ] {
        text.extend([name, ": ", &value, "\n"]);
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // To open a pipe would wait.
    if !fs::metadata(path)?.is_file() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(LIMITS.1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a name of a spool that was set aside goes on with: it could not be read, or was another agent's.
const ASIDE: [&str; 3] = [".damaged-", ".newer-", ".before-join-"];

/// The names of spools that were set aside.
fn aside(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(LOG).unwrap_or_default();
        if ASIDE.iter().any(|start| rest.starts_with(start)) {
            // In order, without a sort: they are few, and code is dear.
            let place = names.partition_point(|other| *other < name);
            names.insert(place, name);
        }
    }
    names
}
