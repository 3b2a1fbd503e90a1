//! The store in memory: a set of complete arrangements. Nothing outlives the process.

mod past;
mod rows;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use deltaview_graph::{Bounds, Change, Fetch, Graph, Order, Step, ViewHandle, WorkingSet};
use deltaview_schema::{IndexKey, Row};
use parking_lot::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::feed::queue::Feeds;
use crate::feed::{check_cursor_name, not_reached};
use crate::history::{self, Forgotten, Version};
use crate::observe::Watched;
use crate::protocol::{AtOnce, Ledger, Status};
use crate::{
    CommitOptions, Committed, Delta, Error, ErrorKind, Flush, Reading, Rows, Store, Subscription,
};
use past::{PagedAsOf, Past};
use rows::Paged;
use workers::{Journal, Names};

/// How long a change waits for others where nobody says otherwise.
const DEADLINE: Duration = Duration::from_secs(5);

/// The state of a graph in memory.
///
/// A commit costs what the operators cost, and no encoding. The row of a key is found by hash. Rows are read in the order
/// of an index by a search; whatever keys came since the view was last read so are sorted in then, and not before.
///
/// Clones are handles of one state, one for each worker: a thread that commits, reads or follows. Stages and commits take
/// turns, and a commit waits for those who read: as long as a [`Rows`] lives, nothing is committed. One that has waited
/// too long is an [`ErrorKind::Busy`].
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    graph: Graph,
    state: Arc<RwLock<State>>,
    feeds: Feeds,
    /// Counts what has become of times, to wake those who wait.
    turns: Mutex<u64>,
    turned: Condvar,
    began: Instant,
}

/// What all workers share.
struct State {
    tables: WorkingSet,
    ledger: Ledger,
    /// What was journaled of each time in flight, with its stage.
    journal: BTreeMap<i64, Journal>,
    names: Names,
    past: Past,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("graph", &self.shared.graph)
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(graph: &Graph) -> Self {
        let stages = u32::try_from(graph.stage_count()).expect("a graph has few stages");
        Self {
            shared: Arc::new(Shared {
                graph: graph.clone(),
                state: Arc::new(RwLock::new(State {
                    tables: WorkingSet::complete(graph),
                    ledger: Ledger::new(stages),
                    journal: BTreeMap::new(),
                    names: Names::default(),
                    past: Past::of(graph),
                })),
                feeds: Feeds::default(),
                turns: Mutex::new(0),
                turned: Condvar::new(),
                began: Instant::now(),
            }),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        // Whoever reads already may read more, also while somebody waits to write.
        self.shared.state.read_recursive()
    }

    fn write(&self, deadline: Instant) -> Result<RwLockWriteGuard<'_, State>, Error> {
        let state = &self.shared.state;
        let locked = state
            .try_write()
            .or_else(|| state.try_write_until(deadline));
        locked.ok_or_else(|| {
            let message = format!(
                "graph `{}`: somebody has read the store in memory for too long: let go of the rows before a change is \
                 made, or give it a later deadline",
                self.shared.graph.name()
            );
            Error::new(ErrorKind::Busy, message)
        })
    }

    /// Commits a change in one go, where nothing is in flight; otherwise none.
    fn commit_at_once(
        &self,
        change: &Change,
        options: &CommitOptions,
        deadline: Instant,
    ) -> Result<Option<Committed>, Error> {
        let graph = &self.shared.graph;
        let mut state = self.write(deadline)?;
        let state = &mut *state;
        // What is not in flight leaves nothing behind where it fails.
        let before = state.ledger.is_idle().then(|| state.ledger.clone());
        let (Some(before), Flush::AtEnd) = (before, options.time().flush) else {
            return Ok(None);
        };
        let request = state.names.request(options, self.now());
        let time = match state.ledger.commit_at_once(&request)? {
            AtOnce::Time(time) => time,
            AtOnce::Committed { time } => return Ok(Some(Committed::known_by_name(time))),
            AtOnce::Busy | AtOnce::NotYet { .. } => return Ok(None),
        };
        let commit = match graph.begin(&mut state.tables, change) {
            Ok(Step::Done(commit)) => commit,
            Ok(Step::Fetch(..)) => unreachable!("a complete working set has nothing to fetch"),
            Err(error) => {
                state.ledger = before;
                return Err(error.into());
            }
        };
        state.past.record(&mut state.tables, &commit, time);
        let changes = state.tables.absorb(commit);
        if let Some(id) = options.id() {
            state.names.note(id.clone(), time);
        }
        self.shared.feeds.push(time, &changes);
        Ok(Some(Committed::new(time, changes)))
    }

    /// The state when nothing is in flight: stages that are committed are then those of whole iterations.
    fn read_idle(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let seen = self.turns();
            let state = self.read();
            if state.ledger.is_idle() {
                return Ok(state);
            }
            let complete = state.ledger.complete();
            let last = state.ledger.last();
            drop(state);
            if !self.wait_for_a_turn(seen, deadline) {
                return Err(not_reached(
                    self.shared.graph.name(),
                    last,
                    complete,
                    DEADLINE,
                ));
            }
        }
    }
}

impl Store for MemoryStore {
    fn graph(&self) -> &Graph {
        &self.shared.graph
    }

    fn commit_with(
        &mut self,
        change: &Change,
        options: &CommitOptions,
    ) -> Result<Committed, Error> {
        let watched = Watched::begin(&self.shared.graph, options.time().flush);
        let result = watched.span().in_scope(|| {
            let deadline = Instant::now() + options.deadline().unwrap_or(DEADLINE);
            match self.commit_at_once(change, options, deadline)? {
                Some(committed) => {
                    self.wake();
                    Ok(committed)
                }
                None => self.commit_in_turn(change, options, deadline),
            }
        });
        watched.end(&result);
        result
    }

    fn status(&self) -> Result<Status, Error> {
        Ok(self.read().ledger.status(self.now()))
    }

    fn resume(&mut self) -> Result<i64, Error> {
        self.resume_halted()
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.abandon_time(time)
    }

    fn time(&self) -> Result<i64, Error> {
        Ok(self.read().ledger.complete())
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        let state = self.shared.state.read_arc_recursive();
        let graph = &self.shared.graph;
        graph.view_table(view)?;
        Ok(Rows::new(Paged::new(graph, state, view, bounds, order)))
    }

    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error> {
        let vertex = &self.graph().view_table(view)?.schema().vertex;
        // As long as it is held, nothing is committed.
        let state = self.read();
        let time = state.ledger.complete();
        Ok(self.shared.feeds.subscribe(view, vertex, time))
    }

    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error> {
        let table = self.graph().view_table(view)?;
        check_cursor_name(cursor)?;
        let place = (table.id(), table.schema().vertex.as_str());
        let state = self.read();
        let time = state.ledger.complete();
        Ok(self.shared.feeds.since(view, place, cursor, time))
    }

    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + within;
        loop {
            let seen = self.turns();
            let complete = self.read().ledger.complete();
            if complete >= time {
                return Ok(());
            }
            if !self.wait_for_a_turn(seen, deadline) {
                return Err(not_reached(self.graph().name(), time, complete, within));
            }
        }
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        Ok(Box::new(MemoryReading(self.read_idle()?)))
    }

    fn time_at(&self, instant: SystemTime) -> Result<i64, Error> {
        history::check_graph(&self.shared.graph)?;
        self.read().past.time_at(&self.shared.graph, instant)
    }

    fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error> {
        history::check_graph(&self.shared.graph)?;
        let state = self.read();
        let last = state.ledger.complete();
        state.past.instant_of(&self.shared.graph, time, last)
    }

    fn horizon<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<i64, Error> {
        let table = history::table_with_history(&self.shared.graph, view)?;
        Ok(self.read().past.horizon(table.id()))
    }

    fn scan_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
        time: i64,
    ) -> Result<Rows<'_, T>, Error> {
        drop(self.read_as_of(view, time)?);
        Ok(Rows::new(PagedAsOf::new(self, view, bounds, order, time)))
    }

    fn deltas_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        up_to: i64,
        rows: usize,
    ) -> Result<Vec<Delta<T>>, Error> {
        let state = self.read_as_of(view, after)?;
        let deltas = state
            .tables
            .deltas(&self.shared.graph, view, (after, up_to), rows)?;
        let deltas = deltas.into_iter();
        Ok(deltas.map(|(time, rows)| Delta::new(time, rows)).collect())
    }

    fn times_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        times: usize,
    ) -> Result<Vec<i64>, Error> {
        let table = history::table_with_history(&self.shared.graph, view)?.id();
        let state = self.read();
        let behind = state.past.horizon(table);
        Ok(state.tables.times(table, (behind, before), times))
    }

    fn versions_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        at: i64,
        ended_before: Option<i64>,
        rows: usize,
    ) -> Result<Vec<Version<T>>, Error> {
        let graph = &self.shared.graph;
        let state = self.read_as_of(view, at)?;
        let mut page = match ended_before {
            None => state.tables.versions_at(graph, view, key, at)?,
            Some(_) => Vec::new(),
        };
        if page.len() < rows {
            let behind = state.past.horizon(graph.view_table(view)?.id());
            let before = ended_before.map_or(at.saturating_add(1), |before| {
                before.min(at.saturating_add(1))
            });
            let left = rows - page.len();
            let ended = state
                .tables
                .versions_ended(graph, view, key, (behind, before), left)?;
            page.extend(ended);
        }
        Ok(page)
    }

    fn follow_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: Option<&str>,
        time: i64,
    ) -> Result<Subscription<T>, Error> {
        let graph = &self.shared.graph;
        let table = history::table_with_history(graph, view)?;
        let place = (table.id(), table.schema().vertex.as_str());
        let stored = |state: &State| {
            state.check_as_of(table, time)?;
            let range = (time, state.ledger.complete());
            let deltas = state.tables.deltas(graph, view, range, usize::MAX)?;
            let deltas = deltas.into_iter();
            Ok(deltas.map(|(time, rows)| Delta::new(time, rows)).collect())
        };
        // As long as it is held, nothing is committed.
        let state = self.read();
        match cursor {
            None => {
                let stored = stored(&state)?;
                Ok(self
                    .shared
                    .feeds
                    .subscribe_from(view, place.1, time, stored))
            }
            Some(cursor) => {
                check_cursor_name(cursor)?;
                let stored = || stored(&state);
                let feeds = &self.shared.feeds;
                feeds.since_from(view, place, cursor, (time, &stored))
            }
        }
    }

    fn forget_step<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error> {
        let table = history::table_with_history(&self.shared.graph, view)?;
        let mut state = self.write(Instant::now() + DEADLINE)?;
        let last = state.ledger.complete();
        if time > last {
            return Err(history::not_yet(self.shared.graph.name(), time, last));
        }
        let State { tables, past, .. } = &mut *state;
        Ok(past.forget(tables, table.id(), time, rows))
    }
}

/// The state, which nobody changes in the meantime.
struct MemoryReading<'s>(RwLockReadGuard<'s, State>);

impl Reading for MemoryReading<'_> {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        let tables = &self.0.tables;
        fetches
            .iter_mut()
            .for_each(|fetch| fetch.answer_from(tables));
        Ok(())
    }
}
