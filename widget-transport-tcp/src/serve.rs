//! [`serve`]: what a listener does with one connection, from its first byte to its last, on any
//! runtime.

use std::future::{Future, pending, poll_fn};
use std::sync::Arc;

use futures_lite::future::or;
use widget_core::codec::{self, CodecError, ErasedCodec};
use widget_core::frame::{FrameBuffer, MAX_OPENING, v1, v2};
use widget_core::message::{Opening, Response};
use widget_core::runtime::{Runtime, RuntimeExt, SharedRuntime, Stream};
use widget_core::stop::StopSignal;
use widget_core::time::Mono;
use widget_core::transport::{Origin, Peer, Service};

use crate::commands::{self, Commands};
use crate::end::End;
use crate::limits::Limits;
use crate::serve_v1::serve_v1;
use crate::wire::Wire;

/// Serves one connection, in the version that it begins with, until it ends or `stop` is asked.
pub fn serve<S: Stream>(
    stream: S,
    runtime: SharedRuntime,
    service: Arc<dyn Service>,
    origin: Origin,
    stop: StopSignal,
    limits: Arc<Limits>,
) -> impl Future<Output = ()> + Send {
    let ground = Ground {
        runtime,
        service,
        stop,
        limits,
    };
    serve_on(stream, Arc::new(ground), origin, ())
}

/// What the connections of a listener have in common.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) runtime: SharedRuntime,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) stop: StopSignal,
    pub(crate) limits: Arc<Limits>,
}

/// The place that a connection has at its listener.
pub(crate) trait Entrance: Send + Sync {
    /// Its agent was welcomed.
    fn prove(&self) {}

    /// Ends when it has to make room for another, before that.
    fn put_out(&self) -> impl Future<Output = ()> + Send {
        pending()
    }
}

impl Entrance for () {}

/// The same on a ground that is shared. Drops `place` at the end.
// No `async fn`, and `place` is no matter of an `async` block around this: both would keep what
// they are given twice, and a server has many connections.
pub(crate) fn serve_on<S: Stream>(
    stream: S,
    ground: Arc<Ground>,
    origin: Origin,
    place: impl Entrance,
) -> impl Future<Output = ()> + Send {
    let mut wire = Wire::new(stream);
    async move {
        let scene = Scene {
            ground: &ground,
            origin: &origin,
        };
        let stopping = async {
            ground.stop.asked().await;
            End::Stopping
        };
        let mut version = None;
        let end = or(stopping, converse(&mut wire, &scene, &mut version, &place)).await;
        Box::pin(part(&mut wire, &scene, end, version)).await;
        drop(place);
    }
}

/// Counts what went wrong, says the last words and closes, so that they and the answers before them
/// arrive.
async fn part<S: Stream>(wire: &mut Wire<S>, scene: &Scene<'_>, end: End, version: Option<u16>) {
    if let End::Broken(broken) = &end {
        let (peer, reason, error) = (&*scene.origin.address, broken.word, &broken.text);
        tracing::debug!(peer, reason, error, "a connection was ended");
        scene.service().refused(scene.origin, broken.word);
    }
    let bye = end.bye();
    if bye.is_none() && wire.out.is_empty() {
        return;
    }
    // Collectors of version 1, and whatever is no agent at all, would not understand it.
    let understands = version.is_some_and(|version| version != v1::VERSION);
    if let Some(bye) = bye.filter(|_| understands) {
        // Far below every limit.
        let _ = bye.encode(&mut wire.out);
    }
    let farewell = async {
        wire.flush().await?;
        wire.close().await
    };
    // Whether it arrives is not ours to know.
    let _ = scene
        .runtime()
        .timeout(scene.limits().farewell, farewell)
        .await;
}

/// The word for an opening that takes too long.
const OPENING: &str = "opening";

/// What every part of a connection's life needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    ground: &'a Ground,
    pub(crate) origin: &'a Origin,
}

impl<'a> Scene<'a> {
    pub(crate) fn runtime(&self) -> &'a dyn Runtime {
        &*self.ground.runtime
    }

    pub(crate) fn service(&self) -> &'a dyn Service {
        &*self.ground.service
    }

    pub(crate) fn limits(&self) -> &'a Limits {
        &self.ground.limits
    }

    /// What `take` finds in the bytes that come, whose first must come until `begin_by` and whose
    /// last in the time of a frame from then on; those of an opening all until `begin_by`. Being
    /// late is an end with the word `late`.
    pub(crate) async fn receive<S: Stream, T>(
        &self,
        wire: &mut Wire<S>,
        (begin_by, late): (Mono, &'static str),
        mut take: impl FnMut(&mut FrameBuffer) -> Result<Option<T>, End>,
    ) -> Result<T, End> {
        let mut begun = None;
        loop {
            if let Some(taken) = take(&mut wire.came)? {
                return Ok(taken);
            }
            let (by, word) = if wire.came.is_empty() || late == OPENING {
                (begin_by, late)
            } else {
                let begun = *begun.get_or_insert_with(|| self.runtime().now());
                (self.limits().frame_by(begun, 0), "slow")
            };
            let slow = || End::slow(word, "what was to come took too long");
            let came = self.until(by, wire.fill()).await.ok_or_else(slow)?;
            if came.unwrap_or(0) == 0 {
                return Err(closed(&wire.came));
            }
        }
    }

    /// The result of work that must end until then.
    pub(crate) async fn until<T: Send>(
        &self,
        by: Mono,
        work: impl Future<Output = T> + Send,
    ) -> Option<T> {
        let limit = self.runtime().sleep_until(by);
        or(async { Some(work.await) }, async {
            limit.await;
            None
        })
        .await
    }
}

/// The other side has closed: in the middle of a frame, it broke off.
pub(crate) fn closed(came: &FrameBuffer) -> End {
    if came.is_empty() {
        End::Gone
    } else {
        End::protocol("cut", "the connection ended within a frame")
    }
}

async fn converse<S: Stream>(
    wire: &mut Wire<S>,
    scene: &Scene<'_>,
    version: &mut Option<u16>,
    place: &impl Entrance,
) -> End {
    let room = async {
        place.put_out().await;
        Ok(None)
    };
    // On the heap and gone before the long part of a connection's life, which waits: what one
    // future needs for a moment, it keeps for as long as it lives.
    let (codec, peer) = match Box::pin(or(room, begin(wire, scene, version))).await {
        Ok(Some(welcomed)) => welcomed,
        Ok(None) => return End::Gone,
        Err(end) => return end,
    };
    place.prove();
    let mut commands = Commands::new(wire, scene, codec, &peer);
    poll_fn(|cx| commands.poll(cx)).await
}

/// Everything up to the welcome; then says who was welcomed (boxed: a task's memory comes in steps of
/// 128 bytes) and the codec. `None` if that was all: the opening was answered otherwise, or it was a
/// collector of version 1.
async fn begin<S: Stream>(
    wire: &mut Wire<S>,
    scene: &Scene<'_>,
    version: &mut Option<u16>,
) -> Result<Option<(&'static dyn ErasedCodec, Box<Peer>)>, End> {
    let begin_by = (scene.runtime().now().after(scene.limits().opening), OPENING);
    let spoken = scene.receive(wire, begin_by, |came| Ok(came.version()?));
    let spoken = *version.insert(spoken.await?);
    if spoken == v1::VERSION {
        return Box::pin(serve_v1(wire, scene)).await.map(|()| None);
    }
    let First {
        codec,
        request,
        opening,
    } = scene.receive(wire, begin_by, take_opening).await?;
    let Some(opening) = opening else {
        // A newer way to begin: the agent may know an older one.
        scene.service().refused(scene.origin, "unsupported");
        commands::answer(wire, codec, request, &Response::Unsupported)?;
        return Ok(None);
    };
    match scene.service().open(scene.origin, opening).await {
        Ok((peer, welcome)) => {
            commands::answer(wire, codec, request, &Response::Welcome(welcome))?;
            Ok(Some((codec, Box::new(peer))))
        }
        Err(rejection) => {
            commands::answer(wire, codec, request, &rejection.into())?;
            Ok(None)
        }
    }
}

struct First {
    codec: &'static dyn ErasedCodec,
    request: u32,
    /// `None` if it is of a kind that only a newer version knows.
    opening: Option<Opening>,
}

fn take_opening(came: &mut FrameBuffer) -> Result<Option<First>, End> {
    let Some(frame) = came.next_v2(MAX_OPENING)? else {
        return Ok(None);
    };
    if frame.head.kind != v2::Kind::Command {
        return Err(End::protocol("kind", "only a server answers"));
    }
    let codec = codec::by_id(frame.head.codec).ok_or_else(|| End::codec(frame.head.codec))?;
    let opening = match codec.decode_opening(frame.payload) {
        Ok(opening) => Some(opening),
        Err(CodecError::UnknownVariant(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(First {
        codec,
        request: frame.head.request,
        opening,
    }))
}
