//! What happens in a world, step by step, as a seed says.
//!
//! Always true: the same seed makes the same script. A step means something in every state of the world, if only nothing, so any of
//! them may be left out.

use super::store::Fault;
use fastrand::Rng;

/// What happens, from the beginning until everything heals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// How many clients there are.
    pub clients: usize,
    /// How many of them, the first, are our own; the others are stock clients.
    pub ours: usize,
    /// So many changes a document may have: what comes on top is refused. Without a bound nothing is refused, and nobody is asked who they
    /// are.
    pub changes_max: Option<u64>,
    /// How many documents, all of which every client has open.
    pub documents: usize,
    /// Whether rules are in force for them.
    pub has_rules: bool,
    /// Whether judging takes longer than the disk.
    pub judges_late: bool,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One thing that happens. Numbers of clients and documents wrap around; `link` picks among those of a client on which that can happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A client makes some changes, one behind the other.
    Edit {
        /// Who.
        client: usize,
        /// Of what.
        document: usize,
        /// How many.
        changes: u8,
        /// What they are.
        value: u8,
    },
    /// A client that is not connected connects.
    Connect {
        /// Who.
        client: usize,
    },
    /// A client connects again, though it is connected. What it was connected by is forgotten, at its end.
    Redial {
        /// Who.
        client: usize,
    },
    /// The network of a client is gone; nobody has noticed yet.
    Cut {
        /// Whose.
        client: usize,
    },
    /// A client finds that out.
    ClientNotices {
        /// Who.
        client: usize,
    },
    /// The server finds that out.
    ServerNotices {
        /// Of whom.
        client: usize,
        /// On which of its links.
        link: usize,
    },
    /// A client's next message arrives, or the end of a link that it let go of.
    Up {
        /// Whose.
        client: usize,
        /// On which of its links.
        link: usize,
    },
    /// The server's next message arrives, or the end of what it had to say.
    Down {
        /// Whose.
        client: usize,
    },
    /// The server's end of a link has written what it had to, or takes more.
    Socket {
        /// Whose.
        client: usize,
        /// Which of its links.
        link: usize,
    },
    /// A document's task has its turn.
    Turn {
        /// Which.
        document: usize,
    },
    /// A rule has been evaluated.
    Evaluate {
        /// Of which document.
        document: usize,
    },
    /// The disk does what it was asked for.
    Disk {
        /// So much of it.
        questions: u8,
    },
    /// The disk fails at the next thing.
    DiskFails {
        /// How.
        how: Fault,
    },
    /// A document has to leave memory.
    Rest {
        /// Which.
        document: usize,
    },
    /// Somebody changes a document by a door.
    Door {
        /// Which.
        document: usize,
    },
    /// Somebody deletes a document, or takes that back.
    Delete {
        /// Which.
        document: usize,
        /// Or takes it back.
        deleted: bool,
    },
    /// A client loses its device, and goes on with an old copy of it or with nothing.
    LoseDevice {
        /// Who.
        client: usize,
        /// With a copy.
        has_backup: bool,
    },
    /// Time passes, and everybody looks at the clock.
    Wait {
        /// So much.
        seconds: u8,
    },
    /// The store of one of our clients reads nothing before that one is started again.
    ReadsNothing {
        /// Whose.
        client: usize,
    },
    /// One of our clients opens once more what its store did not read.
    Reopen {
        /// Who.
        client: usize,
    },
    /// The store of one of our clients does the next thing, or fails at it.
    DeviceDisk {
        /// Whose.
        client: usize,
        /// It fails.
        fails: bool,
    },
    /// One of our clients settles the first conflict that it sees, if it sees one that can be.
    Settle {
        /// Who.
        client: usize,
        /// Of what.
        document: usize,
    },
    /// Whose document it is has no room for more, or has again. Until then all changes are refused.
    Full {
        /// Which document.
        document: usize,
        /// Or has again.
        is_full: bool,
    },
    /// One of our clients is killed and started again.
    DeviceCrash {
        /// Who.
        client: usize,
        /// Before the last of so many effects more.
        effects: u8,
        /// So many of the batches that its store was asked for are there all the same, when it dies at once.
        batches: u8,
    },
    /// All that is on its way to a client arrives at once.
    Burst {
        /// Whose.
        client: usize,
    },
    /// The network of a client becomes slow, or quick again. A slow one lets something through, and then nothing so many times that
    /// something could have arrived.
    Throttle {
        /// Whose.
        client: usize,
        /// So many times on the way to the server.
        up: u8,
        /// So many times on the way back.
        down: u8,
    },
    /// The clock of one of our clients is set ahead.
    Ahead {
        /// Whose.
        client: usize,
        /// By so much.
        seconds: u8,
    },
    /// Somebody may do something else from now on, on connections that are open too.
    Right {
        /// Who.
        client: usize,
        /// What with all documents that somebody else made.
        right: Right,
    },
    /// Everybody has a turn, so often.
    Rounds {
        /// After some ten of them everything that was under way has come to an end.
        rounds: u8,
    },
    /// The server is killed and started again.
    Crash {
        /// Before the last of so many effects more.
        effects: u8,
        /// So many of the batches that it had asked for are on the disk all the same.
        batches: u8,
        /// So many of the messages that were on their way to each client arrive.
        messages: u8,
    },
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Everything.
    Write,
    /// Read, also what is their own.
    Read,
    /// Nothing that is not their own.
    None,
}

/// How often something happens, and whether a world does well without it.
struct Kind {
    weight: u32,
    is_fault: bool,
    is_at_a_door: bool,
    /// Only our own clients can live with it.
    refuses: bool,
    make: fn(&mut Draw) -> Step,
}

const fn usual(weight: u32, make: fn(&mut Draw) -> Step) -> Kind {
    Kind { weight, is_fault: false, is_at_a_door: false, refuses: false, make }
}

const fn fault(weight: u32, make: fn(&mut Draw) -> Step) -> Kind {
    Kind { weight, is_fault: true, is_at_a_door: false, refuses: false, make }
}

const KINDS: [Kind; 24] = [
    usual(12, |draw| Step::Edit {
        client: draw.client(),
        document: draw.document(),
        changes: 1 + draw.up_to(2),
        value: draw.up_to(255),
    }),
    usual(8, |draw| Step::Connect { client: draw.client() }),
    usual(24, |draw| Step::Up { client: draw.mover(), link: draw.link() }),
    usual(24, |draw| Step::Down { client: draw.mover() }),
    usual(30, |draw| Step::Socket { client: draw.mover(), link: draw.link() }),
    usual(30, |draw| Step::Turn { document: draw.document() }),
    usual(16, |draw| Step::Disk { questions: 1 + draw.up_to(2) }),
    usual(2, |draw| Step::Evaluate { document: draw.document() }),
    usual(16, |draw| Step::Rounds { rounds: 1 + draw.up_to(5) }),
    usual(2, |draw| Step::Wait { seconds: draw.up_to(2) }),
    fault(3, |draw| Step::Edit {
        client: draw.client(),
        document: draw.document(),
        changes: 8 + draw.up_to(12),
        value: draw.up_to(255),
    }),
    Kind { is_at_a_door: true, ..fault(8, |draw| Step::Door { document: draw.document() }) },
    fault(2, |draw| Step::Redial { client: draw.client() }),
    fault(4, |draw| Step::Cut { client: draw.client() }),
    fault(4, |draw| Step::ClientNotices { client: draw.client() }),
    fault(4, |draw| Step::ServerNotices { client: draw.client(), link: draw.link() }),
    fault(3, |draw| Step::DiskFails { how: if draw.is_so() { Fault::Low } else { Fault::Hiccup } }),
    fault(1, |_| Step::DiskFails { how: Fault::Broken }),
    fault(4, |draw| Step::Rest { document: draw.document() }),
    fault(2, |draw| Step::LoseDevice { client: draw.client(), has_backup: draw.is_so() }),
    fault(1, |draw| Step::Wait { seconds: 15 + draw.up_to(30) }),
    fault(4, |draw| Step::Crash { effects: draw.up_to(12), batches: draw.up_to(3), messages: draw.up_to(4) }),
    fault(2, |draw| Step::Delete { document: draw.document(), deleted: draw.is_so() }),
    fault(4, |draw| Step::Throttle { client: draw.client(), up: draw.slowness(), down: draw.slowness() }),
];

/// What happens besides where clients are our own.
const KINDS_OF_OURS: [Kind; 10] = [
    Kind {
        refuses: true,
        ..usual(2, |draw| Step::Full { document: draw.document(), is_full: draw.up_to(2) == 0 })
    },
    Kind { refuses: true, ..fault(3, |draw| Step::Right { client: draw.client(), right: draw.right() }) },
    usual(6, |draw| Step::Burst { client: draw.mover() }),
    fault(1, |draw| Step::Ahead { client: draw.client(), seconds: draw.up_to(200) }),
    usual(3, |draw| Step::Settle { client: draw.client(), document: draw.document() }),
    usual(20, |draw| Step::DeviceDisk { client: draw.client(), fails: false }),
    fault(3, |draw| Step::DeviceDisk { client: draw.client(), fails: true }),
    fault(1, |draw| Step::ReadsNothing { client: draw.client() }),
    usual(2, |draw| Step::Reopen { client: draw.client() }),
    fault(4, |draw| Step::DeviceCrash {
        client: draw.client(),
        effects: draw.up_to(8),
        batches: draw.up_to(3),
    }),
];

/// What a seed decides.
struct Draw {
    random: Rng,
    clients: usize,
    documents: usize,
    /// How quick the network of each client is.
    speeds: Vec<u32>,
}

impl Script {
    /// The script of a seed.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let clients = random.usize(1..=4);
        let documents = 1 + usize::from(random.u8(0..4) == 0);
        let speeds = (0..clients).map(|_| [1, 4, 8][random.usize(0..3)]).collect();
        let has_rules = random.u8(0..3) == 0;
        let judges_late = random.bool();
        let steps = steps(KINDS.iter(), random, clients, documents, speeds);
        Self { clients, ours: 0, changes_max: None, documents, has_rules, judges_late, steps }
    }

    /// The script of a seed, with clients of our own among the others, or alone. Where they are alone a document may be too small
    /// for all that is written into it.
    #[must_use]
    pub fn with_ours(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed ^ 0x0d0e_7a11);
        let clients = random.usize(1..=4);
        let ours = if random.bool() { clients } else { random.usize(1..=clients) };
        let documents = 1 + usize::from(random.u8(0..4) == 0);
        let refuses = ours == clients && random.u8(0..2) == 0;
        let changes_max = refuses.then(|| if random.bool() { random.u64(4..40) } else { 10_000 });
        let speeds = (0..clients).map(|_| [1, 4, 8][random.usize(0..3)]).collect();
        let has_rules = random.u8(0..3) == 0;
        let judges_late = random.bool();
        // What comes by a door is refused there, and nobody is told.
        let fits = |kind: &&Kind| if refuses { !kind.is_at_a_door } else { !kind.refuses };
        let kinds = KINDS.iter().chain(&KINDS_OF_OURS).filter(fits);
        let steps = steps(kinds, random, clients, documents, speeds);
        Self { clients, ours, changes_max, documents, has_rules, judges_late, steps }
    }
}

/// As a seed draws them from these kinds.
fn steps<'k>(
    kinds: impl Iterator<Item = &'k Kind>,
    mut random: Rng,
    clients: usize,
    documents: usize,
    speeds: Vec<u32>,
) -> Vec<Step> {
    /// From one edit to some hundred messages.
    const STEPS_MAX: usize = 240;
    let kinds: Vec<&Kind> = kinds.collect();
    let weights: Vec<u32> = kinds.iter().map(|kind| kind.drawn(&mut random)).collect();
    let count = random.usize(20..=STEPS_MAX);
    let mut draw = Draw { random, clients, documents, speeds };
    (0..count).map(|_| (kinds[draw.among(&weights)].make)(&mut draw)).collect()
}

impl Kind {
    /// In each world half of the faults do not happen, so that the others are seen alone.
    fn drawn(&self, random: &mut Rng) -> u32 {
        match self.is_fault {
            true => self.weight * random.u32(0..=1) * random.u32(1..=3),
            false => self.weight * 2,
        }
    }
}

impl Draw {
    fn client(&mut self) -> usize {
        self.random.usize(0..self.clients)
    }

    /// Somebody whose network does something.
    fn mover(&mut self) -> usize {
        let speeds = self.speeds.clone();
        self.among(&speeds)
    }

    fn document(&mut self) -> usize {
        self.random.usize(0..self.documents)
    }

    fn link(&mut self) -> usize {
        self.random.usize(0..2)
    }

    fn up_to(&mut self, most: u8) -> u8 {
        self.random.u8(0..=most)
    }

    fn is_so(&mut self) -> bool {
        self.random.bool()
    }

    /// Every second time quick.
    fn slowness(&mut self) -> u8 {
        if self.is_so() { self.up_to(12) } else { 0 }
    }

    fn right(&mut self) -> Right {
        [Right::Write, Right::Write, Right::Read, Right::None][self.random.usize(0..4)]
    }

    /// One of them, the heavier the likelier.
    fn among(&mut self, weights: &[u32]) -> usize {
        let mut at = self.random.u32(0..weights.iter().sum());
        weights
            .iter()
            .position(|weight| {
                let is_it = at < *weight;
                at = at.saturating_sub(*weight);
                is_it
            })
            .unwrap_or(0)
    }
}
