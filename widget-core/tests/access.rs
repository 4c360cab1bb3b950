//! Join strings: what is one, what is none, and that none of it shows a secret.
#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used)] // that is how a test fails

use proptest::prelude::*;
use widget_core::access::{InvalidJoinString, JoinString, Secret};
use widget_core::testkit::fixtures::secret;
use widget_core::testkit::samples;

const TOKEN: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
const PIN: &str = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk";

fn join(servers: &[&str]) -> JoinString {
    let servers = servers.iter().map(|&server| server.to_owned()).collect();
    JoinString::new(secret(7), Some([9; 32]), servers).unwrap()
}

#[test]
fn a_join_string_reads_back() {
    let both = join(&[
        "tls://[::1]:9004",
        "https://fleet.example/a.b/?codec=json&x=1",
    ]);
    let text = both.to_string();
    assert_eq!(
        text,
        format!("wj1.{TOKEN}.{PIN}.tls://[::1]:9004,https://fleet.example/a.b/?codec=json&x=1")
    );
    assert_eq!(text.parse(), Ok(both.clone()));
    assert_eq!((both.token(), both.pin()), (&secret(7), Some(&[9; 32])));
    assert_eq!(both.servers().len(), 2);
    let text = format!("wj1.{TOKEN}.-.tcp://127.0.0.1:9004");
    let plain: JoinString = text.parse().unwrap();
    assert_eq!((plain.pin(), plain.to_string()), (None, text));
}

#[test]
fn what_is_no_join_string_is_refused_with_its_reason() {
    use InvalidJoinString::{Length, Pin, Prefix, Servers, Token, Url};
    let nine = ["tcp://a"; 9].join(",");
    let long = format!("tcp://{}", "a".repeat(JoinString::MAX_LEN));
    for (text, why) in [
        (String::new(), Prefix),
        ("wj2.a.b.c".into(), Prefix),
        (format!("wt1.{TOKEN}"), Prefix),
        (format!(" wj1.{TOKEN}.{PIN}.tcp://a"), Prefix),
        ("wj1".into(), Token),
        (format!("wj1.{}.{PIN}.tcp://a", &TOKEN[1..]), Token),
        (format!("wj1.{}B.{PIN}.tcp://a", &TOKEN[1..]), Token),
        (format!("wj1.{TOKEN}"), Pin),
        (format!("wj1.{TOKEN}..tcp://a"), Pin),
        (format!("wj1.{TOKEN}.tcp://a"), Pin),
        (format!("wj1.{TOKEN}.{PIN}"), Servers),
        (format!("wj1.{TOKEN}.{PIN}."), Servers),
        (format!("wj1.{TOKEN}.-.{nine}"), Servers),
        (format!("wj1.{TOKEN}.-.a:9004"), Url),
        (format!("wj1.{TOKEN}.-.://a"), Url),
        (format!("wj1.{TOKEN}.-.tcp://"), Url),
        (format!("wj1.{TOKEN}.-.tcp://a,"), Url),
        (format!("wj1.{TOKEN}.-.tcp://a b"), Url),
        (format!("wj1.{TOKEN}.-.tcp://a'"), Url),
        (format!("wj1.{TOKEN}.-.tcp://\u{f6}"), Url),
        (format!("wj1.{TOKEN}.-.tcp://a\n"), Url),
        (format!("wj1.{TOKEN}.-.{long}"), Length),
        // Not looked into any further.
        (long, Length),
    ] {
        assert_eq!(text.parse::<JoinString>(), Err(why), "{text}");
    }
}

#[test]
fn parts_that_would_not_read_back_make_no_join_string() {
    use InvalidJoinString::{Length, Servers, Url};
    for (servers, why) in [
        (vec![], Servers),
        (vec!["tcp://a".to_owned(); 9], Servers),
        (vec!["tcp://a,b".to_owned()], Url),
        (vec![format!("tcp://{}", "a".repeat(1_996))], Length),
    ] {
        assert_eq!(JoinString::new(secret(1), None, servers), Err(why));
    }
}

#[test]
fn a_join_string_with_one_character_changed_is_refused_or_another() {
    let good = join(&["tls://fleet.example:9004"]);
    let text = good.to_string();
    for place in 0..text.len() {
        for other in ["A", "z", "-", ".", ",", " ", "~"] {
            if text[place..].starts_with(other) {
                continue;
            }
            let changed = format!("{}{other}{}", &text[..place], &text[place + 1..]);
            if let Ok(read) = changed.parse::<JoinString>() {
                assert_ne!(read, good, "{changed}");
                assert_eq!(read.to_string(), changed);
            }
        }
    }
}

#[test]
fn a_secret_shows_nowhere() {
    let mut shown: Vec<String> = samples::openings()
        .iter()
        .map(|opening| format!("{opening:?}"))
        .collect();
    shown.push(format!("{:?}", join(&["tls://a"])));
    shown.push(format!("{:?} {:?}", secret(7), Some(&secret(7))));
    // Nearly right, and in the wrong place.
    for text in [
        format!("wj1.{TOKEN}"),
        format!("wj1.{TOKEN}.{TOKEN}.{TOKEN}"),
        format!("wj1.{TOKEN}A.-.tcp://a"),
    ] {
        let error = text.parse::<JoinString>().unwrap_err();
        shown.push(format!("{error} {error:?}"));
    }
    let error = format!("{TOKEN}x").parse::<Secret>().unwrap_err();
    shown.push(format!("{error} {error:?}"));
    for text in shown {
        assert!(!text.contains(TOKEN), "{text}");
        for n in [0, 1, 2, 7, 255] {
            assert!(!text.contains(&secret(n).text()), "{text}");
        }
        // Of the others there are as many in codecs and extras.
        for n in ["1, ", "2, ", "7, "] {
            assert!(!text.contains(&n.repeat(31)), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_refused_or_reads_back(text in "(wj1[.])?[A-Za-z0-9_-]{43}[.](-|[A-Za-z0-9_-]{43})[.]([a-z]{1,5}://[ -~]{1,9},?){1,3}|.{0,99}") {
        if let Ok(join) = text.parse::<JoinString>() {
            prop_assert_eq!(join.to_string(), text);
        }
    }
}
