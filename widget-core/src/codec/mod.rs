//! Codecs: how messages become bytes. [`ALL`] is the one list in which listeners look one up by
//! its id (TCP) or content type (HTTP).

mod bincode;
mod frugal;

use std::fmt;

use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

pub use self::bincode::{Bincode, Legacy};
use crate::message::{Command, Opening, Response};

/// A way to write values as bytes. Stateless: implemented by empty types.
///
/// An implementation
/// - must decode what it encoded, equal to the value;
/// - must refuse bytes that go on after the value ([`CodecError::Trailing`]);
/// - must never panic and never allocate by a length that the bytes only claim.
pub trait Codec {
    /// Its number on the wire of version 2, 0 being none.
    const ID: u8;
    /// Its name over HTTP.
    const CONTENT_TYPE: &'static str;

    /// Appends `value` to `out`.
    ///
    /// # Errors
    /// [`CodecError::Unencodable`] if the format has no form for the value.
    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError>;

    /// Reads a value that takes up all of `bytes`.
    ///
    /// # Errors
    /// [`CodecError::Malformed`] and [`CodecError::Trailing`].
    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError>;

    /// The position of the enum variant that `bytes` begin with, if they say one.
    fn variant(bytes: &[u8]) -> Option<u32>;
}

/// Why bytes are not a message, or a message not bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The value has no form in this format.
    #[error("this message cannot be written: {0}")]
    Unencodable(String),
    /// The bytes are not such a value.
    #[error("not a message: {0}")]
    Malformed(String),
    /// The value is followed by more bytes.
    #[error("{0} bytes behind the end of the message")]
    Trailing(usize),
    /// A message that only a newer version knows.
    #[error("message number {0} is not known here")]
    UnknownVariant(u32),
}

/// A [`Codec`] as a value, for the messages that travel.
pub trait ErasedCodec: Send + Sync + fmt::Debug {
    /// See [`Codec::ID`].
    fn id(&self) -> u8;
    /// See [`Codec::CONTENT_TYPE`].
    fn content_type(&self) -> &'static str;
    /// Appends an opening.
    ///
    /// # Errors
    /// See [`Codec::encode`].
    fn encode_opening(&self, opening: &Opening, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Appends a command.
    ///
    /// # Errors
    /// See [`Codec::encode`].
    fn encode_command(&self, command: &Command, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Appends a response.
    ///
    /// # Errors
    /// See [`Codec::encode`].
    fn encode_response(&self, response: &Response, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Reads an opening.
    ///
    /// # Errors
    /// See [`Codec::decode`]; and [`CodecError::UnknownVariant`].
    fn decode_opening(&self, bytes: &[u8]) -> Result<Opening, CodecError>;
    /// Reads a command.
    ///
    /// # Errors
    /// See [`Codec::decode`]; and [`CodecError::UnknownVariant`].
    fn decode_command(&self, bytes: &[u8]) -> Result<Command, CodecError>;
    /// Reads a response.
    ///
    /// # Errors
    /// See [`Codec::decode`]; and [`CodecError::UnknownVariant`].
    fn decode_response(&self, bytes: &[u8]) -> Result<Response, CodecError>;
}

impl<C: Codec + Send + Sync + fmt::Debug> ErasedCodec for C {
    fn id(&self) -> u8 {
        C::ID
    }

    fn content_type(&self) -> &'static str {
        C::CONTENT_TYPE
    }

    fn encode_opening(&self, opening: &Opening, out: &mut BytesMut) -> Result<(), CodecError> {
        C::encode(opening, out)
    }

    fn encode_command(&self, command: &Command, out: &mut BytesMut) -> Result<(), CodecError> {
        C::encode(command, out)
    }

    fn encode_response(&self, response: &Response, out: &mut BytesMut) -> Result<(), CodecError> {
        C::encode(response, out)
    }

    fn decode_opening(&self, bytes: &[u8]) -> Result<Opening, CodecError> {
        decode_known::<C, _>(bytes, Opening::VARIANTS)
    }

    fn decode_command(&self, bytes: &[u8]) -> Result<Command, CodecError> {
        decode_known::<C, _>(bytes, Command::VARIANTS)
    }

    fn decode_response(&self, bytes: &[u8]) -> Result<Response, CodecError> {
        decode_known::<C, _>(bytes, Response::VARIANTS)
    }
}

/// Decodes, and tells a message that is merely newer from one that is broken.
fn decode_known<C: Codec, M: DeserializeOwned>(bytes: &[u8], known: u32) -> Result<M, CodecError> {
    match C::variant(bytes) {
        Some(variant) if variant >= known => Err(CodecError::UnknownVariant(variant)),
        _ => C::decode(bytes),
    }
}

/// Every codec that was compiled in.
pub const ALL: &[&dyn ErasedCodec] = &[&Bincode];

/// The codec with this number.
#[must_use]
pub fn by_id(id: u8) -> Option<&'static dyn ErasedCodec> {
    ALL.iter().copied().find(|codec| codec.id() == id)
}
