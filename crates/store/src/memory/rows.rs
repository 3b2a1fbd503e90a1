//! Reading a view of the store in memory: page by page, while nobody can change it.

use std::vec;

use deltaview_graph::{Bounds, Graph, Order, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;
use parking_lot::{ArcRwLockReadGuard, RawRwLock};

use super::State;
use crate::Error;

/// The rows of the first page; each next one has twice as many, up to the most.
pub(super) const FIRST: usize = 8;
pub(super) const MOST: usize = 1024;

/// Rows of a view, in order.
pub(super) struct Paged<'s, T, K> {
    graph: &'s Graph,
    state: ArcRwLockReadGuard<RawRwLock, State>,
    view: ViewHandle<T, K>,
    page: vec::IntoIter<(T, Weight)>,
    /// What is not read yet.
    rest: Option<Bounds<K>>,
    order: Order,
    rows: usize,
}

impl<'s, T: Row, K: IndexKey> Paged<'s, T, K> {
    pub(super) fn new(
        graph: &'s Graph,
        state: ArcRwLockReadGuard<RawRwLock, State>,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Self {
        Self {
            graph,
            state,
            view,
            page: Vec::new().into_iter(),
            rest: Some(bounds),
            order,
            rows: FIRST,
        }
    }

    fn read(&mut self, bounds: Bounds<K>) -> Result<(), Error> {
        let tables = &self.state.tables;
        let (page, last) = tables.page(self.graph, self.view, &bounds, self.order, self.rows)?;
        self.page = page.into_iter();
        self.rest = last.map(|key| bounds.behind(key, self.order));
        self.rows = (self.rows * 2).min(MOST);
        Ok(())
    }
}

impl<T: Row, K: IndexKey> Iterator for Paged<'_, T, K> {
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
