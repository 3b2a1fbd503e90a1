//! Several workers on one store in memory: how a change waits for its turn, and how it is committed stage by stage.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use deltaview_graph::{Change, JournalEntry, JournalKind, Stages, Step};

use super::{MemoryStore, State};
use crate::protocol::{
    Course, Dropped, Evidence, Failed, Job, Next, Passed, Request, Ticket, TimedOut, Wait, WorkerId,
};
use crate::{ChangeId, CommitOptions, Committed, Error, Flush, Store, observe};

/// For how long the names of changes are known.
const NAMES_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// What was journaled of a time: its inputs, and what each stage that it has passed has done.
#[derive(Default)]
pub(super) struct Journal {
    inputs: Vec<JournalEntry>,
    stages: Vec<Vec<JournalEntry>>,
}

impl Journal {
    fn push(&mut self, entries: Vec<JournalEntry>) {
        let (inputs, stage) = entries
            .into_iter()
            .partition(|entry| entry.kind == JournalKind::Input);
        if self.stages.is_empty() {
            self.inputs = inputs;
        }
        self.stages.push(stage);
    }
}

/// The names of changes, and those of the workers.
pub(super) struct Names {
    committed: BTreeMap<ChangeId, i64>,
    noted: VecDeque<(Instant, ChangeId)>,
    drawn: u64,
    nobody: WorkerId,
    unnamed: ChangeId,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            committed: BTreeMap::new(),
            noted: VecDeque::new(),
            drawn: 0,
            nobody: WorkerId::new("at once"),
            unnamed: ChangeId::drawn("at once"),
        }
    }
}

impl Names {
    pub(super) fn request<'r>(&'r self, options: &'r CommitOptions, now: i64) -> Request<'r> {
        let named = options.id();
        Request {
            time: options.time(),
            change_id: named.unwrap_or(&self.unnamed),
            committed: named.and_then(|id| self.committed.get(id)).copied(),
            worker: &self.nobody,
            lease: None,
            now,
        }
    }

    /// A change was committed under a name.
    pub(super) fn note(&mut self, id: ChangeId, time: i64) {
        let now = Instant::now();
        while let Some((noted, _)) = self.noted.front()
            && now.duration_since(*noted) > NAMES_KEPT
        {
            let (_, old) = self.noted.pop_front().expect("there is a first one");
            self.committed.remove(&old);
        }
        self.committed.insert(id.clone(), time);
        self.noted.push_back((now, id));
    }

    fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.drawn
    }
}

#[cfg(all(test, feature = "conformance"))]
#[path = "replay.rs"]
mod replay;

/// A change on its way. It leaves what it holds to others if it ends before its time, whatever the reason.
struct Way<'c> {
    store: &'c MemoryStore,
    course: Course,
    change: Option<&'c Change>,
    /// The worker's iterations in stages, by their tickets.
    stages: Vec<(Ticket, Stages<'c>)>,
    dropped: Vec<Dropped>,
}

impl<'c> Way<'c> {
    /// The iteration of a stage: as far as it has come here, or from what is journaled of it.
    fn open(&mut self, state: &State, job: &Job) -> Result<Stages<'c>, Error> {
        let known = self
            .stages
            .iter()
            .position(|(ticket, _)| *ticket == job.ticket);
        if let Some(known) = known {
            return Ok(self.stages.swap_remove(known).1);
        }
        let graph = &self.store.shared.graph;
        if let Some(change) = self.change.filter(|_| job.own && job.stage == 0) {
            return Ok(graph.stages(change)?);
        }
        let journal = state.journal.get(&job.ticket.time());
        let entries = journal.into_iter().flat_map(|journal| {
            let stages = journal.stages.iter().flatten();
            journal.inputs.iter().chain(stages)
        });
        Ok(graph.stages_from_journal(job.stage as usize, entries)?)
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        if self.course.held().next().is_some() {
            let mut state = self.store.shared.state.write();
            self.course.give_up(&mut state.ledger);
            forget_journals(&mut state);
            drop(state);
            self.store.wake();
        }
    }
}

/// Only what is in flight is journaled.
fn forget_journals(state: &mut State) {
    let State {
        ledger, journal, ..
    } = state;
    journal.retain(|time, _| ledger.get(*time).is_some());
}

/// What became of a stage.
enum Ran {
    On,
    Done(Committed),
}

impl MemoryStore {
    /// Milliseconds since the store was made.
    pub(super) fn now(&self) -> i64 {
        let passed = self.shared.began.elapsed().as_millis();
        i64::try_from(passed).expect("nobody waits that long")
    }

    pub(super) fn turns(&self) -> u64 {
        *self.shared.turns.lock()
    }

    /// Wakes all who wait for the times of others.
    pub(super) fn wake(&self) {
        *self.shared.turns.lock() += 1;
        self.shared.turned.notify_all();
    }

    /// Waits until something has become of a time since `seen`; `false` at the deadline.
    pub(super) fn wait_for_a_turn(&self, seen: u64, deadline: Instant) -> bool {
        let mut turns = self.shared.turns.lock();
        while *turns == seen {
            if self
                .shared
                .turned
                .wait_until(&mut turns, deadline)
                .timed_out()
            {
                return *turns != seen;
            }
        }
        true
    }

    /// Commits a change that has to wait for others, or goes stage by stage.
    pub(super) fn commit_in_turn(
        &self,
        change: &Change,
        options: &CommitOptions,
        deadline: Instant,
    ) -> Result<Committed, Error> {
        // What is of another graph has no stages either.
        self.shared.graph.stages(change)?;
        let mut state = self.write(deadline)?;
        let drawn = state.names.draw();
        drop(state);
        let worker = format!("worker {drawn}, {:?}", std::thread::current().id());
        let id = options.id().cloned();
        let id = id.unwrap_or_else(|| ChangeId::drawn(&format!("change {drawn}")));
        let course = Course::new(*options.time(), id, WorkerId::new(worker), None);
        self.go(course, Some(change), deadline)
    }

    pub(super) fn resume_halted(&mut self) -> Result<i64, Error> {
        let deadline = Instant::now() + super::DEADLINE;
        let now = self.now();
        let mut state = self.write(deadline)?;
        let worker = WorkerId::new(format!("worker {}", state.names.draw()));
        let mut course = Course::without_change(worker, None);
        course.resume(&mut state.ledger, now)?;
        drop(state);
        Ok(self.go(course, None, deadline)?.time())
    }

    pub(super) fn abandon_time(&mut self, time: i64) -> Result<(), Error> {
        let now = self.now();
        let mut state = self.write(Instant::now() + super::DEADLINE)?;
        let rewinding = state.ledger.abandon(time, Evidence::Ledger, now)?;
        for (time, stage) in rewinding.steps {
            let taken = state.journal.get_mut(&time).and_then(|journal| {
                debug_assert_eq!(journal.stages.len(), stage as usize + 1);
                journal.stages.pop()
            });
            let undo = self.shared.graph.undo(&taken.unwrap_or_default())?;
            state.tables.absorb_stage(&undo);
        }
        forget_journals(&mut state);
        drop(state);
        self.wake();
        Ok(())
    }

    /// Goes on until the change is committed, or can't be.
    fn go(
        &self,
        course: Course,
        change: Option<&Change>,
        deadline: Instant,
    ) -> Result<Committed, Error> {
        let began = Instant::now();
        let mut way = Way {
            store: self,
            course,
            change,
            stages: Vec::new(),
            dropped: Vec::new(),
        };
        loop {
            let seen = self.turns();
            let mut state = self.write(deadline)?;
            let committed = way.course.change_id();
            let committed = committed.and_then(|id| state.names.committed.get(id).copied());
            let next = way.course.advance(&mut state.ledger, committed, self.now());
            forget_journals(&mut state);
            for time in way.course.taken_over() {
                observe::took_over(self.graph(), time);
            }
            match next? {
                Next::Done { time, .. } => {
                    let dropped = std::mem::take(&mut way.dropped);
                    return Ok(Committed::known_by_name(time).with_dropped(dropped));
                }
                Next::Stage(job) => match self.stage(&mut way, &mut state, &job)? {
                    Ran::Done(committed) => {
                        drop(state);
                        self.wake();
                        return Ok(committed.with_dropped(std::mem::take(&mut way.dropped)));
                    }
                    Ran::On => {
                        drop(state);
                        self.wake();
                    }
                },
                Next::Wait(wait) => {
                    drop(state);
                    let waiting = Instant::now();
                    let turned = self.wait_for_a_turn(seen, deadline);
                    observe::waited(self.graph(), waiting);
                    if !turned {
                        return Err(self.timed_out(wait, began).into());
                    }
                }
            }
        }
    }

    fn timed_out(&self, wait: Wait, began: Instant) -> TimedOut {
        let waited = i64::try_from(began.elapsed().as_millis());
        TimedOut {
            waiting: wait.waiting,
            waited: waited.expect("nobody waits that long"),
            blocker: wait.blocker,
            now: self.now(),
        }
    }

    fn stage(&self, way: &mut Way<'_>, state: &mut State, job: &Job) -> Result<Ran, Error> {
        let ran = match job.flush {
            Flush::AtEnd => self.all_stages(way, state, job),
            Flush::EachTable => self.one_stage(way, state, job),
        };
        let error = match ran {
            Ok(ran) => return Ok(ran),
            Err(error) => error,
        };
        let Some(tick) = error.tick() else {
            return Err(error);
        };
        let (vertex, message) = (tick.vertex().to_string(), tick.kind().to_string());
        let failed = way.course.fail(&mut state.ledger, job, &vertex, &message);
        forget_journals(state);
        if let Some(dropped) = way.course.dropped() {
            observe::dropped(self.graph(), &dropped);
            way.dropped.push(dropped);
        }
        match failed {
            Some(Failed::Abandoned | Failed::Halted) if job.own || way.change.is_none() => {
                Err(error)
            }
            // Somebody else's: whoever waits for it is told.
            _ => Ok(Ran::On),
        }
    }

    fn all_stages(&self, way: &mut Way<'_>, state: &mut State, job: &Job) -> Result<Ran, Error> {
        let change = way
            .change
            .expect("only its own worker commits a change at its end");
        let commit = match self.shared.graph.begin(&mut state.tables, change)? {
            Step::Done(commit) => commit,
            Step::Fetch(..) => unreachable!("a complete working set has nothing to fetch"),
        };
        let passed = way.course.pass(&mut state.ledger, job)?;
        if let Passed::Complete { time, .. } = &passed {
            state.past.record(&mut state.tables, &commit, *time);
        }
        let changes = state.tables.absorb(commit);
        way.course.passed(job, &passed);
        Ok(match passed {
            Passed::Stage { .. } => Ran::On,
            Passed::Complete { time, change_id } => {
                state.names.note(change_id, time);
                self.shared.feeds.push(time, &changes);
                Ran::Done(Committed::new(time, changes))
            }
        })
    }

    fn one_stage(&self, way: &mut Way<'_>, state: &mut State, job: &Job) -> Result<Ran, Error> {
        let mut stages = way.open(state, job)?;
        let commit = match stages.begin(&mut state.tables)? {
            Step::Done(commit) => commit,
            Step::Fetch(..) => unreachable!("a complete working set has nothing to fetch"),
        };
        let journal = commit.journal()?;
        let passed = way.course.pass(&mut state.ledger, job)?;
        if let Passed::Complete { time, .. } = &passed {
            // All views are in this last stage: nothing of them is ever taken back.
            state.past.record(&mut state.tables, &commit, *time);
        }
        state.tables.absorb_stage(&commit);
        observe::passed_stage(job.ticket.time(), job.stage, commit.rows());
        stages.pass(commit);
        way.course.passed(job, &passed);
        match passed {
            Passed::Stage { .. } => {
                let time = job.ticket.time();
                state.journal.entry(time).or_default().push(journal);
                way.stages.push((job.ticket.clone(), stages));
                Ok(Ran::On)
            }
            Passed::Complete { time, change_id } => {
                forget_journals(state);
                state.names.note(change_id, time);
                let changes = stages.finish();
                self.shared.feeds.push(time, &changes);
                Ok(if job.own {
                    Ran::Done(Committed::new(time, changes))
                } else {
                    Ran::On
                })
            }
        }
    }
}
