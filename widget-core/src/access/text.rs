//! Thirty-two bytes as 43 characters of base64url without padding (RFC 4648, section 5): each value
//! has one text, and none of its characters needs quotes in a shell or an escape in a URL.

/// How long the text is.
const CHARACTERS: usize = 43;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of these bytes.
pub(crate) fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(CHARACTERS);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or(0))
        });
        // Three bytes are four characters, two are three.
        for at in 0..=three.len() {
            let six = bits >> (18 - 6 * at) & 63;
            let character = ALPHABET.get(six as usize).copied().unwrap_or(b'A');
            text.push(char::from(character));
        }
    }
    text
}

/// The bytes of a text, if it is the text of any.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    if text.len() != CHARACTERS {
        return None;
    }
    let mut bytes = [0; 32];
    let mut places = bytes.iter_mut();
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.bytes() {
        let six = ALPHABET.iter().position(|known| *known == character)?;
        bits = bits << 6 | u32::try_from(six).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            *places.next()? = u8::try_from(bits >> count).ok()?;
            bits &= (1 << count) - 1;
        }
    }
    // Two bits are left over. Were they anything but zero, there would be four texts of one value.
    (bits == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_bytes_have_their_known_text() {
        assert_eq!(encode(&[0; 32]), "A".repeat(43));
        let text = format!("{}8", "_".repeat(42));
        assert_eq!(encode(&[255; 32]), text);
        assert_eq!(decode(&text), Some([255; 32]));
        let counted: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        assert_eq!(encode(&counted), text);
    }

    #[test]
    fn what_is_no_such_text_is_refused() {
        let good = "A".repeat(43);
        for text in [
            String::new(),
            "A".repeat(42),
            "A".repeat(44),
            format!("{}=", "A".repeat(42)),
            format!("{}+", "A".repeat(42)),
            // The two bits that are left over.
            format!("{}B", "A".repeat(42)),
            format!("{}\u{e4}", "A".repeat(41)),
        ] {
            assert_eq!(decode(&text), None, "{text}");
        }
        assert_eq!(decode(&good), Some([0; 32]));
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(bytes: [u8; 32]) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn what_reads_is_the_one_text_of_its_bytes(text in "[A-Za-z0-9_-]{43}") {
            if let Some(bytes) = decode(&text) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }
    }
}
