//! A server at an address, with a token, over TLS.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use tempfile::TempDir;
use widget_core::runtime::{SharedRuntime, TokioRuntime};
use widget_core::stop::Stop;
use widget_core::tls::{Application, Pin};
use widget_core::transport::Exposure;
use widget_server::tls::Authority;
use widget_server::{AdminListener, HostRules, Server, open, router};
use widget_tests::Ctl;

use crate::Near;

const AGENT: &str = "0191e7a4-7c1d-7bb3-9f2e-3c7a1a2b4c5d";

/// Asks this address with a token, by a file in this directory.
fn with_token(near: &Near, directory: &TempDir, token: &str) -> Ctl {
    let file = directory.path().join("token");
    fs::write(&file, format!("{token}\n")).unwrap();
    let server = near.server.api.base();
    Ctl::with(&["--server", server, "--token-file", file.to_str().unwrap()])
}

#[test]
fn a_viewer_token_is_refused_with_exit_3() {
    let (near, files) = (Near::start(), TempDir::new().unwrap());
    let token = near
        .ctl
        .prints(&["token", "create", "wall", "--role", "viewer"]);
    let viewer = with_token(&near, &files, &token);
    let _ = viewer.prints(&["agent", "list"]);
    for words in [
        &["shutdown", AGENT][..],
        &["task", "send", AGENT, "echo"],
        &["token", "create", "mine", "--role", "admin"],
        &["join-token", "create"],
        &["token", "list"],
        &["audit"],
    ] {
        let said = viewer.fails(3, words);
        assert!(said.contains("role"), "{said}");
    }
}

#[test]
fn a_token_that_was_revoked_is_refused_with_exit_3() {
    let (near, files) = (Near::start(), TempDir::new().unwrap());
    let token = near
        .ctl
        .prints(&["token", "create", "deploy", "--role", "admin"]);
    let admin = with_token(&near, &files, &token);
    let _ = admin.prints(&["token", "list"]);
    let _ = near.ctl.prints(&["token", "revoke", "1"]);
    let said = admin.fails(3, &["token", "list"]);
    assert!(said.contains("widgetctl token create"), "{said}");
    assert!(!said.contains(&token), "{said}");
}

#[test]
fn what_a_token_did_stands_under_its_name() {
    let (near, files) = (Near::start(), TempDir::new().unwrap());
    let token = near
        .ctl
        .prints(&["token", "create", "deploy", "--role", "admin"]);
    let _ = with_token(&near, &files, &token).prints(&["join-token", "create"]);
    let list = near.ctl.prints(&["audit", "--limit", "1"]);
    assert!(
        list.contains("  token:deploy  token.create  token:2"),
        "{list}"
    );
}

#[test]
fn an_address_that_makes_no_sense_exits_with_2() {
    let near = Near::start();
    for (flags, part) in [
        (&["--server", "http://fleet.example"][..], "https://"),
        (&["--server", "https://127.0.0.1:1"], "--pin"),
        (
            &["--server", "https://127.0.0.1:1", "--pin", "x"],
            "43 characters",
        ),
        (&["--server", "127.0.0.1:1"], "URL"),
        (&["--token-file", "/nowhere"], "--server"),
        (
            &[
                "--server",
                near.server.api.base(),
                "--token-file",
                "/nowhere",
            ],
            "/nowhere",
        ),
    ] {
        let said = Ctl::with(flags).fails(2, &["agent", "list"]);
        assert!(said.contains(part), "{flags:?}: {said}");
    }
}

/// A web server of another sort, for one request.
fn stranger() -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\n<p>no</p>";
        stream.write_all(answer).unwrap();
    });
    (address, answering)
}

#[test]
fn what_is_no_server_is_told_from_one_that_is_not_there() {
    let near = Near::start();
    // The port for agents speaks HTTP as well.
    let agents = format!("http://{}", near.server.http);
    let said = Ctl::with(&["--server", &agents]).fails(1, &["agent", "list"]);
    assert!(said.contains("for agents"), "{said}");
    // And so may anybody.
    let (address, answering) = stranger();
    let said = Ctl::with(&["--server", &address]).fails(1, &["agent", "list"]);
    assert!(
        said.contains("not the API of a widget-server (status 404)"),
        "{said}"
    );
    answering.join().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let said = Ctl::with(&["--server", &address]).fails(1, &["agent", "list"]);
    assert!(
        said.contains(&address) && said.contains("cannot reach"),
        "{said}"
    );
}

/// API and page over TLS, until the stop; gives the address and the authority.
fn over_tls(data: &TempDir, stop: &Stop) -> (SocketAddr, Authority, thread::JoinHandle<()>) {
    let names = ["127.0.0.1".to_owned()];
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let authority = Authority::open(data.path(), &names, now).unwrap();
    let server = authority.server(Application::Http).unwrap();
    let (ready, is_ready) = channel();
    let stop = stop.signal();
    let serving = thread::spawn(move || {
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        tokio.unwrap().block_on(async {
            let runtime: SharedRuntime = Arc::new(TokioRuntime::current().unwrap());
            let stores = open::store("memory", "unused".as_ref(), &runtime).unwrap();
            let handle = Server::builder(runtime, stores).build().handle();
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let admin = AdminListener::bind(any, Exposure::Wrapped(Arc::new(server)));
            let admin = admin.await.unwrap();
            ready.send(admin.address()).unwrap();
            let app = router(handle.clone(), HostRules::default());
            admin.serve(app, handle, stop).await.unwrap();
        });
    });
    (is_ready.recv().unwrap(), authority, serving)
}

#[test]
fn over_tls_a_server_is_known_by_its_pin_or_its_authority() {
    let (data, stop) = (TempDir::new().unwrap(), Stop::new());
    let (address, authority, serving) = over_tls(&data, &stop);
    let url = format!("https://{address}");
    let (pin, ca) = (authority.pin().to_string(), data.path().join("tls/ca.crt"));
    for known in [["--pin", &pin], ["--ca", ca.to_str().unwrap()]] {
        let ctl = Ctl::with(&[&["--server", &url], &known[..]].concat());
        let list = ctl.json(&["agent", "list"]);
        assert!(list["items"].is_array(), "{list}");
    }
    let other = Pin::of(b"another").to_string();
    let said = Ctl::with(&["--server", &url, "--pin", &other]).fails(1, &["agent", "list"]);
    assert!(said.contains("not the server that is meant"), "{said}");
    stop.ask();
    serving.join().unwrap();
}
