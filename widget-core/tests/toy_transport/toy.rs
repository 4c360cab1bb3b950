//! A whole transport: each call has a stream of its own, on which a session, a question and its
//! answer travel, each behind its length.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use async_trait::async_trait;
use bytes::BytesMut;
use futures_lite::future::or;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use widget_core::codec::{Bincode, CodecError, ErasedCodec};
use widget_core::frame::{MAX_OPENING, MAX_TO_AGENT, MAX_TO_SERVER};
use widget_core::message::{Command, Opening, Response, Welcome};
use widget_core::runtime::{Address, Runtime, RuntimeExt, SharedRuntime, Stream};
use widget_core::stop::{Stop, StopSignal};
use widget_core::transport::{Connection, Listener, MAX_CALLS, Origin, Service, Transport};
use widget_core::transport::{TransportError, TransportErrorKind as Kind, welcomed};

type Result<T, E = TransportError> = std::result::Result<T, E>;

fn failed<E: Into<Box<dyn Error + Send + Sync>>>(kind: Kind) -> impl FnOnce(E) -> TransportError {
    |cause| TransportError::with(kind, cause)
}

async fn say(stream: &mut impl Stream, bytes: &[u8]) -> Result<()> {
    let length = u32::try_from(bytes.len()).map_err(failed(Kind::Protocol))?;
    let whole = [&length.to_be_bytes(), bytes].concat();
    let said = stream.write_all(&whole).await;
    said.map_err(failed(Kind::Closed))
}

async fn hear(stream: &mut impl Stream, limit: usize) -> Result<Vec<u8>> {
    let mut length = [0; 4];
    let heard = stream.read_exact(&mut length).await;
    heard.map_err(failed(Kind::Closed))?;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(failed(Kind::Protocol)("a message that is too long"));
    }
    // Grows with what comes: a length is only a claim.
    let mut bytes = Vec::new();
    let heard = stream.take(length as u64).read_to_end(&mut bytes).await;
    match heard.map_err(failed(Kind::Closed))? {
        count if count == length => Ok(bytes),
        _ => Err(TransportError::new(Kind::Closed)),
    }
}

// ---- the agent's side ----

#[derive(Debug, Clone)]
pub(crate) struct ToyTransport {
    pub(crate) runtime: SharedRuntime,
    pub(crate) server: Address,
    pub(crate) patience: Duration,
}

impl ToyTransport {
    async fn ask(&self, session: &str, question: &[u8]) -> Result<Response> {
        let stream = self.runtime.connect(&self.server).await;
        let mut stream = stream.map_err(failed(Kind::Unreachable))?;
        say(&mut stream, session.as_bytes()).await?;
        say(&mut stream, question).await?;
        let answer = hear(&mut stream, MAX_TO_AGENT).await?;
        let answer = Bincode.decode_response(&answer);
        answer.map_err(failed(Kind::Protocol))
    }
}

#[async_trait]
impl Transport for ToyTransport {
    fn name(&self) -> &'static str {
        "toy"
    }

    async fn connect(&self, opening: Opening) -> Result<(Arc<dyn Connection>, Welcome)> {
        let mut question = BytesMut::new();
        let encoded = Bincode.encode_opening(&opening, &mut question);
        encoded.map_err(failed(Kind::Protocol))?;
        let answer = self.ask("", &question);
        let answer = self.runtime.timeout(self.patience, answer).await;
        let mut welcome = welcomed(answer.ok_or(TransportError::new(Kind::Timeout))??)?;
        let connection = ToyConnection {
            transport: self.clone(),
            session: std::mem::take(&mut welcome.session),
            turns: bounded(MAX_CALLS),
            over: Stop::new(),
        };
        Ok((Arc::new(connection), welcome))
    }
}

#[derive(Debug)]
struct ToyConnection {
    transport: ToyTransport,
    session: String,
    /// Holds a token for each call that is under way.
    turns: (Sender<()>, Receiver<()>),
    over: Stop,
}

struct Turn<'a>(&'a Receiver<()>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.try_recv();
    }
}

/// Work that goes on while nobody polls for its result, and ends when nobody waits for it.
async fn spawned<T: Send + 'static>(
    runtime: &SharedRuntime,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (done, result) = bounded(1);
    // Asks when it is dropped.
    let waited_for = Stop::new();
    let dropped = waited_for.signal();
    runtime.spawn(Box::pin(async move {
        let work = async {
            let _ = done.try_send(work.await);
        };
        or(dropped.asked(), work).await;
    }));
    let lost = |_| Err(TransportError::new(Kind::Closed));
    result.recv().await.unwrap_or_else(lost)
}

#[async_trait]
impl Connection for ToyConnection {
    async fn call(&self, command: Command) -> Result<Response> {
        let mut question = BytesMut::new();
        let encoded = Bincode.encode_command(&command, &mut question);
        encoded.map_err(failed(Kind::Protocol))?;
        let limit = MAX_TO_SERVER;
        if question.len() > limit {
            return Err(TransportError::new(Kind::TooLarge { limit }));
        }
        let patience = self.transport.patience + command.wait();
        let ended = self.over.signal();
        let ended = async {
            ended.asked().await;
            Some(Err(TransportError::new(Kind::Closed)))
        };
        let answer = async {
            let _ = self.turns.0.send(()).await;
            let _turn = Turn(&self.turns.1);
            let (transport, session) = (self.transport.clone(), self.session.clone());
            let answer = async move { transport.ask(&session, &question).await };
            spawned(&self.transport.runtime, answer).await
        };
        let answer = or(ended, self.transport.runtime.timeout(patience, answer)).await;
        let answer = answer.unwrap_or_else(|| Err(TransportError::new(Kind::Timeout)));
        if answer.is_err() {
            // One that fails takes the others with it: the agent connects again.
            self.over.ask();
        }
        answer
    }
}

// ---- the server's side ----

pub(crate) struct ToyListener {
    pub(crate) runtime: SharedRuntime,
    pub(crate) socket: smol::net::TcpListener,
}

#[async_trait]
impl Listener for ToyListener {
    fn name(&self) -> &'static str {
        "toy"
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    async fn serve(self: Box<Self>, service: Arc<dyn Service>, stop: StopSignal) -> Result<()> {
        let (alive, all_ended) = bounded::<()>(1);
        let accept = async {
            loop {
                let Ok((mut stream, from)) = self.socket.accept().await else {
                    // Out of files, say: that passes.
                    self.runtime.sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let origin = Origin {
                    transport: "toy",
                    address: from.to_string().into(),
                    ip: Some(from.ip()),
                };
                if alive.sender_count() > 10_000 {
                    service.refused(&origin, "full");
                    continue;
                }
                let (runtime, stop) = (self.runtime.clone(), stop.clone());
                let (service, alive) = (service.clone(), alive.clone());
                self.runtime.spawn(Box::pin(async move {
                    let served = serve_one(&mut stream, &*runtime, &*service, &origin);
                    let stopped = async {
                        stop.asked().await;
                        Ok(())
                    };
                    if let Err(word) = or(stopped, served).await {
                        service.refused(&origin, word);
                    }
                    drop(alive);
                }));
            }
        };
        or(stop.asked(), accept).await;
        drop(alive);
        let ending = all_ended.recv();
        let _ = self.runtime.timeout(Duration::from_secs(1), ending).await;
        Ok(())
    }
}

/// One call, from its first byte to its last. An error is the word that is counted.
async fn serve_one(
    stream: &mut impl Stream,
    runtime: &dyn Runtime,
    service: &dyn Service,
    origin: &Origin,
) -> Result<(), &'static str> {
    let limit = Duration::from_secs(5);
    let question = async {
        let session = hear(stream, 1_024).await?;
        let most = match session.is_empty() {
            true => MAX_OPENING,
            false => MAX_TO_SERVER,
        };
        Ok((session, hear(stream, most).await?))
    };
    let question = runtime.timeout(limit, question).await.ok_or("slow")?;
    let (session, question) = question.map_err(|_: TransportError| "malformed")?;
    let session = str::from_utf8(&session).map_err(|_| "malformed")?;

    let response = if session.is_empty() {
        match Bincode.decode_opening(&question) {
            Ok(opening) => open(service, origin, opening).await,
            Err(CodecError::UnknownVariant(_)) => Response::Unsupported,
            Err(_) => return Err("malformed"),
        }
    } else {
        let peer = service.resume(origin, session).await;
        match (peer, Bincode.decode_command(&question)) {
            (Err(rejection), _) => rejection.into(),
            (Ok(peer), Ok(command)) => {
                let call = async { Some(service.call(&peer, command).await) };
                // An agent that is gone must not be given tasks any more.
                let gone = async {
                    let _ = stream.read(&mut [0]).await;
                    None
                };
                let Some(response) = or(call, gone).await else {
                    return Ok(());
                };
                response
            }
            (Ok(_), Err(CodecError::UnknownVariant(_))) => Response::Unsupported,
            (Ok(_), Err(_)) => return Err("malformed"),
        }
    };

    let mut answer = BytesMut::new();
    let encoded = Bincode.encode_response(&response, &mut answer);
    encoded.map_err(|_| "unencodable")?;
    let said = runtime.timeout(limit, say(stream, &answer)).await;
    said.ok_or("slow")?.map_err(|_| "cut")
}

async fn open(service: &dyn Service, origin: &Origin, opening: Opening) -> Response {
    let (peer, mut welcome) = match service.open(origin, opening).await {
        Ok(opened) => opened,
        Err(rejection) => return rejection.into(),
    };
    match service.session(&peer).await {
        Ok(session) => {
            welcome.session = session;
            Response::Welcome(welcome)
        }
        Err(rejection) => rejection.into(),
    }
}
