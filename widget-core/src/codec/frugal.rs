//! A deserializer around another that never believes a length.
//!
//! serde reserves up to 1 MiB for a vector whose length was only claimed, and formats allocate an
//! owned string before they know that its bytes are there. Through [`Frugal`] a vector grows with
//! the elements that really come, and strings and bytes are borrowed first and copied then, so
//! memory is bounded by the input. What does not fit is an error without details, see [`Plain`].

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

/// Seed that reads an `M` without believing lengths.
pub(super) struct Frugal<M>(PhantomData<M>);

impl<M> Frugal<M> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<'de, M: DeserializeOwned> DeserializeSeed<'de> for Frugal<M> {
    type Value = M;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<M, D::Error> {
        M::deserialize(Wrap(inner)).map_err(Plain::into_inner)
    }
}

/// An error that says only that something does not fit. What serde would say of it, with what was
/// expected instead, brings along how everything is printed, down to floats: much in a small agent.
struct Plain<E>(E);

impl<E> Plain<E> {
    fn into_inner(self) -> E {
        self.0
    }
}

impl<E: serde::de::Error> serde::de::Error for Plain<E> {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(E::custom("its bytes are no value of this type"))
    }
}

impl<E: fmt::Debug> fmt::Debug for Plain<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for Plain<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: std::error::Error> std::error::Error for Plain<E> {}

/// Wraps whatever part of serde's machinery it is given: deserializer, visitor, access or seed.
struct Wrap<T>(T);

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain<D::Error>> {
            self.0.$method(Wrap(visitor)).map_err(Plain)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Wrap<D> {
    type Error = Plain<D::Error>;

    forward! {
        deserialize_any deserialize_bool
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_bytes
        deserialize_option deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }

    // Borrowed, so that it is known to be there before anything is allocated.
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain<D::Error>> {
        self.0.deserialize_str(Wrap(visitor)).map_err(Plain)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0.deserialize_bytes(Wrap(visitor)).map_err(Plain)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0
            .deserialize_unit_struct(name, Wrap(visitor))
            .map_err(Plain)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0
            .deserialize_newtype_struct(name, Wrap(visitor))
            .map_err(Plain)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0.deserialize_tuple(len, Wrap(visitor)).map_err(Plain)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0
            .deserialize_tuple_struct(name, len, Wrap(visitor))
            .map_err(Plain)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0
            .deserialize_struct(name, fields, Wrap(visitor))
            .map_err(Plain)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain<D::Error>> {
        self.0
            .deserialize_enum(name, variants, Wrap(visitor))
            .map_err(Plain)
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! forward_visits {
    ($($method:ident: $type:ty),* $(,)?) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$method(value).map_err(Plain::into_inner)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Wrap<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    forward_visits! {
        visit_bool: bool,
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128,
        visit_f32: f32, visit_f64: f64, visit_char: char,
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>,
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_none().map_err(Plain::into_inner)
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit().map_err(Plain::into_inner)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Wrap(inner)).map_err(Plain::into_inner)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0
            .visit_newtype_struct(Wrap(inner))
            .map_err(Plain::into_inner)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Wrap(inner)).map_err(Plain::into_inner)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Wrap(inner)).map_err(Plain::into_inner)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Wrap(inner)).map_err(Plain::into_inner)
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Wrap<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Wrap(inner)).map_err(Plain::into_inner)
    }
}

// No `size_hint` in the two below: that is the length not to believe.

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Wrap<A> {
    type Error = Plain<A::Error>;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Plain<A::Error>> {
        self.0.next_element_seed(Wrap(seed)).map_err(Plain)
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Wrap<A> {
    type Error = Plain<A::Error>;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Plain<A::Error>> {
        self.0.next_key_seed(Wrap(seed)).map_err(Plain)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, Plain<A::Error>> {
        self.0.next_value_seed(Wrap(seed)).map_err(Plain)
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Wrap<A> {
    type Error = Plain<A::Error>;
    type Variant = Wrap<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Plain<A::Error>> {
        self.0
            .variant_seed(Wrap(seed))
            .map_err(Plain)
            .map(|(value, variant)| (value, Wrap(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Wrap<A> {
    type Error = Plain<A::Error>;

    fn unit_variant(self) -> Result<(), Plain<A::Error>> {
        self.0.unit_variant().map_err(Plain)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<S::Value, Plain<A::Error>> {
        self.0.newtype_variant_seed(Wrap(seed)).map_err(Plain)
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Plain<A::Error>> {
        self.0.tuple_variant(len, Wrap(visitor)).map_err(Plain)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Plain<A::Error>> {
        self.0.struct_variant(fields, Wrap(visitor)).map_err(Plain)
    }
}
