//! Two ends of a stream, greetings over them, and one in between that reads records.

use std::io;

use futures_lite::future::zip;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::unix::UnixStream;
use widget_core::runtime::{Stream, Wrap};

pub(crate) type End = Box<dyn Stream>;

pub(crate) fn ends() -> (End, End) {
    let (one, other) = UnixStream::pair().unwrap();
    (Box::new(one), Box::new(other))
}

/// What both sides make of each other: the server, then the client.
pub(crate) async fn greet(
    server: &dyn Wrap,
    client: &dyn Wrap,
) -> (io::Result<End>, io::Result<End>) {
    let (one, other) = ends();
    zip(server.wrap(one), client.wrap(other)).await
}

/// The kind and the words of a refusal.
pub(crate) fn refusal(result: io::Result<End>) -> (io::ErrorKind, String) {
    let error = result.err().expect("it is refused");
    (error.kind(), error.to_string())
}

/// Says this in two flushes, and that it was all.
pub(crate) async fn say_all(mut stream: End, text: &[u8]) -> io::Result<()> {
    let (first, second) = text.split_at(text.len() / 2);
    for part in [first, second] {
        stream.write_all(part).await?;
        stream.flush().await?;
    }
    stream.close().await?;
    // Until the other side has gone too, or is cut off.
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Ok(())
}

/// Passes on all that the client says and, of what the server says, so many records and half of the
/// next; then cuts both off. Says all that the server sent, record by record.
pub(crate) async fn relay(server: End, client: End, whole: usize) -> Vec<Vec<u8>> {
    let (mut from_server, mut to_server) = futures_lite::io::split(server);
    let (mut from_client, mut to_client) = futures_lite::io::split(client);
    let upwards = async {
        let _ = futures_lite::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.close().await;
        std::future::pending().await
    };
    let downwards = async {
        let mut records = Vec::new();
        while let Some(record) = record(&mut from_server).await {
            let cut = records.len() == whole;
            let passed = if cut { record.len() / 2 } else { record.len() };
            if to_client.write_all(&record[..passed]).await.is_err() {
                break;
            }
            records.push(record);
            if cut {
                break;
            }
        }
        records
    };
    futures_lite::future::or(downwards, upwards).await
}

/// The next record, as RFC 8446, section 5.1, has it: type, version, length, content.
async fn record(stream: &mut (impl futures_lite::AsyncRead + Unpin)) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    stream.read_exact(&mut record).await.ok()?;
    let length = u16::from_be_bytes([record[3], record[4]]);
    record.resize(5 + usize::from(length), 0);
    stream.read_exact(&mut record[5..]).await.ok()?;
    Some(record)
}
