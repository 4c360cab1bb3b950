//! Messages into frames of version 2, for both sides.

use bytes::BytesMut;
use widget_core::codec::CodecError;
use widget_core::frame::{FrameError, v2};

/// Why a message is not sent.
#[derive(Debug)]
pub(crate) enum EncodeError {
    Frame(FrameError),
    Codec(CodecError),
}

impl From<FrameError> for EncodeError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

/// Appends a frame whose payload `write` appends.
pub(crate) fn append(
    out: &mut BytesMut,
    head: (u8, v2::Kind, u32),
    limit: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<(), CodecError>,
) -> Result<(), EncodeError> {
    v2::encode(out, head, limit, |out| {
        write(out).map_err(EncodeError::Codec)
    })
}
