//! Whether and how the program goes by a policy of its host: with the feature `policy`.

#[cfg(feature = "policy")]
pub(crate) use on::{Flag, HELP, KNOWN, Said, begin};

#[cfg(not(feature = "policy"))]
pub(crate) use off::{Flag, HELP, KNOWN, Said, begin};

#[cfg(feature = "policy")]
mod on {
    //! By a file that is named, or by the one in the state directory.

    use std::ffi::OsString;
    use std::path::{Path, PathBuf};

    use widget_agent::{AgentBuilder, Policy, PolicyError};

    pub(crate) const KNOWN: bool = true;
    /// The line of `--help`.
    pub(crate) const HELP: &str =
        "  --policy FILE        which tasks it takes [DIR/policy, if there] (WIDGET_POLICY)\n";

    /// Its name in the state directory.
    const NAME: &str = "policy";

    /// Which file a flag names.
    pub(crate) type Flag = Option<OsString>;

    /// Which file flags and variables name.
    #[cfg_attr(test, derive(Debug, PartialEq, Eq))]
    pub(crate) struct Said(Option<PathBuf>);

    impl Said {
        /// By the flag, or else the variable.
        pub(crate) fn new(flag: Flag, variable: impl Fn(&str) -> Option<OsString>) -> Self {
            let file = flag.or_else(|| variable("WIDGET_POLICY"));
            Self(file.map(PathBuf::from))
        }
    }

    /// Has the agent go by its host's policy, if there is one. What is there and is none is an error.
    pub(crate) fn begin(
        builder: AgentBuilder,
        said: &Said,
        state: &Path,
    ) -> Result<AgentBuilder, PolicyError> {
        let policy = match &said.0 {
            Some(file) => Some(Policy::read(file)?),
            None => Policy::read_if_there(state.join(NAME))?,
        };
        Ok(match policy {
            Some(policy) => builder.policy(policy),
            None => builder,
        })
    }
}

#[cfg(not(feature = "policy"))]
mod off {
    //! Not at all: it takes what it has handlers for.

    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::path::Path;

    use widget_agent::AgentBuilder;

    pub(crate) const KNOWN: bool = false;
    pub(crate) const HELP: &str = "";

    /// There is no such flag, so it is taken for something else before this.
    #[derive(Default)]
    pub(crate) struct Flag;

    impl From<OsString> for Flag {
        fn from(_: OsString) -> Self {
            Self
        }
    }

    /// Nothing.
    #[cfg_attr(test, derive(Debug, PartialEq, Eq))]
    pub(crate) struct Said;

    impl Said {
        pub(crate) fn new(_: Flag, _: impl Fn(&str) -> Option<OsString>) -> Self {
            Self
        }
    }

    pub(crate) fn begin(
        builder: AgentBuilder,
        _: &Said,
        _: &Path,
    ) -> Result<AgentBuilder, Infallible> {
        Ok(builder)
    }
}
