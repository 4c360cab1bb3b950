//! `widgetctl`, started for one command.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use crate::program::{Program, binary};

/// What it asks of a server, and how it finds that one.
#[derive(Debug)]
pub struct Ctl {
    flags: Vec<String>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it said on standard error.
    pub errors: String,
}

impl Ctl {
    /// For the server with this data directory.
    ///
    /// # Panics
    /// If the path is no UTF-8.
    #[must_use]
    pub fn of(data: &Path) -> Self {
        Self::with(&["--data", data.to_str().expect("UTF-8")])
    }

    /// With these flags before each command.
    #[must_use]
    pub fn with(flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self { flags }
    }

    /// Starts a command, which does not see the variables of whoever runs the tests.
    #[must_use]
    pub fn start(&self, words: &[&str]) -> Program {
        let mut command = Command::new(binary("widgetctl"));
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"WIDGET_") {
                command.env_remove(name);
            }
        }
        command.args(&self.flags).args(words.iter().map(OsStr::new));
        Program::start("widgetctl", &mut command)
    }

    /// What a command comes to.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Said {
        let (code, out, errors) = self.start(words).ended();
        Said { code, out, errors }
    }

    /// What a command prints.
    ///
    /// # Panics
    /// If it fails, or says anything else.
    #[must_use]
    pub fn prints(&self, words: &[&str]) -> String {
        let said = self.run(words);
        assert!(
            said.code == Some(0) && said.errors.is_empty(),
            "{words:?}: {said:?}"
        );
        said.out
    }

    /// The same, as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    pub fn json(&self, words: &[&str]) -> serde_json::Value {
        let out = self.prints(&[&["--json"], words].concat());
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// What a command says that comes to this exit code.
    ///
    /// # Panics
    /// If it comes to something else, prints anything, or says more than one line.
    #[must_use]
    pub fn fails(&self, code: i32, words: &[&str]) -> String {
        let said = self.run(words);
        assert_eq!(said.code, Some(code), "{words:?}: {said:?}");
        assert!(said.out.is_empty(), "{said:?}");
        assert_eq!(said.errors.lines().count(), 1, "{said:?}");
        said.errors
    }
}
