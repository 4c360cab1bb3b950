//! TLS on both sides: who is trusted, who is refused and with which words, what the ends of a stream
//! come to.
#![cfg(feature = "tls")]
// A failing assertion is what a test is for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod papers;
mod wire;

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;

use futures_lite::future::zip;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use papers::{Authority, authority, authority_params, papers, pinned, server, shows};
use rcgen::{CertifiedIssuer, KeyPair, date_time_ymd};
use smol::block_on;
use widget_core::runtime::Wrap;
use widget_core::tls::{Application, Pin, TlsClient, TlsServer, Trust};
use wire::{ends, greet, refusal, relay, say_all};

use crate::Application::{Frames, Http};

fn client(trust: &Trust, host: &str) -> TlsClient {
    TlsClient::new(trust, host, Frames).unwrap()
}

/// Holds that both sides find each other good, and hear each other.
fn meet(server: &TlsServer, client: &TlsClient) {
    block_on(async {
        let (server, client) = greet(server, client).await;
        let (mut server, mut client) = (server.unwrap(), client.unwrap());
        let mut heard = [0; 4];
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
        let text = vec![7; 300_000];
        let mut came = Vec::new();
        let (said, ()) = zip(say_all(server, &text), async {
            client.read_to_end(&mut came).await.unwrap();
            drop(client);
        })
        .await;
        said.unwrap();
        assert_eq!(came, text);
    });
}

/// Holds that the client does not take the server, and says so with this word.
fn refuse(server: &TlsServer, client: &TlsClient, word: &str) {
    block_on(async {
        let (server, client) = greet(server, client).await;
        let (kind, why) = refusal(client);
        assert_eq!(kind, ErrorKind::InvalidData);
        assert!(why.contains(word), "{why}");
        assert!(server.is_err());
    });
}

#[test]
fn a_server_of_the_pinned_authority_is_trusted() {
    let authority = authority();
    for host in ["localhost", "127.0.0.1"] {
        meet(
            &server(&authority, Frames),
            &client(&pinned(&authority), host),
        );
    }
}

#[test]
fn an_authority_between_leads_to_the_pinned_one() {
    let root = authority();
    let between: Authority =
        CertifiedIssuer::signed_by(authority_params(), KeyPair::generate().unwrap(), &root)
            .unwrap();
    let server = shows(papers(&between, |_| {}), &[&between, &root], Frames);
    meet(&server, &client(&pinned(&root), "localhost"));
}

#[test]
fn a_server_whose_authority_is_in_a_file_is_trusted() {
    let (authority, other) = (authority(), authority());
    let pem = format!("{}\n{}", other.pem(), authority.pem());
    let trust = Trust::from_pem(pem.as_bytes()).unwrap();
    // It need not be shown then.
    let server = shows(papers(&authority, |_| {}), &[], Frames);
    meet(&server, &client(&trust, "localhost"));
}

#[test]
fn a_server_of_another_authority_is_refused() {
    let (authority, other) = (authority(), authority());
    let server = server(&other, Frames);
    let trust = pinned(&authority);
    refuse(&server, &client(&trust, "localhost"), "UnknownIssuer");
    let trust = Trust::Roots(vec![authority.der().to_vec()]);
    refuse(&server, &client(&trust, "localhost"), "BadSignature");
}

#[test]
fn a_server_that_merely_shows_the_pinned_authority_is_refused() {
    let (authority, other) = (authority(), authority());
    let trust = pinned(&authority);
    // Both authorities have one name, so that only the signature tells.
    for shown in [vec![&authority], vec![&other, &authority]] {
        let server = shows(papers(&other, |_| {}), &shown, Frames);
        refuse(&server, &client(&trust, "localhost"), "invalid peer");
    }
}

#[test]
fn a_server_that_does_not_show_the_pinned_authority_is_refused() {
    let authority = authority();
    let server = shows(papers(&authority, |_| {}), &[], Frames);
    let client = client(&pinned(&authority), "localhost");
    refuse(&server, &client, "UnknownIssuer");
}

#[test]
fn a_name_that_the_certificate_does_not_have_is_refused() {
    let authority = authority();
    for host in ["elsewhere.example", "127.0.0.2"] {
        let client = client(&pinned(&authority), host);
        refuse(&server(&authority, Frames), &client, "not valid for name");
    }
}

#[test]
fn a_certificate_that_is_past_its_time_is_refused() {
    let authority = authority();
    let old = papers(&authority, |params| {
        params.not_after = date_time_ymd(2000, 1, 1);
    });
    let server = shows(old, &[&authority], Frames);
    let client = client(&pinned(&authority), "localhost");
    refuse(&server, &client, "expired");
}

#[test]
fn two_applications_do_not_meet() {
    let authority = authority();
    let trust = pinned(&authority);
    for (served, asked) in [(Frames, Http), (Http, Frames)] {
        let client = TlsClient::new(&trust, "localhost", asked).unwrap();
        let server = server(&authority, served);
        block_on(async {
            let (server, client) = greet(&server, &client).await;
            assert_eq!(refusal(server).0, ErrorKind::InvalidData);
            // The server may be gone before it has told why.
            assert!(client.is_err());
        });
    }
}

#[test]
fn who_says_no_application_is_let_in_for_http_only() {
    let authority = authority();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mute = futures_rustls::TlsConnector::from(Arc::new(config));
    for (application, is_let_in) in [(Frames, false), (Http, true)] {
        let (one, other) = ends();
        let server = server(&authority, application);
        let client = mute.connect("localhost".try_into().unwrap(), other);
        let (server, _) = block_on(zip(server.wrap(one), client));
        assert_eq!(server.is_ok(), is_let_in, "{application:?}");
    }
}

#[test]
fn a_server_that_speaks_no_tls_is_refused() {
    let client = client(&pinned(&authority()), "localhost");
    block_on(async {
        let (mut one, other) = ends();
        one.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(refusal(client.wrap(other).await).0, ErrorKind::InvalidData);
    });
}

#[test]
fn a_client_that_speaks_no_tls_is_refused_without_a_plain_word() {
    let server = server(&authority(), Frames);
    block_on(async {
        let (one, mut other) = ends();
        other.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(refusal(server.wrap(one).await).0, ErrorKind::InvalidData);
        let mut answer = Vec::new();
        other.read_to_end(&mut answer).await.unwrap();
        // RFC 8446: a record of type alert, version, two bytes: fatal, and why.
        assert_eq!((answer[..5].to_vec(), answer[5]), (vec![21, 3, 3, 0, 2], 2));
        assert_eq!(answer.len(), 7);
    });
}

#[test]
fn a_peer_that_goes_while_it_greets_is_no_stranger() {
    let authority = authority();
    let client = client(&pinned(&authority), "localhost");
    block_on(async {
        let (one, other) = ends();
        drop(one);
        let error = client.wrap(other).await.err().unwrap();
        assert_ne!(error.kind(), ErrorKind::InvalidData);
        let (one, other) = ends();
        drop(other);
        let error = server(&authority, Frames).wrap(one).await.err().unwrap();
        assert_ne!(error.kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn a_stream_that_is_cut_at_any_record_is_an_error_and_no_end() {
    const TEXT: &[u8] = b"what was said in confidence, to the end";
    let authority = authority();
    let (server, client) = (
        server(&authority, Frames),
        client(&pinned(&authority), "localhost"),
    );
    // Records that the server sent, and what the client made of those that came to it.
    let cut_after = |whole| {
        block_on(async {
            let ((one, up), (down, other)) = (ends(), ends());
            let says = async {
                if let Ok(stream) = server.wrap(one).await {
                    // Whether it was cut off is seen at the other side.
                    let _ = say_all(stream, TEXT).await;
                }
            };
            let hears = async {
                let mut stream = client.wrap(other).await?;
                let mut came = Vec::new();
                stream.read_to_end(&mut came).await.map(|_| came)
            };
            let ((), (records, heard)) = zip(says, zip(relay(up, down, whole), hears)).await;
            (records, heard)
        })
    };
    let (records, heard) = cut_after(usize::MAX);
    assert_eq!(heard.unwrap(), TEXT);
    assert!(records.len() > 5, "{}", records.len());
    let sent = records.concat();
    assert!(
        !sent
            .windows(10)
            .any(|some| TEXT.windows(10).any(|said| said == some))
    );
    for whole in 0..records.len() {
        let error = cut_after(whole).1.unwrap_err();
        // While it greets it may also be the client that has something to say to nobody.
        let is_cut = matches!(
            error.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
        );
        assert!(is_cut, "{whole}: {error:?}");
    }
}

#[test]
fn what_cannot_be_used_is_said_before_anything_is_connected() {
    let authority = authority();
    let (one, other) = (papers(&authority, |_| {}), papers(&authority, |_| {}));
    let server = |chain: Vec<Vec<u8>>, key: &[u8]| {
        let error = TlsServer::new(chain, key.to_vec(), Frames).unwrap_err();
        (error.to_string(), error.source().is_some())
    };
    let is = |text: &str, has_cause| (text.to_owned(), has_cause);
    assert_eq!(
        server(Vec::new(), &one.key),
        is("there is no certificate to be shown", false)
    );
    assert_eq!(
        server(vec![one.own.clone()], b"no key"),
        is("the key cannot be read", true)
    );
    let together = "certificate and key cannot be used together";
    assert_eq!(
        server(vec![one.own.clone()], &other.key),
        is(together, true)
    );
    assert_eq!(server(vec![b"none".to_vec()], &one.key), is(together, true));

    let client = |trust: &Trust, host: &str| {
        let error = TlsClient::new(trust, host, Frames).unwrap_err();
        (error.to_string(), error.source().is_some())
    };
    assert_eq!(
        client(&pinned(&authority), "a b"),
        is("the host is neither a name nor an IP address", true)
    );
    assert_eq!(
        client(&Trust::Roots(Vec::new()), "a"),
        is("there is no authority to be trusted", false)
    );
    assert_eq!(
        client(&Trust::Roots(vec![b"none".to_vec()]), "a"),
        is("a certificate that is to be trusted cannot be used", true)
    );
    let damaged = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let error = Trust::from_pem(damaged.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificates cannot be read from their PEM"
    );
    assert_eq!(
        Trust::from_pem(b"").unwrap_err().to_string(),
        "there is no certificate in the PEM"
    );
}

#[test]
fn no_key_is_in_what_is_shown_of_a_server() {
    let authority = authority();
    let shown = format!("{:?}", server(&authority, Frames));
    assert_eq!(shown, "TlsServer { application: Frames, .. }");
    let pin = Pin::of(authority.der());
    assert_eq!(format!("{pin:?}"), format!("Pin({pin})"));
}

#[test]
fn no_provider_is_installed_for_the_process() {
    let authority = authority();
    meet(
        &server(&authority, Frames),
        &client(&pinned(&authority), "localhost"),
    );
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}
