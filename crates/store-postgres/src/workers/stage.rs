//! The stages of a change: opened, computed, written and passed, each in a transaction of its own; or all of them in one.

use std::sync::Arc;

use deltaview_graph::{Commit, Stages, WorkingSet};
use deltaview_store::protocol::{Failed, Gate, Job, Passed, Refusal};
use deltaview_store::{Committed, Error, ErrorKind, Flush, observe};
use tokio_postgres::Client;

use super::journal::{Chunk, chunks};
use super::way::{Doubt, Looked, Transaction, Way};
use crate::commit_points::{self, Work};
use crate::follow::passes;
use crate::pipeline::{Link, Request};
use crate::scope::Connection;
use crate::write::Expected;

/// What became of a stage.
enum Ran {
    /// The next one may be entered.
    Next(Job),
    On,
    Done(Committed),
}

/// What a stage writes, encoded.
struct Encoded<'w> {
    /// Of the last stage, which writes the views: those before it leave nothing in the past.
    past: crate::history::Past,
    tables: Vec<(&'w crate::table::EngineTable, crate::write::Batch)>,
    journal: Vec<Chunk>,
    told: Option<crate::feed::Told>,
}

impl<'c> Way<'c> {
    /// Goes on stage by stage, as long as nobody is in the way.
    pub(super) async fn stages_from(&mut self, mut job: Job) -> Result<Option<Committed>, Error> {
        loop {
            match self.one_stage(&job).await {
                Ok(Ran::Next(next)) => job = next,
                Ok(Ran::On) => return Ok(None),
                Ok(Ran::Done(committed)) => return Ok(Some(committed)),
                Err(error) if is_failure(&error) => return self.fail(&job, error).await,
                Err(error) => return Err(error),
            }
        }
    }

    /// The iteration of a stage: as far as it has come here, or from what is journaled of it.
    async fn open(&mut self, job: &Job) -> Result<Stages<'c>, Error> {
        let known = self
            .stages
            .iter()
            .position(|(ticket, _)| *ticket == job.ticket);
        if let Some(known) = known {
            return Ok(self.stages.swap_remove(known).1);
        }
        let engine = &self.inner.engine;
        if let Some(change) = self.change.filter(|_| job.own && job.stage == 0) {
            return Ok(engine.graph.stages(change)?);
        }
        let connection = self.session.connection()?;
        let time = job.ticket.time();
        let entries = engine.journal(connection.client(), time, None).await?;
        let next = usize::try_from(job.stage).expect("a graph has few stages");
        Ok(engine.graph.stages_from_journal(next, &entries)?)
    }

    async fn one_stage(&mut self, job: &Job) -> Result<Ran, Error> {
        commit_points::at(Work::Compute);
        let mut stages = self.open(job).await?;
        let commit = match self.compute(&mut stages).await {
            Ok(commit) => commit,
            Err(error) => {
                if passes(&error) {
                    // It can be begun again.
                    self.stages.push((job.ticket.clone(), stages));
                }
                return Err(error);
            }
        };
        let scope = self.scope()?;
        let mut looked = match self.look(&scope, true).await {
            Ok(looked) => looked,
            Err(error) => {
                self.stages.push((job.ticket.clone(), stages));
                return Err(error);
            }
        };
        let entry = looked.ledger.get(job.ticket.time());
        let is_new = entry.is_some_and(|entry| !entry.journaled);
        let passed = match self.course.pass(&mut looked.ledger, job) {
            Ok(passed) => passed,
            // What was computed is of no use. The ledger says what is.
            Err(Refusal::Fenced { .. } | Refusal::Rewound { .. }) => return Ok(Ran::On),
            Err(refusal) => return Err(refusal.into()),
        };
        let mut next = None;
        if let Passed::Stage { next: stage } = passed {
            let gate = looked.ledger.enter(&job.ticket, stage, 0);
            next = (gate == Ok(Gate::Open)).then(|| Job {
                stage,
                ..job.clone()
            });
        }
        let encoded = self.encode(job, &commit, &looked, &passed, is_new)?;
        commit_points::at(Work::OneStage);
        if let Err(error) = self.write(scope, looked, job, &passed, encoded).await {
            if passes(&error) {
                let job = job.clone();
                self.doubt = Some(Doubt {
                    job,
                    stages,
                    commit,
                });
            }
            return Err(error);
        }
        observe::passed_stage(job.ticket.time(), job.stage, commit.rows());
        stages.pass(commit);
        self.course.passed(job, &passed);
        let is_complete = matches!(passed, Passed::Complete { .. });
        Ok(match next {
            _ if is_complete && job.own => {
                Ran::Done(Committed::new(job.ticket.time(), stages.finish()))
            }
            _ if is_complete => Ran::On,
            next => {
                self.stages.push((job.ticket.clone(), stages));
                next.map_or(Ran::On, Ran::Next)
            }
        })
    }

    /// Computes the next stage from its tables as they are: nobody else writes them now.
    async fn compute(&self, stages: &mut Stages<'c>) -> Result<Commit, Error> {
        let engine = &self.inner.engine;
        let mut state = WorkingSet::partial(&engine.graph);
        let scope = self.scope()?;
        let step = stages.begin(&mut state)?;
        engine.compute(&scope, false, step).await
    }

    /// Everything that has to be written, before the first byte of it is sent.
    fn encode(
        &self,
        job: &Job,
        commit: &Commit,
        looked: &Looked,
        passed: &Passed,
        is_new: bool,
    ) -> Result<Encoded<'c>, Error> {
        let engine = &self.inner.engine;
        let is_complete = matches!(passed, Passed::Complete { .. });
        let time = job.ticket.time();
        Ok(Encoded {
            past: engine.past(commit)?,
            tables: engine.encoded(commit, Expected::Anything)?,
            journal: if is_complete {
                Vec::new()
            } else {
                chunks(job.stage, &commit.journal()?, is_new)
            },
            told: if is_complete {
                Some(engine.told(time, &looked.followers, commit)?)
            } else {
                None
            },
        })
    }

    /// Writes a stage that is passed, and commits.
    async fn write(
        &mut self,
        scope: Transaction,
        looked: Looked,
        job: &Job,
        passed: &Passed,
        encoded: Encoded<'c>,
    ) -> Result<(), Error> {
        let engine = &self.inner.engine;
        let connection = Arc::clone(scope.connection());
        let client: &Client = connection.client();
        let time = job.ticket.time();
        let mut requests: Vec<Request<'_, ()>> = Vec::new();
        if let Passed::Complete { .. } = passed {
            requests.extend(engine.write_past(Link::unprepared(client), &encoded.past));
        }
        let tables = encoded.tables.iter();
        let link = Link::unprepared(client);
        requests.extend(tables.map(|(table, batch)| batch.write(link, table)));
        requests.extend(engine.write_journal(client, time, &encoded.journal));
        let is_written = |stage| job.flush == Flush::AtEnd || stage == job.stage;
        requests.push(engine.note_written(client, |stage| is_written(stage).then_some(time)));
        if let Passed::Complete { time, change_id } = passed {
            requests.extend(engine.note_complete(client, *time, change_id));
        }
        if let Some(told) = &encoded.told {
            requests.extend(engine.tell(client, told));
        }
        self.commit(scope, &looked, requests).await
    }

    /// The whole of a change in one transaction, which has been begun.
    pub(super) async fn all_stages(
        &mut self,
        scope: Transaction,
        mut looked: Looked,
        job: &Job,
    ) -> Result<Option<Committed>, Error> {
        commit_points::at(Work::AllStages);
        let engine = &self.inner.engine;
        let change = self.change;
        let change = change.expect("only its own worker commits a change at its end");
        let mut state = WorkingSet::partial(&engine.graph);
        let computed = match engine.graph.begin(&mut state, change) {
            Ok(step) => engine.compute(&scope, true, step).await,
            Err(error) => Err(error.into()),
        };
        let time = job.ticket.time();
        let written = async {
            let commit = computed?;
            let passed = self.course.pass(&mut looked.ledger, job)?;
            let encoded = self.encode(job, &commit, &looked, &passed, false)?;
            self.write(scope, looked, job, &passed, encoded).await?;
            Ok((commit, passed))
        };
        match written.await {
            Ok((commit, passed)) => {
                self.course.passed(job, &passed);
                Ok(Some(Committed::new(time, state.absorb(commit))))
            }
            Err(error) if is_failure(&error) => self.fail(job, error).await,
            Err(error) => Err(error),
        }
    }

    /// A stage can't be computed or written: the time is abandoned, or the graph halts.
    async fn fail(&mut self, job: &Job, error: Error) -> Result<Option<Committed>, Error> {
        commit_points::at(Work::Fail);
        self.stages.retain(|(ticket, _)| *ticket != job.ticket);
        let (vertex, message) = match error.tick() {
            Some(tick) => (tick.vertex().to_string(), tick.kind().to_string()),
            None => (format!("stage {}", job.stage), error.to_string()),
        };
        let scope = self.scope()?;
        let mut looked = self.look(&scope, false).await?;
        let failed = self.course.fail(&mut looked.ledger, job, &vertex, &message);
        self.commit(scope, &looked, Vec::new()).await?;
        if let Some(dropped) = self.course.dropped() {
            observe::dropped(&self.inner.engine.graph, &dropped);
            self.dropped.push(dropped);
        }
        let is_asked_for = job.own || self.resumed == Some(job.ticket.time());
        match failed {
            Some(Failed::Abandoned | Failed::Halted) if is_asked_for => Err(error),
            // Somebody else's: whoever waits for it is told.
            _ => Ok(None),
        }
    }
}

/// Whether it would fail again, however often it is tried.
fn is_failure(error: &Error) -> bool {
    error.tick().is_some() || error.kind() == ErrorKind::UnsupportedKey
}
