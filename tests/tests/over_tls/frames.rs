//! Frames of an agent that writes them by itself.

use bytes::BytesMut;
use widget_core::codec::{Bincode, ErasedCodec};
use widget_core::frame::{FrameError, MAX_TO_SERVER, v2};
use widget_core::message::{Command, RequestWork};
use widget_core::testkit::transport::hello;

/// The opening of agent number 1, request 0.
pub(crate) fn opening() -> Vec<u8> {
    frame(0, |out| Bincode.encode_opening(&hello(1), out).unwrap())
}

/// It is answered at once, with twelve tasks of 256 KiB.
pub(crate) fn large_work(request: u32) -> Vec<u8> {
    let command = Command::RequestWork(RequestWork {
        room: 12,
        ..RequestWork::default()
    });
    frame(request, |out| {
        Bincode.encode_command(&command, out).unwrap()
    })
}

fn frame(request: u32, write: impl FnOnce(&mut BytesMut)) -> Vec<u8> {
    let mut out = BytesMut::new();
    let head = (Bincode.id(), v2::Kind::Command, request);
    let result: Result<(), FrameError> = v2::encode(&mut out, head, MAX_TO_SERVER, |out| {
        write(out);
        Ok(())
    });
    result.unwrap();
    out.to_vec()
}
