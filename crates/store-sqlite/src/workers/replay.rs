//! Walks of the model of many workers, gone by this store: each step is a transaction on a real file, in which the ledger
//! is loaded, one transition is made, and what it changed is written with the rows of tables and journal. A worker here
//! has nothing but its ticket: it computes each stage from the journal, as whoever takes over does.

use std::collections::BTreeSet;

use deltaview_graph::{
    Change, Commit, Edit, Graph, InputHandle, JournalEntry, JournalKind, WorkingSet,
};
use deltaview_schema::Index;
use deltaview_store::protocol::model::replay::{self, Seen};
use deltaview_store::protocol::model::{Answer, Bounds, Model, Submitted, Workers};
use deltaview_store::protocol::{
    AtOnce, Evidence, Failed, Gate, GaveUp, Job, Ledger, Passed, Refusal, Request, Reserved,
    TakenOver, Ticket, WorkerId,
};
use deltaview_store::{Error, Flush};
use deltaview_zset::{Keyed, Weight};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{journal, ledger, transact};
use crate::SqliteStore;
use crate::commit_points::Work;

/// In milliseconds: longer than the test takes.
const LEASE: Option<i64> = Some(10_000_000);

struct Holding {
    ticket: Ticket,
    change: u8,
    flush: Flush,
    next: u32,
    /// What it has computed of the stage that it has entered.
    entered: Option<(Commit, Vec<JournalEntry>)>,
}

/// Workers on one file, driven a step at a time.
struct OnFile {
    store: SqliteStore,
    changes: InputHandle<i64>,
    workers: Vec<Vec<Holding>>,
}

/// Changes counted, and these counts counted, by the change: it has a row in each table.
fn counted() -> (Graph, InputHandle<i64>) {
    let built = Graph::build("counted", |g| {
        let changes = g.input::<i64>("changes");
        let first = changes.group_by(Index::new("change", |change: &i64| *change));
        let first = first.count().named("first");
        let again = Index::new("change", |first: &Keyed<i64, Weight>| first.key);
        first.group_by(again).count().named("second").view("view");
        changes.handle()
    });
    built.expect("the graph is right")
}

fn name(worker: usize) -> WorkerId {
    WorkerId::new(format!("worker {worker}"))
}

fn nothing_held() -> Error {
    Refusal::NotInFlight { time: 0 }.into()
}

impl OnFile {
    fn new(path: &std::path::Path, workers: usize) -> Result<Self, Error> {
        let (graph, changes) = counted();
        let options = crate::SqliteOptions::new().synchronous(crate::Synchronous::Off);
        Ok(Self {
            store: options.open(path, &graph)?,
            changes,
            workers: (0..workers).map(|_| Vec::new()).collect(),
        })
    }

    fn transition<R>(
        &self,
        run: impl FnOnce(&Connection, &mut Ledger, i64) -> Result<R, Error>,
    ) -> Result<R, Error> {
        transact(&self.store.conn, &self.store.engine, Work::Turn, run)
    }

    /// A transition of the last that a worker holds.
    fn on_held<R>(
        &mut self,
        worker: usize,
        run: impl FnOnce(&Self, &Connection, &mut Ledger, i64, &mut Holding) -> Result<R, Error>,
    ) -> Result<Result<R, Answer>, Error> {
        let mut held = self.workers[worker].pop().ok_or_else(nothing_held)?;
        let outcome = self.transition(|tx, ledger, now| run(self, tx, ledger, now, &mut held));
        let outcome = match outcome {
            Ok(outcome) => Ok(outcome),
            Err(error) => match error.refusal() {
                Some(Refusal::Fenced { .. }) => return Ok(Err(Answer::Fenced)),
                Some(Refusal::Rewound { .. }) => Err(Answer::Rewound),
                Some(Refusal::Halted { time, .. }) => Err(Answer::Halted(*time)),
                _ => return Err(error),
            },
        };
        self.workers[worker].push(held);
        Ok(outcome)
    }

    fn change(&self, change: u8) -> Change {
        let graph = &self.store.engine.graph;
        graph.change().insert(self.changes, [i64::from(change)])
    }

    /// What a stage does, from the journal.
    fn compute(&self, held: &Holding) -> Result<(Commit, Vec<JournalEntry>), Error> {
        let engine = &self.store.engine;
        let tx = Transaction::new_unchecked(&self.store.conn, TransactionBehavior::Deferred);
        let tx = tx.expect("the file can be read");
        let entries = journal::read(&tx, engine.graph.name(), held.ticket.time())?;
        let stages = engine
            .graph
            .stages_from_journal(held.next as usize, &entries)?;
        let mut state = WorkingSet::partial(&engine.graph);
        let commit = engine.compute(&tx, stages.begin(&mut state)?)?;
        let mut entries = commit.journal()?;
        // They are there.
        entries.retain(|entry| entry.kind != JournalKind::Input);
        Ok((commit, entries))
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

    fn numbers<T: Ord>(
        &self,
        sql: &str,
        row: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> BTreeSet<T> {
        let mut statement = self.store.conn.prepare(sql).expect("the SQL is right");
        let rows = statement.query_map([], row).expect("the file can be read");
        rows.collect::<Result<_, _>>()
            .expect("the file can be read")
    }
}

impl Workers for OnFile {
    type Error = Error;

    fn submit(&mut self, worker: usize, change: Submitted<'_>) -> Result<Answer, Error> {
        let (id, graph) = (name(worker), &self.store.engine.graph);
        let answer = self.transition(|tx, ledger, now| {
            let request = Request {
                time: &change.time,
                change_id: change.change_id,
                committed: ledger::committed(tx, graph.name(), change.change_id)?,
                worker: &id,
                lease: LEASE,
                now,
            };
            if change.time.flush == Flush::AtEnd
                && let AtOnce::Time(time) = ledger.commit_at_once(&request)?
            {
                let mut state = WorkingSet::partial(graph);
                let made = self.change(change.change);
                self.store.engine.run(tx, &mut state, &made, time)?;
                ledger::note(tx, graph.name(), change.change_id, time)?;
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
        let journaled = self.on_held(worker, |it, tx, ledger, _, held| {
            ledger.journal(&held.ticket)?;
            let engine = &it.store.engine;
            let made = it.change(held.change);
            let stages = engine.graph.stages(&made)?;
            let mut state = WorkingSet::partial(&engine.graph);
            let mut entries = engine.compute(tx, stages.begin(&mut state)?)?.journal()?;
            entries.retain(|entry| entry.kind == JournalKind::Input);
            journal::write(tx, engine.graph.name(), held.ticket.time(), 0, &entries)
        })?;
        Ok(journaled.map_or_else(|answer| answer, |()| Answer::Done))
    }

    fn enter(&mut self, worker: usize) -> Result<Answer, Error> {
        let entered = self.on_held(worker, |_, _, ledger, now, held| {
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
        let passed = self.on_held(worker, |it, tx, ledger, _, held| {
            let engine = &it.store.engine;
            let passed = ledger.pass(&held.ticket, held.next)?;
            let job = Job {
                ticket: held.ticket.clone(),
                stage: held.next,
                flush: held.flush,
                own: true,
            };
            if held.flush == Flush::AtEnd {
                let mut state = WorkingSet::partial(&engine.graph);
                engine.run(tx, &mut state, &it.change(held.change), job.ticket.time())?;
                if let Passed::Complete { time, change_id } = &passed {
                    ledger::note(tx, engine.graph.name(), change_id, *time)?;
                }
            } else {
                let (commit, entries) = held.entered.take().ok_or_else(nothing_held)?;
                engine.write_stage(tx, &job, &passed, &commit, &entries)?;
            }
            let stage = held.next;
            if let Passed::Stage { next } = passed {
                held.next = next;
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
        let again = self.on_held(worker, |_, _, ledger, now, held| {
            held.ticket = ledger.rejoin(&held.ticket, LEASE, now)?;
            held.next = 0;
            held.entered = None;
            Ok(())
        })?;
        Ok(again.map_or_else(|answer| answer, |()| Answer::Done))
    }

    fn fail(&mut self, worker: usize) -> Result<Answer, Error> {
        let failed = self.on_held(worker, |_, _, ledger, _, held| {
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
        let gave_up = self.on_held(worker, |_, _, ledger, _, held| {
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
        let status = self.store.engine.status(&self.store.conn)?;
        let (time, _) = status.halted.ok_or(Refusal::NotHalted)?;
        self.store.abandon_time(time)?;
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
        let sql = "UPDATE \"deltaview_times\" SET \"lease_until\" = 0 WHERE \"t\" = ?1";
        let expired = self.store.conn.execute(sql, [time]);
        assert_eq!(expired.expect("the file can be written"), 1);
        Ok(())
    }

    fn seen(&mut self) -> Result<Seen, Error> {
        let engine = &self.store.engine;
        let ledger = engine.ledger(&self.store.conn)?;
        let mut tables = vec![None; engine.graph.stage_count()];
        for table in engine.graph.tables() {
            let sql = format!("SELECT * FROM \"{}\"", table.schema().name(None));
            // The key comes first.
            let rows = self.numbers(&sql, |row| Ok(row.get::<_, i64>(0)? as u8));
            let of_stage = &mut tables[engine.graph.stage_of(table.id())];
            assert!(
                of_stage.is_none() || *of_stage == Some(rows.clone()),
                "{sql}"
            );
            *of_stage = Some(rows);
        }
        let journaled = |sql| self.numbers(sql, |row| Ok((row.get(0)?, row.get(1)?)));
        let inputs: BTreeSet<(i64, i64)> =
            journaled("SELECT \"t\", \"stage\" FROM \"deltaview_journal\" WHERE \"stage\" < 0");
        let deltas: BTreeSet<(i64, i64)> =
            journaled("SELECT \"t\", \"stage\" FROM \"deltaview_journal\" WHERE \"stage\" >= 0");
        Ok(Seen {
            last: ledger.last(),
            complete: ledger.complete(),
            in_flight: ledger.in_flight().map(|e| (e.time, e.passed)).collect(),
            tables: tables.into_iter().map(Option::unwrap_or_default).collect(),
            inputs: inputs.into_iter().map(|(time, _)| time).collect(),
            deltas: deltas
                .into_iter()
                .map(|(time, stage)| (time, stage as u32))
                .collect(),
        })
    }
}

#[test]
fn the_file_goes_the_ways_of_the_model() {
    let stages = u32::try_from(counted().0.stage_count()).expect("few");
    assert!(stages > 1);
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
        let folder = tempfile::tempdir().expect("a temporary folder");
        for seed in 0..150 {
            let walk = replay::walk(&model, seed);
            let path = folder.path().join(format!("{own_times} {seed}.db"));
            let mut workers = OnFile::new(&path, model.bounds.workers).expect("a new file");
            if let Err(difference) = replay::run(&model, &walk, &mut workers) {
                panic!("{stages} stages, seed {seed}: {difference}");
            }
        }
    }
}
