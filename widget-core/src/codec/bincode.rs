//! bincode, version 2's own format and version 1's. The only file that names the crate.
//!
//! Version 1 is the crate's own serde. Version 2 takes values apart in [`writer`](super::writer) and
//! puts them together in [`reader`](super::reader), and the crate writes and reads what they consist
//! of: numbers, texts, bytes, lengths. The crate's serde around that passes on large errors at each
//! field, which is several times the code in a small agent.

use std::mem;

use bincode::config::{self, Configuration, Fixint, Limit, LittleEndian, Varint};
use bincode::de::read::{BorrowReader, Reader as Read};
use bincode::de::{BorrowDecode, Decoder, DecoderImpl};
use bincode::enc::write::Writer as Write;
use bincode::enc::{Encode, EncoderImpl};
use bincode::error::{DecodeError, EncodeError};
use bytes::BytesMut;
use serde::{Serialize, de::DeserializeOwned};

use super::frugal::Frugal;
use super::reader::{Reader, Wrong};
use super::writer::{NO_FORM, Unwritable, Writer};
use super::{Codec, CodecError};

/// What one decoding may read, in bytes; above every frame limit, since it counts a number by its
/// size in memory and not by its size on the wire.
const LIMIT: usize = 64 * 1024 * 1024;

/// What most messages fit into, in bytes.
const USUAL: usize = 256;

/// bincode 2 in its standard configuration: numbers as short as they are. The default codec.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bincode;

type Standard = Configuration<LittleEndian, Varint, Limit<LIMIT>>;

const STANDARD: Standard = config::standard().with_limit::<LIMIT>();

impl Codec for Bincode {
    const ID: u8 = 1;
    const CONTENT_TYPE: &'static str = "application/vnd.widget.bincode";

    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        write(out, &|writer| value.serialize(writer))
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        let mut reader = Reader(Values::new(bytes));
        let value = M::deserialize(&mut reader);
        let value = value.map_err(|Wrong| CodecError::Malformed(reader.0.why.into()))?;
        match reader.0.left() {
            0 => Ok(value),
            more => Err(CodecError::Trailing(more)),
        }
    }

    fn variant(bytes: &[u8], _: &[&str]) -> Option<u32> {
        // A variant is a varint: one byte up to 250, else a mark and its width.
        match bytes {
            [short @ 0..=250, ..] => Some(u32::from(*short)),
            [251, a, b, ..] => Some(u32::from(u16::from_le_bytes([*a, *b]))),
            [252, a, b, c, d, ..] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }
}

/// Into a slice, because a growing buffer would be asked for room at each byte. What does not fit
/// is counted, and the message is written again into as much as it takes.
fn write(
    out: &mut BytesMut,
    value: &dyn Fn(&mut Writer<'_>) -> Result<(), Unwritable>,
) -> Result<(), CodecError> {
    let start = out.len();
    let mut room = USUAL;
    loop {
        out.resize(start + room, 0);
        let free = out.get_mut(start..).unwrap_or_default();
        let mut writer = Writer(Room::new(free));
        let written = value(&mut writer);
        match written.and_then(|()| writer.0.end()) {
            Ok(Slice { free, missed: 0 }) => {
                let written = room - free.len();
                out.truncate(start + written);
                return Ok(());
            }
            Ok(Slice { missed, .. }) => room += missed,
            Err(error) => {
                out.truncate(start);
                return Err(*error.0);
            }
        }
    }
}

/// Single values as the crate writes them.
pub(super) struct Room<'a> {
    encoder: EncoderImpl<Slice<'a>, Standard>,
    refused: bool,
}

impl<'a> Room<'a> {
    fn new(free: &'a mut [u8]) -> Self {
        let slice = Slice { free, missed: 0 };
        Self {
            encoder: EncoderImpl::new(slice, STANDARD),
            refused: false,
        }
    }

    /// Whether the crate refused it is told by [`end`](Self::end), and not after each value.
    #[inline]
    pub(super) fn put<T: Encode>(&mut self, value: T) {
        if let Err(error) = value.encode(&mut self.encoder) {
            self.refuse(error);
        }
    }

    #[cold]
    fn refuse(&mut self, _: EncodeError) {
        self.refused = true;
    }

    fn end(self) -> Result<Slice<'a>, Unwritable> {
        if self.refused {
            return Err(Unwritable::no_form());
        }
        Ok(self.encoder.into_writer())
    }
}

/// Takes what fits and counts what does not.
struct Slice<'a> {
    free: &'a mut [u8],
    missed: usize,
}

impl Write for Slice<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let free = mem::take(&mut self.free);
        if bytes.len() <= free.len() {
            let (place, free) = free.split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
            self.free = free;
        } else {
            // The rest is left empty: nothing that comes behind it may fit again.
            self.missed += bytes.len() - free.len();
        }
        Ok(())
    }
}

/// Single values as the crate reads them, from the beginning of bytes.
pub(super) struct Values<'de> {
    decoder: DecoderImpl<Rest<'de>, Standard, ()>,
    /// What to say if they are no value.
    why: &'static str,
}

impl<'de> Values<'de> {
    fn new(bytes: &'de [u8]) -> Self {
        Self {
            decoder: DecoderImpl::new(Rest(bytes), STANDARD, ()),
            why: NO_VALUE,
        }
    }

    #[inline]
    pub(super) fn next<T: BorrowDecode<'de, ()>>(&mut self) -> Result<T, Wrong> {
        T::borrow_decode(&mut self.decoder).map_err(|error| self.wrong(error))
    }

    #[cold]
    fn wrong(&mut self, error: DecodeError) -> Wrong {
        self.why = describe(error);
        Wrong
    }

    /// How many parts come next.
    #[inline]
    pub(super) fn length(&mut self) -> Result<usize, Wrong> {
        usize::try_from(self.next::<u64>()?).map_err(|_| Wrong)
    }

    fn left(&mut self) -> usize {
        self.decoder.reader().0.len()
    }
}

/// What is still to be read. The crate's own does not tell how much that is.
struct Rest<'de>(&'de [u8]);

impl Read for Rest<'_> {
    #[inline]
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), DecodeError> {
        bytes.copy_from_slice(self.take_bytes(bytes.len())?);
        Ok(())
    }

    #[inline]
    fn peek_read(&mut self, length: usize) -> Option<&[u8]> {
        self.0.get(..length)
    }

    #[inline]
    fn consume(&mut self, length: usize) {
        self.0 = self.0.get(length..).unwrap_or_default();
    }
}

impl<'de> BorrowReader<'de> for Rest<'de> {
    #[inline]
    fn take_bytes(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err(DecodeError::UnexpectedEnd {
                additional: length - self.0.len(),
            });
        };
        self.0 = rest;
        Ok(taken)
    }
}

/// bincode 1: numbers at full width, little-endian. Version 1's payloads; never negotiated.
#[derive(Debug, Clone, Copy, Default)]
pub struct Legacy;

const LEGACY: Configuration<LittleEndian, Fixint, Limit<LIMIT>> =
    config::legacy().with_limit::<LIMIT>();

impl Codec for Legacy {
    const ID: u8 = 0;
    const CONTENT_TYPE: &'static str = "application/octet-stream";

    /// Into a slice, as above. A message that does not fit is written again into four times as much.
    fn encode<M: Serialize>(value: &M, out: &mut BytesMut) -> Result<(), CodecError> {
        let start = out.len();
        let mut room = USUAL;
        loop {
            out.resize(start + room, 0);
            let free = out.get_mut(start..).unwrap_or_default();
            match bincode::serde::encode_into_slice(value, free, LEGACY) {
                Ok(written) => {
                    out.truncate(start + written);
                    return Ok(());
                }
                Err(EncodeError::UnexpectedEnd) if room < LIMIT => room *= 4,
                Err(error) => {
                    out.truncate(start);
                    return Err(CodecError::Unencodable(match error {
                        EncodeError::OtherString(text) => text,
                        _ => NO_FORM.into(),
                    }));
                }
            }
        }
    }

    fn decode<M: DeserializeOwned>(bytes: &[u8]) -> Result<M, CodecError> {
        let decoded = bincode::serde::seed_decode_from_slice(Frugal::new(), bytes, LEGACY);
        let (value, used) = decoded.map_err(|e| CodecError::Malformed(describe(e).into()))?;
        match bytes.len() - used {
            0 => Ok(value),
            more => Err(CodecError::Trailing(more)),
        }
    }

    fn variant(bytes: &[u8], _: &[&str]) -> Option<u32> {
        bytes.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

const NO_VALUE: &str = "its bytes are no value of this type";

/// Its own words name Rust types; a peer's author wants to know what was wrong.
fn describe(error: DecodeError) -> &'static str {
    match error {
        DecodeError::UnexpectedEnd { .. } => "it ends too early",
        DecodeError::LimitExceeded => "it claims more than may be read",
        // Their own words would bring the printing of every Rust type into a small agent.
        _ => NO_VALUE,
    }
}
