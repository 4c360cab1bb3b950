//! What the tests of the listener share: one on a thread of its own, and clients that write bytes.

// Each test file uses a part of it.
#![allow(dead_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec, Json};
use widget_core::message::{Command, RequestWork, Response, Submit};
use widget_core::stop::{Stop, StopSignal};
use widget_core::testkit::fixtures::{agent, epoch};
use widget_core::testkit::transport::{Listening, ScriptedService, hello};
use widget_core::transport::{Listener, Service};
use widget_transport_http::{HttpListener, Limits, path_of};

/// Against hanging only.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Serves on tokio, on a thread of its own.
pub(crate) fn listen(
    service: Arc<dyn Service>,
    stop: StopSignal,
    (most, limits): (u32, Limits),
) -> Listening {
    Listening::on_thread(move |ready| {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio.block_on(async {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let listener = HttpListener::bind(any).await.unwrap();
            let listener = listener.with_limits(limits).with_max_connections(most);
            ready.send(listener.address().to_string()).unwrap();
            Box::new(listener).serve(service, stop).await.unwrap();
        });
    })
}

/// A listener for peers that write bytes. Stops when it is dropped.
pub(crate) struct Server {
    pub(crate) service: Arc<ScriptedService>,
    pub(crate) address: SocketAddr,
    stop: Stop,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(100, Limits::default())
    }

    pub(crate) fn with(most: u32, limits: Limits) -> Self {
        let service = Arc::new(ScriptedService::default());
        let stop = Stop::new();
        let listening = listen(Arc::clone(&service) as _, stop.signal(), (most, limits));
        Self {
            service,
            address: listening.address().parse().unwrap(),
            stop,
        }
    }

    pub(crate) fn peer(&self) -> Peer {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer {
            stream,
            came: Vec::new(),
        }
    }

    /// One request on a connection of its own.
    pub(crate) fn answer_to(&self, request: &[u8]) -> Answer {
        let mut peer = self.peer();
        peer.send(request);
        peer.answer()
    }

    pub(crate) fn stop(&self) {
        self.stop.ask();
    }

    /// Waits until so much was refused, and says what.
    pub(crate) fn refused(&self, count: usize) -> Vec<&'static str> {
        widget_core::testkit::run(self.service.until_refused(count));
        self.service.refused()
    }

    /// Waits until exactly so many requests for work wait.
    pub(crate) fn waiting(&self, count: usize) {
        widget_core::testkit::run(self.service.until_waiting(count));
    }
}

/// A peer that writes bytes, right or wrong.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    came: Vec<u8>,
}

impl Peer {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Whether there was somebody to send it to.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next answer.
    pub(crate) fn answer(&mut self) -> Answer {
        loop {
            if let Some(answer) = Answer::take(&mut self.came) {
                return answer;
            }
            assert!(self.read(), "closed after {:?}", self.came);
        }
    }

    /// Asks and hears.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        self.send(request);
        self.answer()
    }

    /// Waits until the server has closed, which must have said all that it had to say.
    pub(crate) fn closed_after(&mut self) -> Duration {
        let begun = Instant::now();
        while self.read() {}
        assert!(self.came.is_empty(), "{:?}", self.came);
        begun.elapsed()
    }

    /// False at the end.
    fn read(&mut self) -> bool {
        let mut chunk = [0; 4096];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Ok(count) => {
                self.came.extend_from_slice(&chunk[..count]);
                true
            }
            Err(error) => panic!("the server goes on: {error}"),
        }
    }
}

/// An answer of HTTP.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In the form `name: value`, names in lower case.
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The first one, taken out, if it is whole.
    pub(crate) fn take(came: &mut Vec<u8>) -> Option<Self> {
        let end = came.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(came[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let lower = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            format!("{}: {value}", name.to_lowercase())
        };
        let mut answer = Self {
            status,
            headers: lines.map(lower).collect(),
            body: Vec::new(),
        };
        assert!(answer.header("transfer-encoding").is_none(), "{head}");
        let length = answer.header("content-length");
        let length = length.map_or(0, |length| length.parse().unwrap());
        let body = came.get(end + 4..end + 4 + length)?;
        answer.body = body.to_vec();
        came.drain(..end + 4 + length);
        Some(answer)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter().filter_map(|line| line.split_once(": "));
        headers.find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    pub(crate) fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// What it says in JSON.
    pub(crate) fn json(&self) -> Response {
        assert_eq!(self.header("content-type"), Some("application/json"));
        Json.decode_response(&self.body).unwrap()
    }

    /// What it says in bincode.
    pub(crate) fn bincode(&self) -> Response {
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/vnd.widget.bincode"));
        Bincode.decode_response(&self.body).unwrap()
    }

    /// The status and the word of a problem, which must be one as RFC 9457 has it.
    pub(crate) fn problem(&self) -> (u16, &str) {
        let kind = self.header("content-type");
        assert_eq!(kind, Some("application/problem+json"), "{self:?}");
        let text = self.text();
        assert!(
            text.starts_with(r#"{"type":"about:blank","title":""#),
            "{text}"
        );
        assert!(
            text.contains(&format!(r#""status":{},"#, self.status)),
            "{text}"
        );
        let (_, word) = text.split_once(r#""code":""#).unwrap();
        (self.status, word.split_once('"').unwrap().0)
    }

    /// What a problem advises.
    pub(crate) fn detail(&self) -> &str {
        let (_, detail) = self.text().split_once(r#""detail":""#).unwrap();
        detail.trim_end().strip_suffix("\"}").unwrap()
    }
}

/// What a request has beside its path and its body.
pub(crate) const JSON: &str = "Content-Type: application/json";
pub(crate) const BINCODE: &str = "Content-Type: application/vnd.widget.bincode";

/// The header with the session of agent number `n`.
pub(crate) fn session(n: u8) -> String {
    format!("Authorization: Widget {}.{}", agent(n), epoch(n))
}

/// A POST to this path under the root, with these headers and this body.
pub(crate) fn post(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut out = head(path, &[headers, &[&length]].concat());
    out.extend_from_slice(body);
    out
}

/// The head of such a POST.
pub(crate) fn head(path: &str, headers: &[&str]) -> Vec<u8> {
    request(&format!("POST /agent/v2/{path} HTTP/1.1"), headers)
}

/// The head of any request.
pub(crate) fn request(line: &str, headers: &[&str]) -> Vec<u8> {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("{line}\r\nHost: here\r\n{headers}\r\n").into_bytes()
}

/// A command of agent number 1 in JSON.
pub(crate) fn command(command: &Command) -> Vec<u8> {
    let path = path_of(command);
    let path = path.strip_prefix("/agent/v2/").unwrap();
    post(path, &[JSON, &session(1)], &json(command))
}

/// A `Submit` that is answered `ack(n)`.
pub(crate) fn submit(n: u64) -> Vec<u8> {
    command(&submit_command(n))
}

pub(crate) fn submit_command(n: u64) -> Command {
    Command::Submit(Submit {
        epoch: epoch(1),
        after: n,
        reports: Vec::new(),
        dropped: 0,
    })
}

/// A request for work that waits until room `room` is released.
pub(crate) fn waits(room: u16) -> Vec<u8> {
    command(&Command::RequestWork(RequestWork {
        room,
        wait_ms: 20_000,
        holding: Vec::new(),
        kinds: Vec::new(),
    }))
}

/// One that is answered at once in bincode, with so many tasks of 256 KiB.
pub(crate) fn large_work(room: u16) -> Vec<u8> {
    let work = Command::RequestWork(RequestWork {
        room,
        ..RequestWork::default()
    });
    post("request-work", &[BINCODE, &session(1)], &bincode(&work))
}

/// The opening of agent number 1 in JSON.
pub(crate) fn opening() -> Vec<u8> {
    let mut out = BytesMut::new();
    Json.encode_opening(&hello(1), &mut out).unwrap();
    out.to_vec()
}

pub(crate) fn json(command: &Command) -> Vec<u8> {
    let mut out = BytesMut::new();
    Json.encode_command(command, &mut out).unwrap();
    out.to_vec()
}

pub(crate) fn bincode(command: &Command) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode.encode_command(command, &mut out).unwrap();
    out.to_vec()
}

pub(crate) const fn ack(n: u64) -> Response {
    Response::Ack { through: Some(n) }
}
