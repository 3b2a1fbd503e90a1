//! A change on its way through the stages: looks at the ledger, does what the rules say is next, waits. It owns the order
//! in which that is done, and what happens when a connection is lost. The rules are the course's; it computes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::Object;
use deltaview_graph::{Change, Commit, Stages};
use deltaview_store::protocol::{Course, Dropped, Job, Ledger, Next, Ticket, TimedOut, Wait};
use deltaview_store::{Committed, Error, ErrorKind, Flush, observe};
use tokio_postgres::Client;

use super::ledger::{Stored, concerns_others};
use super::session::Session;
use crate::commit_points::{self, Work};
use crate::feed::Followers;
use crate::follow::passes;
use crate::listen::Hints;
use crate::pipeline::{Request, in_order};
use crate::retry::Pauses;
use crate::scope::{Connection, Scope};
use crate::store::Inner;

/// The first pause before the ledger is looked at again, and the longest one.
const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(20);

/// How long a lock or a connection is waited for at least.
const LEAST: Duration = Duration::from_millis(100);

/// A transaction of a worker's.
pub(super) type Transaction = Scope<Arc<Object>>;

/// Until when others are waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    within: Duration,
}

impl Deadline {
    pub(crate) fn within(within: Duration) -> Self {
        Self {
            began: Instant::now(),
            within,
        }
    }

    /// For how long a lock or a connection is waited for at most: also where there is no time left, as long as somebody
    /// may have it who is just at work.
    pub(crate) fn patience(&self) -> Duration {
        self.left().max(LEAST)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    pub(crate) fn left(&self) -> Duration {
        self.within.saturating_sub(self.began.elapsed())
    }

    pub(crate) fn waited(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}

/// What a worker sees while it has the lock of the graph.
pub(super) struct Looked {
    before: Ledger,
    pub(super) ledger: Ledger,
    committed: Option<i64>,
    pub(super) now: i64,
    pub(super) followers: Followers,
}

/// A stage of which it is not known whether it was committed.
pub(super) struct Doubt<'c> {
    pub(super) job: Job,
    pub(super) stages: Stages<'c>,
    pub(super) commit: Commit,
}

/// A change on its way, or the times of others that this worker has been handed. Dropped before its end, it leaves what it
/// holds to others: its session ends.
pub(super) struct Way<'c> {
    pub(super) inner: &'c Inner,
    pub(super) session: Session,
    pub(super) course: Course,
    pub(super) change: Option<&'c Change>,
    /// The worker's iterations in stages, by their tickets.
    pub(super) stages: Vec<(Ticket, Stages<'c>)>,
    /// The changes of others that do not fit any more.
    pub(super) dropped: Vec<Dropped>,
    /// The time that was resumed.
    pub(super) resumed: Option<i64>,
    pub(super) doubt: Option<Doubt<'c>>,
    /// Whether the last transaction may not have been committed.
    is_in_doubt: bool,
    /// A time whose holder seems to be gone.
    suspect: Option<i64>,
    deadline: Deadline,
}

impl<'c> Way<'c> {
    pub(super) fn new(
        inner: &'c Inner,
        session: Session,
        course: Course,
        change: Option<&'c Change>,
        deadline: Deadline,
    ) -> Self {
        Self {
            inner,
            session,
            course,
            change,
            stages: Vec::new(),
            dropped: Vec::new(),
            resumed: None,
            doubt: None,
            is_in_doubt: false,
            suspect: None,
            deadline,
        }
    }

    /// Goes on until the change is committed, or can't be.
    pub(super) async fn go(mut self) -> Result<Committed, Error> {
        let done = self.reach_the_end().await;
        let done = done.map(|it| it.with_dropped(std::mem::take(&mut self.dropped)));
        // If this can't be said, it is seen by the end of the session.
        if self.give_up().await.is_ok() {
            self.session.end(&self.inner.engine);
        }
        done
    }

    async fn reach_the_end(&mut self) -> Result<Committed, Error> {
        let mut pauses = self.inner.pauses();
        loop {
            let error = match self.step().await {
                Ok(Some(committed)) => return Ok(committed),
                Ok(None) => continue,
                Err(error) => self.as_timeout(error).await,
            };
            if !passes(&error) || !pauses.wait().await {
                return Err(error);
            }
            if error.kind() == ErrorKind::Disconnected {
                self.renew(&mut pauses).await?;
            }
        }
    }

    /// What an error is, if it is that the graph's lock was waited for until the deadline.
    pub(super) async fn as_timeout(&self, error: Error) -> Error {
        match self.session.connection() {
            Ok(connection) => {
                let client = connection.client();
                self.inner.as_timeout(error, &self.deadline, client).await
            }
            Err(_) => error,
        }
    }

    /// Takes another connection in the place of one that is lost.
    pub(super) async fn renew(&mut self, pauses: &mut Pauses) -> Result<(), Error> {
        self.is_in_doubt = true;
        while let Err(error) = self.session.renew(self.inner, &self.deadline).await {
            if !passes(&error) || !pauses.wait().await {
                return Err(error);
            }
        }
        Ok(())
    }

    /// The next look tries whether the holder of a time is gone.
    pub(super) fn suspect(&mut self, time: i64) {
        self.suspect = Some(time);
    }

    /// One look at the ledger, and what follows from it.
    async fn step(&mut self) -> Result<Option<Committed>, Error> {
        commit_points::at(Work::Turn);
        let scope = self.scope()?;
        let mut looked = self.look(&scope, true).await?;
        let next = self
            .course
            .advance(&mut looked.ledger, looked.committed, looked.now);
        for time in self.course.taken_over() {
            observe::took_over(&self.inner.engine.graph, time);
        }
        match &next {
            // All of it is one transaction, behind the one that has given it its time.
            Ok(Next::Stage(job)) if job.flush == Flush::AtEnd && looked.is_as_it_was() => {
                let job = job.clone();
                return self.all_stages(scope, looked, &job).await;
            }
            _ if looked.is_as_it_was() => drop(scope),
            _ => self.commit(scope, &looked, Vec::new()).await?,
        }
        match next? {
            Next::Done { time, .. } => Ok(Some(Committed::known_by_name(time))),
            Next::Stage(job) if job.flush == Flush::EachTable => self.stages_from(job).await,
            Next::Stage(_) => Ok(None),
            Next::Wait(wait) => {
                let since = Instant::now();
                let waited = self.wait(&wait, &looked.ledger).await;
                observe::waited(&self.inner.engine.graph, since);
                waited.map(|()| None)
            }
        }
    }

    /// A transaction, not begun. It waits for locks until the deadline.
    pub(super) fn scope(&self) -> Result<Transaction, Error> {
        let scope = self.session.scope()?;
        Ok(scope.patient(self.deadline.patience()))
    }

    /// The times that this worker holds.
    fn held(&self) -> BTreeSet<i64> {
        self.course.held().map(Ticket::time).collect()
    }

    /// Those whose locks it does not have.
    fn unlocked(&self) -> Vec<i64> {
        let held = self.held().into_iter();
        held.filter(|time| !self.session.has_locked(*time))
            .collect()
    }

    /// Begins a transaction, waits for the lock of the graph, and reads the ledger: one round trip.
    pub(super) async fn look(
        &mut self,
        scope: &Transaction,
        with_followers: bool,
    ) -> Result<Looked, Error> {
        let engine = &self.inner.engine;
        self.session.keep_only(engine, &self.held());
        let suspect = self.suspect.take();
        let mut wanted = self.unlocked();
        wanted.extend(suspect);
        let client = scope.client();
        let mut stored: Option<Stored> = None;
        let mut followers = Followers::default();
        let mut got = Vec::new();
        let name = self.course.change_id();
        let mut requests = vec![engine.begin(scope), engine.lock(scope)];
        // Whoever takes the lock of a time has that of the graph.
        if !wanted.is_empty() {
            requests.push(Box::pin(async {
                got = engine.try_locks(client, &wanted).await?;
                Ok(())
            }));
        }
        requests.push(Box::pin(async {
            stored = Some(engine.stored(client, name).await?);
            Ok(())
        }));
        if with_followers {
            requests.push(Box::pin(async {
                followers = engine.followers(client, scope.kind).await?;
                Ok(())
            }));
        }
        let sent = in_order(requests).await;
        self.session.got(got.iter().copied());
        sent?;
        let stored = stored.expect("all requests have succeeded");
        self.session.is_backend(stored.backend);
        if let Some(time) = suspect.filter(|time| got.contains(time)) {
            self.course.found_gone(time);
        }
        if std::mem::take(&mut self.is_in_doubt) {
            self.course.keep_known(&stored.ledger);
        }
        self.resolve(&stored.ledger);
        Ok(Looked {
            before: stored.ledger.clone(),
            ledger: stored.ledger,
            committed: stored.committed,
            now: stored.now,
            followers,
        })
    }

    /// Finds out whether a stage was committed.
    fn resolve(&mut self, ledger: &Ledger) {
        let Some(doubt) = self.doubt.take() else {
            return;
        };
        let Doubt {
            job,
            mut stages,
            commit,
        } = doubt;
        let entry = ledger.get(job.ticket.time());
        match entry.filter(|entry| entry.epoch == job.ticket.epoch()) {
            Some(entry) if entry.passed == job.stage => {}
            Some(entry) if entry.passed == job.stage + 1 => stages.pass(commit),
            // It is somebody else's, or at its end.
            _ => return,
        }
        self.stages.push((job.ticket, stages));
    }

    /// Writes what changed of the ledger, and more, and commits: one round trip.
    pub(super) async fn commit<'r>(
        &mut self,
        scope: Transaction,
        looked: &'r Looked,
        requests: Vec<Request<'r, ()>>,
    ) -> Result<(), Error> {
        let engine = &self.inner.engine;
        let connection = Arc::clone(scope.connection());
        let client: &Client = connection.client();
        let held = self.held();
        let wanted = self.unlocked();
        let mut got = Vec::new();
        let time = looked.ledger.complete().to_string();
        let mut all = engine.write_ledger(client, &looked.ledger, &looked.before);
        all.extend(requests);
        if !wanted.is_empty() {
            all.push(Box::pin(async {
                got = engine.try_locks(client, &wanted).await?;
                Ok(())
            }));
        }
        if concerns_others(&looked.ledger, &held) {
            all.push(engine.notify(client, &time));
        }
        // Sent with the rest: where one of these has failed, it takes them back.
        all.push(Box::pin(async {
            let kept = scope.keep().await;
            kept.map_err(|error| engine.failed(error, "committing a change"))
        }));
        let sent = in_order(all).await;
        self.session.got(got);
        if sent.is_err() {
            self.is_in_doubt = true;
        }
        sent.map(|_| ())
    }

    /// Waits until it is worth looking: somebody has gone on, or is gone.
    async fn wait(&mut self, wait: &Wait, seen: &Ledger) -> Result<(), Error> {
        let engine = &self.inner.engine;
        let connection = self.session.connection()?;
        let client: &Client = connection.client();
        let blocker = wait.blocker.as_ref().map(|blocker| blocker.time);
        let mut hints = hints(self.inner);
        loop {
            hints.mark();
            let stored = async {
                let stored = engine.stored(client, None).await;
                stored.map_err(|failure| failure.error)
            };
            let is_free = async {
                match blocker {
                    Some(time) => engine.is_free(client, time).await.map_err(|it| it.error),
                    None => Ok(false),
                }
            };
            let (stored, is_free) = futures::try_join!(stored, is_free)?;
            if !is_same(seen, &stored.ledger, wait) {
                return Ok(());
            }
            if is_free {
                self.suspect = blocker;
                return Ok(());
            }
            let left = self.deadline.left();
            if left.is_zero() {
                let timed_out = TimedOut {
                    waiting: wait.waiting,
                    waited: self.deadline.waited(),
                    blocker: wait.blocker.clone(),
                    now: stored.now,
                };
                return Err(timed_out.into());
            }
            // Nobody says that somebody is gone.
            hints.wait(left.min(LONGEST)).await;
        }
    }

    /// Leaves what it holds to others, or takes it back.
    async fn give_up(&mut self) -> Result<(), Error> {
        if self.course.held().next().is_none() {
            return Ok(());
        }
        commit_points::at(Work::GiveUp);
        let scope = self.scope()?;
        let mut looked = self.look(&scope, false).await?;
        self.course.give_up(&mut looked.ledger);
        if looked.is_as_it_was() {
            return Ok(());
        }
        self.commit(scope, &looked, Vec::new()).await
    }
}

/// When to look again. A stage may take no longer than a pause.
pub(crate) fn hints(inner: &Inner) -> Hints {
    Hints::new(inner.listening.running(), LONGEST).beginning(FIRST)
}

impl Looked {
    fn is_as_it_was(&self) -> bool {
        self.ledger == self.before
    }
}

/// Whether nothing has become of those whom somebody waits for, and of itself.
fn is_same(seen: &Ledger, now: &Ledger, wait: &Wait) -> bool {
    let Some(blocker) = &wait.blocker else {
        return now.last() < wait.waiting && now.halted().is_none();
    };
    let last = wait.waiting.max(blocker.time);
    let up_to = |ledger: &'_ Ledger| -> Vec<_> {
        let entries = ledger.in_flight().take_while(|entry| entry.time <= last);
        entries.cloned().collect()
    };
    up_to(seen) == up_to(now)
}
