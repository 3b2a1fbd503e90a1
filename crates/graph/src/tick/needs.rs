//! What the operators of one step must see of a table, gathered and without doubles, until it is asked for as
//! [`Fetch`](super::Fetch)es.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deltaview_schema::codec;
use deltaview_schema::{Identity, IndexKey, Row};

use super::answers::{AllRows, Ranges, SingleRows, WholeKeys};
use super::fetch::ErasedFetch;
use crate::error::TickErrorKind;
use crate::plan::ErasedTable;
use crate::state::scan::Order;
use crate::state::{Cut, Side};

/// The needs of a table, without its types.
pub(crate) trait ErasedNeeds: Any {
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// What to ask for: whole keys, single rows, ranges, in this order; or all rows and nothing else.
    fn into_fetches(self: Box<Self>) -> Vec<Box<dyn ErasedFetch>>;
}

/// A part of a group that is to be read in the order of the index, until enough of it is read.
#[derive(Clone, Debug)]
pub(crate) struct RangeNeed<K> {
    /// Where it begins.
    pub(crate) from: Cut<K>,
    /// Where the group ends, in the direction of the order.
    pub(crate) end: Cut<K>,
    pub(crate) order: Order,
    /// The columns of the key that are the group.
    pub(crate) group_columns: usize,
    /// Whether the range begins at a place within the group, and not at its end.
    pub(crate) is_within: bool,
    /// So many rows are enough.
    pub(crate) rows: usize,
}

impl<K: Ord> RangeNeed<K> {
    /// Whether a key is in the range.
    pub(crate) fn contains(&self, key: &K) -> bool {
        let (lower, upper) = match self.order {
            Order::Forward => (&self.from, &self.end),
            Order::Backward => (&self.end, &self.from),
        };
        (&lower.key, lower.side) <= (key, Side::Before)
            && (key, Side::After) <= (&upper.key, upper.side)
    }

    /// Whether the range has the key that it begins at.
    pub(crate) fn is_inclusive(&self) -> bool {
        match self.order {
            Order::Forward => self.from.side == Side::Before,
            Order::Backward => self.from.side == Side::After,
        }
    }
}

/// What is needed of one table, by all operators of a step.
pub(crate) struct Needs<K, T> {
    table: Arc<dyn ErasedTable>,
    all: bool,
    keys: BTreeSet<K>,
    rows: BTreeMap<K, BTreeMap<T, Identity>>,
    ranges: Vec<RangeNeed<K>>,
}

impl<K: IndexKey, T: Row> Needs<K, T> {
    pub(crate) fn new(table: Arc<dyn ErasedTable>) -> Self {
        Self {
            table,
            all: false,
            keys: BTreeSet::new(),
            rows: BTreeMap::new(),
            ranges: Vec::new(),
        }
    }

    pub(crate) fn all(&mut self) {
        self.all = true;
    }

    pub(crate) fn key(&mut self, key: &K) {
        if !self.keys.contains(key) {
            self.keys.insert(key.clone());
        }
    }

    /// A single row. It is encoded here, for a database finds it by its identity.
    pub(crate) fn row(&mut self, key: &K, row: &T) -> Result<(), TickErrorKind> {
        if self
            .rows
            .get(key)
            .is_some_and(|rows| rows.contains_key(row))
        {
            return Ok(());
        }
        let encoded = codec::encode(row).map_err(TickErrorKind::Encode)?;
        self.rows
            .entry(key.clone())
            .or_default()
            .insert(row.clone(), Identity::of(&encoded));
        Ok(())
    }

    pub(crate) fn range(&mut self, range: RangeNeed<K>) {
        self.ranges.push(range);
    }

    /// The ranges, in the order of where they begin; of those that begin alike, the longest.
    fn distinct_ranges(mut ranges: Vec<RangeNeed<K>>) -> Vec<RangeNeed<K>> {
        let is_backward = |range: &RangeNeed<K>| range.order == Order::Backward;
        ranges.sort_by(|a, b| {
            let by_start = a.from.cmp(&b.from);
            by_start.then_with(|| is_backward(a).cmp(&is_backward(b)))
        });
        ranges.dedup_by(|next, kept| {
            let same = kept.from == next.from && kept.order == next.order;
            if same {
                kept.rows = kept.rows.max(next.rows);
            }
            same
        });
        ranges
    }
}

impl<K: IndexKey, T: Row> ErasedNeeds for Needs<K, T> {
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_fetches(self: Box<Self>) -> Vec<Box<dyn ErasedFetch>> {
        let Self {
            table,
            all,
            keys,
            mut rows,
            ranges,
        } = *self;
        if all {
            return vec![Box::new(AllRows::<K, T>::new(table))];
        }
        rows.retain(|key, _| !keys.contains(key));
        let mut fetches: Vec<Box<dyn ErasedFetch>> = Vec::new();
        if !keys.is_empty() {
            let keys = keys.into_iter().collect();
            fetches.push(Box::new(WholeKeys::<K, T>::new(Arc::clone(&table), keys)));
        }
        if !rows.is_empty() {
            fetches.push(Box::new(SingleRows::new(rows)));
        }
        if !ranges.is_empty() {
            let ranges = Self::distinct_ranges(ranges);
            fetches.push(Box::new(Ranges::<K, T>::new(table, ranges)));
        }
        fetches
    }
}
