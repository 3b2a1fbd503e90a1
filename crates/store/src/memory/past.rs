//! The past of views in memory: when each iteration was committed, what is forgotten, and reading as of a time, a page at
//! a time, between which others commit. The versions themselves are in the working set.

use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;
use std::vec;

use deltaview_graph::{
    Bounds, Commit, Graph, Order, Retention, Table, TableId, ViewHandle, WorkingSet,
};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;
use parking_lot::RwLockReadGuard;

use super::rows::{FIRST, MOST};
use super::{MemoryStore, State};
use crate::Error;
use crate::history::{
    self, Forgotten, check_time, forgotten_instant, from_micros, next_instant, sweep_at_most,
    table_with_history, to_micros,
};

/// What is known of the past besides the versions. Empty where no view has history.
pub(super) struct Past {
    /// The times with their instants in microseconds; both grow.
    instants: VecDeque<(i64, i64)>,
    /// Of the views with history.
    views: BTreeMap<TableId, Kept>,
}

/// How much of a view is kept.
struct Kept {
    retention: Retention,
    /// The first time that can be read.
    horizon: i64,
}

impl Past {
    pub(super) fn of(graph: &Graph) -> Self {
        let views = graph.tables().iter().filter_map(|table| {
            let retention = table.retention()?;
            let horizon = 0;
            Some((table.id(), Kept { retention, horizon }))
        });
        Self {
            instants: VecDeque::new(),
            views: views.collect(),
        }
    }

    /// Records what an iteration changes of the views with history, once its time is complete, and forgets what the
    /// retentions say.
    pub(super) fn record(&mut self, tables: &mut WorkingSet, commit: &Commit, time: i64) {
        if self.views.is_empty() {
            return;
        }
        let last = self.instants.back().map(|(_, instant)| *instant);
        let instant = next_instant(last, SystemTime::now());
        self.instants.push_back((time, instant));
        tables.record(commit, time);
        let Self { instants, views } = self;
        for (table, kept) in views {
            kept.horizon = kept.horizon.max(horizon(kept.retention, instants));
            if kept.horizon > 0 {
                let written = commit.tables().find(|writes| writes.table() == *table);
                let written = written.map_or(0, |writes| writes.rows());
                tables.sweep(*table, kept.horizon, sweep_at_most(written));
            }
        }
        self.forget_instants();
    }

    pub(super) fn horizon(&self, table: TableId) -> i64 {
        self.views[&table].horizon
    }

    /// The horizon that is the farthest back.
    fn least_horizon(&self) -> i64 {
        let horizons = self.views.values().map(|kept| kept.horizon);
        horizons.min().unwrap_or(0)
    }

    /// Drops the instants before all horizons, but for the newest up to them, which was the present one then.
    fn forget_instants(&mut self) {
        let least = self.least_horizon();
        while self.instants.get(1).is_some_and(|(time, _)| *time <= least) {
            self.instants.pop_front();
        }
    }

    pub(super) fn forget(
        &mut self,
        tables: &mut WorkingSet,
        table: TableId,
        time: i64,
        rows: usize,
    ) -> Forgotten {
        let kept = self.views.get_mut(&table).expect("the view has history");
        kept.horizon = kept.horizon.max(time);
        let horizon = kept.horizon;
        // A step goes on, however short it is asked to be.
        let (rows, is_done) = tables.sweep(table, horizon, rows.max(1));
        self.forget_instants();
        Forgotten {
            horizon,
            rows,
            is_done,
        }
    }

    pub(super) fn time_at(&self, graph: &Graph, instant: SystemTime) -> Result<i64, Error> {
        let micros = to_micros(instant);
        let behind = self.instants.partition_point(|(_, at)| *at <= micros);
        match behind.checked_sub(1) {
            Some(place) => Ok(self.instants[place].0),
            None if self.least_horizon() == 0 => Ok(0),
            None => Err(self.forgotten(graph, "that instant")),
        }
    }

    pub(super) fn instant_of(
        &self,
        graph: &Graph,
        time: i64,
        last: i64,
    ) -> Result<Option<SystemTime>, Error> {
        if time > last {
            return Err(history::not_yet(graph.name(), time, last));
        }
        let behind = self.instants.partition_point(|(at, _)| *at <= time);
        match behind.checked_sub(1) {
            Some(place) => Ok(Some(from_micros(self.instants[place].1))),
            None if self.least_horizon() == 0 => Ok(None),
            None => Err(self.forgotten(graph, &format!("time {time}"))),
        }
    }

    fn forgotten(&self, graph: &Graph, what: &str) -> Error {
        let first = self.instants.front().map_or(0, |(time, _)| *time);
        forgotten_instant(graph.name(), what, first)
    }
}

/// The first time that a retention keeps, in a graph whose last commit is the last of these; 0 where it keeps all.
fn horizon(retention: Retention, instants: &VecDeque<(i64, i64)>) -> i64 {
    let place = match retention {
        Retention::Forever => None,
        Retention::Times(times) => {
            let times = usize::try_from(times.get()).unwrap_or(usize::MAX);
            instants.len().checked_sub(times)
        }
        Retention::Span(span) => {
            let span = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
            let last = instants.back().map_or(0, |(_, instant)| *instant);
            let first = last.saturating_sub(span);
            instants
                .partition_point(|(_, at)| *at <= first)
                .checked_sub(1)
        }
    };
    place.map_or(0, |place| instants[place].0)
}

impl MemoryStore {
    /// The state, if a view can be read as of a time.
    pub(super) fn read_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        time: i64,
    ) -> Result<RwLockReadGuard<'_, State>, Error> {
        let table = table_with_history(&self.shared.graph, view)?;
        let state = self.read();
        state.check_as_of(table, time)?;
        Ok(state)
    }
}

impl State {
    pub(super) fn check_as_of(&self, table: &Table, time: i64) -> Result<(), Error> {
        let horizon = self.past.horizon(table.id());
        check_time(table, time, horizon, self.ledger.complete())
    }
}

/// Rows of a view as of a time, in order. Nothing is held between two pages.
pub(super) struct PagedAsOf<'s, T, K> {
    store: &'s MemoryStore,
    view: ViewHandle<T, K>,
    time: i64,
    order: Order,
    page: vec::IntoIter<(T, Weight)>,
    /// What is not read yet.
    rest: Option<Bounds<K>>,
    rows: usize,
}

impl<'s, T: Row, K: IndexKey> PagedAsOf<'s, T, K> {
    pub(super) fn new(
        store: &'s MemoryStore,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
        time: i64,
    ) -> Self {
        Self {
            store,
            view,
            time,
            order,
            page: Vec::new().into_iter(),
            rest: Some(bounds),
            rows: FIRST,
        }
    }

    fn read(&mut self, bounds: Bounds<K>) -> Result<(), Error> {
        let graph = &self.store.shared.graph;
        let state = self.store.read_as_of(self.view, self.time)?;
        let asked = (&bounds, self.order, self.rows);
        let (page, last) = state
            .tables
            .page_as_of(graph, self.view, asked, self.time)?;
        self.page = page.into_iter();
        self.rest = last.map(|key| bounds.behind(key, self.order));
        self.rows = (self.rows * 2).min(MOST);
        Ok(())
    }
}

impl<T: Row, K: IndexKey> Iterator for PagedAsOf<'_, T, K> {
    type Item = Result<(T, Weight), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.page.next() {
                return Some(Ok(row));
            }
            let bounds = self.rest.take()?;
            if let Err(error) = self.read(bounds) {
                return Some(Err(error));
            }
        }
    }
}
