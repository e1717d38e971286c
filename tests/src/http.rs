//! As much of an HTTP client as a site's test needs: one request, one answer, one connection.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a browser calls a form's fields.
const FORM: &str = "application/x-www-form-urlencoded";

/// Sends requests to one address.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `Location` header of a redirect.
    pub location: Option<String>,
    /// The page.
    pub body: String,
}

impl Client {
    /// Makes a client for an address.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Asks for a page.
    ///
    /// # Panics
    ///
    /// When the connection fails or the answer is no HTTP.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, FORM, "").await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// Sends a form, already encoded.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, form: &str) -> Answer {
        self.send("POST", path, FORM, form).await.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Sends JSON.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    pub async fn json(&self, method: &str, path: &str, json: &str) -> Answer {
        let answer = self.send(method, path, "application/json", json).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    async fn send(&self, method: &str, path: &str, content_type: &str, body: &str) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        read(&answer).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("no HTTP: {answer}")))
    }
}

fn read(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned);
    Some(Answer { status, location, body: body.to_owned() })
}
