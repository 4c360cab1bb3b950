//! How an agent joins a server over real listeners of each transport, on each runtime, and what it makes
//! of servers that do not let it in.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has to fail"
)]

mod bench;
#[path = "../agent/log.rs"]
mod log;
mod odd;

use std::fs;
use std::time::{Duration, Instant};

use widget_agent::runtime::RuntimeExt;
use widget_agent::widget_core::id::AgentId;
use widget_agent::widget_core::message::{Credential, Opening, extra};
use widget_agent::widget_core::spool::{DEFAULT_LIMIT, Spool};
use widget_agent::widget_core::testkit::fixtures::report;
use widget_agent::widget_core::testkit::transport::Answer;
use widget_agent::{Agent, AgentHandle, Host, Identity, JoinError, Joined, connect, open_spool};

use crate::bench::{Bench, Cut, secret, string};
use crate::log::Warnings;

/// The id that the server gives.
const ID: AgentId = AgentId::from_bytes([5; 16]);

/// Against hanging only.
const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn an_agent_joins_once_and_keeps_its_secret_to_itself() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let joined = bench.join(&string(1, &bench.url)).unwrap();
        assert_eq!(
            (joined.identity.id(), &joined.servers),
            (ID, &vec![bench.url.clone()])
        );
        let [enrol] = &bench.enrolments()[..] else {
            panic!("not one enrolment");
        };
        assert_eq!(enrol.token.as_bytes(), &[1; 32]);
        assert_eq!((&enrol.hello.seen, enrol.hello.agent == ID), (&None, false));
        assert_eq!(enrol.hello.credential, joined.credential);
        assert_eq!(enrol.hello.extras, joined.extras);
        let text = bench.text();
        assert!(
            text.starts_with(&format!("wa1.{}\n", secret(enrol))),
            "{text}"
        );
        assert!(text.contains(&format!("agent {ID}\n")), "{text}");
        assert!(!text.contains(&enrol.token.text()), "{text}");
        let shown = format!("{joined:?}");
        assert!(!shown.contains(&secret(enrol)), "{shown}");
        let id = fs::read_to_string(bench.state.path().join("agent-id")).unwrap();
        assert_eq!(id.trim(), ID.to_string());
        is_private(&bench);
    }
}

#[cfg(unix)]
fn is_private(bench: &Bench) {
    use std::os::unix::fs::PermissionsExt;

    let rights = fs::metadata(bench.file()).unwrap().permissions().mode();
    assert_eq!(rights & 0o777, 0o600);
}

#[cfg(not(unix))]
const fn is_private(_: &Bench) {}

#[test]
fn two_agents_make_two_secrets() {
    let secrets = Bench::each(Answer::Joined(ID)).map(|bench| {
        bench.join(&string(1, &bench.url)).unwrap();
        secret(&bench.enrolments()[0])
    });
    let mut secrets: Vec<String> = secrets.collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), 4);
}

#[test]
fn an_agent_that_has_joined_proves_itself_each_time() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let joined = bench.join(&string(1, &bench.url)).unwrap();
        let (credential, extras) = (joined.credential.clone(), joined.extras.clone());
        let (agent, handle) = agent(&bench, joined);
        let running = async {
            let reported = async {
                let begin = Instant::now();
                while handle.status().reports.acknowledged == 0 {
                    assert!(begin.elapsed() < LIMIT, "no report");
                    bench.runtime().sleep(Duration::from_millis(10)).await;
                }
                handle.stop().await;
            };
            futures_lite::future::zip(agent.run(), reported).await
        };
        bench.block_on(running);
        match &bench.service.openings()[..] {
            [Opening::Enrol(_), Opening::Hello(hello)] => {
                assert_eq!((hello.agent, &hello.credential), (ID, &credential));
                assert!(matches!(hello.credential, Credential::Secret(_)));
                assert_eq!(hello.extras, extras);
                assert!(
                    hello
                        .extras
                        .iter()
                        .any(|(number, _)| *number == extra::BOOT)
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

fn agent(bench: &Bench, joined: Joined) -> (Agent, AgentHandle) {
    let mut builder = Agent::builder()
        .id(joined.identity.id())
        .credential(joined.credential)
        .extras(joined.extras)
        .runtime(bench.runtime())
        .interval(Duration::from_millis(100))
        .host(Host::default());
    for server in &joined.servers {
        builder = builder.transport(connect(server, bench.runtime()).unwrap());
    }
    builder.build().unwrap()
}

#[test]
fn a_second_start_with_the_string_does_not_join_again() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let string = string(1, &bench.url);
        let first = bench.join(&string).unwrap().credential;
        // Had it asked again, this is what it would be.
        bench
            .service
            .answer_openings(Answer::Joined(AgentId::from_bytes([6; 16])));
        let text = bench.text();
        let again = bench.join(&string).unwrap();
        assert_eq!((again.identity.id(), &again.credential), (ID, &first));
        drop(again);
        let opened = Joined::open(bench.state.path()).unwrap().unwrap();
        assert_eq!((opened.identity.id(), opened.credential), (ID, first));
        assert_eq!((bench.enrolments().len(), bench.text()), (1, text));
    }
}

#[test]
fn another_string_is_left_alone_by_an_agent_that_has_joined_and_that_is_said() {
    for bench in Bench::each(Answer::Joined(ID)) {
        drop(bench.join(&string(1, &bench.url)).unwrap());
        let ((warnings, _guard), text) = (Warnings::listen(), bench.text());
        let again = bench.join(&string(2, "tcp://other:1")).unwrap();
        assert_eq!((again.identity.id(), bench.text()), (ID, text));
        assert!(
            warnings.lines()[0].contains("joined before"),
            "{warnings:?}"
        );
    }
}

#[test]
fn the_secret_is_on_disk_before_anything_is_said() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let cut = Cut::start(bench.file());
        bench.join(&string(1, &cut.url)).unwrap_err();
        let (enrol, text) = cut.heard();
        assert!(
            text.starts_with(&format!("wa1.{}\n", secret(&enrol))),
            "{text}"
        );
        assert!(!text.contains("agent"), "{text}");
        is_private(&bench);
    }
}

#[test]
fn a_join_that_was_cut_off_goes_on_with_the_same_secret() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let cut = Cut::start(bench.file());
        let error = bench.join(&string(1, &cut.url)).unwrap_err();
        assert!(matches!(error, JoinError::Silent { .. }), "{error}");
        let (first, _) = cut.heard();
        let error = Joined::open(bench.state.path()).unwrap_err();
        assert!(error.to_string().contains("not finished"), "{error}");

        let joined = bench.join(&string(1, &bench.url)).unwrap();
        let again = &bench.enrolments()[0];
        assert_eq!(secret(again), secret(&first));
        assert_eq!(again.token, first.token);
        assert_eq!(
            (joined.identity.id(), &joined.servers[..]),
            (ID, &[bench.url.clone()][..])
        );
    }
}

#[test]
fn another_string_after_a_join_that_was_cut_off_gets_another_secret() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let cut = Cut::start(bench.file());
        bench.join(&string(1, &cut.url)).unwrap_err();
        let (first, _) = cut.heard();
        bench.join(&string(2, &bench.url)).unwrap();
        assert_ne!(secret(&bench.enrolments()[0]), secret(&first));
    }
}

#[test]
fn a_spool_and_an_id_of_before_are_set_aside_and_said() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let state = bench.state.path();
        let runtime = bench.runtime();
        let before = Identity::open(state, &*runtime).unwrap().id();
        let mut spool = open_spool(state, DEFAULT_LIMIT, &*runtime).unwrap().spool;
        let epoch = spool.epoch();
        for seq in 1..=3 {
            spool.append(report(seq, 1)).unwrap();
        }
        spool.sync().unwrap();
        drop(spool);
        let (warnings, _guard) = Warnings::listen();
        let joined = bench.join(&string(1, &bench.url)).unwrap();
        assert_ne!(joined.identity.id(), before);
        let lines = warnings.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains("spool.log.before-join-"), "{lines:?}");
        assert!(lines[0].contains("reports left in it: 3"), "{lines:?}");
        let names = fs::read_dir(state).unwrap().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        let aside = names.filter(|name| name.starts_with("spool.log.before-join-"));
        assert_eq!(aside.count(), 1);
        let spool = open_spool(state, DEFAULT_LIMIT, &*runtime).unwrap().spool;
        assert_ne!(spool.epoch(), epoch);
    }
}

#[test]
fn a_directory_that_another_agent_has_is_left_alone() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let _other = Identity::open(bench.state.path(), &*bench.runtime()).unwrap();
        let error = bench.join(&string(1, &bench.url)).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        let error = Joined::open(bench.state.path()).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        assert!(!bench.file().exists());
    }
}

#[test]
fn a_directory_without_a_credential_is_no_agents_that_has_joined() {
    let state = tempfile::tempdir().unwrap();
    assert!(Joined::open(state.path()).unwrap().is_none());
    fs::write(state.path().join("credential"), "wa1.").unwrap();
    assert!(Joined::open(state.path()).is_err());
}
