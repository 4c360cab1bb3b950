//! [`Options`]: what an address says behind its question mark.

use widget_core::codec::{self, Bincode, ErasedCodec};
#[cfg(feature = "tls")]
use widget_core::tls::Trust;

use super::{ConnectError, list, sayable};

/// What an address says behind its question mark.
pub(super) struct Options {
    pub(super) codec: &'static dyn ErasedCodec,
    /// By what the server is known.
    #[cfg(feature = "tls")]
    pub(super) trust: Option<Trust>,
}

impl Options {
    /// Reads them; none at all are those that are usual.
    pub(super) fn read(text: &str) -> Result<Self, ConnectError> {
        let mut options = Self {
            codec: &Bincode,
            #[cfg(feature = "tls")]
            trust: None,
        };
        if text.is_empty() {
            return Ok(options);
        }
        for option in text.split('&') {
            match option.split_once('=') {
                Some(("codec", name)) => options.codec = codec_of(name)?,
                #[cfg(feature = "tls")]
                Some(("pin", pin)) => options.trust = Some(super::secure::pinned(pin)?),
                #[cfg(feature = "tls")]
                Some(("ca", path)) => options.trust = Some(super::secure::authorities(path)?),
                _ => return Err(ConnectError::Option(sayable(option))),
            }
        }
        Ok(options)
    }
}

fn codec_of(name: &str) -> Result<&'static dyn ErasedCodec, ConnectError> {
    codec::by_name(name).ok_or_else(|| ConnectError::UnknownCodec {
        codec: sayable(name),
        known: list(codec::ALL.iter().map(|codec| codec.name())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Options::read(text).err().unwrap().to_string()
    }

    #[test]
    fn each_codec_can_be_asked_for_by_name() {
        for codec in codec::ALL {
            let asked = Options::read(&format!("codec={}", codec.name())).unwrap();
            assert_eq!(asked.codec.id(), codec.id());
        }
        assert_eq!(Options::read("").unwrap().codec.id(), 1);
    }

    #[test]
    fn an_unknown_codec_names_the_known_ones() {
        let error = error("codec=xml");
        assert!(error.starts_with("unknown codec xml: this build knows bincode"));
    }

    #[test]
    fn an_option_that_is_none_is_refused() {
        for text in ["timeout=5", "codec", "&", "codec=bincode&"] {
            assert!(error(text).contains("?codec="), "{text}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn by_what_the_server_is_known_is_read() {
        let pin = "A".repeat(43);
        let both = format!("codec=bincode&pin={pin}");
        let trust = Options::read(&both).unwrap().trust;
        assert_eq!(trust, Some(Trust::Pin(pin.parse().unwrap())));
        assert!(error("pin=abc").contains("not a pin"));
        assert!(error("ca=/nowhere/at/all").contains("/nowhere/at/all"));
    }
}
