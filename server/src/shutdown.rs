//! How the server stops.
//!
//! ```text
//!  serving ──SIGTERM, SIGINT──▶ draining ──all gone, or drain_timeout──▶ closing ──▶ exit 0
//!                                  └──────────second signal──────────▶ exit at once, 130
//! ```
//! *Draining*: nothing new is accepted, requests finish, WebSockets are told to come back
//! later. *Closing*: the hub commits what is in flight, the store closes.
//!
//! Always true: draining, once begun, never ends; whoever asks late still hears of it.

use tokio::sync::watch;

/// Exit code after a second signal: what a shell gives a program that Ctrl-C ended.
const EXIT_AT_ONCE: i32 = 130;

/// Begins the draining. There is one; everybody else holds a [`Drain`].
#[derive(Debug)]
pub struct Shutdown {
    draining: watch::Sender<bool>,
}

/// Tells whether the server is on its way out.
#[derive(Debug, Clone)]
pub struct Drain {
    draining: watch::Receiver<bool>,
}

impl Shutdown {
    /// A server that is serving.
    #[must_use]
    pub fn new() -> Self {
        Self { draining: watch::Sender::new(false) }
    }

    /// For somebody who must know.
    #[must_use]
    pub fn watch(&self) -> Drain {
        Drain { draining: self.draining.subscribe() }
    }

    /// Tells everybody who watches, now and later.
    pub fn begin(&self) {
        self.draining.send_replace(true);
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Whether it has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.draining.borrow()
    }

    /// Resolves when it has begun; at once when it had before. A watcher whose
    /// [`Shutdown`] is gone counts as told: nobody serves any more.
    pub async fn begun(&mut self) {
        let _ = self.draining.wait_for(|draining| *draining).await;
    }
}

/// Resolves at the first SIGTERM or SIGINT (Ctrl-C). The second one ends the process.
///
/// # Errors
/// When the process may not listen to signals.
pub fn signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut signals = Signals::listen()?;
    Ok(async move {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping; a second signal ends this at once");
        tokio::spawn(async move {
            let name = signals.next().await;
            tracing::warn!(
                signal = name,
                "ended by a second signal; what was not committed was not acknowledged"
            );
            std::process::exit(EXIT_AT_ONCE);
        });
    })
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    #[allow(clippy::unnecessary_wraps)] // the same shape as on Unix
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OP12: who asks after the draining began hears of it as well.
    #[tokio::test]
    async fn op12_draining_is_heard_early_and_late() {
        let shutdown = Shutdown::new();
        let mut early = shutdown.watch();
        assert!(!early.has_begun());
        shutdown.begin();
        early.begun().await;
        let mut late = shutdown.watch();
        late.begun().await;
        assert!(late.has_begun());
    }
}
