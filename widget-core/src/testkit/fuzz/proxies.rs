//! Any text as networks of proxies, and as what they say of the client for whom they ask.

use std::net::{IpAddr, Ipv4Addr};

use super::Seed;
use crate::transport::Proxies;

/// Three lines: networks, the address of a peer, and what stands in `X-Forwarded-For`. Networks read as they
/// are written; nobody but a proxy is believed, and only for an address that stands there.
pub fn proxies(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let mut lines = text.splitn(3, '\n');
    let Ok(proxies) = lines.next().unwrap_or_default().parse::<Proxies>() else {
        return;
    };
    let written = proxies.to_string();
    assert_eq!(
        written.parse(),
        Ok(proxies.clone()),
        "{text:?} is {written}"
    );
    let peer = lines.next().unwrap_or_default().parse::<IpAddr>();
    let peer = peer.unwrap_or(Ipv4Addr::LOCALHOST.into());
    let said = lines.next();
    let client = proxies.client_of(peer, said);
    assert_eq!(client, client.to_canonical());
    if client == peer.to_canonical() {
        return;
    }
    assert!(proxies.contain(peer), "{peer} is no proxy");
    let mut stands = said.unwrap_or_default().split(',');
    let stands = stands.any(|one| {
        one.trim()
            .parse()
            .is_ok_and(|one: IpAddr| one.to_canonical() == client)
    });
    assert!(stands, "{client} stands nowhere in {said:?}");
}

pub(super) fn seeds() -> Vec<Seed> {
    let texts = [
        "10.0.0.0/8, ::1\n10.0.0.1\n1.1.1.1, 192.0.2.9, 10.0.0.2",
        "0.0.0.0/0,::/0\n::ffff:10.0.0.1\n2001:db8::5",
        "192.0.2.7\n192.0.2.8\n1.2.3.4",
        "2001:db8::/32\n2001:db8::1\nunknown, 2001:db8::2",
        "::ffff:10.0.0.0/104\n10.0.0.1\n, ,\t10.0.0.3",
        "10.0.0.1/8\n\n",
        "127.0.0.1\n127.0.0.1\n[::1]:80, 1.2.3.4:5",
    ];
    let named = texts.iter().enumerate();
    named
        .map(|(at, text)| (format!("proxies-{at}"), text.as_bytes().to_vec()))
        .collect()
}
