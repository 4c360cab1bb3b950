//! The conformance suite on every codec, and what holds for all of them together.
#![cfg(feature = "testkit")]

use std::collections::BTreeSet;

use widget_core::codec;

mod bincode {
    widget_core::codec_suite!(widget_core::codec::Bincode);
}

#[cfg(feature = "postcard")]
mod postcard {
    widget_core::codec_suite!(widget_core::codec::Postcard);
}

#[cfg(feature = "json")]
mod json {
    widget_core::codec_suite!(widget_core::codec::Json);
}

#[test]
fn each_codec_is_found_by_its_number_and_has_a_name_of_its_own() {
    let ids: BTreeSet<u8> = codec::ALL.iter().map(|codec| codec.id()).collect();
    let names: BTreeSet<_> = codec::ALL.iter().map(|c| c.content_type()).collect();
    assert_eq!(ids.len(), codec::ALL.len());
    assert_eq!(names.len(), codec::ALL.len());
    for id in 0..=u8::MAX {
        let found = codec::by_id(id).map(|codec| codec.id());
        assert_eq!(found, ids.contains(&id).then_some(id));
    }
}

#[test]
fn a_content_type_is_found_in_any_case_and_with_parameters() {
    for codec in codec::ALL {
        let plain = codec.content_type();
        let upper = plain.to_uppercase();
        for text in [plain, &upper, &format!(" {plain} ; charset=utf-8")] {
            let found = codec::by_content_type(text).map(|codec| codec.id());
            assert_eq!(found, Some(codec.id()), "{text}");
        }
        let named = codec::by_name(codec.name()).map(|codec| codec.id());
        assert_eq!(named, Some(codec.id()));
    }
    for text in ["", "text/html", "application/", "application/vnd.widget"] {
        assert!(codec::by_content_type(text).is_none(), "{text}");
    }
}
