//! [`serve`]: what a listener does with one connection, from its first byte to its last, on any
//! runtime.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_lite::future::poll_once;
use hyper::rt::{Read, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use smol_hyper::rt::FuturesIo;
use widget_core::runtime::{BoxFuture, SharedRuntime, Stream};
use widget_core::stop::StopSignal;
use widget_core::transport::{Origin, Service};

use crate::deadline::Deadlines;
use crate::limits::Limits;
use crate::line::{Line, Phase};
use crate::paced::Paced;
use crate::problem::Problem;
use crate::request::answer;

/// The most bytes of headers, and of body at a time: the least that hyper takes.
const BUFFER: usize = 8 * 1024;

/// Serves one connection until it ends or, soon after, `stop` is asked.
// No `async fn`: that would keep its arguments twice, and a server has many connections.
pub fn serve<I>(
    io: I,
    runtime: SharedRuntime,
    service: Arc<dyn Service>,
    origin: Origin,
    stop: StopSignal,
    limits: Arc<Limits>,
) -> impl Future<Output = ()> + Send
where
    I: Read + Write + Send + Unpin,
{
    let line = Line::new(service, origin, limits, None);
    serve_line(io, runtime, stop, line)
}

/// The same for a line that is there.
pub(crate) fn serve_line<I>(
    io: I,
    runtime: SharedRuntime,
    stop: StopSignal,
    line: Line,
) -> impl Future<Output = ()> + Send
where
    I: Read + Write + Send + Unpin,
{
    let line = Arc::new(line);
    let own = Arc::clone(&line);
    let mut connection = http1::Builder::new()
        // What hyper calls that counts the time between two requests too; ours tells them apart.
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .half_close(false)
        .auto_date_header(line.limits.date)
        .serve_connection(
            Paced::new(io, Arc::clone(&line)),
            service_fn(move |request| answer(Arc::clone(&own), request)),
        );
    async move {
        let mut stopping = Stopping::new(&stop);
        let mut deadlines = Deadlines::new(&line, &*runtime);
        let end = poll_fn(|cx| {
            loop {
                // First, so that an answer that is ready now says that it is the last.
                if stopping.begins(cx) {
                    deadlines.stop(&line, &*runtime);
                    Pin::new(&mut connection).graceful_shutdown();
                }
                if let Poll::Ready(result) = Pin::new(&mut connection).poll(cx) {
                    return Poll::Ready(End::Over(result));
                }
                match ready!(deadlines.poll(cx, &line, &*runtime)) {
                    // Then it is answered.
                    Phase::Body if !stopping.has_begun && line.tell_late() => {}
                    phase => return Poll::Ready(End::Late(phase)),
                }
            }
        });
        match end.await {
            End::Over(Err(error)) if error.is_parse() => {
                line.count("header", &error.to_string());
            }
            // A peer that has gone is no news.
            End::Over(_) => {}
            End::Late(_) if stop.is_asked() => {}
            End::Late(Phase::New) => line.count("slow", "nothing came"),
            End::Late(Phase::Head) => {
                let problem = Problem::slow();
                line.count(problem.word, "the headers did not come in time");
                let mut io = connection.into_parts().io;
                let message = problem.message();
                // If that is possible at once: nothing more is waited for.
                let say = poll_fn(|cx| Pin::new(&mut io).poll_write(cx, message.as_bytes()));
                let _ = poll_once(say).await;
            }
            End::Late(Phase::Body) => line.count("slow", "the body did not come in time"),
            End::Late(Phase::Answer) => line.count("unread", "the answer was not read in time"),
            End::Late(Phase::Farewell) if !line.is_rest_refused() => {
                line.count("header", "the headers went on after they had been refused");
            }
            End::Late(Phase::Idle | Phase::Call | Phase::Farewell) => {}
        }
    }
}

/// [`serve`] for a stream of any runtime, such as a simulated one. On tokio's sockets use the other:
/// this one clears a buffer before each read.
pub fn serve_stream<S: Stream>(
    stream: S,
    runtime: SharedRuntime,
    service: Arc<dyn Service>,
    origin: Origin,
    stop: StopSignal,
    limits: Arc<Limits>,
) -> impl Future<Output = ()> + Send {
    serve(
        FuturesIo::new(stream),
        runtime,
        service,
        origin,
        stop,
        limits,
    )
}

/// How a connection ends.
enum End {
    /// By itself.
    Over(hyper::Result<()>),
    /// This took too long.
    Late(Phase),
}

/// Hears when the listener stops.
struct Stopping<'a> {
    signal: &'a StopSignal,
    asked: BoxFuture<'a, ()>,
    /// Who is woken then.
    told: Option<Waker>,
    has_begun: bool,
}

impl<'a> Stopping<'a> {
    fn new(signal: &'a StopSignal) -> Self {
        Self {
            signal,
            asked: Box::pin(signal.asked()),
            told: None,
            has_begun: false,
        }
    }

    /// True once.
    fn begins(&mut self, cx: &mut Context<'_>) -> bool {
        if self.has_begun {
            return false;
        }
        let waker = cx.waker();
        self.has_begun = if self.told.as_ref().is_some_and(|told| told.will_wake(waker)) {
            // All connections hear one signal, behind one lock: it is not taken at each poll.
            self.signal.is_asked()
        } else {
            self.told = Some(waker.clone());
            self.asked.as_mut().poll(cx).is_ready()
        };
        self.has_begun
    }
}
