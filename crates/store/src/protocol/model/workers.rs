//! What a store lends of itself to be held to walks of the model: [`Workers`]; and the first that does, [`Reference`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use super::super::{
    AtOnce, Evidence, Failed, Gate, GaveUp, InFlight, Ledger, Passed, Refusal, Request, Reserved,
    TakenOver, Ticket, WorkerId,
};
use super::replay::Seen;
use super::{Action, Answer, LEASE, NOW};
use crate::{ChangeId, Error, Flush, Time};

/// Workers on one store, driven a step at a time, each step one transaction of the store's. They have a graph whose
/// tables are in as many stages as the model has, and to each of which each change adds a row of its own.
///
/// Workers are numbered from 0, and work as those of the [model](super): on the last of what they hold, where what is
/// taken over comes after what it is in the way of. What is called is always possible by the model. The clock is the
/// driver's own; a lease is over when [`expire`](Self::expire) says so, and not before.
pub trait Workers {
    /// What can go wrong beyond what the protocol answers.
    type Error: Debug;

    /// A worker gets a change, and asks for its time: [`Answer::Time`]; [`Answer::Complete`], where it was committed at
    /// once; [`Answer::Committed`], which is the answer to its client; or [`Answer::InFlight`].
    fn submit(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Self::Error>;
    /// It asks again, with the same change.
    fn ask(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Self::Error>;
    /// Writes the inputs to the journal.
    fn journal(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// Enters the next stage and reads its tables: [`Answer::Entered`]. Where the graph has halted, gives the time up:
    /// [`Answer::Left`] or [`Answer::Abandoned`].
    fn enter(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// Writes the stage's tables: [`Answer::Passed`], [`Answer::Complete`].
    fn pass(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// Begins again what was rewound.
    fn rejoin(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// What it computes fails: [`Answer::Abandoned`], [`Answer::Halted`].
    fn fail(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// The deadline of its wait: [`Answer::Left`], [`Answer::Abandoned`].
    fn deadline(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// Takes a dead worker's time: [`Answer::TakenOver`], [`Answer::Abandoned`].
    fn take_over(&mut self, worker: usize, time: i64) -> Result<Answer, Self::Error>;
    /// Resumes what has halted: [`Answer::TakenOver`].
    fn resume(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// Abandons what has halted, and takes back what it has to: [`Answer::Abandoned`].
    fn abandon(&mut self, worker: usize) -> Result<Answer, Self::Error>;
    /// The worker is killed, and another begins in its place.
    fn crash(&mut self, worker: usize) -> Result<(), Self::Error>;
    /// It stops between two steps.
    fn sleep(&mut self, worker: usize) -> Result<(), Self::Error>;
    /// It goes on.
    fn wake(&mut self, worker: usize) -> Result<(), Self::Error>;
    /// The lease of a time ends, or whatever tells that its holder is dead.
    fn expire(&mut self, time: i64) -> Result<(), Self::Error>;
    /// What is stored.
    fn seen(&mut self) -> Result<Seen, Self::Error>;

    /// Does an action of the model.
    ///
    /// # Errors
    ///
    /// As the method of that action.
    fn act(
        &mut self,
        action: Action,
        change: Option<Submitted<'_>>,
    ) -> Result<Answer, Self::Error> {
        let submitted = || change.expect("a walk names the change of who asks");
        match action {
            Action::Submit { worker, .. } => self.submit(worker, submitted()),
            Action::Ask(worker) => self.ask(worker, submitted()),
            Action::Journal(worker) => self.journal(worker),
            Action::Enter(worker) => self.enter(worker),
            Action::Pass(worker) => self.pass(worker),
            Action::Rejoin(worker) => self.rejoin(worker),
            Action::Fail(worker) => self.fail(worker),
            Action::Deadline(worker) => self.deadline(worker),
            Action::TakeOver { worker, time } => self.take_over(worker, time),
            Action::Resume(worker) => self.resume(worker),
            Action::Abandon(worker) => self.abandon(worker),
            Action::Crash(worker) => self.crash(worker).map(|()| Answer::Done),
            Action::Sleep(worker) => self.sleep(worker).map(|()| Answer::Done),
            Action::Wake(worker) => self.wake(worker).map(|()| Answer::Done),
            Action::Expire(time) => self.expire(time).map(|()| Answer::Done),
        }
    }
}

/// A change that a worker asks a time for.
#[derive(Clone, Copy, Debug)]
pub struct Submitted<'c> {
    /// Its number: what it adds to each table.
    pub change: u8,
    /// Its name.
    pub change_id: &'c ChangeId,
    /// When and how.
    pub time: Time,
}

/// Workers on rows in memory: a store's catalog, journal and tables at their simplest. Each step loads the ledger from
/// its rows, takes one transition and writes back what that changed, as a store does.
#[derive(Debug)]
pub struct Reference {
    stages: u32,
    last: i64,
    complete: i64,
    times: BTreeMap<i64, InFlight>,
    tables: Vec<BTreeSet<u8>>,
    inputs: BTreeMap<i64, u8>,
    deltas: BTreeMap<(i64, u32), u8>,
    committed: BTreeMap<ChangeId, i64>,
    workers: Vec<Vec<Holding>>,
}

/// What a worker of the [`Reference`] holds.
#[derive(Debug)]
struct Holding {
    ticket: Ticket,
    change: u8,
    flush: Flush,
    next: u32,
}

impl Reference {
    /// A store with nothing in it, and its workers.
    pub fn new(stages: u32, workers: usize) -> Self {
        Self {
            stages,
            last: 0,
            complete: 0,
            times: BTreeMap::new(),
            tables: vec![BTreeSet::new(); stages as usize],
            inputs: BTreeMap::new(),
            deltas: BTreeMap::new(),
            committed: BTreeMap::new(),
            workers: (0..workers).map(|_| Vec::new()).collect(),
        }
    }

    /// One transition on the ledger: loaded, and written back.
    fn transition<T>(&mut self, transition: impl FnOnce(&mut Ledger) -> T) -> Result<T, Error> {
        let rows = self.times.values().cloned();
        let before = Ledger::load(self.stages, self.last, self.complete, rows)?;
        let mut ledger = before.clone();
        let outcome = transition(&mut ledger);
        let changes = ledger.changes_since(&before);
        self.last = changes.last.unwrap_or(self.last);
        self.complete = changes.complete.unwrap_or(self.complete);
        changes.delete.iter().for_each(|time| {
            self.times.remove(time);
        });
        for entry in changes.put {
            self.times.insert(entry.time, entry.clone());
        }
        Ok(outcome)
    }

    /// A transition of the last that a worker holds.
    fn on_held<T>(
        &mut self,
        worker: usize,
        transition: impl FnOnce(&mut Ledger, &Holding) -> Result<T, Refusal>,
    ) -> Result<Result<T, Answer>, Error> {
        let held = self.workers[worker].pop().ok_or_else(nothing_held)?;
        let outcome = self.transition(|ledger| transition(ledger, &held))?;
        if !matches!(outcome, Err(Refusal::Fenced { .. })) {
            self.workers[worker].push(held);
        }
        match outcome {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(refusal) => Answer::refused(&refusal)
                .map(Err)
                .ok_or_else(|| refusal.into()),
        }
    }

    fn write(&mut self, stage: u32, change: u8) {
        self.tables[stage as usize].insert(change);
    }

    /// The journal's rows of a time are deleted.
    fn forget(&mut self, time: i64) {
        self.inputs.remove(&time);
        self.deltas.retain(|&(of, _), _| of != time);
    }

    fn leave(&mut self, worker: usize, time: i64, nothing_is_left: bool) -> Answer {
        self.workers[worker].pop();
        if !nothing_is_left {
            return Answer::Left;
        }
        self.forget(time);
        Answer::Abandoned
    }

    fn go_on_with(&mut self, worker: usize, ticket: Ticket, next: u32) -> Result<Answer, Error> {
        let change = self.inputs.get(&ticket.time()).copied();
        self.workers[worker].push(Holding {
            change: change.ok_or_else(nothing_held)?,
            ticket,
            flush: Flush::EachTable,
            next,
        });
        Ok(Answer::TakenOver(next))
    }
}

fn nothing_held() -> Error {
    Refusal::NotInFlight { time: 0 }.into()
}

fn name(worker: usize) -> WorkerId {
    WorkerId::new(format!("worker {worker}"))
}

impl Workers for Reference {
    type Error = Error;

    fn submit(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Error> {
        let id = name(worker);
        let request = Request {
            time: &change.time,
            change_id: change.change_id,
            committed: self.committed.get(change.change_id).copied(),
            worker: &id,
            lease: LEASE,
            now: NOW,
        };
        if change.time.flush == Flush::AtEnd
            && let AtOnce::Time(time) = self.transition(|l| l.commit_at_once(&request))??
        {
            (0..self.stages).for_each(|stage| self.write(stage, change.change));
            self.committed.insert(change.change_id.clone(), time);
            return Ok(Answer::Complete(time));
        }
        Ok(match self.transition(|l| l.reserve(&request))?? {
            Reserved::Ticket(ticket) => {
                let time = ticket.time();
                self.workers[worker].push(Holding {
                    ticket,
                    change: change.change,
                    flush: change.time.flush,
                    next: 0,
                });
                Answer::Time(time)
            }
            Reserved::Committed { time } => Answer::Committed(time),
            Reserved::InFlight(blocker) => Answer::InFlight(blocker.time),
            Reserved::NotYet { .. } => Answer::Done,
        })
    }

    fn ask(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Error> {
        self.submit(worker, change)
    }

    fn journal(&mut self, worker: usize) -> Result<Answer, Error> {
        let journaled = self.on_held(worker, |ledger, held| {
            ledger.journal(&held.ticket)?;
            Ok((held.ticket.time(), held.change))
        })?;
        Ok(match journaled {
            Ok((time, change)) => {
                self.inputs.insert(time, change);
                Answer::Done
            }
            Err(answer) => answer,
        })
    }

    fn enter(&mut self, worker: usize) -> Result<Answer, Error> {
        let entered = self.on_held(worker, |ledger, held| {
            Ok((ledger.enter(&held.ticket, held.next, NOW)?, held.next))
        })?;
        match entered {
            Ok((Gate::Open, stage)) => Ok(Answer::Entered(stage)),
            Ok(_) => Ok(Answer::Done),
            Err(Answer::Halted(_)) => self.deadline(worker),
            Err(answer) => Ok(answer),
        }
    }

    fn pass(&mut self, worker: usize) -> Result<Answer, Error> {
        let passed = self.on_held(worker, |ledger, held| {
            let passed = ledger.pass(&held.ticket, held.next)?;
            Ok((
                passed,
                held.ticket.time(),
                held.flush,
                held.next,
                held.change,
            ))
        })?;
        let (passed, time, flush, stage, change) = match passed {
            Ok(passed) => passed,
            Err(answer) => return Ok(answer),
        };
        if flush == Flush::AtEnd {
            (0..self.stages).for_each(|stage| self.write(stage, change));
        } else {
            self.write(stage, change);
            self.deltas.insert((time, stage), change);
        }
        Ok(match passed {
            Passed::Stage { next } => {
                let held = self.workers[worker].last_mut().ok_or_else(nothing_held)?;
                held.next = next;
                Answer::Passed(stage)
            }
            Passed::Complete { time, change_id } => {
                self.workers[worker].pop();
                self.forget(time);
                self.committed.insert(change_id, time);
                Answer::Complete(time)
            }
        })
    }

    fn rejoin(&mut self, worker: usize) -> Result<Answer, Error> {
        let again = self.on_held(worker, |l, held| l.rejoin(&held.ticket, LEASE, NOW))?;
        Ok(match again {
            Ok(ticket) => {
                let held = self.workers[worker].last_mut().ok_or_else(nothing_held)?;
                held.ticket = ticket;
                held.next = 0;
                Answer::Done
            }
            Err(answer) => answer,
        })
    }

    fn fail(&mut self, worker: usize) -> Result<Answer, Error> {
        let failed = self.on_held(worker, |ledger, held| {
            let failed = ledger.fail(&held.ticket, "vertex", "failed")?;
            Ok((failed, held.ticket.time()))
        })?;
        Ok(match failed {
            Ok((failed, time)) => match self.leave(worker, time, failed == Failed::Abandoned) {
                Answer::Left => Answer::Halted(time),
                answer => answer,
            },
            Err(answer) => answer,
        })
    }

    fn deadline(&mut self, worker: usize) -> Result<Answer, Error> {
        let gave_up = self.on_held(worker, |ledger, held| {
            Ok((ledger.give_up(&held.ticket)?, held.ticket.time()))
        })?;
        Ok(match gave_up {
            Ok((gave_up, time)) => self.leave(worker, time, gave_up == GaveUp::Abandoned),
            Err(answer) => answer,
        })
    }

    fn take_over(&mut self, worker: usize, time: i64) -> Result<Answer, Error> {
        let by = name(worker);
        let taken = self.transition(|l| l.take_over(time, &by, Evidence::Ledger, LEASE, NOW))??;
        match taken {
            TakenOver::Ticket { ticket, next, .. } => self.go_on_with(worker, ticket, next),
            TakenOver::Abandoned => {
                self.forget(time);
                Ok(Answer::Abandoned)
            }
        }
    }

    fn resume(&mut self, worker: usize) -> Result<Answer, Error> {
        let by = name(worker);
        let (ticket, next) = self.transition(|l| l.resume(&by, LEASE, NOW))??;
        self.go_on_with(worker, ticket, next)
    }

    fn abandon(&mut self, _: usize) -> Result<Answer, Error> {
        let rewinding = self.transition(|ledger| {
            let time = ledger.halted().map(|(entry, _)| entry.time);
            ledger.abandon(time.ok_or(Refusal::NotHalted)?, Evidence::Ledger, NOW)
        })??;
        for step in &rewinding.steps {
            if let Some(change) = self.deltas.remove(step) {
                self.tables[step.1 as usize].remove(&change);
            }
        }
        self.forget(rewinding.abandoned);
        Ok(Answer::Abandoned)
    }

    fn crash(&mut self, worker: usize) -> Result<(), Error> {
        self.workers[worker].clear();
        Ok(())
    }

    fn sleep(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn wake(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }

    fn expire(&mut self, time: i64) -> Result<(), Error> {
        if let Some(entry) = self.times.get_mut(&time) {
            entry.lease_until = Some(NOW - 1);
        }
        Ok(())
    }

    fn seen(&mut self) -> Result<Seen, Error> {
        Ok(Seen {
            last: self.last,
            complete: self.complete,
            in_flight: self.times.values().map(|e| (e.time, e.passed)).collect(),
            tables: self.tables.clone(),
            inputs: self.inputs.keys().copied().collect(),
            deltas: self.deltas.keys().copied().collect(),
        })
    }
}
