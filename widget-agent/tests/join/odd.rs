//! Servers that do not let the agent in: each is told from the others, in one line.

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use bytes::BytesMut;
use widget_agent::widget_core::codec::{Bincode, ErasedCodec};
use widget_agent::widget_core::frame::{FrameError, MAX_TO_AGENT, v2};
use widget_agent::widget_core::message::Response;
use widget_agent::widget_core::testkit::transport::{Answer, ScriptedService};
use widget_agent::{ConnectError, JoinError, Joined};

use crate::ID;
use crate::bench::{Bench, string};

/// A server that answers whatever it hears with these bytes.
struct Odd {
    url: String,
    _answering: JoinHandle<()>,
}

impl Odd {
    fn start(scheme: &str, answer: Vec<u8>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", socket.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = socket.accept().unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(&answer).unwrap();
            // Until the other side has gone.
            let _ = stream.read(&mut [0; 4096]);
        });
        Self {
            url,
            _answering: answering,
        }
    }
}

/// The whole line that a program would say.
fn line(error: &JoinError) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn a_server_that_does_not_let_the_agent_in_is_quoted() {
    for bench in Bench::each(Answer::Refused) {
        let error = bench.join(&string(1, &bench.url)).unwrap_err();
        assert!(matches!(error, JoinError::Refused { .. }));
        let (line, text) = (line(&error), ScriptedService::refusal().text);
        assert!(line.contains(&bench.url) && line.contains(&text), "{line}");
        // What it was refused with it may be let in with by the same string later.
        let before = bench.text();
        bench.service.answer_openings(Answer::Joined(ID));
        bench.join(&string(1, &bench.url)).unwrap();
        let secret = before.lines().next().unwrap();
        assert!(bench.text().starts_with(secret));
    }
}

#[test]
fn a_no_from_one_server_is_a_no_from_all() {
    for bench in Bench::each(Answer::Refused) {
        let both = format!("{0},{0}", bench.url);
        let error = bench.join(&string(1, &both)).unwrap_err();
        assert!(matches!(error, JoinError::Refused { .. }));
        assert_eq!(bench.enrolments().len(), 1);
    }
}

#[test]
fn a_server_that_is_too_old_to_join_is_said() {
    let mut frame = BytesMut::new();
    let codec: &dyn ErasedCodec = &Bincode;
    let head = (codec.id(), v2::Kind::Response, 0);
    v2::encode(&mut frame, head, MAX_TO_AGENT, |out| {
        codec.encode_response(&Response::Unsupported, out).unwrap();
        Ok::<(), FrameError>(())
    })
    .unwrap();
    let not_found = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    for bench in Bench::each(Answer::Refused) {
        let odd = match bench.url.starts_with("tcp") {
            true => Odd::start("tcp", frame.to_vec()),
            false => Odd::start("http", not_found.to_vec()),
        };
        let error = bench.join(&string(1, &odd.url)).unwrap_err();
        assert!(matches!(error, JoinError::TooOld { .. }), "{error}");
        let line = line(&error);
        assert!(
            line.contains("too old") && line.contains(&odd.url),
            "{line}"
        );
    }
}

#[test]
fn a_server_that_names_no_agent_is_none_to_join() {
    for bench in Bench::each(Answer::Welcome) {
        let error = bench.join(&string(1, &bench.url)).unwrap_err();
        let line = line(&error);
        assert!(line.contains("does not say which agent"), "{line}");
        assert!(Joined::open(bench.state.path()).is_err());
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    // Each waits as long as it was asked to: the runtimes differ in that, and not the transports.
    for bench in Bench::each(Answer::Busy).take(2) {
        let service = bench.service.clone();
        let relents = std::thread::spawn(move || {
            while service.openings().is_empty() {
                std::thread::yield_now();
            }
            service.answer_openings(Answer::Joined(ID));
        });
        let joined = bench.join(&string(1, &bench.url)).unwrap();
        assert_eq!(joined.identity.id(), ID);
        relents.join().unwrap();
        let asked = bench.enrolments();
        assert!(asked.len() > 1);
        assert!(
            asked
                .iter()
                .all(|enrol| enrol.hello.credential == joined.credential)
        );
    }
}

#[test]
fn the_next_server_is_asked_when_one_is_not_there() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr();
        let servers = format!("tcp://{},{}", nobody.unwrap(), bench.url);
        let joined = bench.join(&string(1, &servers)).unwrap();
        assert_eq!(joined.identity.id(), ID);
        assert_eq!(joined.servers.join(","), servers);
    }
}

#[test]
fn a_text_that_is_no_join_string_leaves_no_trace() {
    for bench in Bench::each(Answer::Joined(ID)) {
        for text in ["", "wj1.x", "tcp://127.0.0.1:9004"] {
            let error = bench.join(text).unwrap_err();
            assert!(matches!(error, JoinError::Text(_)));
        }
        assert!(!bench.file().exists());
    }
}

#[test]
fn an_address_of_which_this_build_knows_nothing_is_left_out_if_another_is_known() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let error = bench.join(&string(1, "gopher://a:1")).unwrap_err();
        let unknown = matches!(
            error,
            JoinError::Address(ConnectError::UnknownScheme { .. })
        );
        assert!(unknown && !bench.file().exists(), "{error}");
        let both = format!("gopher://a:1,{}", bench.url);
        let joined = bench.join(&string(1, &both)).unwrap();
        assert_eq!(joined.servers.join(","), bench.url);
        // For a build that knows it.
        assert!(bench.text().contains("server gopher://a:1\n"));
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_build_without_tls_says_so_before_anything_is_kept() {
    for bench in Bench::each(Answer::Joined(ID)) {
        for scheme in ["tls", "https"] {
            let string = string(1, &format!("{scheme}://a:1"));
            let error = bench.join(&string).unwrap_err();
            assert!(matches!(error, JoinError::NoTls(_)));
            assert!(error.to_string().contains("feature tls"), "{error}");
            assert!(!bench.file().exists());
        }
    }
}

#[cfg(feature = "tls")]
#[test]
fn over_tls_a_string_without_a_pin_is_no_use() {
    for bench in Bench::each(Answer::Joined(ID)) {
        let error = bench.join(&string(1, "tls://127.0.0.1:1")).unwrap_err();
        assert!(line(&error).contains("?pin="), "{error}");
        assert!(!bench.file().exists());
    }
}
