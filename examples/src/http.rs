//! One HTTP request, so that an example can show what its users see.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks `what`, such as `GET /`, with these lines of head; gives the status and the body.
///
/// # Errors
/// If nobody answers there, or not in HTTP.
pub async fn ask(at: SocketAddr, what: &str, head: &[&str]) -> io::Result<(u16, String)> {
    let head: String = head.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{what} HTTP/1.0\r\nhost: {at}\r\ncontent-length: 0\r\n{head}\r\n");
    let mut stream = TcpStream::connect(at).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| io::Error::other("that was no answer in HTTP"))?;
    Ok((status, body.to_owned()))
}
