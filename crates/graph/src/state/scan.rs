//! Reading a view from memory, in the order of an index.

use std::ops::{Bound, RangeBounds};

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::{Arrangement, Bucket, WorkingSet};
use crate::error::HandleError;
use crate::handle::ViewHandle;
use crate::operators::ShowsGroups;
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

    /// The keys of these bounds that are behind a key, in an order.
    #[must_use]
    pub fn behind(self, key: K, order: Order) -> Self {
        match order {
            Order::Forward => Self {
                start: Bound::Excluded(key),
                ..self
            },
            Order::Backward => Self {
                end: Bound::Excluded(key),
                ..self
            },
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

    /// The only key that is within, where that can be told.
    pub(crate) fn only(&self) -> Option<&K>
    where
        K: Ord,
    {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) if start == end => Some(start),
            _ => None,
        }
    }

    pub(crate) fn as_refs(&self) -> (Bound<&K>, Bound<&K>) {
        (self.start.as_ref(), self.end.as_ref())
    }
}

/// Some rows of a view, of whole keys, and the last of those keys where there may be more behind it.
pub type Page<K, T> = (Vec<(T, Weight)>, Option<K>);

impl WorkingSet {
    /// Reads rows of a view by the handle's index: all rows of each key, until there are as many as are asked for. Only
    /// for a complete working set: a partial one does not know all rows.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn page<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        bounds: &Bounds<K>,
        order: Order,
        rows: usize,
    ) -> Result<Page<K, T>, HandleError> {
        let table = graph.view_table(view)?;
        if bounds.is_empty() {
            return Ok((Vec::new(), None));
        }
        if let Some(shown) = graph.plan().shown.get(&table.id()) {
            let shown = shown
                .as_any()
                .downcast_ref::<Box<dyn ShowsGroups<K, T>>>()
                .expect("the view has the types of its groups");
            return Ok(shown.page(self, bounds, order, rows));
        }
        if view.index == 0 {
            let arrangement: &Arrangement<K, T> = self.arrangement(table.id());
            if let Some(key) = bounds.only() {
                let rows = arrangement.bucket(key).map(|rows| (key, rows));
                return Ok((page(rows.into_iter(), order, usize::MAX, owned).0, None));
            }
            return Ok(page(
                arrangement.range(bounds.as_refs()),
                order,
                rows,
                owned,
            ));
        }
        let secondary = self.secondary(graph, table, view.index - 1);
        let by_key: &ByKey<K, T> = secondary
            .downcast_ref()
            .expect("the handle has the key type of its index");
        Ok(page(by_key.range(bounds.as_refs()), order, rows, owned))
    }

    fn secondary(&self, graph: &Graph, table: &Table, index: usize) -> &dyn std::any::Any {
        graph.plan().tables[table.id().0].secondary_of(self.erased(table.id()), index)
    }
}

/// The rows of a bucket, to be handed out.
fn owned<T: Row>(bucket: &Bucket<T>) -> impl Iterator<Item = (T, Weight)> {
    bucket.iter().map(|(row, weight)| (row.clone(), weight))
}

/// A page of what is made of the rows of each key.
pub(crate) fn page<'a, K: IndexKey, R: 'a, T, M: IntoIterator<Item = (T, Weight)>>(
    mut keys: impl DoubleEndedIterator<Item = (&'a K, &'a R)>,
    order: Order,
    rows: usize,
    made_of: impl Fn(&'a R) -> M,
) -> Page<K, T> {
    let mut page = Vec::new();
    loop {
        let next = match order {
            Order::Forward => keys.next(),
            Order::Backward => keys.next_back(),
        };
        let Some((key, bucket)) = next else {
            return (page, None);
        };
        page.extend(made_of(bucket));
        if page.len() >= rows {
            return (page, Some(key.clone()));
        }
    }
}
