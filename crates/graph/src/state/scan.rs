//! Reading a view from memory, in the order of an index.

use std::ops::{Bound, RangeBounds};

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::{Arrangement, Bucket, WorkingSet};
use crate::error::HandleError;
use crate::handle::ViewHandle;
use crate::plan::{Graph, Table};
use crate::state::secondary::ByKey;

/// In which direction of the index's order rows are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// From the least key to the greatest.
    #[default]
    Forward,
    /// From the greatest key to the least.
    Backward,
}

/// Which keys are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds<K> {
    /// The least key.
    pub start: Bound<K>,
    /// The greatest key.
    pub end: Bound<K>,
}

impl<K: Clone> Bounds<K> {
    /// All keys.
    pub fn all() -> Self {
        Self {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
        }
    }

    /// One key.
    pub fn one(key: K) -> Self {
        Self {
            start: Bound::Included(key.clone()),
            end: Bound::Included(key),
        }
    }

    /// A range of keys.
    pub fn range(range: impl RangeBounds<K>) -> Self {
        Self {
            start: range.start_bound().cloned(),
            end: range.end_bound().cloned(),
        }
    }

    /// Whether no key can be within the bounds.
    pub fn is_empty(&self) -> bool
    where
        K: Ord,
    {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
            _ => false,
        }
    }

    fn as_refs(&self) -> (Bound<&K>, Bound<&K>) {
        (self.start.as_ref(), self.end.as_ref())
    }
}

/// Rows with their weights, lazily.
type Rows<'a, T> = Box<dyn Iterator<Item = (&'a T, Weight)> + 'a>;

impl WorkingSet {
    /// Reads a view by the handle's index. Only for a complete working set: a partial one does not know all rows.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn scan<'a, T: Row, K: IndexKey>(
        &'a self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        bounds: &Bounds<K>,
        order: Order,
    ) -> Result<Rows<'a, T>, HandleError> {
        let table = graph.view_table(view)?;
        if bounds.is_empty() {
            return Ok(Box::new(std::iter::empty()));
        }
        if view.index == 0 {
            let arrangement: &Arrangement<K, T> = self.arrangement(table.id());
            return Ok(in_order(arrangement.range(bounds.as_refs()), order));
        }
        let secondary = self.secondary(graph, table, view.index - 1);
        let by_key: &ByKey<K, T> = secondary
            .downcast_ref()
            .expect("the handle has the key type of its index");
        Ok(in_order(by_key.range(bounds.as_refs()), order))
    }

    fn secondary(&self, graph: &Graph, table: &Table, index: usize) -> &dyn std::any::Any {
        graph.plan().tables[table.id().0].secondary_of(self.erased(table.id()), index)
    }
}

fn in_order<'a, K: 'a, T: Ord + Clone + 'a>(
    groups: impl DoubleEndedIterator<Item = (&'a K, &'a Bucket<T>)> + 'a,
    order: Order,
) -> Rows<'a, T> {
    match order {
        Order::Forward => Box::new(groups.flat_map(|(_, rows)| rows.iter())),
        Order::Backward => Box::new(groups.rev().flat_map(|(_, rows)| rows.iter())),
    }
}
