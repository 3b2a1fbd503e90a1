//! Walks of the model, gone by a real store: [`OnStore`] is the workers, over what a store lends of itself, [`Driven`]. Each
//! step is a transaction in which the ledger is loaded, one transition is made, and what it changed is written with the rows
//! of tables and journal. A worker here has nothing but its ticket: it computes each stage from the journal, as whoever
//! takes over does. It knows no database.

use std::collections::BTreeSet;

use deltaview_graph::{
    Change, Commit, Edit, Graph, InputHandle, JournalEntry, JournalKind, Stages, ViewHandle,
};
use deltaview_schema::Index;
use deltaview_zset::{Keyed, Weight};

use super::super::{
    AtOnce, Evidence, Failed, Gate, GaveUp, Ledger, Passed, Refusal, Request, Reserved, TakenOver,
    Ticket, WorkerId,
};
use super::replay::{self, Seen};
use super::{Answer, Bounds, Model, Submitted, Workers};
use crate::{ChangeId, Error, Flush};

/// In milliseconds: longer than a test takes.
const LEASE: Option<i64> = Some(10_000_000);

/// A store that is driven a transaction at a time.
pub trait Driven {
    /// The graph: that of [`counted`].
    fn graph(&self) -> &Graph;

    /// Runs a transition in a transaction of its own, on the ledger as it is stored, at the store's own time in
    /// milliseconds. What changes of the ledger is written with the rows; where it fails, nothing is.
    ///
    /// # Errors
    ///
    /// That of the transition; or the store can't be written.
    fn transact(&mut self, run: Transition<'_>) -> Result<(), Error>;

    /// [Abandons](crate::Store::abandon) a time.
    ///
    /// # Errors
    ///
    /// As there.
    fn abandon(&mut self, time: i64) -> Result<(), Error>;

    /// Lets the lease of a time be over.
    ///
    /// # Errors
    ///
    /// The store can't be written.
    fn expire(&mut self, time: i64) -> Result<(), Error>;

    /// The keys of the rows that are in the tables of a stage, which are the same in each of them.
    ///
    /// # Errors
    ///
    /// The store can't be read.
    fn keys(&mut self, stage: usize) -> Result<BTreeSet<i64>, Error>;

    /// What is journaled: the time of each entry, and the stage, or none for inputs.
    ///
    /// # Errors
    ///
    /// The store can't be read.
    fn journaled(&mut self) -> Result<BTreeSet<(i64, Option<u32>)>, Error>;
}

/// What is done in a transaction.
pub type Transition<'t> = &'t mut dyn FnMut(&mut dyn Rows, &mut Ledger, i64) -> Result<(), Error>;

/// The rows of a store, in a transaction.
pub trait Rows {
    /// The time at which a change of that name is committed.
    ///
    /// # Errors
    ///
    /// The store can't be read: so for all others.
    fn committed(&mut self, id: &ChangeId) -> Result<Option<i64>, Error>;
    /// A change of that name is committed at that time.
    ///
    /// # Errors
    ///
    /// The store can't be written: so for all others.
    fn note(&mut self, id: &ChangeId, time: i64) -> Result<(), Error>;
    /// All that is journaled of a time.
    ///
    /// # Errors
    ///
    /// As [`Self::committed`].
    fn journal(&mut self, time: i64) -> Result<Vec<JournalEntry>, Error>;
    /// Journals what a stage has done, and the inputs if they are among it.
    ///
    /// # Errors
    ///
    /// As [`Self::note`].
    fn write_journal(&mut self, time: i64, stage: u32, of: &[JournalEntry]) -> Result<(), Error>;
    /// Computes the next stage from its tables.
    ///
    /// # Errors
    ///
    /// As [`Self::committed`].
    fn stage(&mut self, stages: &Stages<'_>) -> Result<Commit, Error>;
    /// Computes the whole of a change.
    ///
    /// # Errors
    ///
    /// As [`Self::committed`].
    fn whole(&mut self, change: &Change) -> Result<Commit, Error>;
    /// Writes the tables of a stage, or of all, which are then of that time.
    ///
    /// # Errors
    ///
    /// As [`Self::note`].
    fn write(&mut self, commit: &Commit, stage: Option<u32>, time: i64) -> Result<(), Error>;
}

/// The graph that walks are gone with.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The graph.
    pub graph: Graph,
    /// The changes.
    pub changes: InputHandle<i64>,
    /// The counts of the last stage.
    pub view: ViewHandle<Keyed<i64, Weight>, i64>,
}

/// Changes counted, and these counts counted, by the change: it has a row in each table, with the change as its key.
///
/// # Panics
///
/// Never: the graph is right.
pub fn counted() -> Counted {
    let built = Graph::build("counted", |g| {
        let changes = g.input::<i64>("changes");
        let first = changes.group_by(Index::new("change", |change: &i64| *change));
        let first = first.count().named("first");
        let again = Index::new("change", |first: &Keyed<i64, Weight>| first.key);
        let second = first.group_by(again).count().named("second");
        // Read by more than the view: so the groups are of a stage of their own.
        second.output("seen");
        (changes.handle(), second.view("view"))
    });
    let (graph, (changes, view)) = built.expect("the graph is right");
    Counted {
        graph,
        changes,
        view,
    }
}

/// So many walks, each by a new store, with the store's own times and with those of clients.
///
/// # Errors
///
/// The first walk that comes to something else than the model, in words.
pub fn go_walks<D: Driven>(
    walks: u64,
    mut open: impl FnMut(&Counted) -> Result<D, Error>,
) -> Result<(), String> {
    let counted = counted();
    let stages = u32::try_from(counted.graph.stage_count()).map_err(|error| error.to_string())?;
    for own_times in [false, true] {
        let model = Model::new(Bounds {
            stages,
            changes: 5,
            own_times,
            crashes: 2,
            sleeps: 2,
            failures: 3,
            deadlines: 2,
            ..Bounds::three()
        });
        for seed in 0..walks {
            let store = open(&counted).map_err(|error| error.to_string())?;
            let mut workers = OnStore::new(store, counted.changes, model.bounds.workers);
            let went = replay::run(&model, &replay::walk(&model, seed), &mut workers);
            went.map_err(|difference| format!("{stages} stages, seed {seed}: {difference}"))?;
        }
    }
    Ok(())
}

/// What a worker holds.
#[derive(Debug)]
struct Holding {
    ticket: Ticket,
    change: u8,
    flush: Flush,
    next: u32,
    /// What it has computed of the stage that it has entered.
    entered: Option<(Commit, Vec<JournalEntry>)>,
}

/// Workers on one store, driven a step at a time.
#[derive(Debug)]
pub struct OnStore<D> {
    store: D,
    changes: InputHandle<i64>,
    workers: Vec<Vec<Holding>>,
}

fn name(worker: usize) -> WorkerId {
    WorkerId::new(format!("worker {worker}"))
}

fn nothing_held() -> Error {
    Refusal::NotInFlight { time: 0 }.into()
}

impl<D: Driven> OnStore<D> {
    /// So many workers on an empty store.
    pub fn new(store: D, changes: InputHandle<i64>, workers: usize) -> Self {
        Self {
            store,
            changes,
            workers: (0..workers).map(|_| Vec::new()).collect(),
        }
    }

    fn transition<R>(
        &mut self,
        mut run: impl FnMut(&mut dyn Rows, &mut Ledger, i64) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut done = None;
        self.store.transact(&mut |rows, ledger, now| {
            done = Some(run(rows, ledger, now)?);
            Ok(())
        })?;
        Ok(done.expect("it was run"))
    }

    /// A transition of the last that a worker holds.
    fn on_held<R>(
        &mut self,
        worker: usize,
        mut run: impl FnMut(&mut dyn Rows, &mut Ledger, i64, &mut Holding) -> Result<R, Error>,
    ) -> Result<Result<R, Answer>, Error> {
        let mut held = self.workers[worker].pop().ok_or_else(nothing_held)?;
        let outcome = self.transition(|rows, ledger, now| run(rows, ledger, now, &mut held));
        let outcome = match outcome {
            Ok(outcome) => Ok(outcome),
            Err(error) => match error.refusal().and_then(Answer::refused) {
                Some(Answer::Fenced) => return Ok(Err(Answer::Fenced)),
                Some(answer) => Err(answer),
                None => return Err(error),
            },
        };
        self.workers[worker].push(held);
        Ok(outcome)
    }

    fn change(&self, change: u8) -> Change {
        let graph = self.store.graph();
        graph.change().insert(self.changes, [i64::from(change)])
    }

    /// What a stage does, from the journal.
    fn compute(&mut self, held: &Holding) -> Result<(Commit, Vec<JournalEntry>), Error> {
        let graph = self.store.graph().clone();
        self.transition(|rows, _, _| {
            let entries = rows.journal(held.ticket.time())?;
            let stages = graph.stages_from_journal(held.next as usize, &entries)?;
            let commit = rows.stage(&stages)?;
            let mut entries = commit.journal()?;
            // They are there.
            entries.retain(|entry| entry.kind != JournalKind::Input);
            Ok((commit, entries))
        })
    }

    fn leave(&mut self, worker: usize, nothing_is_left: bool) -> Answer {
        self.workers[worker].pop();
        if nothing_is_left {
            Answer::Abandoned
        } else {
            Answer::Left
        }
    }

    fn go_on_with(&mut self, worker: usize, ticket: Ticket, next: u32) -> Answer {
        self.workers[worker].push(Holding {
            ticket,
            // It is in the journal.
            change: u8::MAX,
            flush: Flush::EachTable,
            next,
            entered: None,
        });
        Answer::TakenOver(next)
    }
}

impl<D: Driven> Workers for OnStore<D> {
    type Error = Error;

    fn submit(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Error> {
        let (id, made) = (name(worker), self.change(change.change));
        let answer = self.transition(|rows, ledger, now| {
            let request = Request {
                time: &change.time,
                change_id: change.change_id,
                committed: rows.committed(change.change_id)?,
                worker: &id,
                lease: LEASE,
                now,
            };
            if change.time.flush == Flush::AtEnd
                && let AtOnce::Time(time) = ledger.commit_at_once(&request)?
            {
                let commit = rows.whole(&made)?;
                rows.write(&commit, None, time)?;
                rows.note(change.change_id, time)?;
                return Ok(Err(Answer::Complete(time)));
            }
            Ok(match ledger.reserve(&request)? {
                Reserved::Ticket(ticket) => Ok(ticket),
                Reserved::Committed { time } => Err(Answer::Committed(time)),
                Reserved::InFlight(blocker) => Err(Answer::InFlight(blocker.time)),
                Reserved::NotYet { .. } => Err(Answer::Done),
            })
        })?;
        Ok(match answer {
            Ok(ticket) => {
                let time = ticket.time();
                self.workers[worker].push(Holding {
                    ticket,
                    change: change.change,
                    flush: change.time.flush,
                    next: 0,
                    entered: None,
                });
                Answer::Time(time)
            }
            Err(answer) => answer,
        })
    }

    fn ask(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Error> {
        self.submit(worker, change)
    }

    fn journal(&mut self, worker: usize) -> Result<Answer, Error> {
        let held = self.workers[worker].last().ok_or_else(nothing_held)?;
        let made = self.change(held.change);
        let graph = self.store.graph().clone();
        let journaled = self.on_held(worker, |rows, ledger, _, held| {
            ledger.journal(&held.ticket)?;
            let mut entries = rows.stage(&graph.stages(&made)?)?.journal()?;
            entries.retain(|entry| entry.kind == JournalKind::Input);
            rows.write_journal(held.ticket.time(), 0, &entries)
        })?;
        Ok(journaled.map_or_else(|answer| answer, |()| Answer::Done))
    }

    fn enter(&mut self, worker: usize) -> Result<Answer, Error> {
        let entered = self.on_held(worker, |_, ledger, now, held| {
            Ok((ledger.enter(&held.ticket, held.next, now)?, held.next))
        })?;
        match entered {
            Ok((Gate::Open, stage)) => {
                let mut held = self.workers[worker].pop().ok_or_else(nothing_held)?;
                held.entered = Some(self.compute(&held)?);
                self.workers[worker].push(held);
                Ok(Answer::Entered(stage))
            }
            Ok(_) => Ok(Answer::Done),
            Err(Answer::Halted(_)) => self.deadline(worker),
            Err(answer) => Ok(answer),
        }
    }

    fn pass(&mut self, worker: usize) -> Result<Answer, Error> {
        let held = self.workers[worker].last().ok_or_else(nothing_held)?;
        let made = (held.flush == Flush::AtEnd).then(|| self.change(held.change));
        let passed = self.on_held(worker, |rows, ledger, _, held| {
            let passed = ledger.pass(&held.ticket, held.next)?;
            let (time, stage) = (held.ticket.time(), held.next);
            if let Some(made) = &made {
                let commit = rows.whole(made)?;
                rows.write(&commit, None, time)?;
            } else {
                let (commit, entries) = held.entered.take().ok_or_else(nothing_held)?;
                rows.write(&commit, Some(stage), time)?;
                if let Passed::Stage { .. } = passed {
                    rows.write_journal(time, stage, &entries)?;
                }
            }
            match &passed {
                Passed::Stage { next } => held.next = *next,
                Passed::Complete { time, change_id } => rows.note(change_id, *time)?,
            }
            Ok((passed, stage))
        })?;
        Ok(match passed {
            Ok((Passed::Stage { .. }, stage)) => Answer::Passed(stage),
            Ok((Passed::Complete { time, .. }, _)) => {
                self.workers[worker].pop();
                Answer::Complete(time)
            }
            Err(answer) => answer,
        })
    }

    fn rejoin(&mut self, worker: usize) -> Result<Answer, Error> {
        let again = self.on_held(worker, |_, ledger, now, held| {
            held.ticket = ledger.rejoin(&held.ticket, LEASE, now)?;
            held.next = 0;
            held.entered = None;
            Ok(())
        })?;
        Ok(again.map_or_else(|answer| answer, |()| Answer::Done))
    }

    fn fail(&mut self, worker: usize) -> Result<Answer, Error> {
        let failed = self.on_held(worker, |_, ledger, _, held| {
            let failed = ledger.fail(&held.ticket, "vertex", "failed")?;
            Ok((failed, held.ticket.time()))
        })?;
        Ok(match failed {
            Ok((failed, time)) => match self.leave(worker, failed == Failed::Abandoned) {
                Answer::Left => Answer::Halted(time),
                answer => answer,
            },
            Err(answer) => answer,
        })
    }

    fn deadline(&mut self, worker: usize) -> Result<Answer, Error> {
        let gave_up = self.on_held(worker, |_, ledger, _, held| {
            Ok(ledger.give_up(&held.ticket)?)
        })?;
        Ok(match gave_up {
            Ok(gave_up) => self.leave(worker, gave_up == GaveUp::Abandoned),
            Err(answer) => answer,
        })
    }

    fn take_over(&mut self, worker: usize, time: i64) -> Result<Answer, Error> {
        let by = name(worker);
        let taken = self.transition(|_, ledger, now| {
            Ok(ledger.take_over(time, &by, Evidence::Ledger, LEASE, now)?)
        })?;
        Ok(match taken {
            TakenOver::Ticket { ticket, next, .. } => self.go_on_with(worker, ticket, next),
            TakenOver::Abandoned => Answer::Abandoned,
        })
    }

    fn resume(&mut self, worker: usize) -> Result<Answer, Error> {
        let by = name(worker);
        let resumed = self.transition(|_, ledger, now| Ok(ledger.resume(&by, LEASE, now)?));
        let (ticket, next) = resumed?;
        Ok(self.go_on_with(worker, ticket, next))
    }

    fn abandon(&mut self, _: usize) -> Result<Answer, Error> {
        let halted = self.transition(|_, ledger, _| {
            let halted = ledger.halted().map(|(entry, _)| entry.time);
            Ok(halted.ok_or(Refusal::NotHalted)?)
        })?;
        self.store.abandon(halted)?;
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
        self.store.expire(time)
    }

    fn seen(&mut self) -> Result<Seen, Error> {
        let (last, complete, in_flight) = self.transition(|_, ledger, _| {
            let in_flight = ledger.in_flight().map(|e| (e.time, e.passed)).collect();
            Ok((ledger.last(), ledger.complete(), in_flight))
        })?;
        let mut tables = Vec::new();
        for stage in 0..self.store.graph().stage_count() {
            let keys = self.store.keys(stage)?.into_iter();
            tables.push(keys.filter_map(|key| u8::try_from(key).ok()).collect());
        }
        let journaled = self.store.journaled()?;
        let deltas = journaled
            .iter()
            .filter_map(|&(time, stage)| Some((time, stage?)));
        let inputs = journaled.iter().filter(|(_, stage)| stage.is_none());
        Ok(Seen {
            last,
            complete,
            in_flight,
            tables,
            inputs: inputs.map(|&(time, _)| time).collect(),
            deltas: deltas.collect(),
        })
    }
}
