//! The store in memory: a set of complete arrangements. Nothing outlives the process.

use std::time::Duration;

use deltaview_graph::{Bounds, Change, Fetch, Graph, Order, Step, ViewHandle, WorkingSet};
use deltaview_schema::{IndexKey, Row};

use crate::feed::queue::Feeds;
use crate::feed::{check_cursor_name, not_reached};
use crate::{Committed, Error, Reading, Rows, Store, Subscription};

/// The state of a graph in memory.
///
/// A commit costs what the operators cost, and no encoding. A view is read from ordered maps.
pub struct MemoryStore {
    graph: Graph,
    state: WorkingSet,
    time: i64,
    feeds: Feeds,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore")
            .field("graph", &self.graph)
            .field("time", &self.time)
            .finish()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new(graph: &Graph) -> Self {
        Self {
            graph: graph.clone(),
            state: WorkingSet::complete(graph),
            time: 0,
            feeds: Feeds::default(),
        }
    }
}

impl Store for MemoryStore {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        let step = self.graph.begin(&mut self.state, change)?;
        let Step::Done(commit) = step else {
            unreachable!("a complete working set has nothing to fetch");
        };
        let changes = self.state.absorb(commit);
        self.time += 1;
        self.feeds.push(self.time, &changes);
        Ok(Committed::new(self.time, changes))
    }

    fn time(&self) -> Result<i64, Error> {
        Ok(self.time)
    }

    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error> {
        let rows = self.state.scan(&self.graph, view, &bounds, order)?;
        Ok(Rows::new(
            rows.map(|(row, weight)| Ok((row.clone(), weight))),
        ))
    }

    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error> {
        let vertex = &self.graph.view_table(view)?.schema().vertex;
        Ok(self.feeds.subscribe(view, vertex, self.time))
    }

    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error> {
        let table = self.graph.view_table(view)?;
        check_cursor_name(cursor)?;
        let place = (table.id(), table.schema().vertex.as_str());
        Ok(self.feeds.since(view, place, cursor, self.time))
    }

    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error> {
        // Nobody commits while it is borrowed.
        if time <= self.time {
            return Ok(());
        }
        Err(not_reached(self.graph.name(), time, self.time, within))
    }

    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error> {
        Ok(Box::new(&self.state))
    }
}

impl Reading for &WorkingSet {
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error> {
        fetches.iter_mut().for_each(|fetch| fetch.answer_from(self));
        Ok(())
    }
}
