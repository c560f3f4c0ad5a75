//! A proxy between one device and the server that can be shut, go dead without a word, let go of either end, and be slow.
//!
//! ```text
//!  device ══▶ up ══▶ server        dead: both ends hold, and whatever is said goes nowhere
//!         ◀══ down ◀══
//! ```
//!
//! Always true here: bytes keep their order and none is changed; everything stays on loopback, and it ends when it is dropped.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// What is passed on at once: a frame of these documents has some hundred bytes.
const PIECE_BYTES: usize = 16 << 10;

/// The same on a slow way.
const SLOW_PIECE_BYTES: usize = 256;

/// How long a slow way takes for each of those, by its slowness.
const SLOW_PIECE: Duration = Duration::from_millis(1);

/// See the top of the file.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    state: Arc<State>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    is_open: Mutex<bool>,
    pace: Mutex<Pace>,
    connections: Mutex<Vec<watch::Sender<Fate>>>,
}

/// How slow each direction is; zero is as quick as it goes.
#[derive(Debug, Default, Clone, Copy)]
struct Pace {
    up: u8,
    down: u8,
}

/// What is done to a connection.
#[derive(Debug, Default, Clone, Copy)]
struct Fate {
    is_dead: bool,
    device_is_told: bool,
    server_is_told: bool,
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The one that connected.
    Device,
    /// The other one.
    Server,
}

impl Fate {
    fn has_let_go_of(self, end: End) -> bool {
        match end {
            End::Device => self.device_is_told,
            End::Server => self.server_is_told,
        }
    }
}

impl Tap {
    /// A proxy before `server`, shut.
    ///
    /// # Errors
    /// When there is no port to listen on.
    pub async fn before(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State::default());
        let serving = tokio::spawn(serve(listener, server, Arc::clone(&state)));
        Ok(Self { address, state, serving })
    }

    /// `http://` and where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections come about.
    pub fn open(&self) {
        *locked(&self.state.is_open) = true;
    }

    /// From now on none do. Those that there are stay.
    pub fn shut(&self) {
        *locked(&self.state.is_open) = false;
    }

    /// Whether connections come about.
    #[must_use]
    pub fn is_open(&self) -> bool {
        *locked(&self.state.is_open)
    }

    /// Nothing arrives any more on the connections that there are, and nobody is told.
    pub fn go_dead(&self) {
        self.each(|_| true, |fate| fate.is_dead = true);
    }

    /// One end of the dead connections finds out that they are.
    pub fn tell(&self, end: End) {
        self.each(|fate| fate.is_dead, |fate| let_go(fate, end));
    }

    /// All connections end, and both ends are told.
    pub fn cut(&self) {
        self.each(
            |_| true,
            |fate| *fate = Fate { is_dead: true, device_is_told: true, server_is_told: true },
        );
    }

    /// How slow the way is, there and back.
    pub fn set_pace(&self, up: u8, down: u8) {
        *locked(&self.state.pace) = Pace { up, down };
    }

    fn each(&self, which: impl Fn(Fate) -> bool, does: impl Fn(&mut Fate)) {
        let mut connections = locked(&self.state.connections);
        connections.retain(|connection| !connection.is_closed());
        for connection in connections.iter() {
            if which(*connection.borrow()) {
                connection.send_modify(&does);
            }
        }
    }
}

fn let_go(fate: &mut Fate, end: End) {
    match end {
        End::Device => fate.device_is_told = true,
        End::Server => fate.server_is_told = true,
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever is on a connection ends with it.
async fn serve(listener: TcpListener, server: SocketAddr, state: Arc<State>) {
    let mut passing = JoinSet::new();
    while let Ok((device, _)) = listener.accept().await {
        while passing.try_join_next().is_some() {}
        if *locked(&state.is_open) {
            let fate = watch::Sender::new(Fate::default());
            let seen = fate.subscribe();
            locked(&state.connections).push(fate);
            passing.spawn(pass(device, server, seen, Arc::clone(&state)));
        }
    }
}

async fn pass(device: TcpStream, server: SocketAddr, fate: watch::Receiver<Fate>, state: Arc<State>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Small pieces are not kept back to be sent together.
    let _ = (device.set_nodelay(true), server.set_nodelay(true));
    let (from_device, to_device) = device.into_split();
    let (from_server, to_server) = server.into_split();
    let pace = |state: &State| *locked(&state.pace);
    let up = Way { from: End::Device, to: End::Server, fate: fate.clone() };
    let down = Way { from: End::Server, to: End::Device, fate };
    tokio::join!(
        up.pump(from_device, to_server, || pace(&state).up),
        down.pump(from_server, to_device, || pace(&state).down),
    );
}

/// One direction of a connection.
struct Way {
    from: End,
    to: End,
    fate: watch::Receiver<Fate>,
}

impl Way {
    async fn pump(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, slowness: impl Fn() -> u8) {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let slowness = slowness();
            let bytes = if slowness == 0 { PIECE_BYTES } else { SLOW_PIECE_BYTES };
            let mut fate = self.fate.clone();
            let read = tokio::select! {
                biased;
                () = let_go_of(&mut self.fate, self.to) => return,
                () = let_go_of(&mut fate, self.from) => 0,
                read = from.read(&mut piece[..bytes]) => read.unwrap_or(0),
            };
            if read == 0 {
                break;
            }
            sleep(SLOW_PIECE * u32::from(slowness)).await;
            if self.is_dead() {
                continue;
            }
            let written = tokio::select! {
                () = let_go_of(&mut self.fate, self.to) => return,
                written = to.write_all(&piece[..read]) => written,
            };
            if written.is_err() {
                break;
            }
        }
        drop(from);
        self.end(to).await;
    }

    /// The other end hears of the end of this one, unless nothing arrives there any more.
    async fn end(mut self, mut to: OwnedWriteHalf) {
        if self.is_dead() {
            let_go_of(&mut self.fate, self.to).await;
        }
        let _ = to.shutdown().await; // It may be gone already.
    }

    fn is_dead(&self) -> bool {
        self.fate.borrow().is_dead
    }
}

/// Until an end is told, or the tap is gone.
async fn let_go_of(fate: &mut watch::Receiver<Fate>, end: End) {
    let _ = fate.wait_for(|fate| fate.has_let_go_of(end)).await;
}
