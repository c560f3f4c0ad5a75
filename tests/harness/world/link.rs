//! One connection between a client and the server: two queues that keep their order.
//!
//! Always true: nothing overtakes anything on the same link. What was on its way when the link was cut is lost, and each end finds
//! out by itself, when somebody says so. How quick a link is, is its owner's [`Network`]: another link over the same one is no quicker.

use bytes::Bytes;
use std::collections::VecDeque;

/// What goes over a link.
#[derive(Debug, Clone)]
pub(super) enum Packet {
    /// A message.
    Frame(Bytes),
    /// The server asks whether anybody is there.
    Ping,
    /// Somebody is.
    Pong,
}

impl Packet {
    /// The message, if it is one.
    pub(super) fn into_frame(self) -> Option<Bytes> {
        match self {
            Self::Frame(frame) => Some(frame),
            Self::Ping | Self::Pong => None,
        }
    }
}

/// How quick the network of a client is, there and back.
#[derive(Debug, Default)]
pub(super) struct Network {
    pub(super) up: Pace,
    pub(super) down: Pace,
}

/// How quick one direction is.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// So often nothing gets through behind something that did.
    pause: u8,
    left: u8,
}

impl Pace {
    pub(super) fn of(pause: u8) -> Self {
        Self { pause, left: 0 }
    }

    /// Something could arrive. Whether it does.
    pub(super) fn lets_through(&mut self) -> bool {
        let does = self.left == 0;
        self.left = if does { self.pause } else { self.left - 1 };
        does
    }

    pub(super) fn is_slow(&self) -> bool {
        self.pause > 0
    }
}

/// See the top of the file.
#[derive(Debug)]
pub(super) struct Link {
    /// Whose it is: a number of a client.
    pub(super) owner: usize,
    /// On its way to the server.
    pub(super) up: VecDeque<Packet>,
    /// On its way to the client.
    pub(super) down: VecDeque<Packet>,
    /// Nothing arrives any more.
    pub(super) is_cut: bool,
    /// The client believes that it is connected by it.
    pub(super) client_holds: bool,
    /// The server does.
    pub(super) server_holds: bool,
}

impl Link {
    /// One that was just made.
    pub(super) fn new(owner: usize) -> Self {
        Self {
            owner,
            up: VecDeque::new(),
            down: VecDeque::new(),
            is_cut: false,
            client_holds: true,
            server_holds: true,
        }
    }

    /// The client says something.
    pub(super) fn send_up(&mut self, packet: Packet) {
        if !self.is_cut && self.server_holds {
            self.up.push_back(packet);
        }
    }

    /// The server says something.
    pub(super) fn send_down(&mut self, packet: Packet) {
        if !self.is_cut && self.client_holds {
            self.down.push_back(packet);
        }
    }

    /// The network is gone.
    pub(super) fn cut(&mut self) {
        self.is_cut = true;
        self.up.clear();
        self.down.clear();
    }

    /// The client lets go of it. What it has said before may still arrive.
    pub(super) fn client_lets_go(&mut self) {
        self.client_holds = false;
        self.down.clear();
    }

    /// The server lets go of it. What it has said before may still arrive.
    pub(super) fn server_lets_go(&mut self) {
        self.server_holds = false;
        self.up.clear();
    }

    /// Whether there is something for the server to take: a message, or the end of them.
    pub(super) fn has_something_up(&self) -> bool {
        self.server_holds && !self.is_cut && !(self.up.is_empty() && self.client_holds)
    }

    /// Whether there is something for the client to take: a message, or the end of them.
    pub(super) fn has_something_down(&self) -> bool {
        self.client_holds && !self.is_cut && !(self.down.is_empty() && self.server_holds)
    }

    /// Whether the server's socket takes more. On a slow way it is busy until everything before has arrived.
    pub(super) fn has_room_down(&self, is_slow: bool) -> bool {
        !is_slow || self.down.is_empty()
    }

    /// Whether both ends have let go of it.
    pub(super) fn is_over(&self) -> bool {
        !self.client_holds && !self.server_holds
    }
}
