//! How a change gets its time: reserved, or drawn and committed at once.

use super::{Blocker, InFlight, Ledger, Refusal, State, Ticket, WorkerId};
use crate::{ChangeId, Flush, Time};

/// A change that wants a time.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// When it happens, what it must see, how it is committed.
    pub time: &'r Time,
    /// Its name. A store draws a random one where the user names none, for the worker itself asks by it what became of
    /// a change that was taken from it.
    pub change_id: &'r ChangeId,
    /// The time at which the store has that name as committed, looked up in the same transaction.
    pub committed: Option<i64>,
    /// Who will hold it.
    pub worker: &'r WorkerId,
    /// For how long the worker lives without another sign, in milliseconds; `None` where the database knows.
    pub lease: Option<i64>,
    /// Now, in milliseconds.
    pub now: i64,
}

/// What became of a [`Request`] for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It has one.
    Ticket(Ticket),
    /// The change is committed already: this is the answer to it.
    Committed {
        /// At that time.
        time: i64,
    },
    /// The change is in flight already: wait until it is not, or take it over where it is dead, and ask again.
    InFlight(Blocker),
    /// Nothing up to the frontier has come yet: wait and ask again. Nothing is reserved, so that it can come.
    NotYet {
        /// The frontier of the change.
        frontier: i64,
        /// The last time that was given.
        last: i64,
    },
}

/// What became of a [`Request`] to commit at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtOnce {
    /// The time is this, and complete: write the tables and the change id in the same transaction.
    Time(i64),
    /// Something is in flight: [`Ledger::reserve`] a time and wait for one's turn.
    Busy,
    /// As [`Reserved::Committed`].
    Committed {
        /// At that time.
        time: i64,
    },
    /// As [`Reserved::NotYet`].
    NotYet {
        /// The frontier of the change.
        frontier: i64,
        /// The last time that was given.
        last: i64,
    },
}

/// What a request finds.
enum Found {
    Time(i64),
    Committed(i64),
    InFlight(Blocker),
    NotYet { frontier: i64 },
}

impl Ledger {
    /// Gives a time to a change.
    ///
    /// # Errors
    ///
    /// [`Refusal::Halted`], [`Refusal::PastTime`], [`Refusal::FrontierAhead`], [`Refusal::NoTimeLeft`].
    pub fn reserve(&mut self, request: &Request<'_>) -> Result<Reserved, Refusal> {
        let time = match self.find_time(request)? {
            Found::Time(time) => time,
            Found::Committed(time) => return Ok(Reserved::Committed { time }),
            Found::InFlight(blocker) => return Ok(Reserved::InFlight(blocker)),
            Found::NotYet { frontier } => {
                return Ok(Reserved::NotYet {
                    frontier,
                    last: self.last,
                });
            }
        };
        let entry = InFlight {
            time,
            flush: request.time.flush,
            journaled: false,
            passed: 0,
            holder: request.worker.clone(),
            epoch: 1,
            rewound_from: None,
            since: request.now,
            lease_until: lease_until(request.now, request.lease),
            change_id: request.change_id.clone(),
            state: State::Running,
        };
        let ticket = entry.ticket();
        self.last = time;
        self.entries.insert(time, entry);
        Ok(Reserved::Ticket(ticket))
    }

    /// Gives a time to a change with [`Flush::AtEnd`], and completes it in the same transaction, where nothing is in
    /// flight. The usual way of a change, and the only one of a store that is used by changes with `AtEnd` alone.
    ///
    /// # Errors
    ///
    /// As [`Self::reserve`]; and [`Refusal::OutOfTurn`] for a change with [`Flush::EachTable`].
    pub fn commit_at_once(&mut self, request: &Request<'_>) -> Result<AtOnce, Refusal> {
        if request.time.flush == Flush::EachTable {
            return Err(Refusal::OutOfTurn {
                time: request.time.input_time.unwrap_or(self.last),
                asked: "to commit at once".into(),
                next: "to reserve a time".into(),
            });
        }
        Ok(match self.find_time(request)? {
            Found::Committed(time) => AtOnce::Committed { time },
            Found::NotYet { frontier } => AtOnce::NotYet {
                frontier,
                last: self.last,
            },
            Found::InFlight(_) => AtOnce::Busy,
            Found::Time(_) if !self.is_idle() => AtOnce::Busy,
            Found::Time(time) => {
                self.last = time;
                self.complete = time;
                AtOnce::Time(time)
            }
        })
    }

    fn find_time(&self, request: &Request<'_>) -> Result<Found, Refusal> {
        if let Some(time) = request.committed {
            return Ok(Found::Committed(time));
        }
        if let Some((entry, halt)) = self.halted() {
            return Err(Refusal::halted(entry, halt));
        }
        let same = |entry: &&InFlight| entry.change_id == *request.change_id;
        if let Some(entry) = self.in_flight().find(same) {
            return Ok(Found::InFlight(self.blocker(entry, request.now)));
        }
        let frontier = request.time.frontier.unwrap_or(0);
        if let Some(time) = request.time.input_time {
            if time <= self.last {
                return Err(Refusal::PastTime {
                    time,
                    last: self.last,
                });
            }
            if frontier >= time {
                return Err(Refusal::FrontierAhead { frontier, time });
            }
        }
        if frontier > self.last {
            return Ok(Found::NotYet { frontier });
        }
        let next = || self.last.checked_add(1).ok_or(Refusal::NoTimeLeft);
        Ok(Found::Time(request.time.input_time.map_or_else(next, Ok)?))
    }
}

pub(super) fn lease_until(now: i64, lease: Option<i64>) -> Option<i64> {
    lease.map(|lease| now.saturating_add(lease))
}
