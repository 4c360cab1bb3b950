//! What a [`Codec`] promises, and the list of its cases:
//! [`codec_suite!`](crate::codec_suite).

use std::collections::BTreeSet;
use std::fmt::Debug;

use bytes::BytesMut;
use serde::ser::{SerializeSeq, Serializer};
use serde::{Serialize, de::DeserializeOwned};

use super::fixtures::Noise;
use super::samples;
use crate::Payload;
use crate::codec::{Codec, CodecError, ErasedCodec};
use crate::message::{Command, Opening, Response};

/// Makes a test of each promise of a codec. Takes the codec.
#[macro_export]
macro_rules! codec_suite {
    ($codec:expr) => {
        $crate::__codec_cases! { $codec;
            every_opening_round_trips,
            every_command_round_trips,
            every_response_round_trips,
            encoding_appends,
            the_variant_is_told_without_decoding,
            it_has_a_number_and_a_name,
            trailing_bytes_are_refused,
            every_truncation_is_refused,
            random_bytes_never_panic,
            damaged_messages_never_panic,
            a_claimed_length_is_not_believed,
            an_unknown_variant_is_told_from_damage,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __codec_cases {
    ($codec:expr; $($case:ident),* $(,)?) => {$(
        #[test]
        fn $case() {
            $crate::testkit::codec::$case($codec);
        }
    )*};
}

/// What the cases ask of a codec beside its trait: that it can be looked up as a value.
pub trait Subject: Codec + ErasedCodec + Copy {}

impl<C: Codec + Copy + Send + Sync + Debug> Subject for C {}

fn encode<C: Codec>(_: C, value: &impl Serialize) -> Vec<u8> {
    let mut out = BytesMut::new();
    C::encode(value, &mut out).unwrap();
    out.to_vec()
}

fn assert_round_trip<C: Subject, M>(codec: C, value: &M)
where
    M: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let bytes = encode(codec, value);
    assert_eq!(C::decode::<M>(&bytes).as_ref(), Ok(value));
}

/// Decodes what it encoded, equal to the value: both ways to do it.
pub fn every_opening_round_trips<C: Subject>(codec: C) {
    for opening in samples::openings() {
        assert_round_trip(codec, &opening);
        let mut out = BytesMut::new();
        codec.encode_opening(&opening, &mut out).unwrap();
        assert_eq!(codec.decode_opening(&out), Ok(opening));
    }
}

/// Decodes what it encoded, equal to the value: both ways to do it.
pub fn every_command_round_trips<C: Subject>(codec: C) {
    for command in samples::commands() {
        assert_round_trip(codec, &command);
        let mut out = BytesMut::new();
        codec.encode_command(&command, &mut out).unwrap();
        assert_eq!(codec.decode_command(&out), Ok(command));
    }
}

/// Decodes what it encoded, equal to the value: both ways to do it.
pub fn every_response_round_trips<C: Subject>(codec: C) {
    for response in samples::responses() {
        assert_round_trip(codec, &response);
        let mut out = BytesMut::new();
        codec.encode_response(&response, &mut out).unwrap();
        assert_eq!(codec.decode_response(&out), Ok(response));
    }
}

/// What stands in the buffer already, such as a frame's header, is left alone.
pub fn encoding_appends<C: Subject>(codec: C) {
    let mut out = BytesMut::from(&b"head"[..]);
    C::encode(&Response::ACK, &mut out).unwrap();
    assert_eq!(out[..4], *b"head");
    assert_eq!(out[4..], *encode(codec, &Response::ACK));
}

/// The position that bytes begin with, for all of them and no other.
pub fn the_variant_is_told_without_decoding<C: Subject>(codec: C) {
    let told = |all: Vec<Vec<u8>>, names: &[&str]| {
        let told = all.iter().map(|bytes| C::variant(bytes, names).unwrap());
        let told: BTreeSet<u32> = told.collect();
        assert!(told.into_iter().eq(0..names.len() as u32));
    };
    let openings = samples::openings()
        .iter()
        .map(|m| encode(codec, m))
        .collect();
    let commands = samples::commands()
        .iter()
        .map(|m| encode(codec, m))
        .collect();
    let responses = samples::responses()
        .iter()
        .map(|m| encode(codec, m))
        .collect();
    told(openings, Opening::NAMES);
    told(commands, Command::NAMES);
    told(responses, Response::NAMES);
    assert_eq!(C::variant(&[], Command::NAMES), None);
}

/// By which it is found over TCP and over HTTP.
pub fn it_has_a_number_and_a_name<C: Subject>(codec: C) {
    assert_ne!(C::ID, 0, "0 is none");
    assert!(C::CONTENT_TYPE.contains('/'));
    assert_eq!(codec.id(), C::ID);
    assert_eq!(codec.content_type(), C::CONTENT_TYPE);
}

/// Bytes that go on after the value are refused, and counted.
pub fn trailing_bytes_are_refused<C: Subject>(codec: C) {
    for more in [1, 2, 100] {
        for command in samples::commands() {
            let mut bytes = encode(codec, &command);
            bytes.resize(bytes.len() + more, 0);
            let refused = codec.decode_command(&bytes);
            assert_eq!(refused, Err(CodecError::Trailing(more)), "{command:?}");
        }
        for response in samples::responses() {
            let mut bytes = encode(codec, &response);
            bytes.resize(bytes.len() + more, 0);
            let refused = codec.decode_response(&bytes);
            assert_eq!(refused, Err(CodecError::Trailing(more)), "{response:?}");
        }
    }
}

/// Every place in `len` bytes where they can be cut, or a thousand if they are many.
fn cuts(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len / 1_000 + 1)
}

/// A message that ends too early is no message, wherever it ends.
pub fn every_truncation_is_refused<C: Subject>(codec: C) {
    let malformed = |result: Option<CodecError>| matches!(result, Some(CodecError::Malformed(_)));
    for opening in samples::openings() {
        let bytes = encode(codec, &opening);
        for cut in cuts(bytes.len()) {
            assert!(
                malformed(codec.decode_opening(&bytes[..cut]).err()),
                "{cut}"
            );
        }
    }
    for command in samples::commands() {
        let bytes = encode(codec, &command);
        for cut in cuts(bytes.len()) {
            assert!(
                malformed(codec.decode_command(&bytes[..cut]).err()),
                "{cut}"
            );
        }
    }
    for response in samples::responses() {
        let bytes = encode(codec, &response);
        for cut in cuts(bytes.len()) {
            assert!(
                malformed(codec.decode_response(&bytes[..cut]).err()),
                "{cut}"
            );
        }
    }
}

/// Whatever comes is a message or an error.
fn decode_all<C: Subject>(codec: C, bytes: &[u8]) {
    let _ = codec.decode_opening(bytes);
    let _ = codec.decode_command(bytes);
    let _ = codec.decode_response(bytes);
}

/// Bytes that were never a message, half of them with a first byte that could begin one.
pub fn random_bytes_never_panic<C: Subject>(codec: C) {
    let mut noise = Noise::new(1);
    for round in 0..20_000 {
        let len = usize::try_from(noise.below(200)).unwrap();
        let mut bytes = noise.bytes(len);
        if let Some(first) = bytes.first_mut().filter(|_| round % 2 == 0) {
            *first %= 8;
        }
        decode_all(codec, &bytes);
    }
}

/// Messages with a few bytes changed.
pub fn damaged_messages_never_panic<C: Subject>(codec: C) {
    let mut noise = Noise::new(2);
    let commands = samples::commands();
    let responses = samples::responses();
    let commands = commands.iter().map(|message| encode(codec, message));
    let responses = responses.iter().map(|message| encode(codec, message));
    for bytes in commands
        .chain(responses)
        .filter(|bytes| bytes.len() < 10_000)
    {
        for _ in 0..300 {
            let mut bytes = bytes.clone();
            for _ in 0..=noise.below(3) {
                let place = usize::try_from(noise.below(bytes.len() as u64)).unwrap();
                bytes[place] = noise.bits().to_le_bytes()[0];
            }
            decode_all(codec, &bytes);
        }
    }
}

/// A sequence that claims far more elements than it has.
struct Claim(usize);

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut elements = serializer.serialize_seq(Some(self.0))?;
        for _ in 0..3 {
            elements.serialize_element(&0_u8)?;
        }
        elements.end()
    }
}

/// The variant of an enum, with this inside.
struct Variant<T>(u32, T);

impl<T: Serialize> Serialize for Variant<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Message", self.0, "of_tomorrow", &self.1)
    }
}

/// Thirteen bytes that claim 2^40 elements must not make anybody set room aside for them: if they
/// do, this ends the process.
pub fn a_claimed_length_is_not_believed<C: Subject>(codec: C) {
    for claimed in [1 << 20, 1 << 32, 1 << 40, usize::MAX] {
        let bytes = encode(codec, &Claim(claimed));
        assert!(bytes.len() < 64);
        if bytes == encode(codec, &Claim(3)) {
            // A text that says no lengths claims none.
            continue;
        }
        assert!(C::decode::<Vec<u64>>(&bytes).is_err());
        assert!(C::decode::<Vec<String>>(&bytes).is_err());
        assert!(C::decode::<Vec<(u16, Vec<u8>)>>(&bytes).is_err());
        assert!(C::decode::<String>(&bytes).is_err());
        assert!(C::decode::<Payload>(&bytes).is_err());
        for variant in 0..Response::NAMES.len() as u32 {
            let bytes = encode(codec, &Variant(variant, Claim(claimed)));
            assert!(codec.decode_command(&bytes).is_err());
            assert!(codec.decode_response(&bytes).is_err());
        }
    }
}

/// A message that only a newer version knows is answered differently from damage. A format that
/// says names knows no number for it: [`u32::MAX`].
pub fn an_unknown_variant_is_told_from_damage<C: Subject>(codec: C) {
    let is_unknown = |error: Option<CodecError>, variant: u32| {
        let told = match error {
            Some(CodecError::UnknownVariant(told)) => told,
            other => panic!("{other:?} for variant {variant}"),
        };
        assert!(told == variant || told == u32::MAX, "{told} for {variant}");
    };
    let commands = Command::NAMES.len() as u32;
    let responses = Response::NAMES.len() as u32;
    for variant in [responses, 250, 251, 300, 70_000, u32::MAX] {
        let bytes = encode(codec, &Variant(variant, "who knows"));
        is_unknown(codec.decode_opening(&bytes).err(), variant);
        is_unknown(codec.decode_command(&bytes).err(), variant);
        is_unknown(codec.decode_response(&bytes).err(), variant);
    }
    let bytes = encode(codec, &Variant(commands, ()));
    is_unknown(codec.decode_command(&bytes).err(), commands);
}
