//! HTTP without any library on the client's side, so that only the servers differ; and the floor,
//! bare hyper with a constant answer.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use widget_benches::{block_on, hello, submit};
use widget_core::codec::{Bincode, Codec, ErasedCodec};
use widget_core::id::AgentId;
use widget_core::message::{self, Command};

use crate::calls::measure;
use crate::child::say;

/// The role of bare hyper.
pub(crate) fn serve() {
    let mut answer = BytesMut::new();
    let through = Some(40_000);
    Bincode
        .encode_response(&message::Response::Ack { through }, &mut answer)
        .unwrap();
    let answer = answer.freeze();
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        say(listener.local_addr().unwrap());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| answer_constantly(request, answer.clone()));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async {
                let _ = connection.await;
            });
        }
    });
}

async fn answer_constantly(
    request: Request<Incoming>,
    answer: Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let _ = request.into_body().collect().await;
    let response = Response::builder().header("content-type", Bincode::CONTENT_TYPE);
    Ok(response.body(Full::new(answer)).unwrap())
}

/// The role of 64 clients: whether to say hello first, address, milliseconds.
pub(crate) fn load(args: &[&str]) {
    let says_hello = args[0] == "hello";
    let at: SocketAddr = args[1].parse().unwrap();
    let rate = measure(args[2], |number, count| async move {
        let mut client = Client::connect(at).await;
        if says_hello {
            client
                .say_hello(AgentId::from_u128(u128::from(number) + 1))
                .await;
        }
        let mut body = BytesMut::new();
        for seq in 1.. {
            body.clear();
            Bincode
                .encode_command(&Command::Submit(submit(seq)), &mut body)
                .unwrap();
            assert_eq!(client.ask("submit", &body).await, 200);
            count.one();
        }
    });
    say(rate);
}

/// A connection that is kept, with one request at a time.
struct Client {
    stream: TcpStream,
    session: String,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Client {
    async fn connect(at: SocketAddr) -> Self {
        let stream = TcpStream::connect(at).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            // As long as a real one.
            session: "x".repeat(120),
            request: Vec::new(),
            answer: Vec::new(),
        }
    }

    async fn say_hello(&mut self, agent: AgentId) {
        let mut body = BytesMut::new();
        Bincode.encode_opening(&hello(agent), &mut body).unwrap();
        assert_eq!(self.ask("hello", &body).await, 200);
        let head = head_length(&self.answer).unwrap();
        let answer = Bincode.decode_response(&self.answer[head..]).unwrap();
        let message::Response::Welcome(welcome) = answer else {
            panic!("not welcome: {answer:?}");
        };
        self.session = welcome.session;
    }

    /// Sends a request and waits for the whole answer; gives its status.
    async fn ask(&mut self, path: &str, body: &[u8]) -> u16 {
        let head = format!(
            "POST /agent/v2/{path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {}\r\n\
             Authorization: Widget {}\r\nContent-Length: {}\r\n\r\n",
            Bincode::CONTENT_TYPE,
            self.session,
            body.len()
        );
        self.request.clear();
        self.request.extend_from_slice(head.as_bytes());
        self.request.extend_from_slice(body);
        self.stream.write_all(&self.request).await.unwrap();
        self.answer.clear();
        loop {
            assert!(
                self.stream.read_buf(&mut self.answer).await.unwrap() > 0,
                "closed"
            );
            if let Some(head) = head_length(&self.answer)
                && self.answer.len() >= head + body_length(&self.answer[..head])
            {
                break;
            }
        }
        let status = std::str::from_utf8(&self.answer[9..12]).unwrap();
        status.parse().unwrap()
    }
}

fn head_length(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

fn body_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).unwrap();
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.map_or(0, |(_, length)| length.trim().parse().unwrap())
}
