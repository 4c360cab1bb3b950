//! [`Reach`]: where the server is, by what it is known, and by what it knows who asks.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use widget_core::access::{Secret, TOKEN_PREFIX};
use widget_core::runtime::Address;
use widget_core::tls::{Pin, Trust};

use crate::args;
use crate::fault::Fault;

/// Where a server on this host keeps its data unless told otherwise.
const DATA: &str = "./widget-data";

/// Where the server is.
#[derive(Debug)]
pub(crate) enum Reach {
    /// On this host, with this data directory.
    Near(PathBuf),
    /// At an address.
    At {
        url: Url,
        /// Whom to believe that it is the one; for TLS.
        trust: Option<Trust>,
        /// A token for the API, as text.
        token: Option<String>,
    },
}

impl Reach {
    /// The server that is meant: the flags' if they name one, else the environment's.
    pub(crate) fn choose(
        flags: args::Server,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Fault> {
        let env = |name| env(name).filter(|value| !value.is_empty());
        let word = |name| env(name).map(|value| value.to_string_lossy().into_owned());
        let is_about_url = flags.pin.is_some() || flags.ca.is_some() || flags.token_file.is_some();
        if flags.data.is_some() && (is_about_url || flags.server.is_some()) {
            return Err(Fault::usage(
                "--data is a server on this host, which is asked without address, pin or token: \
                 leave out either",
            ));
        }
        let server = match flags.data {
            Some(data) => return Ok(Self::Near(data)),
            None => flags.server.or_else(|| word("WIDGET_CTL_SERVER")),
        };
        let Some(server) = server else {
            if is_about_url {
                return Err(Fault::usage(
                    "--pin, --ca and --token-file need --server URL",
                ));
            }
            let data = env("WIDGET_DATA").unwrap_or_else(|| DATA.into());
            return Ok(Self::Near(data.into()));
        };
        let url: Url = server.parse().map_err(Fault::usage)?;
        let trust = match (url.is_secure, flags.pin, flags.ca) {
            (false, None, None) => None,
            (false, ..) => return Err(Fault::usage("--pin and --ca are for https://")),
            (true, Some(_), Some(_)) => {
                return Err(Fault::usage("say --pin or --ca, and not both"));
            }
            (true, None, Some(file)) => Some(authorities(&file)?),
            (true, pin, None) => {
                let pin = pin.or_else(|| word("WIDGET_CTL_PIN"));
                let pin = pin.ok_or_else(|| {
                    Fault::usage(
                        "https:// needs --pin PIN or --ca FILE, by which the server is known",
                    )
                })?;
                let pin: Pin = pin
                    .parse()
                    .map_err(|error| Fault::usage(format!("the pin is none: {error}")))?;
                Some(Trust::Pin(pin))
            }
        };
        let token = match flags.token_file {
            Some(file) => Some(read_token(&file)?),
            None => word("WIDGET_CTL_TOKEN")
                .map(|text| token(&text, "WIDGET_CTL_TOKEN"))
                .transpose()?,
        };
        Ok(Self::At { url, trust, token })
    }
}

fn authorities(file: &Path) -> Result<Trust, Fault> {
    let unusable = |why: &dyn fmt::Display| Fault::usage(format!("--ca {}: {why}", file.display()));
    let pem = fs::read(file).map_err(|error| unusable(&error))?;
    Trust::from_pem(&pem).map_err(|error| unusable(&error))
}

fn read_token(file: &Path) -> Result<String, Fault> {
    let text = fs::read_to_string(file)
        .map_err(|error| Fault::usage(format!("--token-file {}: {error}", file.display())))?;
    token(&text, &format!("--token-file {}", file.display()))
}

/// A token, which is never said again.
fn token(text: &str, from: &str) -> Result<String, Fault> {
    let text = text.trim();
    let secret = text.strip_prefix(TOKEN_PREFIX).map(str::parse::<Secret>);
    match secret {
        Some(Ok(_)) => Ok(text.to_owned()),
        _ => Err(Fault::usage(format!(
            "{from} is no token, which is the line that `widgetctl token create` prints"
        ))),
    }
}

/// The address of API and page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_secure: bool,
    pub(crate) address: Address,
    /// Below which the API is, without a slash at its end.
    pub(crate) prefix: String,
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_secure, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => {
                return Err("--server is no URL such as https://fleet.example:3000".to_owned());
            }
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = if is_secure { 443 } else { 80 };
        let address = authority
            .parse()
            .or_else(|_| format!("{authority}:{port}").parse::<Address>())
            .map_err(|_| "--server has no host, or more than host and port".to_owned())?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#');
        if !path.bytes().all(is_plain) || !address.host.is_ascii() {
            return Err(
                "--server has more than a host, a port and a path of plain ASCII".to_owned(),
            );
        }
        if !is_secure && !is_loopback(&address.host) {
            return Err(format!(
                "http:// goes to this host alone, and {} is another: nothing would protect your token \
                 on the way; say https://",
                address.host
            ));
        }
        let path = path.trim_matches('/');
        Ok(Self {
            is_secure,
            address,
            prefix: match path {
                "" => String::new(),
                path => format!("/{path}"),
            },
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.address, self.prefix)
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin() -> String {
        Pin::of(b"an authority").to_string()
    }

    fn server(url: &str) -> args::Server {
        args::Server {
            server: Some(url.to_owned()),
            ..args::Server::default()
        }
    }

    fn choose(flags: args::Server, env: &[(&str, &str)]) -> Result<Reach, Fault> {
        Reach::choose(flags, |name| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).into())
        })
    }

    fn refused(flags: args::Server) -> String {
        let fault = choose(flags, &[]).unwrap_err();
        assert_eq!(fault.code(), 2);
        fault.text().unwrap()
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_both_before_the_usual() {
        let env = [
            ("WIDGET_DATA", "/of/env"),
            ("WIDGET_CTL_SERVER", "http://localhost:3000"),
            ("WIDGET_CTL_TOKEN", ""),
        ];
        let near = |reach| matches!(reach, Ok(Reach::Near(data)) if data == Path::new("/of/flag"));
        let data = Some("/of/flag".into());
        let flags = args::Server {
            data,
            ..args::Server::default()
        };
        assert!(near(choose(flags, &env)));
        let at = |reach, text: &str| match reach {
            Ok(Reach::At { url, .. }) => assert_eq!(url.to_string(), text),
            other => panic!("{other:?}"),
        };
        at(choose(server("http://[::1]"), &env), "http://[::1]:80");
        let none = args::Server::default;
        at(choose(none(), &env), "http://localhost:3000");
        assert!(
            matches!(choose(none(), &env[..1]), Ok(Reach::Near(d)) if d == Path::new("/of/env"))
        );
        assert!(matches!(choose(none(), &[]), Ok(Reach::Near(d)) if d == Path::new(DATA)));
    }

    #[test]
    fn plain_text_goes_to_this_host_alone() {
        for url in [
            "http://127.0.0.1:3000",
            "http://localhost/widget/",
            "http://[::1]:1",
        ] {
            assert!(choose(server(url), &[]).is_ok(), "{url}");
        }
        for url in [
            "http://fleet.example",
            "http://10.0.0.1:80",
            "http://localhost.evil.example",
        ] {
            assert!(refused(server(url)).contains("https://"), "{url}");
        }
    }

    #[test]
    fn a_url_is_host_port_and_path() {
        let url: Url = "https://fleet.example/ops//".parse().unwrap();
        assert_eq!((url.address.port, url.prefix.as_str()), (443, "/ops"));
        for text in [
            "fleet.example",
            "ftp://fleet.example",
            "https://",
            "https://me:secret@fleet.example",
            "https://fleet.example:70000",
            "https://fleet.example/a?b",
            "https://fleet.example/a b",
        ] {
            let error = text.parse::<Url>().unwrap_err();
            assert!(
                error.contains("--server") && !error.contains("secret"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_server_over_tls_has_to_be_known() {
        let url = "https://fleet.example";
        assert!(refused(server(url)).contains("--pin"));
        let pinned = args::Server {
            pin: Some(pin()),
            ..server(url)
        };
        let is_pinned = |reach| {
            let trust = Trust::Pin(pin().parse().unwrap());
            matches!(reach, Ok(Reach::At { trust: Some(found), .. }) if found == trust)
        };
        assert!(is_pinned(choose(pinned, &[])));
        assert!(is_pinned(choose(
            server(url),
            &[("WIDGET_CTL_PIN", &pin())]
        )));
        let odd = args::Server {
            pin: Some("x".to_owned()),
            ..server(url)
        };
        assert!(refused(odd).contains("43 characters"));
        let plain = args::Server {
            pin: Some(pin()),
            ..server("http://localhost")
        };
        assert!(refused(plain).contains("https://"));
    }

    #[test]
    fn what_is_not_for_a_server_on_this_host_is_not_taken_in_silence() {
        let with_pin = |data: Option<&str>| args::Server {
            data: data.map(Into::into),
            pin: Some(pin()),
            ..args::Server::default()
        };
        assert!(refused(with_pin(Some("x"))).contains("--data"));
        assert!(refused(with_pin(None)).contains("--server"));
    }

    #[test]
    fn what_is_no_token_is_not_said_again() {
        let good = format!("{TOKEN_PREFIX}{}", Secret::from_bytes([7; 32]).text());
        let env = [("WIDGET_CTL_TOKEN", good.as_str())];
        let reach = choose(server("http://localhost"), &env);
        assert!(matches!(reach, Ok(Reach::At { token: Some(token), .. }) if token == good));
        for text in ["hunter2", "wt1.hunter2", "wa1.hunter2"] {
            let env = [("WIDGET_CTL_TOKEN", text)];
            let fault = choose(server("http://localhost"), &env).unwrap_err();
            let said = fault.text().unwrap();
            assert!(
                said.contains("WIDGET_CTL_TOKEN") && !said.contains("hunter2"),
                "{said}"
            );
        }
    }
}
