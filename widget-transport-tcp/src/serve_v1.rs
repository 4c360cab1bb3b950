//! Version 1 on one connection: a frame, a bare reply, the next frame. What does not fit is closed
//! without a word, since version 1 has none for it.

use bytes::BytesMut;
use widget_core::codec::{Codec, Legacy};
use widget_core::frame::FrameBuffer;
use widget_core::runtime::Stream;
use widget_core::time::Timestamp;
use widget_core::v1::Command;

use crate::end::End;
use crate::serve::Scene;
use crate::wire::Wire;

pub(crate) async fn serve_v1<S: Stream>(wire: &mut Wire<S>, scene: &Scene<'_>) -> Result<(), End> {
    if !scene.limits().allow_v1 {
        let text = "version 1 is served to collectors on the same host only";
        return Err(End::protocol("v1", text));
    }
    loop {
        let begin_by = scene.runtime().now().after(scene.limits().idle_v1);
        let (at, command) = scene
            .receive(wire, (begin_by, "idle"), take_command)
            .await?;
        let Some(reply) = scene.service().call_v1(scene.origin, at, command).await else {
            return Ok(());
        };
        let mut bytes = BytesMut::new();
        Legacy::encode(&reply, &mut bytes)?;
        // Alone in the buffer, so that it goes out in one write: the collector reads but once.
        wire.out = bytes;
        let by = scene.runtime().now().after(scene.limits().write);
        let slow = || End::slow("unread", "the reply was not taken in time");
        scene.until(by, wire.flush()).await.ok_or_else(slow)??;
    }
}

fn take_command(came: &mut FrameBuffer) -> Result<Option<(Timestamp, Command)>, End> {
    match came.next_v1()? {
        Some(frame) => {
            let at = Timestamp::from_secs(frame.head.secs.into());
            Ok(Some((at, Legacy::decode(frame.payload)?)))
        }
        None => Ok(None),
    }
}
