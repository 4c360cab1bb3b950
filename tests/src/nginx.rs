//! A running nginx before a server, as operators have one.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use tempfile::TempDir;

use crate::program::{Program, until};

/// A reverse proxy on a port of its own, as Debian ships it.
#[derive(Debug)]
pub struct Nginx {
    /// `host:port`.
    pub address: String,
    program: Program,
    _files: TempDir,
}

impl Nginx {
    /// Passes what is asked for under `/fleet/` to `http://SERVER/`, with these further lines in
    /// that place. Everything else is as it comes: answers and requests are buffered, and the server
    /// is spoken to in HTTP/1.0.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(server: &str, more: &str) -> Self {
        let files = TempDir::new().expect("a directory");
        // It cannot pick a free port itself.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port").to_string();
        let dir = files.path().display();
        let config = format!(
            "daemon off; master_process off; pid {dir}/pid; error_log stderr;
             events {{}}
             http {{
               access_log off;
               client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
               fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
               upstream widget {{ server {server} max_fails=0; server {server} max_fails=0; }}
               server {{
                 listen {address};
                 location /fleet/ {{ proxy_pass http://widget/; {more} }}
               }}
             }}"
        );
        let path = files.path().join("nginx.conf");
        fs::write(&path, config).expect("a file");
        let mut command = Command::new("nginx");
        // It writes to a log of its own before it has read which one to use.
        command.arg("-e").arg("stderr").arg("-c").arg(&path);
        command.arg("-p").arg(files.path());
        let program = Program::start("nginx", &mut command);
        until("nginx", || TcpStream::connect(&address).ok());
        Self {
            address,
            program,
            _files: files,
        }
    }

    /// What it has said on standard error.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        self.program.errors()
    }
}
