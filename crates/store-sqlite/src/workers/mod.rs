//! Several workers on one file: how a change waits for its turn, and how it is committed stage by stage. What is allowed
//! is [`protocol`](deltaview_store::protocol)'s; here is what is written with it, and who waits how.

mod heart;
mod journal;
pub(crate) mod ledger;
#[cfg(test)]
mod replay;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use deltaview_graph::{Change, Commit, JournalEntry, Stages, WorkingSet};
use deltaview_store::protocol::{
    AtOnce, Course, Dropped, Evidence, Job, Ledger, Next, Passed, Refusal, Request, Status, Ticket,
    TimedOut, Wait, WorkerId,
};
use deltaview_store::{ChangeId, CommitOptions, Committed, Error, Flush, observe};
use rusqlite::{Connection, Transaction, TransactionBehavior};

pub(crate) use heart::Heart;
use heart::Pulse;

use crate::commit_points::{Moment, Work, reached};
use crate::engine::{DrawnTime, Engine};
use crate::error::Context;
use crate::feed::{self, millis, now};
use crate::follow::Watch;
use crate::hot::HotSet;
use crate::store::SqliteStore;

/// Unique in the process: one process may have several stores on a file.
pub(crate) fn worker_name() -> String {
    static STORES: AtomicU64 = AtomicU64::new(0);
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    format!(
        "store {number} since {}",
        began.unwrap_or_default().as_nanos()
    )
}

/// So much of a lease is written: the rest is for whoever is in line, to see that it is over and to finish what was left.
/// A lease is renewed each sixth of it, so that three signs of life may get lost.
fn written_of(lease: Duration) -> Duration {
    lease * 2 / 3
}

/// A change on its way, with its iterations in stages.
struct Way<'c> {
    course: Course,
    change: Option<&'c Change>,
    stages: Vec<(Ticket, Stages<'c>)>,
    dropped: Vec<Dropped>,
    began: Instant,
    deadline: Instant,
}

/// What drawing a time came to.
pub(crate) enum Drawn {
    /// It is complete with the transaction.
    Time(DrawnTime),
    /// The change was committed before.
    Committed(i64),
    /// Others go first, or it goes stage by stage.
    InTurn,
}

/// What became of a stage.
enum Ran {
    On,
    Done(Committed),
}

impl Engine {
    /// Draws the time of a change that is committed in the transaction. `is_current`: nothing was written since the last one
    /// was drawn here.
    pub(crate) fn draw_for(
        &self,
        conn: &Connection,
        options: &CommitOptions,
        is_current: bool,
    ) -> Result<Drawn, Error> {
        if options.is_default() {
            let drawn = self.draw(conn, is_current)?;
            return Ok(drawn.map_or(Drawn::InTurn, Drawn::Time));
        }
        self.forget_drawn();
        if options.time().flush == Flush::EachTable && self.graph.stage_count() > 1 {
            return Ok(Drawn::InTurn);
        }
        let graph = self.graph.name();
        let before = self.ledger(conn)?;
        let mut ledger = before.clone();
        let unnamed = ChangeId::new("at once").expect("a short name");
        let worker = WorkerId::new("at once");
        let committed = options.id().map(|id| ledger::committed(conn, graph, id));
        let at_end = options.time().flush(Flush::AtEnd);
        let request = Request {
            time: &at_end,
            change_id: options.id().unwrap_or(&unnamed),
            committed: committed.transpose()?.flatten(),
            worker: &worker,
            lease: None,
            now: now(),
        };
        match ledger.commit_at_once(&request)? {
            AtOnce::Time(time) => {
                ledger::store(conn, graph, &before, &ledger)?;
                if let Some(id) = options.id() {
                    ledger::note(conn, graph, id, time)?;
                }
                Ok(Drawn::Time(DrawnTime::of(time)))
            }
            AtOnce::Committed { time } => Ok(Drawn::Committed(time)),
            AtOnce::Busy | AtOnce::NotYet { .. } => Ok(Drawn::InTurn),
        }
    }

    /// The times in flight.
    pub(crate) fn ledger(&self, conn: &Connection) -> Result<Ledger, Error> {
        ledger::load(conn, self.graph.name(), self.graph.stage_count())
    }

    /// How the workers stand.
    pub(crate) fn status(&self, conn: &Connection) -> Result<Status, Error> {
        Ok(self.ledger(conn)?.status(now()))
    }

    /// The tables of a stage are written up to a time. Only who goes stage by stage says so: whatever is complete is
    /// written, and a change that is committed at once is complete with it.
    fn stage_is_at(&self, conn: &Connection, stage: u32, time: i64) -> Result<(), Error> {
        let sql = "UPDATE \"deltaview_written\" SET \"t\" = ?3 WHERE \"graph\" = ?1 AND \"table_name\" = ?2";
        let mut statement = conn.prepare_cached(sql).context(|| self.writing_time())?;
        for table in self.graph.tables() {
            if self.graph.stage_of(table.id()) == stage as usize {
                let name = table.schema().name(None);
                statement
                    .execute((self.graph.name(), name, time))
                    .context(|| self.writing_time())?;
            }
        }
        Ok(())
    }

    /// Writes a stage with what is journaled of it, in the transaction of its pass.
    fn write_stage(
        &self,
        tx: &Connection,
        job: &Job,
        passed: &Passed,
        commit: &Commit,
        entries: &[JournalEntry],
    ) -> Result<(), Error> {
        let (graph, time) = (self.graph.name(), job.ticket.time());
        self.write(tx, commit, Some(time))?;
        self.stage_is_at(tx, job.stage, time)?;
        match passed {
            Passed::Stage { .. } => journal::write(tx, graph, time, job.stage, entries),
            Passed::Complete { change_id, .. } => {
                feed::log(tx, &self.graph, commit, time)?;
                self.remember(tx, commit, time)?;
                ledger::note(tx, graph, change_id, time)
            }
        }
    }
}

impl SqliteStore {
    /// Commits a change that has to wait for others, or goes stage by stage.
    pub(crate) fn commit_in_turn(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        // What is of another graph has no stages either.
        self.engine.graph.stages(change)?;
        let (worker, lease) = self.worker()?;
        let id = match options.id() {
            Some(id) => id.clone(),
            None => ChangeId::new(format!("{worker} {}", self.drawn())).expect("a short name"),
        };
        let course = Course::new(*options.time(), id, worker, lease);
        let deadline = options.deadline().unwrap_or(self.options.deadline);
        self.go(course, Some(change), deadline)
    }

    pub(crate) fn resume_halted(&mut self) -> Result<i64, Error> {
        let (worker, lease) = self.worker()?;
        let mut course = Course::without_change(worker, lease);
        self.transact(Work::Resume, |_, ledger, now| {
            Ok(course.resume(ledger, now)?)
        })?;
        Ok(self.go(course, None, self.options.deadline)?.time())
    }

    pub(crate) fn abandon_time(&mut self, time: i64) -> Result<(), Error> {
        let engine = &self.engine;
        let graph = &engine.graph;
        transact(&self.conn, engine, Work::Abandon, |tx, ledger, now| {
            let rewinding = ledger.abandon(time, Evidence::Ledger, now)?;
            for (time, stage) in rewinding.steps {
                let entries = journal::take(tx, graph.name(), time, stage)?;
                engine.write(tx, &graph.undo(&entries)?, None)?;
            }
            for stage in 0..ledger.stages() {
                engine.stage_is_at(tx, stage, ledger.frontier_of(stage))?;
            }
            Ok(())
        })
    }

    /// Goes on until the change is committed, or can't be. What is held then is given up.
    fn go(
        &mut self,
        course: Course,
        change: Option<&Change>,
        deadline: Duration,
    ) -> Result<Committed, Error> {
        let began = Instant::now();
        let mut way = Way {
            course,
            change,
            stages: Vec::new(),
            dropped: Vec::new(),
            began,
            deadline: began + deadline,
        };
        let result = self.go_on(&mut way);
        let result = result.map(|it| it.with_dropped(std::mem::take(&mut way.dropped)));
        if way.course.held().next().is_some() {
            // Where this fails the lease runs out.
            let _ = self.transact(Work::GiveUp, |_, ledger, _| {
                way.course.give_up(ledger);
                Ok(())
            });
        }
        if let Some(heart) = &self.heart {
            heart.hold(std::iter::empty());
        }
        result
    }

    fn go_on(&mut self, way: &mut Way<'_>) -> Result<Committed, Error> {
        let mut watch = Watch::new(self.options.longest_pause);
        loop {
            let engine = &self.engine;
            // From here on nothing that others commit is missed.
            watch.has_changed(&self.conn)?;
            let next = transact(&self.conn, engine, Work::Turn, |tx, ledger, now| {
                let committed = match way.course.change_id() {
                    Some(id) => ledger::committed(tx, engine.graph.name(), id)?,
                    None => None,
                };
                // What is refused is given up, which is to be written too.
                Ok(way.course.advance(ledger, committed, now))
            })?;
            if let Some(heart) = &self.heart {
                heart.hold(way.course.held());
            }
            for time in way.course.taken_over() {
                observe::took_over(&self.engine.graph, time);
            }
            match next? {
                Next::Done { time, .. } => return Ok(Committed::known_by_name(time)),
                Next::Stage(job) => {
                    if let Ran::Done(committed) = self.stage(way, &job)? {
                        return Ok(committed);
                    }
                }
                Next::Wait(wait) => {
                    let waiting = Instant::now();
                    // Nobody writes anything when a lease is over.
                    let over = lease_is_over(&wait).map(|left| waiting + left);
                    let until = over.map_or(way.deadline, |over| over.min(way.deadline));
                    let mut has_changed = false;
                    while !has_changed && watch.pause(Some(until)) {
                        has_changed = watch.has_changed(&self.conn)?;
                    }
                    observe::waited(&self.engine.graph, waiting);
                    if !has_changed && Instant::now() >= way.deadline {
                        return Err(timed_out(wait, way.began).into());
                    }
                }
            }
        }
    }

    fn stage(&mut self, way: &mut Way<'_>, job: &Job) -> Result<Ran, Error> {
        let ran = match job.flush {
            Flush::AtEnd => self.all_stages(way, job),
            Flush::EachTable => self.one_stage(way, job),
        };
        let error = match ran {
            Ok(ran) => return Ok(ran),
            Err(error) => error,
        };
        if let Some(Refusal::Fenced { .. } | Refusal::Rewound { .. }) = error.refusal() {
            return Ok(Ran::On);
        }
        let Some(tick) = error.tick() else {
            return Err(error);
        };
        let (vertex, message) = (tick.vertex().to_string(), tick.kind().to_string());
        let failed = self.transact(Work::Fail, |_, ledger, _| {
            Ok(way.course.fail(ledger, job, &vertex, &message))
        })?;
        if let Some(dropped) = way.course.dropped() {
            observe::dropped(&self.engine.graph, &dropped);
            way.dropped.push(dropped);
        }
        if failed.is_some() && (job.own || way.change.is_none()) {
            Err(error)
        } else {
            // Somebody else's: whoever waits for it is told.
            Ok(Ran::On)
        }
    }

    /// The whole change, in one transaction.
    fn all_stages(&mut self, way: &mut Way<'_>, job: &Job) -> Result<Ran, Error> {
        let change = way
            .change
            .expect("only its own worker commits a change at its end");
        let engine = &self.engine;
        let mut state = WorkingSet::partial(&engine.graph);
        let (commit, passed) = transact(&self.conn, engine, Work::AllStages, |tx, ledger, _| {
            let passed = way.course.pass(ledger, job)?;
            let time = job.ticket.time();
            let commit = engine.run(
                tx,
                &mut state,
                change,
                DrawnTime::of(time),
                &HotSet::none(),
                false,
            )?;
            if let Passed::Complete { change_id, .. } = &passed {
                ledger::note(tx, engine.graph.name(), change_id, time)?;
            }
            Ok((commit, passed))
        })?;
        way.course.passed(job, &passed);
        let changes = state.absorb(commit);
        Ok(Ran::Done(Committed::new(job.ticket.time(), changes)))
    }

    /// Computes a stage from a snapshot, without keeping others from writing, and writes it.
    fn one_stage(&mut self, way: &mut Way<'_>, job: &Job) -> Result<Ran, Error> {
        let engine = &self.engine;
        let mut stages = way.open(&self.conn, engine, job)?;
        let doing = || format!("computing a stage of graph `{}`", engine.graph.name());
        let mut state = WorkingSet::partial(&engine.graph);
        let snapshot =
            Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred).context(doing)?;
        let commit = engine.compute(&snapshot, stages.begin(&mut state)?)?;
        snapshot.commit().context(doing)?;
        let entries = commit.journal()?;
        let passed = transact(&self.conn, engine, Work::OneStage, |tx, ledger, _| {
            let passed = way.course.pass(ledger, job)?;
            engine.write_stage(tx, job, &passed, &commit, &entries)?;
            Ok(passed)
        })?;
        observe::passed_stage(job.ticket.time(), job.stage, commit.rows());
        stages.pass(commit);
        way.course.passed(job, &passed);
        match passed {
            Passed::Stage { .. } => {
                way.stages.push((job.ticket.clone(), stages));
                Ok(Ran::On)
            }
            Passed::Complete { time, .. } if job.own => {
                Ok(Ran::Done(Committed::new(time, stages.finish())))
            }
            Passed::Complete { .. } => Ok(Ran::On),
        }
    }

    fn transact<R>(
        &self,
        work: Work,
        run: impl FnOnce(&Connection, &mut Ledger, i64) -> Result<R, Error>,
    ) -> Result<R, Error> {
        transact(&self.conn, &self.engine, work, run)
    }

    /// The name of this worker, and its lease: none where nobody else can open the file.
    fn worker(&mut self) -> Result<(WorkerId, Option<i64>), Error> {
        let name = format!("process {}, {}", std::process::id(), self.name);
        let path = self.conn.path().filter(|path| !path.is_empty());
        let Some(path) = path else {
            return Ok((WorkerId::new(name), None));
        };
        if self.heart.is_none() {
            self.heart = Some(Heart::start(Pulse {
                path: path.into(),
                graph: self.engine.graph.name().to_string(),
                stages: self.engine.graph.stage_count(),
                lease: self.options.worker_lease,
            })?);
        }
        let lease = millis(written_of(self.options.worker_lease));
        Ok((WorkerId::new(name), Some(lease)))
    }
}

impl<'c> Way<'c> {
    /// The iteration of a stage: as far as it has come here, or from what is journaled of it.
    fn open(&mut self, conn: &Connection, engine: &Engine, job: &Job) -> Result<Stages<'c>, Error> {
        let mut known = self.stages.iter();
        if let Some(known) = known.position(|(ticket, _)| *ticket == job.ticket) {
            return Ok(self.stages.swap_remove(known).1);
        }
        let graph = &engine.graph;
        if let Some(change) = self.change.filter(|_| job.own && job.stage == 0) {
            return Ok(graph.stages(change)?);
        }
        let entries = journal::read(conn, graph.name(), job.ticket.time())?;
        Ok(graph.stages_from_journal(job.stage as usize, &entries)?)
    }
}

/// Runs a transition in a transaction that holds the write lock, and writes what it changed in the ledger.
fn transact<R>(
    conn: &Connection,
    engine: &Engine,
    work: Work,
    run: impl FnOnce(&Connection, &mut Ledger, i64) -> Result<R, Error>,
) -> Result<R, Error> {
    let graph = engine.graph.name();
    let doing = || format!("writing the times in flight of graph `{graph}`");
    reached(work, Moment::Before);
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate).context(doing)?;
    let before = engine.ledger(&tx)?;
    let mut ledger = before.clone();
    let done = run(&tx, &mut ledger, now())?;
    ledger::store(&tx, graph, &before, &ledger)?;
    reached(work, Moment::Written);
    tx.commit().context(doing)?;
    reached(work, Moment::Committed);
    Ok(done)
}

/// In how long the lease of whoever is waited for is over, where there is one. A lease lasts to the end of its last
/// millisecond.
fn lease_is_over(wait: &Wait) -> Option<Duration> {
    let lives_until = wait.blocker.as_ref()?.lives_until?;
    let left = lives_until.saturating_add(1).saturating_sub(now());
    Some(Duration::from_millis(u64::try_from(left).unwrap_or(0)))
}

fn timed_out(wait: Wait, began: Instant) -> TimedOut {
    TimedOut {
        waiting: wait.waiting,
        waited: millis(began.elapsed()),
        blocker: wait.blocker,
        now: now(),
    }
}
