//! The protocol as a system of workers, tables and a journal, small enough to visit every state of it. With the feature
//! `conformance`.
//!
//! Its transitions are those of [`Ledger`]: the very code that a store runs. A table is the list of the
//! times that were applied to it; a worker computes from what it read when it entered a stage, and what it writes is
//! only right if the table is still the same. Workers crash, sleep for longer than their lease and wake believing that
//! they still hold their time, closures fail, deadlines pass, at every step; how often is [`Bounds`]. This module
//! owns the system ([`Model`], [`System`], [`Action`], [`Answer`]), what must hold in each state ([`PROPERTIES`]), rules
//! that are broken on purpose ([`Broken`]), and walks of the model to hold a store to ([`replay`]). It
//! never searches: that is for the test, or for whoever has a checker.
//!
//! A change whose worker crashes or sleeps is made again by its client, under the same change id, by any other worker.
//! Workers are told apart by nothing but what they do, so that a checker may sort them
//! ([`System::representative`]).

mod actions;
mod broken;
mod on_store;
mod properties;
pub mod replay;
mod steps;
mod workers;

use std::collections::{BTreeMap, BTreeSet};

use super::{Ledger, Ticket, WorkerId};
use crate::{ChangeId, Flush, Time};

pub use broken::Broken;
pub use on_store::{Counted, Driven, OnStore, Rows, Transition, counted, go_walks};
pub use properties::{PROPERTIES, Property};
pub use workers::{Reference, Submitted, Workers};

/// The greatest lease; the model's clock stands still at 0, and a lease that is over is put before it.
const LEASE: Option<i64> = Some(10);
const NOW: i64 = 0;

/// How large a model is, and how often what may go wrong does.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Workers.
    pub workers: usize,
    /// Stages of the graph; each has one table.
    pub stages: u32,
    /// Changes.
    pub changes: u8,
    /// The flushes that a change may have: each change any of them.
    pub flushes: Vec<Flush>,
    /// Whether the changes have times of their clients' clock, each with the one before as its frontier.
    pub own_times: bool,
    /// How many workers lose all they know.
    pub crashes: u8,
    /// How many workers sleep; for so long that their leases may end.
    pub sleeps: u8,
    /// How many stages fail.
    pub failures: u8,
    /// How many waits reach their deadline.
    pub deadlines: u8,
}

impl Bounds {
    /// Three workers, three tables, three changes of both flushes, and nothing that goes wrong.
    pub fn three() -> Self {
        Self {
            workers: 3,
            stages: 3,
            changes: 3,
            flushes: vec![Flush::EachTable, Flush::AtEnd],
            own_times: false,
            crashes: 0,
            sleeps: 0,
            failures: 0,
            deadlines: 0,
        }
    }
}

/// A system with its bounds, by the rules or with one that is broken.
#[derive(Clone, Debug)]
pub struct Model {
    /// How large it is.
    pub bounds: Bounds,
    /// The rule that is broken.
    pub broken: Option<Broken>,
    worker: WorkerId,
    change_ids: Vec<ChangeId>,
}

/// What one worker, or the world, does next. Workers are numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A client gives a change to a worker that has none; it asks for a time.
    Submit {
        /// The worker.
        worker: usize,
        /// The change.
        change: u8,
        /// How it is committed.
        flush: Flush,
    },
    /// A worker that lost its change's time, or waits for another that has the same change, asks again.
    Ask(usize),
    /// Journals the inputs of what it works on.
    Journal(usize),
    /// Tries to enter the next stage. If the graph has halted, it gives its time up.
    Enter(usize),
    /// Writes the stage that it is in. With [`Flush::AtEnd`], enters, computes and writes, in one transaction.
    Pass(usize),
    /// Begins a change again that was rewound.
    Rejoin(usize),
    /// The stage that it is in fails.
    Fail(usize),
    /// The deadline of its wait: it gives its time up.
    Deadline(usize),
    /// A worker that waits for a dead one, or has nothing to do, takes its time.
    TakeOver {
        /// The worker.
        worker: usize,
        /// The time.
        time: i64,
    },
    /// A worker that has nothing to do resumes what halted.
    Resume(usize),
    /// A worker that has nothing to do abandons what halted.
    Abandon(usize),
    /// A worker is killed, and there again with nothing. Its client makes the change again.
    Crash(usize),
    /// A worker stops between two steps, without heartbeats. Its client makes the change again.
    Sleep(usize),
    /// It goes on, knowing what it knew.
    Wake(usize),
    /// The lease of a time ends.
    Expire(i64),
}

/// What came of an [`Action`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It is done.
    Done,
    /// A time was given.
    Time(i64),
    /// The change is committed: answered to the client.
    Committed(i64),
    /// The change is in flight already: the worker waits for this time.
    InFlight(i64),
    /// The stage is entered.
    Entered(u32),
    /// The stage is passed, and there is another.
    Passed(u32),
    /// The time is complete.
    Complete(i64),
    /// The ticket is good no more.
    Fenced,
    /// The change is to begin again.
    Rewound,
    /// The graph has halted at this time.
    Halted(i64),
    /// The time was taken, to go on with this stage.
    TakenOver(u32),
    /// The time is no more.
    Abandoned,
    /// The time is left to others.
    Left,
}

/// One state of a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System {
    /// The ledger.
    pub ledger: Ledger,
    /// For each stage its table: the times that were applied to it, and the change of each, in their order.
    pub tables: Vec<Vec<(i64, u8)>>,
    /// The journal.
    pub journal: BTreeMap<i64, Journal>,
    /// The changes that are known as committed, with their times.
    pub committed: BTreeMap<u8, i64>,
    /// Those that were answered to their clients, with the time that was answered.
    pub acknowledged: BTreeMap<u8, i64>,
    /// The changes whose clients were answered with an error.
    pub refused: BTreeSet<u8>,
    /// The changes that clients have yet to make, or to make again.
    pub pending: BTreeSet<u8>,
    workers: Vec<Worker>,
    left: Budget,
    wrong: Option<&'static str>,
}

/// The journal's rows of one time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Journal {
    /// Its inputs: the change.
    pub change: u8,
    /// The stages whose deltas are there.
    pub stages: BTreeSet<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Worker {
    awake: bool,
    /// The change of its client, and how it is committed.
    request: Option<(u8, Flush)>,
    /// What it holds. It works on the last: each was taken over because the one before waits for it.
    held: Vec<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Held {
    ticket: Ticket,
    change: u8,
    flush: Flush,
    /// Whether the worker's own client waits for it.
    own: bool,
    journaled: bool,
    next: u32,
    /// What it read when it entered the next stage, if it has.
    read: Option<Vec<(i64, u8)>>,
}

/// What may still go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Budget {
    crashes: u8,
    sleeps: u8,
    failures: u8,
    deadlines: u8,
}

impl Model {
    /// A model by the rules.
    pub fn new(bounds: Bounds) -> Self {
        let name = |change| ChangeId::new(format!("change {change}")).expect("short");
        Self {
            change_ids: (0..bounds.changes).map(name).collect(),
            worker: WorkerId::new("a worker"),
            bounds,
            broken: None,
        }
    }

    /// The same with a rule that is broken.
    #[must_use]
    pub fn with(mut self, broken: Broken) -> Self {
        self.broken = Some(broken);
        self
    }

    /// The state in which nothing has happened.
    pub fn start(&self) -> System {
        let idle = Worker {
            awake: true,
            request: None,
            held: Vec::new(),
        };
        System {
            ledger: Ledger::new(self.bounds.stages),
            tables: vec![Vec::new(); self.bounds.stages as usize],
            journal: BTreeMap::new(),
            committed: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            refused: BTreeSet::new(),
            pending: (0..self.bounds.changes).collect(),
            workers: vec![idle; self.bounds.workers],
            left: Budget {
                crashes: self.bounds.crashes,
                sleeps: self.bounds.sleeps,
                failures: self.bounds.failures,
                deadlines: self.bounds.deadlines,
            },
            wrong: None,
        }
    }

    /// The name of a change.
    pub fn change_id(&self, change: u8) -> &ChangeId {
        &self.change_ids[usize::from(change)]
    }

    /// The time that a change asks for, in a ledger whose last time is this.
    fn time_of(&self, change: u8, flush: Flush, last: i64) -> Time {
        let input_time = 10 * (i64::from(change) + 1);
        let time = if self.bounds.own_times && input_time > last {
            Time::at(input_time).after(input_time - 10)
        } else {
            // Its own time is past: an earlier attempt has used it. The client takes the store's.
            Time::default()
        };
        time.flush(flush)
    }
}

impl System {
    /// The same state for all orders of the workers, and of those that have nothing to tell them apart.
    #[must_use]
    pub fn representative(&self) -> Self {
        let mut same = self.clone();
        same.workers.sort();
        same
    }

    /// What a property of a single step found wrong.
    pub fn wrong(&self) -> Option<&'static str> {
        self.wrong
    }
}
