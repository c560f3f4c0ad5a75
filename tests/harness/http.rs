//! One HTTP request over its own connection, and the whole answer.
//!
//! Small on purpose: what a test sends is what it wrote, byte for byte, and no client
//! library repairs, retries or follows anything.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one request may take. The slowest one, an import, takes well under a second.
const WITHIN: Duration = Duration::from_secs(30);

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and their values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body, without any transfer encoding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none: the test that asked has failed.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in a {} answer: {}", self.status, self.text()))
    }
}

/// Sends one request and reads the answer to its end.
///
/// # Errors
/// When the connection fails, or what comes back is not HTTP, or 30 s have passed.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, Error> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" || method == "PUT" {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        if method == "HEAD" {
            // The length that it names is that of the body which GET would bring.
            let (head, rest) = read_head(&answer)?;
            return Ok(Response { body: rest.to_vec(), ..head });
        }
        read(&answer)
    };
    timeout(WITHIN, exchange).await.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// Reads a whole answer.
///
/// # Errors
/// When it is no HTTP, or not whole.
pub fn read(answer: &[u8]) -> Result<Response, Error> {
    let (head, rest) = read_head(answer)?;
    let chunked = head.header("transfer-encoding") == Some("chunked");
    let body = if chunked { unchunk(rest).ok_or_else(odd)? } else { rest.to_vec() };
    if head.header("content-length").is_some_and(|length| length.parse() != Ok(body.len())) {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Response { body, ..head })
}

/// Reads the head of an answer whose body may be under way, and gives what came behind it.
///
/// # Errors
/// When it is no HTTP.
pub fn read_head(answer: &[u8]) -> Result<(Response, &[u8]), Error> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(odd)?;
    let head = std::str::from_utf8(&answer[..end]).map_err(|_| odd())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or_else(odd)?;
    let status = status.parse().map_err(|_| odd())?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((Response { status, headers, body: Vec::new() }, &answer[end + 4..]))
}

fn odd() -> Error {
    Error::new(ErrorKind::InvalidData, "the answer is not HTTP")
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = line + 2;
        body.extend_from_slice(rest.get(start..start + size)?);
        rest = rest.get(start + size + 2..)?;
    }
}
