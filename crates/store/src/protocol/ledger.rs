//! The ledger of a graph: which times are in flight, how far each has come, and who holds it. This file owns what it is
//! and how it is loaded and written; the transitions are in the files beside it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{ChangeId, Error, ErrorKind, Flush};

/// Which times are in flight. One a graph; as many entries as there are workers at work, and those that died.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    stages: u32,
    pub(super) last: i64,
    pub(super) complete: i64,
    pub(super) entries: BTreeMap<i64, InFlight>,
}

/// A time that was given to a change and has neither completed nor been abandoned. A row of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InFlight {
    /// The time.
    pub time: i64,
    /// How its tables are committed.
    pub flush: Flush,
    /// Whether its inputs are in the journal, so that somebody else can run it.
    pub journaled: bool,
    /// How many stages are committed. With [`Flush::AtEnd`] always 0: it leaves with its one commit.
    pub passed: u32,
    /// Who holds it, or held it last.
    pub holder: WorkerId,
    /// The fencing token: greater after every change of hands, and after every rewind.
    pub epoch: i64,
    /// Where it was rewound under its holder: the epoch of the ticket that the holder still has.
    pub rewound_from: Option<i64>,
    /// When its holder got it, in milliseconds.
    pub since: i64,
    /// Until when the holder lives without another sign, in milliseconds. `None` where the database itself knows
    /// who lives.
    pub lease_until: Option<i64>,
    /// The change.
    pub change_id: ChangeId,
    /// Whether somebody is at work on it.
    pub state: State,
}

/// Whether somebody is at work on a time in flight.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Its holder is, unless it died.
    Running,
    /// Nobody is: its holder went away, and whoever waits for it takes it over.
    Left,
    /// Nobody may go on before it is resumed or abandoned.
    Halted(Halt),
}

/// Why a time halted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Halt {
    /// The vertex that failed.
    pub vertex: String,
    /// What it said, in words.
    pub message: String,
}

/// A worker, as others see it: unique among all workers that ever held a time of the graph, and of use to a person who
/// wonders who holds one. A host and a process, and something random, say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(Arc<str>);

impl WorkerId {
    /// A worker of that name.
    pub fn new(name: impl AsRef<str>) -> Self {
        Self(name.as_ref().into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The right to write a time, as long as nobody else has got it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    pub(super) time: i64,
    pub(super) epoch: i64,
}

impl Ticket {
    /// The time.
    pub fn time(&self) -> i64 {
        self.time
    }

    /// The fencing token, which the ledger compares with the entry's.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// A ticket that was kept outside, as by a worker that hands it to another thread.
    pub fn from_parts(time: i64, epoch: i64) -> Self {
        Self { time, epoch }
    }
}

impl InFlight {
    /// Whether the holder is known to be gone: it left, or its lease is over.
    pub fn is_dead(&self, now: i64) -> bool {
        match self.state {
            State::Running => self.lease_until.is_some_and(|until| until < now),
            State::Left => true,
            State::Halted(_) => false,
        }
    }

    /// Why it halted, if it did.
    pub fn halt(&self) -> Option<&Halt> {
        match &self.state {
            State::Halted(halt) => Some(halt),
            State::Running | State::Left => None,
        }
    }

    /// No ticket that was given for it is good any longer.
    pub(super) fn fence(&mut self) {
        self.epoch = self
            .epoch
            .checked_add(1)
            .expect("nobody counts to 2^63 one by one");
        self.rewound_from = None;
    }

    /// Its holder is fenced from what it has done, and may begin again.
    pub(super) fn fence_rewound(&mut self) {
        let ticket = self.rewound_from.unwrap_or(self.epoch);
        self.fence();
        self.rewound_from = Some(ticket);
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            time: self.time,
            epoch: self.epoch,
        }
    }
}

/// What a transition changed in a ledger: what a store writes back.
#[derive(Debug, PartialEq, Eq)]
pub struct LedgerChanges<'l> {
    /// The new [`Ledger::last`], where it is another.
    pub last: Option<i64>,
    /// The new [`Ledger::complete`], where it is another.
    pub complete: Option<i64>,
    /// Entries that are new or not as they were.
    pub put: Vec<&'l InFlight>,
    /// The times of entries that are no more.
    pub delete: Vec<i64>,
}

impl Ledger {
    /// The ledger of a graph in which nothing has happened.
    ///
    /// `stages`: how many stages the graph has, at least 1 is counted.
    pub fn new(stages: u32) -> Self {
        Self {
            stages: stages.max(1),
            last: 0,
            complete: 0,
            entries: BTreeMap::new(),
        }
    }

    /// The ledger as it is stored.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Corrupt`]: the entries make no sense with each other or with the graph's number of stages. Nothing
    /// that this module has written does so.
    pub fn load(
        stages: u32,
        last: i64,
        complete: i64,
        entries: impl IntoIterator<Item = InFlight>,
    ) -> Result<Self, Error> {
        let mut ledger = Self {
            last,
            complete,
            ..Self::new(stages)
        };
        let corrupt = |what: String| {
            Error::new(
                ErrorKind::Corrupt,
                format!("the times in flight as they are stored make no sense: {what}"),
            )
        };
        if complete > last || complete < 0 {
            return Err(corrupt(format!(
                "time {complete} is complete, and the last one is {last}"
            )));
        }
        for entry in entries {
            let time = entry.time;
            let most = match entry.flush {
                Flush::AtEnd => 1,
                Flush::EachTable => ledger.stages,
            };
            if entry.passed >= most {
                return Err(corrupt(format!(
                    "time {time} has passed {} stages of {most} and is in flight",
                    entry.passed
                )));
            }
            if time <= complete || time > last {
                return Err(corrupt(format!(
                    "time {time} is in flight, {complete} is complete and the last one is {last}"
                )));
            }
            if ledger.entries.insert(time, entry).is_some() {
                return Err(corrupt(format!("time {time} is there twice")));
            }
        }
        Ok(ledger)
    }

    /// What is to be written, from a ledger as it was loaded to this one.
    pub fn changes_since(&self, before: &Self) -> LedgerChanges<'_> {
        LedgerChanges {
            last: (self.last != before.last).then_some(self.last),
            complete: (self.complete != before.complete).then_some(self.complete),
            put: self
                .entries
                .values()
                .filter(|entry| before.entries.get(&entry.time) != Some(*entry))
                .collect(),
            delete: before
                .entries
                .keys()
                .filter(|time| !self.entries.contains_key(time))
                .copied()
                .collect(),
        }
    }

    /// How many stages the graph has.
    pub fn stages(&self) -> u32 {
        self.stages
    }

    /// The greatest time that was ever given, committed or not.
    pub fn last(&self) -> i64 {
        self.last
    }

    /// The newest time that is complete in every table: what readers of views see. 0 before the first.
    pub fn complete(&self) -> i64 {
        self.complete
    }

    /// The times in flight, in their order.
    pub fn in_flight(&self) -> impl DoubleEndedIterator<Item = &InFlight> {
        self.entries.values()
    }

    /// The entry of a time in flight.
    pub fn get(&self, time: i64) -> Option<&InFlight> {
        self.entries.get(&time)
    }

    /// Whether nothing is in flight.
    pub fn is_idle(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first time that has halted.
    pub fn halted(&self) -> Option<(&InFlight, &Halt)> {
        self.entries
            .values()
            .find_map(|entry| entry.halt().map(|halt| (entry, halt)))
    }

    /// The number of commits that a change of that flush takes.
    pub fn stages_of(&self, flush: Flush) -> u32 {
        match flush {
            Flush::AtEnd => 1,
            Flush::EachTable => self.stages,
        }
    }
}
