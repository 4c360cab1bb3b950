//! A server on a thread that answers as it is told, byte by byte if need be.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::error::Error;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec};
use widget_core::message::{Command, Goodbye, RequestWork, Response, Submit, Welcome};
use widget_core::runtime::TokioRuntime;
use widget_core::testkit::fixtures::epoch;
use widget_core::testkit::transport::{ScriptedService, hello};
use widget_core::transport::{Connection, Transport, TransportError};
use widget_transport_http::HttpTransport;

/// Against hanging.
const LIMIT: Duration = Duration::from_secs(10);

pub(crate) const PAGE: &str = "<html><body>Oops</body></html>";
/// The headers of a response and of a problem.
pub(crate) const OURS: &str = "Content-Type: application/vnd.widget.bincode\r\n";
pub(crate) const PROBLEM: &str = "Content-Type: application/problem+json\r\n";

/// What is done with one connection. It is closed at the end.
pub(crate) type Script = Box<dyn FnOnce(&mut Peer) + Send>;

/// Serves one connection after the other, each by its script and on a thread of its own.
pub(crate) struct Server {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(scripts: Vec<Script>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        std::thread::spawn(move || {
            for script in scripts {
                let Ok((stream, _)) = socket.accept() else {
                    return;
                };
                count.fetch_add(1, Ordering::SeqCst);
                stream.set_nodelay(true).unwrap();
                stream.set_read_timeout(Some(LIMIT)).unwrap();
                std::thread::spawn(move || script(&mut Peer(stream)));
            }
        });
        Self { address, accepted }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections came.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }
}

/// A request that came.
pub(crate) struct Request {
    pub(crate) head: String,
    body: Vec<u8>,
}

/// The server's side of one connection.
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// The next request; `None` if the other side has closed.
    pub(crate) fn request(&mut self) -> Option<Request> {
        let head = self.head()?;
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.0.read_exact(&mut body).ok()?;
        Some(Request { head, body })
    }

    /// The head of the next request.
    pub(crate) fn head(&mut self) -> Option<String> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.0.read(&mut byte) {
                Ok(1) => head.push(byte[0]),
                _ => return None,
            }
        }
        Some(String::from_utf8(head).unwrap())
    }

    /// Answers the hello.
    pub(crate) fn welcome(&mut self) {
        assert!(self.request().is_some());
        self.respond("200 OK", &welcome(SESSION));
    }

    /// Answers what comes as a server would, but leaves a wait for work without an answer.
    pub(crate) fn answer_all(&mut self) {
        while let Some(Request { head, body }) = self.request() {
            if head.contains("/hello ") {
                self.respond("200 OK", &welcome(SESSION));
                continue;
            }
            match Bincode.decode_command(&body).unwrap() {
                Command::Submit(submit) => self.respond("200 OK", &ack(submit.after)),
                Command::RequestWork(_) => {}
                other => panic!("not expected here: {other:?}"),
            }
        }
    }

    /// Answers with a response.
    pub(crate) fn respond(&mut self, status: &str, response: &Response) {
        self.say_bytes(&answer(status, response));
    }

    /// Answers with a page of HTML; `more` are whole lines of headers.
    pub(crate) fn page(&mut self, status: &str, more: &str, text: &str) {
        let headers = format!("{more}Content-Type: text/html\r\n");
        self.answer(status, &headers, text.as_bytes());
    }

    /// Answers; `headers` are whole lines.
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &[u8]) {
        self.say_bytes(&whole(status, headers, body));
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.say_bytes(text.as_bytes());
    }

    /// Whether the other side still listens is its own affair.
    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Says it again and again until the other side has closed.
    pub(crate) fn say_for_ever(&mut self, text: &str) {
        while self.0.write_all(text.as_bytes()).is_ok() {}
    }

    pub(crate) fn until_closed(&mut self) {
        while self.0.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    }
}

/// What the welcome says.
pub(crate) const SESSION: &str = "s.e.s";

pub(crate) fn welcome(session: &str) -> Response {
    Response::Welcome(Welcome {
        session: session.to_owned(),
        ..ScriptedService::welcome()
    })
}

/// A whole answer with this response.
pub(crate) fn answer(status: &str, response: &Response) -> Vec<u8> {
    let headers = format!("Content-Type: {}\r\n", Bincode.content_type());
    whole(status, &headers, &encoded(response))
}

fn whole(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

pub(crate) fn encoded(response: &Response) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode.encode_response(response, &mut out).unwrap();
    out.to_vec()
}

/// A client with the usual patience.
pub(crate) fn client(url: &str) -> HttpTransport {
    let runtime = TokioRuntime::current().unwrap();
    HttpTransport::new(Arc::new(runtime), url.parse().unwrap())
}

/// What comes of a hello that is answered so.
pub(crate) async fn hello_answered(
    speak: impl FnOnce(&mut Peer) + Send + 'static,
) -> TransportError {
    let server = Server::start(vec![Box::new(|peer: &mut Peer| {
        peer.request().expect("a request");
        speak(peer);
    })]);
    let transport = client(&server.url());
    in_time(transport.connect(hello(1))).await.unwrap_err()
}

/// A connection whose first call after the hello is answered so; after that all is well.
pub(crate) async fn call_answered(
    speak: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Arc<dyn Connection>, Result<Response, TransportError>) {
    let server = Server::start(vec![
        Box::new(|peer: &mut Peer| {
            peer.welcome();
            peer.request().expect("a request");
            speak(peer);
        }),
        Box::new(Peer::answer_all),
    ]);
    let connected = in_time(client(&server.url()).connect(hello(1))).await;
    let connection = connected.unwrap().0;
    let result = in_time(connection.call(submit(1))).await;
    (connection, result)
}

/// The sentence in an error.
pub(crate) fn why(error: &TransportError) -> String {
    error.source().map(ToString::to_string).unwrap_or_default()
}

/// Fails if it takes longer than anything may.
pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(LIMIT, work).await;
    done.expect("it hangs")
}

/// Waits for news from another thread.
pub(crate) async fn received<T: Send + 'static>(from: Receiver<T>) -> (T, Receiver<T>) {
    let wait = move || (from.recv_timeout(LIMIT).expect("no news"), from);
    tokio::task::spawn_blocking(wait).await.unwrap()
}

/// A call that is answered at once, with `ack(n)`.
pub(crate) fn submit(n: u64) -> Command {
    Command::Submit(Submit {
        epoch: epoch(1),
        after: n,
        reports: Vec::new(),
        dropped: 0,
    })
}

pub(crate) const fn ack(n: u64) -> Response {
    Response::Ack { through: Some(n) }
}

/// A wait for work.
pub(crate) fn wait() -> Command {
    Command::RequestWork(RequestWork {
        room: 1,
        wait_ms: 20_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    })
}

/// A command of almost 2 MiB.
pub(crate) fn long() -> Command {
    Command::Goodbye(Goodbye {
        reason: "x".repeat(2_000_000),
        task: None,
        spool_gone: false,
    })
}
