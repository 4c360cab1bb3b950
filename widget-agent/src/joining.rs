//! Whether and how the program joins a server, or has: with the feature `join`.

#[cfg(feature = "join")]
pub(crate) use on::{KNOWN, Said, begin, is_flag};

#[cfg(not(feature = "join"))]
pub(crate) use off::{KNOWN, Said, begin, is_flag};

#[cfg(feature = "join")]
mod on {
    //! By a join string, or by the credential in the state directory.

    use std::error::Error;

    use widget_agent::runtime::{BoxFuture, SharedRuntime};
    use widget_agent::{AgentBuilder, Identity, JoinError, Joined, join};

    use crate::args::Options;

    pub(crate) const KNOWN: bool = true;

    /// What flags and variables say of it.
    // No `Debug` but for tests: a join string is a secret.
    #[cfg_attr(test, derive(Debug, PartialEq, Eq))]
    pub(crate) struct Said {
        /// The join string.
        string: Option<String>,
        /// Which servers there are was said too.
        servers: bool,
    }

    impl Said {
        /// By the flag, or else the variable.
        pub(crate) fn new(
            flag: Option<String>,
            servers: bool,
            variable: impl Fn(&str) -> Result<Option<String>, String>,
        ) -> Result<Self, String> {
            let variables = (variable("WIDGET_JOIN")?, variable("WIDGET_SERVER")?);
            let string = flag.or(variables.0);
            let servers = servers || variables.1.is_some();
            match servers && string.is_some() {
                true => Err("--join says which servers there are: leave out --server".to_owned()),
                false => Ok(Self { string, servers }),
            }
        }
    }

    /// A server was named where the credential says which there are.
    #[derive(Debug, thiserror::Error)]
    #[error("this agent has joined, and knows its servers by that: leave out --server")]
    struct ServerSaid;

    /// Makes the agent the one that has joined, if it has or is to, and sets its servers. `drive` runs a
    /// future to its end.
    pub(crate) fn begin(
        builder: AgentBuilder,
        options: &mut Options,
        runtime: &SharedRuntime,
        drive: impl FnOnce(BoxFuture<'_, ()>),
    ) -> Result<(AgentBuilder, Option<Identity>), Box<dyn Error>> {
        let joined = match &options.joining.string {
            Some(text) => {
                let (state, mut joined) = (&options.state, None);
                let runtime = SharedRuntime::clone(runtime);
                drive(Box::pin(async {
                    joined = Some(join(state, text, runtime).await);
                }));
                joined.transpose()?
            }
            None => Joined::open(&options.state)?,
        };
        let Some(joined) = joined else {
            return Ok((builder, None));
        };
        if options.joining.servers {
            return Err(ServerSaid.into());
        }
        options.servers = joined.servers;
        let builder = builder.credential(joined.credential).extras(joined.extras);
        Ok((builder, Some(joined.identity)))
    }

    /// Whether it is a flag that makes no sense.
    pub(crate) fn is_flag(error: &(dyn Error + 'static)) -> bool {
        let text = error.downcast_ref::<JoinError>();
        error.is::<ServerSaid>() || matches!(text, Some(JoinError::Text(_)))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn said(flag: Option<&str>, servers: bool, found: [&str; 2]) -> Result<Said, String> {
            Said::new(flag.map(str::to_owned), servers, |name| {
                let known = ["WIDGET_JOIN", "WIDGET_SERVER"];
                let place = known.iter().position(|known| *known == name).unwrap();
                Ok(Some(found[place].to_owned()).filter(|text| !text.is_empty()))
            })
        }

        #[test]
        fn a_flag_goes_before_the_variable() {
            let string = |said: Result<Said, String>| said.unwrap().string;
            assert_eq!(string(said(Some("x"), false, ["y", ""])).unwrap(), "x");
            assert_eq!(string(said(None, false, ["y", ""])).unwrap(), "y");
            assert_eq!(string(said(None, true, ["", "tcp://a:1"])), None);
        }

        #[test]
        fn a_join_string_says_which_servers_there_are() {
            for (flag, servers, found) in [
                (Some("x"), true, ["", ""]),
                (Some("x"), false, ["", "tcp://a:1"]),
                (None, true, ["y", ""]),
                (None, false, ["y", "tcp://a:1"]),
            ] {
                let error = said(flag, servers, found).unwrap_err();
                assert!(error.contains("leave out --server"), "{error}");
            }
        }
    }
}

#[cfg(not(feature = "join"))]
mod off {
    //! Not at all: it is taken at its word.

    use std::error::Error;

    use widget_agent::runtime::{BoxFuture, SharedRuntime};
    use widget_agent::{AgentBuilder, Identity};

    use crate::args::Options;

    pub(crate) const KNOWN: bool = false;

    /// Nothing.
    #[cfg_attr(test, derive(Debug, PartialEq, Eq))]
    pub(crate) struct Said;

    impl Said {
        #[expect(
            clippy::unnecessary_wraps,
            reason = "as it is where the program can join"
        )]
        pub(crate) fn new(
            _: Option<String>,
            _: bool,
            _: impl Fn(&str) -> Result<Option<String>, String>,
        ) -> Result<Self, String> {
            Ok(Self)
        }
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "as it is where the program can join"
    )]
    pub(crate) fn begin(
        builder: AgentBuilder,
        options: &mut Options,
        _: &SharedRuntime,
        _: impl FnOnce(BoxFuture<'_, ()>),
    ) -> Result<(AgentBuilder, Option<Identity>), Box<dyn Error>> {
        let Said = options.joining;
        Ok((builder, None))
    }

    pub(crate) fn is_flag(_: &(dyn Error + 'static)) -> bool {
        false
    }
}
