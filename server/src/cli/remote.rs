//! A running server, as `dovetail import` and `dovetail export` speak to it: one request on
//! one connection.
//!
//! Always true: a server is waited for as long as a large import takes it and no longer,
//! and what it refuses is told in its own words.

use super::{Failure, cannot_write};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// Where a server listens when nobody says otherwise.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:3000";

/// A server on the same machine or in the same network answers a connection at once.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The server gives a body 30 s; making a document of it and storing that takes seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);

/// Where a server is.
#[derive(Debug)]
pub(super) struct Remote {
    url: String,
    authority: String,
    host: String,
    port: u16,
    /// Says who is asking. Marked as sensitive, so that it is not shown.
    authorization: Option<HeaderValue>,
}

impl Remote {
    /// Reads `http://host:port`.
    pub(super) fn parse(url: &str) -> Result<Self, Failure> {
        let bad =
            |why: &str| Failure::Usage(format!("{url:?} is no server's URL: {why}, as in {DEFAULT_URL}"));
        let uri: Uri = url.parse().map_err(|_| bad("write http://host:port"))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad(
                "it must begin with http:// (run this command on the server's machine, where no TLS is needed)",
            ));
        }
        if uri.path() != "/" || uri.query().is_some() {
            return Err(bad("nothing may follow the port"));
        }
        let authority = uri.authority().ok_or_else(|| bad("a host is missing"))?;
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authorization: None,
        })
    }

    /// The same, asked in the name of somebody.
    pub(super) fn with_token(self, token: &str) -> Result<Self, Failure> {
        let bad = |_| {
            Failure::Usage(
                "this is no token: it has a line break or another control character in it".to_owned(),
            )
        };
        let mut authorization: HeaderValue = format!("Bearer {}", token.trim()).parse().map_err(bad)?;
        authorization.set_sensitive(true);
        Ok(Self { authorization: Some(authorization), ..self })
    }

    /// Sends JSON and gives the answer's body.
    pub(super) async fn post_json(&self, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        self.ask(Method::POST, path, body).await
    }

    /// Gives the answer's body.
    pub(super) async fn get(&self, path: &str) -> Result<Bytes, Failure> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Writes the answer's body into a file, the one at `out`, as it comes. However long that takes: it is as long as the server has something to
    /// send, and one that falls silent is given up.
    pub(super) async fn download(&self, path: &str, file: &mut File, out: &Path) -> Result<(), Failure> {
        let broken = |why: String| Failure::Failed(format!("no answer from {}: {why}", self.url));
        let stream = self.connect().await?;
        let sending = self.send(stream, Method::GET, path, Bytes::new());
        let answered = tokio::time::timeout(ANSWER_WITHIN, sending).await;
        let answer = answered
            .map_err(|_| broken("it takes too long".to_owned()))?
            .map_err(|error| broken(error.to_string()))?;
        let status = answer.status();
        let mut body = answer.into_body();
        if !status.is_success() {
            let problem = body.collect().await.map_err(|error| broken(error.to_string()))?;
            return Err(refused(status, &problem.to_bytes()));
        }
        loop {
            let frame = tokio::time::timeout(ANSWER_WITHIN, body.frame()).await;
            let frame = frame.map_err(|_| broken("it has fallen silent".to_owned()))?;
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            if let Ok(bytes) = frame.into_data() {
                file.write_all(&bytes).map_err(|error| cannot_write(out, &error))?;
            }
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Failure> {
        let stream = self.connect().await?;
        let exchange = self.exchange(stream, method, path, body);
        let answered = tokio::time::timeout(ANSWER_WITHIN, exchange).await;
        let broken = |why: &str| Failure::Failed(format!("no answer from {}: {why}", self.url));
        let (status, body) =
            answered.map_err(|_| broken("it takes too long"))?.map_err(|error| broken(&error.to_string()))?;
        if status.is_success() { Ok(body) } else { Err(refused(status, &body)) }
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let nobody = |why: &str| {
            Failure::Failed(format!(
                "no server at {}: {why}; start one with `dovetail serve`, name another one with --server, or name \
                 a data directory that no server holds with --data-dir",
                self.url
            ))
        };
        match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(nobody(&error.to_string())),
            Err(_) => Err(nobody("it takes too long")),
        }
    }

    async fn exchange(
        &self,
        stream: TcpStream,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Box<dyn Error + Send + Sync>> {
        let answer = self.send(stream, method, path, body).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, body))
    }

    async fn send(
        &self,
        stream: TcpStream,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Box<dyn Error + Send + Sync>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Drives the bytes; ends when the answer is read and `sender` gone.
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.authority)
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        Ok(sender.send_request(request).await?)
    }
}

/// The server's own words, as its problem has them.
fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let problem: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    Failure::Failed(match (problem["detail"].as_str(), problem["code"].as_str()) {
        (Some(detail), Some(code)) => format!("the server refused: {detail} ({code})"),
        _ => format!("the server refused with {status}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// AU43: a token that is given goes along with the request, and is not shown.
    #[tokio::test]
    async fn au43_a_token_goes_along() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let answering = tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            String::from_utf8(head).unwrap()
        });
        let remote = Remote::parse(&url).unwrap().with_token(" a.b.c\n").unwrap();
        assert!(!format!("{remote:?}").contains("a.b.c"));
        assert_eq!(remote.get("/x").await.unwrap(), "ok");
        let head = answering.await.unwrap();
        assert!(head.contains("authorization: Bearer a.b.c\r\n"), "{head}");
        assert!(Remote::parse(&url).unwrap().with_token("a\nb").is_err());
    }

    /// OP10: a URL that cannot be a server's is refused before anything is tried.
    #[test]
    fn op10_only_plain_urls_of_servers_are_taken() {
        for url in ["http://127.0.0.1:3000", "http://localhost:3000/", "http://[::1]:80", "http://example"] {
            assert!(Remote::parse(url).is_ok(), "{url}");
        }
        for url in ["", "127.0.0.1:3000", "https://example", "http://a/b", "http://a?b", "ws://a", "http://"]
        {
            assert!(matches!(Remote::parse(url), Err(Failure::Usage(_))), "{url}");
        }
        let six = Remote::parse("http://[::1]:8080").unwrap();
        assert_eq!((six.host.as_str(), six.port, six.authority.as_str()), ("::1", 8080, "[::1]:8080"));
    }
}
