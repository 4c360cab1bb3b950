//! Version 2's bincode beside the crate's own serde: the same bytes for the same values, and the
//! same values, or none, for the same bytes.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // that is how a test fails

use std::collections::BTreeMap;
use std::fmt::Debug;

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use bytes::BytesMut;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::ser::{Error, Serializer};
use serde::{Deserialize, Serialize};
use widget_core::codec::{Bincode, Codec, CodecError};
use widget_core::message::{Command, Opening, Response};
use widget_core::testkit::samples;

const LIMIT: usize = 64 * 1024 * 1024;
const STANDARD: Configuration<LittleEndian, Varint, Limit<LIMIT>> =
    config::standard().with_limit::<LIMIT>();

fn ours<M: Serialize>(value: &M) -> Vec<u8> {
    let mut out = BytesMut::new();
    Bincode::encode(value, &mut out).unwrap();
    out.to_vec()
}

fn theirs<M: Serialize>(value: &M) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, STANDARD).unwrap()
}

/// What the crate reads, if that is all there is.
fn read_by_crate<M: DeserializeOwned>(bytes: &[u8]) -> Option<M> {
    let read = bincode::serde::decode_from_slice(bytes, STANDARD).ok();
    read.and_then(|(value, used)| (used == bytes.len()).then_some(value))
}

/// Debug, since a float that was changed may be no number.
fn assert_read_alike<M: DeserializeOwned + Debug>(bytes: &[u8]) {
    let (ours, theirs) = (Bincode::decode::<M>(bytes).ok(), read_by_crate::<M>(bytes));
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{bytes:?}");
}

/// Written alike, and read alike whole, cut at each place and with each byte changed.
fn assert_alike<M: Serialize + DeserializeOwned + Debug>(samples: &[M]) {
    for sample in samples {
        let bytes = ours(sample);
        assert_eq!(bytes, theirs(sample), "{sample:?}");
        assert_read_alike::<M>(&bytes);
        for place in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
            assert_read_alike::<M>(&bytes[..place]);
            for other in [0, 1, 9, 0xc3, 250, 251, 252, 253, 254, 255] {
                let mut bytes = bytes.clone();
                bytes[place] = other;
                assert_read_alike::<M>(&bytes);
            }
        }
    }
}

#[test]
fn openings_are_as_the_crate_has_them() {
    assert_alike::<Opening>(&samples::openings());
}

#[test]
fn commands_are_as_the_crate_has_them() {
    assert_alike::<Command>(&samples::commands());
}

#[test]
fn responses_are_as_the_crate_has_them() {
    assert_alike::<Response>(&samples::responses());
}

/// Something of everything that serde knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum All {
    Unit,
    New(Box<Self>),
    Signed(i8, i16, i32, i64, i128),
    Unsigned {
        a: u8,
        b: u16,
        c: u32,
        d: u64,
        e: u128,
    },
    Texts(
        String,
        char,
        BTreeMap<u16, Option<bool>>,
        (),
        Vec<(u32, f32)>,
        f64,
    ),
}

#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
fn all() -> impl Strategy<Value = All> {
    // Of each width alike, so that each mark is met.
    let wide = || (any::<u128>(), 0..128_u32).prop_map(|(number, by)| number >> by);
    let five = || (wide(), wide(), wide(), wide(), wide());
    let signed = five()
        .prop_map(|(a, b, c, d, e)| All::Signed(a as i8, b as i16, c as i32, d as i64, e as i128));
    let unsigned = five().prop_map(|(a, b, c, d, e)| All::Unsigned {
        a: a as u8,
        b: b as u16,
        c: c as u32,
        d: d as u64,
        e,
    });
    let map = prop::collection::btree_map(any::<u16>(), any::<Option<bool>>(), 0..4);
    let pairs = prop::collection::vec((any::<u32>(), -1e9..1e9_f32), 0..300);
    let texts = (".{0,300}", any::<char>(), map, Just(()), pairs, -1e9..1e9);
    let texts = texts.prop_map(|(a, b, c, d, e, f)| All::Texts(a, b, c, d, e, f));
    let leaf = prop_oneof![Just(All::Unit), signed, unsigned, texts];
    leaf.prop_recursive(2, 4, 1, |inner| {
        inner.prop_map(|inner| All::New(Box::new(inner)))
    })
}

proptest! {
    #[test]
    fn anything_is_written_as_by_the_crate_and_read_again(value in all()) {
        let bytes = ours(&value);
        prop_assert_eq!(&bytes, &theirs(&value));
        prop_assert_eq!(Bincode::decode::<All>(&bytes).unwrap(), value);
    }

    #[test]
    fn anything_damaged_is_read_as_by_the_crate(
        value in all(),
        at in any::<prop::sample::Index>(),
        with in prop_oneof![any::<u8>(), 250..=255_u8],
        less in 0..3_usize,
    ) {
        let mut bytes = theirs(&value);
        let at = at.index(bytes.len());
        bytes[at] = with;
        bytes.truncate(bytes.len() - less.min(bytes.len()));
        assert_read_alike::<All>(&bytes);
    }
}

/// The crate is the measure, also for numbers that are longer than need be.
#[test]
fn a_number_that_is_too_wide_for_its_type_is_refused() {
    fn check<M: DeserializeOwned + Debug>(mark: u8) {
        let mut bytes = vec![mark, 7];
        for length in 1..=17 {
            bytes.resize(length, 0);
            assert_read_alike::<M>(&bytes);
        }
    }
    for mark in 249..=255 {
        check::<u8>(mark);
        check::<u16>(mark);
        check::<i16>(mark);
        check::<u32>(mark);
        check::<i32>(mark);
        check::<u64>(mark);
        check::<i64>(mark);
        check::<u128>(mark);
        check::<i128>(mark);
        check::<bool>(mark);
        check::<Vec<u8>>(mark);
    }
}

/// Around 256 bytes, the first attempt's room: what does not fit, and what comes behind it.
#[test]
fn a_message_of_any_length_is_written_once() {
    for length in (0..600).chain([5_000, 70_000]) {
        let value = ("x".repeat(length), 7_u64 << 60, 1_u8, "y".repeat(length));
        let mut out = BytesMut::from("before");
        Bincode::encode(&value, &mut out).unwrap();
        assert_eq!(out[..6], b"before"[..]);
        assert_eq!(out[6..], theirs(&value)[..], "{length}");
    }
}

#[test]
fn an_error_says_whether_bytes_are_missing_or_only_claimed() {
    fn why<M: DeserializeOwned + Debug>(bytes: &[u8]) -> String {
        Bincode::decode::<M>(bytes).unwrap_err().to_string()
    }
    let most = [253, 255, 255, 255, 255, 255, 255, 255, 255];
    let claims = "not a message: it claims more than may be read";
    assert_eq!(why::<String>(&most), claims);
    let early = "not a message: it ends too early";
    assert_eq!(why::<String>(&[9]), early);
    assert_eq!(why::<Vec<u64>>(&[9, 1]), early);
    let other = "not a message: its bytes are no value of this type";
    assert_eq!(why::<bool>(&[2]), other);
    assert_eq!(why::<Opening>(&[77]), other);
}

#[test]
fn what_has_no_form_leaves_nothing_behind() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.serialize_seq(None).map(|_| unreachable!())
        }
    }
    struct Unwilling;
    impl Serialize for Unwilling {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("not today"))
        }
    }
    let refused = |text: &str| Err(CodecError::Unencodable(text.to_owned()));
    let mut out = BytesMut::from("before");
    let endless = Bincode::encode(&(1_u8, Endless), &mut out);
    assert_eq!(endless, refused("this format has no form for it"));
    let unwilling = Bincode::encode(&("x".repeat(1_000), Unwilling), &mut out);
    assert_eq!(unwilling, refused("not today"));
    assert_eq!(out, b"before"[..]);
}
