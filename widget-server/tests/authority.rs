//! What an authority keeps, what it refuses, and that clients know the server by it.

// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_lite::future::{block_on, zip};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::{TempDir, tempdir};
use tokio_util::compat::TokioAsyncReadCompatExt;
use widget_core::runtime::Wrap;
use widget_core::time::Timestamp;
use widget_core::tls::{Application, Pin, TlsClient, Trust};
use widget_server::tls::{Authority, AuthorityError};

const NAMES: [&str; 3] = ["fleet.example", "127.0.0.1", "::1"];

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

fn open(data: &Path, names: &[&str]) -> Result<Authority, AuthorityError> {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    Authority::open(data, &names, now())
}

fn made() -> (TempDir, Authority) {
    let data = tempdir().unwrap();
    let authority = open(data.path(), &NAMES).unwrap();
    (data, authority)
}

/// Whether a client that knows the server by this gets in under this name.
fn is_trusted(authority: &Authority, trust: &Trust, name: &str) -> bool {
    let (one, other) = tokio::io::duplex(64 * 1024);
    let (one, other) = (Box::new(one.compat()), Box::new(other.compat()));
    let server = authority.server(Application::Frames).unwrap();
    let client = TlsClient::new(trust, name, Application::Frames).unwrap();
    let (served, met) = block_on(zip(server.wrap(one), client.wrap(other)));
    served.is_ok() && met.is_ok()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_data_directory_gets_an_authority_by_which_its_server_is_known() {
    let (data, authority) = made();
    let trust = Trust::Pin(authority.pin());
    for name in NAMES {
        assert!(is_trusted(&authority, &trust, name), "{name}");
    }
    assert!(!is_trusted(&authority, &trust, "elsewhere.example"));
    let pem = fs::read(data.path().join("tls/ca.crt")).unwrap();
    assert!(is_trusted(
        &authority,
        &Trust::from_pem(&pem).unwrap(),
        NAMES[0]
    ));
    assert!(!is_trusted(
        &authority,
        &Trust::Pin(made().1.pin()),
        NAMES[0]
    ));
}

#[test]
fn the_authority_stays_when_the_names_change() {
    let (data, authority) = made();
    let again = open(data.path(), &["new.example"]).unwrap();
    assert_eq!(again.pin(), authority.pin());
    let trust = Trust::Pin(authority.pin());
    assert!(is_trusted(&again, &trust, "new.example"));
    assert!(!is_trusted(&again, &trust, NAMES[0]));
}

#[test]
fn its_key_is_for_its_owner_only() {
    let (data, authority) = made();
    let tls = data.path().join("tls");
    assert_eq!(mode(&tls), 0o700);
    assert_eq!(mode(&tls.join("ca.key")), 0o600);
    let shown = format!("{authority:?}");
    assert_eq!(
        shown,
        format!("Authority {{ pin: {:?}, .. }}", authority.pin())
    );
}

#[test]
fn a_file_that_is_lost_is_named_and_nothing_is_made_in_its_place() {
    for lost in ["ca.key", "ca.crt"] {
        let (data, _) = made();
        let path = data.path().join("tls").join(lost);
        fs::remove_file(&path).unwrap();
        let error = open(data.path(), &NAMES).unwrap_err();
        assert!(
            matches!(&error, AuthorityError::Lost(named) if *named == path),
            "{error:?}"
        );
        assert!(!path.exists());
    }
}

#[test]
fn a_damaged_file_is_named() {
    for damaged in ["ca.key", "ca.crt"] {
        let (data, _) = made();
        let path = data.path().join("tls").join(damaged);
        fs::write(&path, "no PEM").unwrap();
        let error = open(data.path(), &NAMES).unwrap_err();
        assert!(
            error.to_string().starts_with(&path.display().to_string()),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "no PEM");
    }
}

#[test]
fn a_key_of_another_authority_is_refused() {
    let ((data, _), (other, _)) = (made(), made());
    let key = |data: &TempDir| data.path().join("tls/ca.key");
    fs::copy(key(&other), key(&data)).unwrap();
    let error = open(data.path(), &NAMES).unwrap_err();
    assert!(
        matches!(error, AuthorityError::Unusable { .. }),
        "{error:?}"
    );
}

#[test]
fn what_a_crash_has_left_is_begun_anew() {
    let data = tempdir().unwrap();
    fs::create_dir(data.path().join("tls.new")).unwrap();
    fs::write(data.path().join("tls.new/ca.key"), "half of a k").unwrap();
    open(data.path(), &NAMES).unwrap();
    assert!(!data.path().join("tls.new").exists());
}

#[test]
fn a_data_directory_that_cannot_be_is_named() {
    let data = tempdir().unwrap();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file, &NAMES).unwrap_err();
    assert!(matches!(error, AuthorityError::File { .. }), "{error:?}");
}

#[test]
fn a_name_that_is_none_is_refused() {
    let data = tempdir().unwrap();
    let error = open(data.path(), &["b\u{fc}ro.example"]).unwrap_err();
    assert!(matches!(error, AuthorityError::Names { .. }), "{error:?}");
}

#[test]
fn a_clock_that_stands_at_its_beginning_makes_nothing_that_is_over() {
    let data = tempdir().unwrap();
    let names = [NAMES[0].to_owned()];
    let authority = Authority::open(data.path(), &names, Timestamp::default()).unwrap();
    assert!(is_trusted(
        &authority,
        &Trust::Pin(authority.pin()),
        NAMES[0]
    ));
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_that_is_open_to_every_user_is_refused_with_what_to_type() {
    let (data, _) = made();
    own_files(data.path());
    let at = |name: &str| data.path().join(name);
    let own = || Authority::own(&at("chain.crt"), &at("own.key"), None);
    for mode in [0o604, 0o602, 0o661, 0o666] {
        set_mode(&at("tls/ca.key"), mode);
        set_mode(&at("own.key"), mode);
        for (name, opened) in [("ca.key", open(data.path(), &NAMES)), ("own.key", own())] {
            let error = opened.unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("chmod o-rwx"),
                "{error}"
            );
        }
    }
    // A group's own is its affair.
    for mode in [0o400, 0o600, 0o440, 0o660] {
        set_mode(&at("tls/ca.key"), mode);
        set_mode(&at("own.key"), mode);
        assert!(
            open(data.path(), &NAMES).is_ok() && own().is_ok(),
            "{mode:o}"
        );
    }
}

/// Files of somebody else's authority: chain, key, and the authority alone.
fn own_files(data: &Path) -> Pin {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![NAMES[0].to_owned()]).unwrap();
    let own = params.signed_by(&key, &ca).unwrap();
    fs::write(data.join("own.crt"), own.pem()).unwrap();
    fs::write(data.join("chain.crt"), own.pem() + &ca.pem()).unwrap();
    fs::write(data.join("own.key"), key.serialize_pem()).unwrap();
    set_mode(&data.join("own.key"), 0o600);
    fs::write(data.join("ca.crt"), ca.pem()).unwrap();
    Pin::of(ca.der())
}

#[test]
fn a_certificate_of_ones_own_is_shown_with_its_authority() {
    let data = tempdir().unwrap();
    let pin = own_files(data.path());
    let at = |name: &str| data.path().join(name);
    let ca = at("ca.crt");
    for (chain, ca) in [
        ("chain.crt", None),
        ("own.crt", Some(&ca)),
        ("chain.crt", Some(&ca)),
    ] {
        let ca = ca.map(|ca| ca.as_path());
        let authority = Authority::own(&at(chain), &at("own.key"), ca).unwrap();
        assert_eq!(authority.pin(), pin);
        assert!(
            is_trusted(&authority, &Trust::Pin(pin), NAMES[0]),
            "{chain}"
        );
    }
}

#[test]
fn a_certificate_of_ones_own_that_cannot_be_used_is_named_at_once() {
    let (data, other) = (tempdir().unwrap(), tempdir().unwrap());
    own_files(data.path());
    own_files(other.path());
    let at = |name: &str| data.path().join(name);
    let strange = other.path().join("own.key");
    for (chain, key) in [
        (at("none.crt"), at("own.key")),
        (at("own.key"), at("own.key")),
        (at("own.crt"), at("own.crt")),
        (at("own.crt"), strange),
    ] {
        let error = Authority::own(&chain, &key, None).unwrap_err().to_string();
        let named = |path: &Path| error.contains(&path.display().to_string());
        assert!(named(&chain) || named(&key), "{error}");
    }
}
