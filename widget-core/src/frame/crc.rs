//! The checksum of frames: CRC-32 (IEEE), by a small table or, with the feature `fast-checksum`, as
//! fast as the processor can.

/// The checksum of these bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    #[cfg(feature = "fast-checksum")]
    return crc32fast::hash(bytes);
    #[cfg(not(feature = "fast-checksum"))]
    small(bytes)
}

/// The checksum of these pieces as if they were one.
pub(crate) fn checksum_of(pieces: &[&[u8]]) -> u32 {
    #[cfg(feature = "fast-checksum")]
    {
        let mut hasher = crc32fast::Hasher::new();
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finalize()
    }
    #[cfg(not(feature = "fast-checksum"))]
    !pieces
        .iter()
        .fold(u32::MAX, |crc, piece| small_on(crc, piece))
}

/// What four bits at the end of the register become.
#[cfg(any(test, not(feature = "fast-checksum")))]
const TABLE: [u32; 16] = [
    0x0000_0000,
    0x1db7_1064,
    0x3b6e_20c8,
    0x26d9_30ac,
    0x76dc_4190,
    0x6b6b_51f4,
    0x4db2_6158,
    0x5005_713c,
    0xedb8_8320,
    0xf00f_9344,
    0xd6d6_a3e8,
    0xcb61_b38c,
    0x9b64_c2b0,
    0x86d3_d2d4,
    0xa00a_e278,
    0xbdbd_f21c,
];

/// Half a byte at a time: larger tables are faster, but an agent sends little.
#[cfg(any(test, not(feature = "fast-checksum")))]
fn small(bytes: &[u8]) -> u32 {
    !small_on(u32::MAX, bytes)
}

/// Goes on from this register.
#[cfg(any(test, not(feature = "fast-checksum")))]
fn small_on(crc: u32, bytes: &[u8]) -> u32 {
    let half = |crc: u32| {
        let changed = TABLE.get((crc & 15) as usize).copied().unwrap_or_default();
        changed ^ (crc >> 4)
    };
    bytes
        .iter()
        .fold(crc, |crc, byte| half(half(crc ^ u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_known_value_comes_out() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        assert_eq!(small(b"123456789"), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn both_ways_agree(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert_eq!(small(&bytes), crc32fast::hash(&bytes));
            let (one, two) = bytes.split_at(bytes.len() / 3);
            prop_assert_eq!(small_on(small_on(u32::MAX, one), two), !small(&bytes));
            prop_assert_eq!(checksum_of(&[one, two]), small(&bytes));
        }
    }
}
