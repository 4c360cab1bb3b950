//! [`Pass`]: what a browser keeps of a token that a person has signed in with. It proves that the token was
//! shown here; whether it is still good, its row says each time.
//!
//! Under a [`seal`](crate::seal): what is kept of the token's secret, and the end in seconds since 1970 UTC
//! (big-endian). The key is a new one each time the store is opened.

use widget_core::access::Verifier;
use widget_core::store::SessionKey;
use widget_core::time::Timestamp;

use crate::seal;

const CLAIMS: usize = 40;
const WORD: &[u8] = b"widget page\0";

/// What a browser keeps of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) token: Verifier,
    pub(crate) expiry: Timestamp,
}

impl Pass {
    /// Its text, sealed by this key.
    pub(crate) fn seal(&self, key: &SessionKey) -> String {
        let seconds = self.expiry.as_secs().to_be_bytes();
        let claims = [self.token.as_bytes().as_slice(), &seconds].concat();
        seal::seal(key, WORD, &claims)
    }

    /// What this text says, if it was sealed by this key.
    pub(crate) fn open(text: &str, key: &SessionKey) -> Option<Self> {
        let claims: [u8; CLAIMS] = seal::open(key, WORD, text)?;
        let (token, rest) = claims.split_first_chunk::<32>()?;
        let (seconds, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            token: Verifier::from_bytes(*token),
            expiry: Timestamp::from_secs(i64::from_be_bytes(*seconds)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_to_the_same() {
        let key = SessionKey::from_bytes([7; 32]);
        let pass = Pass {
            token: Verifier::from_bytes([5; 32]),
            expiry: Timestamp::from_millis(1_800_000_000_000),
        };
        assert_eq!(Pass::open(&pass.seal(&key), &key), Some(pass));
    }
}
