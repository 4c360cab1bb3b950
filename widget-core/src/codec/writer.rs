//! How a value is taken apart into what bincode's format says one after the other: lengths before
//! what has one, whether an option is there, the position of a variant, and else the parts. Each of
//! these is written by the crate, through [`Room`]; here is structure only, as in [`super::reader`].

use std::fmt;

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::CodecError;
use super::bincode::Room;

pub(super) const NO_FORM: &str = "this format has no form for it";

/// Writes values one after the other.
pub(super) struct Writer<'a>(pub(super) Room<'a>);

/// Why a value has no form in this format. Boxed, since it is passed on at each field.
#[derive(Debug)]
pub(super) struct Unwritable(pub(super) Box<CodecError>);

impl Unwritable {
    #[cold]
    pub(super) fn no_form() -> Self {
        Self(Box::new(CodecError::Unencodable(NO_FORM.into())))
    }
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Unwritable {}

impl Error for Unwritable {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self(Box::new(CodecError::Unencodable(text.to_string())))
    }
}

macro_rules! values {
    ($($method:ident($type:ty) as $wide:ty,)*) => {$(
        #[inline]
        fn $method(self, value: $type) -> Result<(), Unwritable> {
            self.0.put::<$wide>(value.into());
            Ok(())
        }
    )*};
}

impl Serializer for &mut Writer<'_> {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    values! {
        serialize_bool(bool) as bool,
        serialize_i8(i8) as i8,
        serialize_i16(i16) as i64,
        serialize_i32(i32) as i64,
        serialize_i64(i64) as i64,
        serialize_i128(i128) as i128,
        serialize_u8(u8) as u8,
        serialize_u16(u16) as u64,
        serialize_u32(u32) as u64,
        serialize_u64(u64) as u64,
        serialize_u128(u128) as u128,
        serialize_f32(f32) as f32,
        serialize_f64(f64) as f64,
        serialize_char(char) as char,
        serialize_str(&str) as &str,
        serialize_bytes(&[u8]) as &[u8],
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_bool(false)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.serialize_bool(true)?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
    ) -> Result<(), Unwritable> {
        self.serialize_u32(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.serialize_u32(variant)?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.0.put(length.ok_or_else(Unwritable::no_form)? as u64);
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.0.put(u64::from(variant));
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unwritable> {
        self.serialize_seq(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        variant: u32,
        which: &'static str,
        length: usize,
    ) -> Result<Self, Unwritable> {
        self.serialize_tuple_variant(name, variant, which, length)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// All that has parts: they are written one after the other, without names.
macro_rules! parts {
    ($($of:ident: $($method:ident($($name:ty)?))*,)*) => {$(
        impl $of for &mut Writer<'_> {
            type Ok = ();
            type Error = Unwritable;

            $(#[inline]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), Unwritable> {
                value.serialize(&mut **self)
            })*

            fn end(self) -> Result<(), Unwritable> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeMap: serialize_key() serialize_value(),
    SerializeStruct: serialize_field(&'static str),
    SerializeStructVariant: serialize_field(&'static str),
}
