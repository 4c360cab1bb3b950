//! [`Plan`]: where the program listens and for whom, decided over all of its flags together, before
//! anything is opened.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use widget_core::transport::Proxies;
use widget_server::open::{LISTENERS, ListenerKind};

use crate::args::{Args, Bind};

/// The port of API and page unless something else is said.
const ADMIN_PORT: u16 = 3000;

/// Where the program listens, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) whom: Whom,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) listeners: Vec<(&'static ListenerKind, SocketAddr)>,
}

/// For whom the program listens.
#[derive(Debug, Clone)]
pub(crate) enum Whom {
    /// For its own host.
    Near,
    /// For everybody, over TLS.
    All(Papers),
    /// For these proxies, which have TLS on their other side.
    Proxies(Proxies),
}

/// What proves over TLS who the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Papers {
    /// An authority in the data directory.
    Made,
    /// One's own.
    Own {
        chain: PathBuf,
        key: PathBuf,
        ca: Option<PathBuf>,
    },
}

impl Plan {
    /// What these flags come to.
    ///
    /// # Errors
    /// One line on what to say instead.
    pub(crate) fn of(args: &Args) -> Result<Self, String> {
        let host = args.expose.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let at = |said: Option<Bind>, port| match said {
            Some(Bind::Off) => None,
            Some(Bind::At(at)) => Some(at),
            None => Some(SocketAddr::new(host, port)),
        };
        let listeners = LISTENERS.iter().zip(&args.listen.said);
        let plan = Self {
            whom: whom(args)?,
            admin: at(args.admin, ADMIN_PORT),
            listeners: listeners
                .filter_map(|(kind, said)| Some((kind, at(*said, port(kind))?)))
                .collect(),
        };
        if let Whom::Near = plan.whom {
            let mut all = plan.listeners.iter().map(|(_, at)| *at).chain(plan.admin);
            if let Some(at) = all.find(|at| !at.ip().to_canonical().is_loopback()) {
                return Err(format!(
                    "{at} can be reached from other hosts, and in plain text only loopback is served: add \
                     --expose {} for TLS, join tokens and sign-in, or --behind-proxy CIDR if a proxy \
                     does the TLS",
                    at.ip()
                ));
            }
        }
        Ok(plan)
    }

    /// Whether agents have to join and callers need a token.
    pub(crate) const fn is_exposed(&self) -> bool {
        !matches!(self.whom, Whom::Near)
    }
}

fn whom(args: &Args) -> Result<Whom, String> {
    let own = match (&args.tls_cert, &args.tls_key) {
        (None, None) if args.tls_ca.is_some() => {
            return Err("--tls-ca belongs to --tls-cert and --tls-key".to_owned());
        }
        (None, None) => None,
        (Some(chain), Some(key)) => Some(Papers::Own {
            chain: chain.clone(),
            key: key.clone(),
            ca: args.tls_ca.clone(),
        }),
        _ => return Err("--tls-cert and --tls-key belong together".to_owned()),
    };
    let mut proxies = args.behind_proxy.iter().cloned();
    let first = proxies.next();
    match (first, args.expose, own) {
        (Some(_), _, Some(_)) => {
            Err("with --behind-proxy it is the proxy that has TLS: leave out --tls-cert".to_owned())
        }
        (Some(mut all), _, None) => {
            all.extend(proxies);
            Ok(Whom::Proxies(all))
        }
        (None, Some(_), own) => Ok(Whom::All(own.unwrap_or(Papers::Made))),
        (None, None, Some(_)) => Err("--tls-cert is for a server with --expose".to_owned()),
        (None, None, None) => Ok(Whom::Near),
    }
}

/// The port of a listener unless something else is said.
fn port(kind: &ListenerKind) -> u16 {
    let at = kind.address.parse::<SocketAddr>();
    at.map_or(0, |at| at.port())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn plan(flags: &[&str]) -> Result<Plan, String> {
        let flags = ["widget-server"].iter().chain(flags);
        Plan::of(&Args::try_parse_from(flags).unwrap())
    }

    fn addresses(plan: &Plan) -> Vec<String> {
        let listeners = plan.listeners.iter().map(|(_, at)| *at);
        plan.admin
            .into_iter()
            .chain(listeners)
            .map(|at| at.to_string())
            .collect()
    }

    /// The usual ports of this build at this host.
    fn usual(host: &str) -> Vec<String> {
        let ports = LISTENERS.iter().map(port);
        [ADMIN_PORT]
            .into_iter()
            .chain(ports)
            .map(|port| format!("{host}:{port}"))
            .collect()
    }

    #[test]
    fn without_a_flag_this_host_is_served() {
        let plan = plan(&[]).unwrap();
        assert_eq!(addresses(&plan), usual("127.0.0.1"));
        assert!(!plan.is_exposed() && matches!(plan.whom, Whom::Near));
    }

    #[test]
    fn an_address_that_is_not_loopback_is_refused_with_what_to_type() {
        for at in ["0.0.0.0:1", "192.0.2.1:3000", "[::]:1", "[2001:db8::1]:1"] {
            let error = plan(&["--admin", at]).unwrap_err();
            let ip = at.parse::<SocketAddr>().unwrap().ip();
            assert!(error.contains(&format!("--expose {ip}")), "{error}");
            assert!(error.contains("--behind-proxy"), "{error}");
        }
        for kind in LISTENERS {
            let flag = format!("--{}=0.0.0.0:0", kind.scheme);
            assert!(plan(&[&flag]).unwrap_err().contains("--expose 0.0.0.0"));
            assert!(plan(&[&flag, "--expose", "0.0.0.0"]).is_ok());
        }
    }

    #[test]
    fn exposed_all_of_it_is_there_over_tls() {
        // Also at a second address of loopback.
        for host in ["192.0.2.1", "127.0.0.2"] {
            let plan = plan(&["--expose", host]).unwrap();
            assert_eq!(addresses(&plan), usual(host));
            assert!(plan.is_exposed());
            assert!(matches!(plan.whom, Whom::All(Papers::Made)));
        }
        let only = plan(&["--expose", "192.0.2.1", "--admin", "127.0.0.1:7"]).unwrap();
        assert_eq!(only.admin.unwrap().to_string(), "127.0.0.1:7");
    }

    #[test]
    fn behind_a_proxy_there_is_no_tls() {
        let flags = ["--behind-proxy", "10.0.0.0/8,::1", "--expose", "0.0.0.0"];
        let Whom::Proxies(proxies) = plan(&flags).unwrap().whom else {
            panic!("not behind a proxy");
        };
        assert_eq!(proxies.to_string(), "10.0.0.0/8,::1/128");
        assert!(plan(&flags[..2]).unwrap().is_exposed());
    }

    #[test]
    fn a_certificate_of_ones_own_is_whole_and_used() {
        let own = ["--tls-cert", "c", "--tls-key", "k"];
        let with = |more: &[&'static str]| plan(&[&own, more].concat());
        let Whom::All(papers) = with(&["--expose", "192.0.2.1"]).unwrap().whom else {
            panic!("not exposed");
        };
        assert!(matches!(papers, Papers::Own { ca: None, .. }));
        assert!(with(&[]).unwrap_err().contains("--expose"));
        assert!(
            with(&["--behind-proxy", "::1"])
                .unwrap_err()
                .contains("proxy")
        );
        for half in [&own[..2], &own[2..], &["--tls-ca", "a"]] {
            assert!(plan(half).unwrap_err().contains("belong"), "{half:?}");
        }
    }
}
