//! Who we are, as the server is told.

use dovetail_core::wire::Secret;
use futures_util::FutureExt;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A person who has to log in again does not do that within a connection: another one is tried then.
const ASK_WITHIN: Duration = Duration::from_secs(15);

/// What a source of tokens answers with: the token, or why there is none.
pub type TokenAnswer = Result<String, Box<dyn Error + Send + Sync>>;

type Ask = dyn Fn() -> Pin<Box<dyn Future<Output = TokenAnswer> + Send>> + Send + Sync;

/// Where tokens come from.
#[derive(Clone, Default)]
pub(crate) enum Token {
    /// The server asks nobody.
    #[default]
    None,
    /// One for good.
    Fixed(Secret),
    /// Asked for before each connection, and again before it ends.
    Source(Arc<Ask>),
}

/// A text is no token. It is not told: it may be most of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no token: it has a line break or another character in it that no token has")]
pub struct BadToken;

impl Token {
    /// One for good, with or without white space around it; an empty text is none.
    pub(crate) fn fixed(text: &str) -> Result<Self, BadToken> {
        Ok(secret(text)?.map_or(Self::None, Self::Fixed))
    }

    pub(crate) fn source<F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = TokenAnswer> + Send + 'static,
    {
        Self::Source(Arc::new(move || Box::pin(ask())))
    }

    /// The token of the moment; an empty text is none.
    pub(crate) async fn ask(&self) -> Result<Option<Secret>, Box<dyn Error + Send + Sync>> {
        let token = match self {
            Self::None => None,
            Self::Fixed(token) => Some(token.clone()),
            Self::Source(ask) => Some(Secret::new(asked(ask).await?.trim().to_owned())),
        };
        match token {
            Some(token) if token.reveal().is_empty() => Ok(None),
            Some(token) if !is_sendable(token.reveal()) => Err(BadToken.into()),
            token => Ok(token),
        }
    }

    /// Whether asking once more may bring another one.
    pub(crate) fn is_source(&self) -> bool {
        matches!(self, Self::Source(_))
    }
}

/// A source that panics, or does not answer, has none for now.
async fn asked(ask: &Arc<Ask>) -> TokenAnswer {
    let asking = AssertUnwindSafe(async { ask().await }).catch_unwind();
    match timeout(ASK_WITHIN, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err("the source of tokens panicked".into()),
        Err(_) => Err(format!("the source of tokens has not answered within {ASK_WITHIN:?}").into()),
    }
}

/// What may be sent, with or without white space around it; an empty text is none.
pub(crate) fn secret(text: &str) -> Result<Option<Secret>, BadToken> {
    match text.trim() {
        "" => Ok(None),
        text if is_sendable(text) => Ok(Some(Secret::new(text.to_owned()))),
        _ => Err(BadToken),
    }
}

/// What may stand in a sub-protocol; tokens are base64url and dots.
fn is_sendable(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "no token",
            Self::Fixed(_) => "a token",
            Self::Source(_) => "a source of tokens",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RC53: a token is shown in no log, and one that cannot be sent is refused here, with words.
    #[tokio::test]
    async fn rc53_tokens_are_asked_for_and_not_shown() {
        let token = Token::Fixed(Secret::new("a.b.c".to_owned()));
        assert_eq!(token.ask().await.unwrap().unwrap().reveal(), "a.b.c");
        assert!(!format!("{token:?}").contains("a.b.c"));
        let source = Token::source(|| async { Ok(" x.y.z\n".to_owned()) });
        assert_eq!(source.ask().await.unwrap().unwrap().reveal(), "x.y.z");
        assert!(Token::source(|| async { Ok(String::new()) }).ask().await.unwrap().is_none());
        assert!(Token::source(|| async { Err("no network".into()) }).ask().await.is_err());
        let panics = Token::source(|| async { panic!("a bug of the app") });
        assert!(panics.ask().await.unwrap_err().to_string().contains("panicked"));
        assert!(Token::Fixed(Secret::new("a b".to_owned())).ask().await.is_err());
    }
}
