//! Where the server is.

use dovetail_core::wire::Secret;
use reqwest::Url;

/// A server's address, and the link by which one comes, if it is by one.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// `http` or `https`, without a path behind it that ends in a slash.
    pub(crate) url: Url,
    pub(crate) link: Option<Secret>,
}

/// A text is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is no server's URL: {why}, as in http://127.0.0.1:3000")]
pub struct BadUrl {
    /// The text, without what may be a password or the secret of a link.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// What stands before an @ may be a password, and what follows a path a link's secret. Where either may have the sign of the other in it
/// nothing is told.
fn shown(text: &str) -> String {
    let before_secret = |text: &str| match text.split_once(['?', '#']) {
        Some((before, _)) => format!("{before}…"),
        None => text.to_owned(),
    };
    match text.rsplit_once('@') {
        Some((before, _)) if before.contains(['?', '#']) => "…".to_owned(),
        Some((_, host)) => format!("…@{}", before_secret(host)),
        None => before_secret(text),
    }
}

impl Server {
    /// Reads `http://host:port`; `ws` and `wss` mean the same. A path in front of which a proxy has put the server is kept.
    pub(crate) fn parse(text: &str, link: Option<Secret>) -> Result<Self, BadUrl> {
        let shown = shown(text);
        let bad = |why| BadUrl { url: shown.clone(), why };
        let text = text.trim();
        let text = match text.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            _ => text.to_owned(),
        };
        let mut url: Url = text.parse().map_err(|_| bad("write http://host:port"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it must begin with http:// or https://"));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("a host is missing"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("who one is is said by a token, and not in the address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("nothing may follow the path; the secret of a link is given apart"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self { url, link })
    }

    /// The address of a request; `path` begins with a slash and may have a query.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    pub(crate) fn web_socket_url(&self) -> String {
        // `http` becomes `ws`, and `https` `wss`.
        self.at("/sync").replacen("http", "ws", 1)
    }

    /// To connect to. An IPv6 address stands without its brackets.
    pub(crate) fn host_and_port(&self) -> (&str, u16) {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        (host, self.url.port_or_known_default().unwrap_or(80))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC52: a URL that cannot be a server's is refused before anything is tried, with what is wrong.
    #[test]
    fn rc52_only_urls_of_servers_are_taken() {
        let good = [
            ("http://127.0.0.1:3000", "ws://127.0.0.1:3000/sync"),
            ("https://example.org/", "wss://example.org/sync"),
            ("wss://example.org/dovetail/", "wss://example.org/dovetail/sync"),
            (" http://[::1]:80 ", "ws://[::1]/sync"),
        ];
        for (url, socket) in good {
            assert_eq!(Server::parse(url, None).unwrap().web_socket_url(), socket);
        }
        let bad = [
            "",
            "127.0.0.1:3000",
            "localhost",
            "ftp://a",
            "http://",
            "http://a?b",
            "http://me:pw@a",
            "http://a#b",
        ];
        for url in bad {
            assert!(Server::parse(url, None).is_err(), "{url}");
        }
        let secrets = [
            "http://me:hunter2@a",
            "http://a/d/1#hunter2",
            "http://a?link=hunter2",
            "a#x@hunter2",
            "https://me:hunter2#x@a",
            "https://me:x?hunter2@a#hunter2",
            "https://me:x@hunter2?y@a",
            "http://a/d/1#x@y#hunter2",
        ];
        for url in secrets {
            let told = Server::parse(url, None).unwrap_err().to_string();
            assert!(!told.contains("hunter2"), "{told}");
        }
        let server = Server::parse("http://[::1]:8080", None).unwrap();
        assert_eq!(server.host_and_port(), ("::1", 8080));
        assert_eq!(server.at("/api/docs"), "http://[::1]:8080/api/docs");
    }
}
