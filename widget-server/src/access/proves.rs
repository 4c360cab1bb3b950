//! What the server keeps of a secret, by what it is good for.

use sha2::{Digest, Sha256};
use widget_core::access::{Secret, Verifier};

/// What a secret is good for. One that is shown for another purpose has another verifier, so it is not
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proves {
    /// That an agent is the one that enrolled with it.
    Agent,
    /// That whoever has it may enrol an agent.
    Join,
    /// That whoever has it may use the API.
    Api,
}

impl Proves {
    /// In every store there is: a word never changes.
    const fn word(self) -> &'static [u8] {
        match self {
            Self::Agent => b"widget agent\0",
            Self::Join => b"widget join\0",
            Self::Api => b"widget api\0",
        }
    }
}

/// What is kept of this secret: SHA-256 of a word for its purpose and its 32 random bytes, which nobody
/// guesses, so that a slower digest would protect nothing.
///
/// ```
/// use widget_core::access::Secret;
/// use widget_server::access::{Proves, verifier};
///
/// let secret = Secret::from_bytes([7; 32]);
/// let kept = verifier(Proves::Join, &secret);
/// assert_eq!(verifier(Proves::Join, &secret), kept);
/// assert_ne!(verifier(Proves::Agent, &secret), kept);
/// ```
#[must_use]
pub fn verifier(proves: Proves, secret: &Secret) -> Verifier {
    let digest = Sha256::new()
        .chain_update(proves.word())
        .chain_update(secret.as_bytes())
        .finalize();
    Verifier::from_bytes(digest.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_secret_is_the_same_in_each_version() {
        let secret = Secret::from_bytes([7; 32]);
        for (proves, expected) in [
            (
                Proves::Agent,
                "6ef9c04b8d9d99263667426c788e2f2c9a95644f86db76825f6df9625afc5fee",
            ),
            (
                Proves::Join,
                "3721625c01377e00a9e8a22d5584a114c21b12e8ba277dd3372084c9038287fb",
            ),
            (
                Proves::Api,
                "b3fca5aefb486d2231a74532e6369671b520cb9b716765ab5355204a20044fd6",
            ),
        ] {
            let kept = verifier(proves, &secret);
            let hex: String = kept.as_bytes().iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected, "{proves:?}");
        }
    }
}
