//! The way of a change to its end, for a driver that has one: what comes next, given the ledger as it is. It owns which
//! transition is applied when, and what a worker does about those whom it finds dead; it never waits, computes or writes.
//!
//! ```text
//! loop {
//!     in a transaction: next = course.advance(&mut ledger, …); write what changed of the ledger
//!     Next::Stage(job) => compute the stage, outside of a transaction where it is one of several
//!                         in a transaction: course.pass(&mut ledger, &job), the tables, the journal
//!     Next::Wait(wait) => wait until somebody has changed the ledger, or give up
//!     Next::Done(…)    => answer
//! }
//! ```
//!
//! A worker that finds a dead one in its way takes that one's time over, and goes on with it to its end before its own.

use super::{
    Blocker, Evidence, Failed, Gate, Ledger, Passed, Refusal, Request, Reserved, TakenOver, Ticket,
    WorkerId,
};
use crate::{ChangeId, Flush, Time};

/// A change on its way, and the dead that were found in the way.
#[derive(Debug)]
pub struct Course {
    /// None where there is only somebody else's time to bring to its end.
    own: Option<Own>,
    /// Times that were taken over, the earliest last.
    over: Vec<Ticket>,
    worker: WorkerId,
    lease: Option<i64>,
    /// Holders of which the database has shown that they are dead.
    gone: Vec<i64>,
    finished: Option<i64>,
    /// Times that were taken over since somebody asked.
    taken: Vec<i64>,
    dropped: Option<Dropped>,
}

#[derive(Debug)]
struct Own {
    time: Time,
    change_id: ChangeId,
    ticket: Option<Ticket>,
}

/// What a worker does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Compute a stage, and [pass](Course::pass) it.
    Stage(Job),
    /// Wait until somebody has changed the ledger.
    Wait(Wait),
    /// The change is committed.
    Done {
        /// At that time.
        time: i64,
        /// Whether it was committed before, or by somebody else: what it changed is not known here.
        repeated: bool,
    },
}

/// A stage to compute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The right to write it.
    pub ticket: Ticket,
    /// The stage.
    pub stage: u32,
    /// How it is committed: with [`Flush::AtEnd`] the only stage is the whole of the graph.
    pub flush: Flush,
    /// Whether it is the worker's own change. If not, or if it has come to this stage under another ticket, it goes on
    /// from the journal.
    pub own: bool,
}

/// A change that a dead worker had journaled, and that whoever took it over could not compute: what it was made for is no
/// more, as a row of a keyed table that came with an earlier change which was [abandoned](super::Ledger::abandon). It has
/// not happened, and was not acknowledged. Made again under its name, it is a new change, and its client is told why it
/// fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its time, which is no more.
    pub time: i64,
    /// Its name.
    pub change_id: ChangeId,
    /// The vertex that could not be computed.
    pub vertex: String,
    /// Why.
    pub message: String,
}

/// What a worker waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The time that has to wait, or the frontier that has not come.
    pub waiting: i64,
    /// Who is in the way; `None` where nobody has been given the time of the frontier yet.
    pub blocker: Option<Blocker>,
}

impl Course {
    /// The course of a change.
    ///
    /// `lease`: for how long the worker lives without another sign, in milliseconds; `None` where the database knows.
    pub fn new(time: Time, change_id: ChangeId, worker: WorkerId, lease: Option<i64>) -> Self {
        let own = Own {
            time,
            change_id,
            ticket: None,
        };
        Self {
            own: Some(own),
            ..Self::without_change(worker, lease)
        }
    }

    /// A worker that has no change of its own, as one that [resumes](Self::resume).
    pub fn without_change(worker: WorkerId, lease: Option<i64>) -> Self {
        Self {
            own: None,
            over: Vec::new(),
            worker,
            lease,
            gone: Vec::new(),
            finished: None,
            taken: Vec::new(),
            dropped: None,
        }
    }

    /// Takes the first time that has halted: see [`Ledger::resume`]. Returns the time.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotHalted`].
    pub fn resume(&mut self, ledger: &mut Ledger, now: i64) -> Result<i64, Refusal> {
        let (ticket, _) = ledger.resume(&self.worker, self.lease, now)?;
        let time = ticket.time();
        self.over.push(ticket);
        Ok(time)
    }

    /// The name of the change, if it is one of this worker's.
    pub fn change_id(&self) -> Option<&ChangeId> {
        self.own.as_ref().map(|own| &own.change_id)
    }

    /// The times that this worker holds, to be kept alive.
    pub fn held(&self) -> impl Iterator<Item = &Ticket> {
        let own = self.own.iter().filter_map(|own| own.ticket.as_ref());
        self.over.iter().chain(own)
    }

    /// The database has shown that the holder of a time is dead: to be said in the transaction that it was seen in. It
    /// counts for the next [`Self::advance`].
    pub fn found_gone(&mut self, time: i64) {
        self.gone.push(time);
    }

    /// Whether the last transaction was committed is not known, and here is the ledger as it is: tickets that it did not
    /// give to this worker are no tickets. To be said before anything else is asked, where a connection was lost.
    pub fn keep_known(&mut self, ledger: &Ledger) {
        let worker = &self.worker;
        let is_known = |ticket: &Ticket| {
            let entry = ledger.get(ticket.time());
            entry.is_some_and(|entry| {
                let is_good =
                    entry.epoch == ticket.epoch() || entry.rewound_from == Some(ticket.epoch());
                is_good && entry.holder == *worker
            })
        };
        self.over.retain(&is_known);
        if let Some(own) = &mut self.own {
            own.ticket = own.ticket.take().filter(is_known);
        }
    }

    /// What comes next, with the transitions that lead there.
    ///
    /// `committed`: the time at which the store has the change's name as committed, looked up in the same transaction.
    ///
    /// # Errors
    ///
    /// What refuses the change: it has not happened, unless [`Refusal::Halted`] is said of one that has passed a stage.
    /// What it held is given up.
    pub fn advance(
        &mut self,
        ledger: &mut Ledger,
        committed: Option<i64>,
        now: i64,
    ) -> Result<Next, Refusal> {
        let next = self.go_on(ledger, committed, now);
        // It was seen now, and is not true for ever.
        self.gone.clear();
        next
    }

    fn go_on(
        &mut self,
        ledger: &mut Ledger,
        committed: Option<i64>,
        now: i64,
    ) -> Result<Next, Refusal> {
        loop {
            let step = if self.over.is_empty() {
                self.advance_own(ledger, committed, now)
            } else {
                self.advance_taken(ledger, now)
            };
            match step {
                Ok(Some(next)) => return Ok(next),
                Ok(None) => {}
                Err(refusal) => {
                    self.give_up(ledger);
                    return Err(refusal);
                }
            }
        }
    }

    fn advance_taken(&mut self, ledger: &mut Ledger, now: i64) -> Result<Option<Next>, Refusal> {
        let Some(ticket) = self.over.last().cloned() else {
            return Ok(None);
        };
        match self.enter(ledger, &ticket, false, now) {
            Err(Refusal::Fenced { .. }) => {
                self.over.pop();
                Ok(None)
            }
            Err(Refusal::Rewound { .. }) => {
                self.over.pop();
                self.over.push(ledger.rejoin(&ticket, self.lease, now)?);
                Ok(None)
            }
            other => other,
        }
    }

    fn advance_own(
        &mut self,
        ledger: &mut Ledger,
        committed: Option<i64>,
        now: i64,
    ) -> Result<Option<Next>, Refusal> {
        let Some(own) = &self.own else {
            let time = self.finished.unwrap_or_else(|| ledger.complete());
            return Ok(Some(Next::Done {
                time,
                repeated: true,
            }));
        };
        let Some(ticket) = own.ticket.clone() else {
            return self.reserve(ledger, committed, now);
        };
        match self.enter(ledger, &ticket, true, now) {
            // Somebody took it for dead. What became of it is found under its name.
            Err(Refusal::Fenced { .. }) => {
                self.set_own(None);
                Ok(None)
            }
            Err(Refusal::Rewound { .. }) => {
                let again = ledger.rejoin(&ticket, self.lease, now)?;
                self.set_own(Some(again));
                Ok(None)
            }
            other => other,
        }
    }

    fn reserve(
        &mut self,
        ledger: &mut Ledger,
        committed: Option<i64>,
        now: i64,
    ) -> Result<Option<Next>, Refusal> {
        let Some(own) = &mut self.own else {
            return Ok(None);
        };
        let request = Request {
            time: &own.time,
            change_id: &own.change_id,
            committed,
            worker: &self.worker,
            lease: self.lease,
            now,
        };
        Ok(match ledger.reserve(&request)? {
            Reserved::Ticket(ticket) => {
                own.ticket = Some(ticket);
                None
            }
            Reserved::Committed { time } => Some(Next::Done {
                time,
                repeated: true,
            }),
            Reserved::InFlight(blocker) => {
                self.wait_or_take_over(ledger, blocker.time, blocker, now)?
            }
            Reserved::NotYet { frontier, .. } => Some(Next::Wait(Wait {
                waiting: frontier,
                blocker: None,
            })),
        })
    }

    fn enter(
        &mut self,
        ledger: &mut Ledger,
        ticket: &Ticket,
        own: bool,
        now: i64,
    ) -> Result<Option<Next>, Refusal> {
        let entry = ledger.get(ticket.time());
        let (stage, flush) = entry.map_or((0, Flush::AtEnd), |entry| (entry.passed, entry.flush));
        match ledger.enter(ticket, stage, now)? {
            Gate::Open => Ok(Some(Next::Stage(Job {
                ticket: ticket.clone(),
                stage,
                flush,
                own,
            }))),
            Gate::Wait(blocker) | Gate::Dead(blocker) => {
                self.wait_or_take_over(ledger, ticket.time(), blocker, now)
            }
            Gate::NotYet { frontier, .. } => Ok(Some(Next::Wait(Wait {
                waiting: frontier,
                blocker: None,
            }))),
        }
    }

    fn wait_or_take_over(
        &mut self,
        ledger: &mut Ledger,
        waiting: i64,
        blocker: Blocker,
        now: i64,
    ) -> Result<Option<Next>, Refusal> {
        let gone = self.gone.iter().position(|time| *time == blocker.time);
        let evidence = match gone {
            Some(position) => {
                self.gone.swap_remove(position);
                Evidence::Database
            }
            None if blocker.dead => Evidence::Ledger,
            None => {
                return Ok(Some(Next::Wait(Wait {
                    waiting,
                    blocker: Some(blocker),
                })));
            }
        };
        let taken = ledger.take_over(blocker.time, &self.worker, evidence, self.lease, now)?;
        if let TakenOver::Ticket { ticket, .. } = taken {
            self.over.push(ticket);
        }
        self.taken.push(blocker.time);
        Ok(None)
    }

    /// The times of dead workers that were taken over since this was asked last, to be told.
    pub fn taken_over(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.taken)
    }

    /// The change that was dropped by the last [failure](Self::fail), to be told once its transaction is committed.
    pub fn dropped(&mut self) -> Option<Dropped> {
        self.dropped.take()
    }

    /// A stage is written: in the same transaction as its tables. The inputs are in the journal from the first one on.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`] and [`Refusal::Rewound`]: nothing of it may be written; [advance](Self::advance) says what
    /// comes next.
    pub fn pass(&self, ledger: &mut Ledger, job: &Job) -> Result<Passed, Refusal> {
        let entry = ledger.get(job.ticket.time());
        let is_new = entry.is_some_and(|entry| !entry.journaled && entry.flush == Flush::EachTable);
        if is_new {
            ledger.journal(&job.ticket)?;
        }
        ledger.pass(&job.ticket, job.stage)
    }

    /// The transaction of a [pass](Self::pass) is committed. Returns whether the worker's own change is done.
    pub fn passed(&mut self, job: &Job, passed: &Passed) -> bool {
        if let Passed::Complete { time, .. } = passed {
            self.finished = Some(*time);
            if job.own {
                // It is not held any more: there is nothing to give up in the end.
                self.set_own(None);
                return true;
            }
            self.over.retain(|ticket| ticket != &job.ticket);
        }
        false
    }

    /// A stage can't be computed. Returns what that means for its time; `None` where it is no longer this worker's. Where
    /// it was somebody else's who is dead, and nothing of it was written, the change is [dropped](Self::dropped).
    pub fn fail(
        &mut self,
        ledger: &mut Ledger,
        job: &Job,
        vertex: &str,
        message: &str,
    ) -> Option<Failed> {
        let entry = ledger.get(job.ticket.time()).cloned();
        let failed = ledger.fail(&job.ticket, vertex, message).ok();
        if let (Some(Failed::Abandoned), false, Some(entry)) = (failed, job.own, entry) {
            self.dropped = Some(Dropped {
                time: entry.time,
                change_id: entry.change_id,
                vertex: vertex.to_string(),
                message: message.to_string(),
            });
        }
        if job.own && failed.is_some() {
            self.set_own(None);
        } else if !job.own {
            self.over.retain(|ticket| ticket != &job.ticket);
        }
        failed
    }

    /// The worker goes away: what it holds is left to others, or abandoned where nothing of it is written. Returns the
    /// times that were abandoned, whose journals are to be deleted.
    pub fn give_up(&mut self, ledger: &mut Ledger) -> Vec<i64> {
        let held: Vec<Ticket> = self.held().cloned().collect();
        self.over.clear();
        self.set_own(None);
        let mut abandoned = Vec::new();
        for ticket in held {
            if ledger.give_up(&ticket) == Ok(super::GaveUp::Abandoned) {
                abandoned.push(ticket.time());
            }
        }
        abandoned
    }

    fn set_own(&mut self, ticket: Option<Ticket>) {
        if let Some(own) = &mut self.own {
            own.ticket = ticket;
        }
    }
}
