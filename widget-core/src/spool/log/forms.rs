//! The forms that numbers and texts have in a body of the log, see [`body`](super::body).
//!
//! By hand and without serde: nothing else reads these bytes, and one function for each form is
//! small.

use bytes::BytesMut;

use crate::time::Timestamp;

pub(super) fn put_byte(out: &mut BytesMut, byte: u8) {
    out.extend_from_slice(&[byte]);
}

pub(super) fn put_flag(out: &mut BytesMut, flag: bool) {
    put_byte(out, flag.into());
}

/// Seven bits a byte, the lowest first; all but the last have the highest bit set.
pub(super) fn put_number(out: &mut BytesMut, mut number: u64) {
    while number > 0x7f {
        put_byte(out, (number & 0x7f | 0x80) as u8);
        number >>= 7;
    }
    put_byte(out, number as u8);
}

pub(super) fn put_time(out: &mut BytesMut, time: Timestamp) {
    put_number(out, time.as_millis().cast_unsigned());
}

pub(super) fn put_float(out: &mut BytesMut, float: f64) {
    out.extend_from_slice(&float.to_le_bytes());
}

pub(super) fn put_small_float(out: &mut BytesMut, float: f32) {
    out.extend_from_slice(&float.to_le_bytes());
}

/// How many there are, then the bytes.
pub(super) fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// How many of something come.
pub(super) fn put_length(out: &mut BytesMut, length: usize) {
    put_number(out, super::size(length));
}

/// A flag, and the value if there is one.
pub(super) fn put_optional<T>(
    out: &mut BytesMut,
    value: Option<T>,
    put: impl FnOnce(&mut BytesMut, T),
) {
    put_flag(out, value.is_some());
    if let Some(value) = value {
        put(out, value);
    }
}

/// What has not been read of a body. No length is believed: what is kept was there.
///
/// Where bytes are no such value, the reading gives some value all the same, and so does each one after
/// it; [`end`](Self::end) tells. So whoever reads need not look at each step, which would be most of the
/// code.
pub(super) struct Rest<'a> {
    bytes: &'a [u8],
    broken: bool,
}

impl<'a> Rest<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        let broken = false;
        Self { bytes, broken }
    }

    /// Whether there is more to be read, and all before it was good.
    pub(super) const fn goes_on(&self) -> bool {
        !self.bytes.is_empty() && !self.broken
    }

    /// Nothing is left over, and all of it was good.
    pub(super) const fn end(&self) -> Option<()> {
        if self.bytes.is_empty() && !self.broken {
            Some(())
        } else {
            None
        }
    }

    /// What was read is no such value.
    pub(super) const fn fail(&mut self) {
        self.broken = true;
        self.bytes = &[];
    }

    /// So many bytes, or none.
    fn take(&mut self, length: u64) -> &'a [u8] {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some((taken, rest)) = self.bytes.split_at_checked(length) else {
            self.fail();
            return &[];
        };
        self.bytes = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(self.take(N as u64)) {
            *to = *from;
        }
        array
    }

    pub(super) fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    pub(super) fn flag(&mut self) -> bool {
        let byte = self.byte();
        if byte > 1 {
            self.fail();
        }
        byte == 1
    }

    pub(super) fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                self.fail();
                return 0;
            }
            number |= bits << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    pub(super) fn small_number(&mut self) -> u32 {
        let number = self.number();
        number.try_into().unwrap_or_else(|_| {
            self.fail();
            0
        })
    }

    pub(super) fn time(&mut self) -> Timestamp {
        Timestamp::from_millis(self.number().cast_signed())
    }

    pub(super) fn float(&mut self) -> f64 {
        f64::from_le_bytes(self.array())
    }

    pub(super) fn small_float(&mut self) -> f32 {
        f32::from_le_bytes(self.array())
    }

    pub(super) fn signed(&mut self) -> i16 {
        i16::from_le_bytes(self.array())
    }

    /// An identifier or the like.
    pub(super) fn sixteen(&mut self) -> [u8; 16] {
        self.array()
    }

    pub(super) fn bytes(&mut self) -> Vec<u8> {
        let length = self.number();
        self.take(length).to_vec()
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8(self.bytes()).unwrap_or_else(|_| {
            self.fail();
            String::new()
        })
    }

    pub(super) fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| read(self))
    }

    /// As many as it says, or as there are.
    pub(super) fn list<T>(&mut self, read: impl Fn(&mut Self) -> T) -> Vec<T> {
        let count = self.number();
        let mut list = Vec::new();
        for _ in 0..count {
            if self.broken {
                break;
            }
            list.push(read(self));
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut Rest<'a>) -> T) -> Option<T> {
        let mut rest = Rest::new(bytes);
        let value = read(&mut rest);
        rest.end().map(|()| value)
    }

    fn number(bytes: &[u8]) -> Option<u64> {
        read(bytes, Rest::number)
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(wide in any::<u64>(), cut in 0..64_u32) {
            let mut out = BytesMut::new();
            put_number(&mut out, wide >> cut);
            prop_assert!(out.len() <= 10);
            prop_assert_eq!(number(&out), Some(wide >> cut));
        }
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_none() {
        let most = [&[0xff; 9][..], &[1]].concat();
        assert_eq!(number(&most), Some(u64::MAX));
        assert_eq!(number(&[&[0xff; 9][..], &[2]].concat()), None);
        assert_eq!(number(&[&[0x80; 10][..], &[0]].concat()), None);
        assert_eq!(number(&[0x80]), None);
        assert_eq!(
            read(&[0xff, 0xff, 0xff, 0xff, 0x10], Rest::small_number),
            None
        );
    }

    #[test]
    fn a_text_is_utf_8_and_as_long_as_it_says() {
        let text = |bytes: &[u8]| read(bytes, Rest::text);
        assert_eq!(text(&[2, 0xc3, 0xa9]).as_deref(), Some("é"));
        assert_eq!(text(&[1, 0xc3]), None);
        assert_eq!(text(&[2, b'a']), None);
        assert_eq!(text(&[1, b'a', b'b']), None);
        assert_eq!(text(&[&[0xff; 9][..], &[1], b"a"].concat()), None);
    }

    #[test]
    fn a_flag_is_0_or_1() {
        let flags = [0, 1, 2].map(|byte| read(&[byte], Rest::flag));
        assert_eq!(flags, [Some(false), Some(true), None]);
    }

    #[test]
    fn a_list_is_as_long_as_its_bytes_whatever_it_says() {
        let list = |bytes: &[u8]| read(bytes, |rest| rest.list(Rest::byte));
        assert_eq!(list(&[2, 7, 8]), Some(vec![7, 8]));
        let mut rest = Rest::new(&[0xff, 0xff, 0x7f, 7]);
        assert_eq!(rest.list(Rest::byte), [7, 0]);
        assert_eq!(rest.end(), None);
    }
}
