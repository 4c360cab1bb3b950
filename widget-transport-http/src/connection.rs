//! [`HttpConnection`]: the agent's side of a conversation, over as many sockets as calls need.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_lite::future::or;
use hyper::StatusCode;
use widget_core::codec::ErasedCodec;
use widget_core::frame::MAX_TO_SERVER;
use widget_core::message::{Command, Response};
use widget_core::runtime::{Route, RuntimeExt, SharedRuntime};
use widget_core::transport::{Connection, MAX_CALLS, TransportError, TransportErrorKind};

use crate::answer::{self, Answer};
use crate::client::encode;
use crate::gate::Gate;
use crate::outgoing::Addressee;
use crate::paths::path_of;
use crate::pool::Pool;
use crate::socket::{Socket, lost};

/// What goes to every socket of a connection.
pub(crate) struct Way {
    pub(crate) runtime: SharedRuntime,
    pub(crate) route: Route,
    pub(crate) codec: &'static dyn ErasedCodec,
    pub(crate) to: Addressee,
}

impl Way {
    /// Asks on a socket that is new. What comes back with the response can be asked again.
    pub(crate) async fn ask(
        &self,
        socket: Socket,
        path: &str,
        body: Bytes,
    ) -> Result<(Response, Option<Socket>), TransportError> {
        match self.try_ask(socket, path, body, false).await? {
            Asked::Answered(response, socket) => Ok((response, socket)),
            Asked::Unanswered(error) => Err(error),
        }
    }

    /// Asks on a socket, which may have been used before and closed by the server meanwhile.
    async fn try_ask(
        &self,
        mut socket: Socket,
        path: &str,
        body: Bytes,
        used: bool,
    ) -> Result<Asked, TransportError> {
        let head = match socket.ask(self.to.request(path, body)?).await {
            Ok(head) => head,
            Err(error) if error.is_parse() => return Err(lost(&error)),
            Err(error) => return Ok(Asked::Unanswered(lost(&error))),
        };
        // What a server says to a socket on which nothing came for long.
        let late = head.status() == StatusCode::REQUEST_TIMEOUT;
        match answer::read(head, self.codec).await {
            Ok(Answer { response, whole }) => {
                let reusable = whole && socket.is_reusable().await;
                Ok(Asked::Answered(response, reusable.then_some(socket)))
            }
            Err(error) if late && used => Ok(Asked::Unanswered(error)),
            Err(error) => Err(error),
        }
    }
}

/// What came of a request.
enum Asked {
    /// This, and the socket if it can carry more.
    Answered(Response, Option<Socket>),
    /// The socket ended before its answer began.
    Unanswered(TransportError),
}

pub(crate) struct HttpConnection {
    way: Way,
    patience: Duration,
    pool: Pool,
    /// As many calls as may be under way.
    places: Gate,
    /// Calls that do not wait go one after the other, so that they need one socket.
    turns: Gate,
}

impl HttpConnection {
    /// Over this way, and at first over the socket of the opening if it is still good.
    pub(crate) fn new(way: Way, patience: Duration, socket: Option<Socket>) -> Self {
        let pool = Pool::default();
        if let Some(socket) = socket {
            pool.put(way.runtime.now(), socket);
        }
        Self {
            way,
            patience,
            pool,
            places: Gate::new(MAX_CALLS),
            turns: Gate::new(1),
        }
    }

    async fn exchange(
        &self,
        path: &str,
        body: Bytes,
        waits: bool,
    ) -> Result<Response, TransportError> {
        let _turn = match waits {
            true => None,
            false => Some(self.turns.enter().await),
        };
        let _place = self.places.enter().await;
        let (response, socket) = self.ask(path, body).await?;
        if let Some(socket) = socket {
            self.pool.put(self.way.runtime.now(), socket);
        }
        Ok(response)
    }

    /// Asks on a socket that was used before, if there is one. The server, or a proxy, may have
    /// closed it just then: what ends without an answer is asked once more, on a new one. Every
    /// command may be repeated.
    async fn ask(
        &self,
        path: &str,
        body: Bytes,
    ) -> Result<(Response, Option<Socket>), TransportError> {
        if let Some(socket) = self.pool.take(self.way.runtime.now())? {
            let asked = self.way.try_ask(socket, path, body.clone(), true).await?;
            if let Asked::Answered(response, socket) = asked {
                return Ok((response, socket));
            }
        }
        let socket = Socket::later(&self.way.runtime, &self.way.route).await?;
        self.way.ask(socket, path, body).await
    }
}

#[async_trait]
impl Connection for HttpConnection {
    async fn call(&self, command: Command) -> Result<Response, TransportError> {
        let wait = command.wait();
        let patience = self.patience.saturating_add(wait);
        let limit = self.way.runtime.sleep(patience);
        let body = encode(MAX_TO_SERVER, |out| {
            self.way.codec.encode_command(&command, out)
        })?;
        let path = path_of(&command);
        drop(command);
        let exchange = self.exchange(&path, body, !wait.is_zero());
        let result = or(
            exchange,
            or(async { Err(self.pool.ended().await) }, async {
                limit.await;
                Err(TransportError::new(TransportErrorKind::Timeout))
            }),
        )
        .await;
        if let Err(error) = &result
            && !error.connection_lives()
        {
            self.pool.close(why(error));
        }
        result
    }
}

impl fmt::Debug for HttpConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnection").finish_non_exhaustive()
    }
}

/// What other calls are told.
fn why(error: &TransportError) -> String {
    match (error.kind(), error.source()) {
        (TransportErrorKind::Timeout, _) => "a call was not answered in time".to_owned(),
        (_, Some(cause)) => cause.to_string(),
        (_, None) => error.to_string(),
    }
}
