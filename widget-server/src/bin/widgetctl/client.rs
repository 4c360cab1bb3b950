//! [`Client`]: asks the API, a connection for each request.

use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes};
use futures_lite::StreamExt;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::compat::FuturesAsyncReadCompatExt;
use widget_core::runtime::{Route, SharedRuntime, TokioRuntime};
use widget_core::tls::{Application, TlsClient};

use crate::fault::Fault;
use crate::lines::Lines;
use crate::local;
use crate::reach::Reach;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server is asked to wait for the end of a task, which is as long as it would.
pub(crate) const WAIT: Duration = Duration::from_secs(60);
/// Until an answer begins, and until it is there, or the next piece of a long one.
const ANSWER: Duration = Duration::from_secs(90);
/// The longest answer, in bytes: a long list of tasks with all that is known of them.
const LONGEST: usize = 256 * 1024 * 1024;

/// How the port for agents, which speaks HTTP as well, answers whoever asks for another path than theirs.
const OF_AGENTS: &str = "no_such_path";

/// Asks the API.
#[derive(Debug)]
pub(crate) struct Client {
    reach: Reach,
    /// For a server at an address.
    way: Option<(Route, SharedRuntime)>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    value: Value,
}

impl Answer {
    /// The JSON as it came.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) const fn value(&self) -> &Value {
        &self.value
    }
}

impl Client {
    /// For this server. Within a tokio runtime.
    pub(crate) fn new(reach: Reach) -> Result<Self, Fault> {
        let way = match &reach {
            Reach::Near(_) => None,
            Reach::At { url, trust, .. } => {
                let route = Route::plain(url.address.clone());
                let route = match trust {
                    None => route,
                    Some(trust) => {
                        let tls = TlsClient::new(trust, &url.address.host, Application::Http);
                        let tls = tls.map_err(|error| Fault::usage(chain(&error)))?;
                        route.wrapped_by(Arc::new(tls))
                    }
                };
                let runtime = TokioRuntime::current();
                let runtime = runtime.ok_or_else(|| Fault::failed("there is no runtime"))?;
                Some((route, Arc::new(runtime) as SharedRuntime))
            }
        };
        Ok(Self { reach, way })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Fault> {
        self.ask(Method::GET, path, None).await
    }

    /// Without a body if there is none.
    pub(crate) async fn post(&self, path: &str, body: Option<String>) -> Result<Answer, Fault> {
        self.ask(Method::POST, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer, Fault> {
        self.ask(Method::DELETE, path, None).await
    }

    /// Hands over each line of an answer as it comes, however many there are.
    pub(crate) async fn lines(
        &self,
        path: &str,
        mut each: impl FnMut(&str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let request = self.request(Method::GET, path, None)?;
        let mut begun = self.begin(request).await?;
        if !begun.status.is_success() {
            let body = self.answered(begun.whole()).await?;
            return self.read(begun.status, &body).map(drop);
        }
        let mut lines = Lines::default();
        while let Some(piece) = self.answered(begun.piece()).await? {
            lines.take(&piece, &mut each)?;
        }
        lines.end()
    }

    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Answer, Fault> {
        let request = self.request(method, path, body)?;
        let mut begun = self.begin(request).await?;
        let body = self.answered(begun.whole()).await?;
        self.read(begun.status, &body)
    }

    /// Asks, until an answer begins.
    async fn begin(&self, request: Request<Body>) -> Result<Begun, Fault> {
        match (&self.reach, &self.way) {
            (Reach::At { .. }, Some((route, runtime))) => {
                let stream = self.connected(route.connect(runtime)).await?;
                self.answered(send(stream.compat(), request)).await
            }
            (Reach::Near(data), _) => {
                let stream = self.connected(local::connect(data)).await?;
                self.answered(send(stream, request)).await
            }
            // There is a way to each address.
            (Reach::At { .. }, None) => Err(Fault::failed("there is no way to the server")),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Request<Body>, Fault> {
        let mut request = Request::builder().method(method);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, Body::from);
        let request = match &self.reach {
            Reach::Near(_) => request.uri(path).header(HOST, "localhost"),
            Reach::At { url, token, .. } => {
                let mut request = request
                    .uri(format!("{}{path}", url.prefix))
                    .header(HOST, url.address.to_string());
                if let Some(token) = token {
                    let value = HeaderValue::from_str(&format!("Bearer {token}"));
                    let mut value = value.map_err(|_| Fault::usage("the token is no header"))?;
                    value.set_sensitive(true);
                    request = request.header(AUTHORIZATION, value);
                }
                request
            }
        };
        let request = request.body(body);
        request.map_err(|error| Fault::failed(format!("that cannot be asked: {error}")))
    }

    async fn connected<S>(
        &self,
        connecting: impl Future<Output = io::Result<S>>,
    ) -> Result<S, Fault> {
        match timeout(CONNECT, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(self.unreachable(&io::ErrorKind::TimedOut.into())),
        }
    }

    async fn answered<T>(&self, asking: impl Future<Output = Result<T, Lost>>) -> Result<T, Fault> {
        let answer = timeout(ANSWER, asking).await;
        let answer = answer.unwrap_or_else(|_| Err("there was none in time".into()));
        answer.map_err(|why| {
            let why = chain(why.as_ref());
            Fault::failed(format!(
                "no whole answer from {self}: {why}; it may have been done"
            ))
        })
    }

    /// What an answer comes to.
    fn read(&self, status: StatusCode, body: &Bytes) -> Result<Answer, Fault> {
        let text = std::str::from_utf8(body).unwrap_or_default();
        if status == StatusCode::NO_CONTENT {
            let (text, value) = (String::new(), Value::Null);
            return Ok(Answer { text, value });
        }
        let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        if status.is_success() && is_json {
            let text = text.to_owned();
            return Ok(Answer { text, value });
        }
        let word = |field| value.get(field).and_then(Value::as_str);
        let Some((detail, code)) = word("detail").zip(word("code")) else {
            let status = status.as_u16();
            return Err(Fault::failed(format!(
                "what answers at {self} is not the API of a widget-server (status {status})"
            )));
        };
        if code == OF_AGENTS {
            return Err(Fault::failed(format!(
                "{self} is for agents: say the address of page and API"
            )));
        }
        let text = format!("{detail} ({code}{})", places(&value));
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Fault::refused(text),
            _ => Fault::failed(text),
        })
    }

    fn unreachable(&self, error: &io::Error) -> Fault {
        use io::ErrorKind::{ConnectionRefused, InvalidData, NotFound, PermissionDenied, TimedOut};

        let why = chain(error);
        Fault::failed(match (&self.reach, error.kind()) {
            (Reach::Near(data), NotFound | ConnectionRefused) => {
                let data = data.display();
                format!(
                    "no server at {self}: start one with `widget-server --data {data}`, or say where one \
                     is with --data DIR or --server URL"
                )
            }
            (Reach::Near(_), PermissionDenied) => format!(
                "{self} is for the user whose server it is: ask as that user, or say --server URL with a \
                 token"
            ),
            (Reach::Near(_), _) => format!("cannot reach {self}: {why}"),
            (Reach::At { .. }, InvalidData) => format!(
                "what answers at {self} is not the server that is meant, or speaks no TLS ({why}): compare \
                 address and pin"
            ),
            (Reach::At { .. }, TimedOut) => {
                format!("no connection to {self} in time: is that the address of page and API?")
            }
            (Reach::At { .. }, _) => {
                format!("cannot reach {self} ({why}): is that the address of page and API?")
            }
        })
    }
}

impl Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reach {
            Reach::Near(data) => local::path_in(data).display().fmt(f),
            Reach::At { url, .. } => url.fmt(f),
        }
    }
}

/// Why there is no whole answer.
type Lost = Box<dyn std::error::Error + Send + Sync>;

/// An answer of which the body is still to come.
struct Begun {
    status: StatusCode,
    body: BodyDataStream,
    /// Without it the connection would begin to close.
    _sender: SendRequest<Body>,
    _driving: Driving,
}

/// What drives the connection of an answer, as long as somebody wants it.
struct Driving(JoinHandle<hyper::Result<()>>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Begun {
    /// What comes next; nothing at the end.
    async fn piece(&mut self) -> Result<Option<Bytes>, Lost> {
        Ok(self.body.next().await.transpose()?)
    }

    /// All that is still to come.
    async fn whole(&mut self) -> Result<Bytes, Lost> {
        let mut whole = Vec::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() + piece.len() > LONGEST {
                return Err("it has no end".into());
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }
}

/// One request, until its answer begins.
async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Body>,
) -> Result<Begun, Lost> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // What ends it, the request hears too.
    let driving = Driving(tokio::spawn(connection));
    let response = sender.send_request(request).await?;
    Ok(Begun {
        status: response.status(),
        body: Body::new(response.into_body()).into_data_stream(),
        _sender: sender,
        _driving: driving,
    })
}

/// The places of an input that does not fit, if that is what is wrong.
fn places(problem: &Value) -> String {
    let errors = problem.get("errors").and_then(Value::as_array);
    let errors = errors.into_iter().flatten().filter_map(|place| {
        let word = |field| place.get(field).and_then(Value::as_str);
        Some(format!("; at {:?}: {}", word("pointer")?, word("problem")?))
    });
    errors.collect()
}

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Some repeat their cause.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
