//! Codecs: how messages become bytes. [`ALL`] is the one list in which listeners look one up by
//! its id (TCP) or content type (HTTP).

mod bincode;
mod frugal;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;
mod reader;
mod writer;

use std::fmt;

use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

pub use self::bincode::{Bincode, Legacy};
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;
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

    /// The position of the enum variant that `bytes` begin with, if they say one. A format that says
    /// its name instead looks it up in `names`; [`u32::MAX`] if it is none of them.
    fn variant(bytes: &[u8], names: &[&str]) -> Option<u32>;
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

/// A [`Codec`] as a value, for the messages that travel. What only a server needs of it is behind the
/// feature `serve`: an agent would carry it along unused, and it is large.
pub trait ErasedCodec: Send + Sync + fmt::Debug {
    /// See [`Codec::ID`].
    fn id(&self) -> u8;
    /// See [`Codec::CONTENT_TYPE`].
    fn content_type(&self) -> &'static str;
    /// The end of the content type, for URLs and logs: `bincode`, `postcard`, `json`.
    fn name(&self) -> &'static str {
        let text = self.content_type();
        text.rsplit(['.', '/']).next().unwrap_or(text)
    }
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
    #[cfg(feature = "serve")]
    fn encode_response(&self, response: &Response, out: &mut BytesMut) -> Result<(), CodecError>;
    /// Reads an opening.
    ///
    /// # Errors
    /// See [`Codec::decode`]; and [`CodecError::UnknownVariant`].
    #[cfg(feature = "serve")]
    fn decode_opening(&self, bytes: &[u8]) -> Result<Opening, CodecError>;
    /// Reads a command.
    ///
    /// # Errors
    /// See [`Codec::decode`]; and [`CodecError::UnknownVariant`].
    #[cfg(feature = "serve")]
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

    #[cfg(feature = "serve")]
    fn encode_response(&self, response: &Response, out: &mut BytesMut) -> Result<(), CodecError> {
        C::encode(response, out)
    }

    #[cfg(feature = "serve")]
    fn decode_opening(&self, bytes: &[u8]) -> Result<Opening, CodecError> {
        decode_known::<C, _>(bytes, Opening::NAMES)
    }

    #[cfg(feature = "serve")]
    fn decode_command(&self, bytes: &[u8]) -> Result<Command, CodecError> {
        decode_known::<C, _>(bytes, Command::NAMES)
    }

    fn decode_response(&self, bytes: &[u8]) -> Result<Response, CodecError> {
        decode_known::<C, _>(bytes, Response::NAMES)
    }
}

/// Decodes, and tells a message that is merely newer from one that is broken.
fn decode_known<C: Codec, M: DeserializeOwned>(
    bytes: &[u8],
    known: &[&str],
) -> Result<M, CodecError> {
    C::decode(bytes).map_err(|error| match C::variant(bytes, known) {
        Some(variant) if usize::try_from(variant).is_ok_and(|v| v >= known.len()) => {
            CodecError::UnknownVariant(variant)
        }
        _ => error,
    })
}

/// Every codec that was compiled in.
pub const ALL: &[&dyn ErasedCodec] = &[
    &Bincode,
    #[cfg(feature = "postcard")]
    &Postcard,
    #[cfg(feature = "json")]
    &Json,
];

/// The codec with this number.
#[must_use]
pub fn by_id(id: u8) -> Option<&'static dyn ErasedCodec> {
    ALL.iter().copied().find(|codec| codec.id() == id)
}

/// The codec of this content type. Case does not matter, parameters are not looked at.
#[must_use]
pub fn by_content_type(text: &str) -> Option<&'static dyn ErasedCodec> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let mut all = ALL.iter().copied();
    all.find(|codec| codec.content_type().eq_ignore_ascii_case(essence))
}

/// The codec with this short name: the end of its content type, such as `bincode`.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn ErasedCodec> {
    ALL.iter().copied().find(|codec| codec.name() == name)
}
