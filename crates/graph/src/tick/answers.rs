//! What was asked of a table, typed, with what a driver found: all rows, whole keys, single rows, or ranges. It owns
//! how an answer is checked and taken into the arrangement; what is known already stays as it is.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::Arc;

use deltaview_schema::codec;
use deltaview_schema::{Identity, IndexKey, KeyValue, Row};
use deltaview_zset::Weight;

use super::Slot;
use super::fetch::{ErasedFetch, FetchKeys, FetchRange, PushError, RangeStart};
use super::needs::RangeNeed;
use crate::delta::Delta;
use crate::plan::ErasedTable;
use crate::state::scan::Order;
use crate::state::{Arrangement, Cut, ErasedArrangement, TypedTable, key_text};

/// A row that was found, with its key.
fn decoded<K: IndexKey, T: Row>(table: &dyn ErasedTable, data: &[u8]) -> Result<(K, T), PushError> {
    let row: T = codec::decode(data).map_err(PushError::Decode)?;
    let table: &TypedTable<K, T> = table
        .as_any()
        .downcast_ref()
        .expect("a fetch has the types of its table");
    Ok((table.index.key(&row), row))
}

fn typed<K: IndexKey, T: Row>(arrangement: &mut dyn ErasedArrangement) -> &mut Arrangement<K, T> {
    arrangement
        .as_any_mut()
        .downcast_mut()
        .expect("a table's arrangement has the table's types")
}

/// All rows of a table.
pub(super) struct AllRows<K, T> {
    table: Arc<dyn ErasedTable>,
    found: Vec<(K, T, Weight)>,
}

impl<K, T> AllRows<K, T> {
    pub(super) fn new(table: Arc<dyn ErasedTable>) -> Self {
        Self {
            table,
            found: Vec::new(),
        }
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for AllRows<K, T> {
    fn keys(&self) -> FetchKeys {
        FetchKeys::All
    }

    fn push(&mut self, _key: Option<usize>, data: &[u8], weight: Weight) -> Result<(), PushError> {
        let (key, row) = decoded(self.table.as_ref(), data)?;
        self.found.push((key, row, weight));
        Ok(())
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = typed(arrangement);
        // Keys that were fetched before come again with all the others.
        let known: BTreeSet<K> = self
            .found
            .iter()
            .map(|(key, ..)| key)
            .filter(|key| arrangement.is_resident(key))
            .cloned()
            .collect();
        arrangement.make_all_resident();
        for (key, row, weight) in self.found {
            if !known.contains(&key) {
                arrangement.add(&key, &row, weight);
            }
        }
    }
}

/// All rows of a table, for themselves: they go into no arrangement.
pub(crate) struct Contents<K, T> {
    table: Arc<dyn ErasedTable>,
    found: Delta<T>,
    key: PhantomData<fn() -> K>,
}

impl<K, T> Contents<K, T> {
    pub(crate) fn new(table: Arc<dyn ErasedTable>) -> Self {
        Self {
            table,
            found: Vec::new(),
            key: PhantomData,
        }
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for Contents<K, T> {
    fn keys(&self) -> FetchKeys {
        FetchKeys::All
    }

    fn push(&mut self, _key: Option<usize>, data: &[u8], weight: Weight) -> Result<(), PushError> {
        let (_, row) = decoded::<K, T>(self.table.as_ref(), data)?;
        self.found.push((row, weight));
        Ok(())
    }

    fn answer_from(&mut self, arrangement: &dyn ErasedArrangement) {
        let arrangement: &Arrangement<K, T> = arrangement
            .as_any()
            .downcast_ref()
            .expect("a table's arrangement has the table's types");
        let rows = arrangement.all_rows();
        self.found
            .extend(rows.map(|(row, weight)| (row.clone(), weight)));
    }

    fn into_contents(self: Box<Self>) -> Slot {
        (!self.found.is_empty()).then(|| Arc::new(self.found) as _)
    }

    fn finish(self: Box<Self>, _: &mut dyn ErasedArrangement) {
        self.has_no("place in a working set")
    }
}

/// All rows of some keys.
pub(super) struct WholeKeys<K, T> {
    table: Arc<dyn ErasedTable>,
    asked: Vec<K>,
    /// By the position of the key.
    found: Vec<(usize, T, Weight)>,
}

impl<K, T> WholeKeys<K, T> {
    pub(super) fn new(table: Arc<dyn ErasedTable>, asked: Vec<K>) -> Self {
        Self {
            table,
            asked,
            found: Vec::new(),
        }
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for WholeKeys<K, T> {
    fn keys(&self) -> FetchKeys {
        FetchKeys::Some(self.asked.len())
    }

    fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>) {
        self.asked[position].values(values);
    }

    fn key_text(&self, position: usize) -> String {
        key_text(&self.asked[position])
    }

    fn push(&mut self, key: Option<usize>, data: &[u8], weight: Weight) -> Result<(), PushError> {
        let position = key.expect("a driver says which key a row was found for");
        let (computed, row) = decoded::<K, T>(self.table.as_ref(), data)?;
        if self.asked[position] != computed {
            return Err(PushError::OtherKey);
        }
        self.found.push((position, row, weight));
        Ok(())
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = typed(arrangement);
        // A range that was asked for in the same step may have brought a key already.
        let fresh: Vec<bool> = self
            .asked
            .iter()
            .map(|key| !arrangement.is_resident(key))
            .collect();
        for (key, _) in self.asked.iter().zip(&fresh).filter(|(_, fresh)| **fresh) {
            arrangement.make_resident(key.clone());
        }
        for (position, row, weight) in &self.found {
            if fresh[*position] {
                arrangement.add(&self.asked[*position], row, *weight);
            }
        }
    }
}

/// The weights of some rows.
pub(super) struct SingleRows<K, T> {
    asked: Vec<(K, T, Identity)>,
    /// By position; zero where the row was not found.
    weights: Vec<Weight>,
}

impl<K, T> SingleRows<K, T> {
    pub(super) fn new(asked: Vec<(K, T, Identity)>) -> Self {
        Self {
            weights: vec![0; asked.len()],
            asked,
        }
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for SingleRows<K, T> {
    fn keys(&self) -> FetchKeys {
        FetchKeys::Rows(self.asked.len())
    }

    fn key<'a>(&'a self, position: usize, values: &mut Vec<KeyValue<'a>>) {
        self.asked[position].0.values(values);
    }

    fn identity(&self, position: usize) -> Identity {
        self.asked[position].2
    }

    fn push_weight(&mut self, position: usize, weight: Weight) {
        self.weights[position] = weight;
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = typed(arrangement);
        for ((key, row, _), weight) in self.asked.into_iter().zip(self.weights) {
            arrangement.make_row_resident(key, row, weight);
        }
    }
}

/// How far a range is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// Rows may follow: also of the last key.
    Unfinished,
    /// The last key has all its rows, and other keys may follow.
    WholeKeys,
    /// Nothing follows in the group.
    ToTheEnd,
}

/// A range, with its rows in the order of the index.
struct Range<K, T> {
    asked: RangeNeed<K>,
    found: Vec<(K, T, Weight)>,
    read: Read,
}

/// Parts of groups, in the order of the index.
pub(super) struct Ranges<K, T> {
    table: Arc<dyn ErasedTable>,
    ranges: Vec<Range<K, T>>,
}

impl<K, T> Ranges<K, T> {
    pub(super) fn new(table: Arc<dyn ErasedTable>, asked: Vec<RangeNeed<K>>) -> Self {
        let ranges = asked.into_iter().map(|asked| Range {
            asked,
            found: Vec::new(),
            read: Read::Unfinished,
        });
        Self {
            table,
            ranges: ranges.collect(),
        }
    }
}

impl<K: IndexKey, T: Row> ErasedFetch for Ranges<K, T> {
    fn keys(&self) -> FetchKeys {
        FetchKeys::Ranges(self.ranges.len())
    }

    fn key_text(&self, position: usize) -> String {
        key_text(&self.ranges[position].asked.from.key)
    }

    fn range(&self, position: usize) -> FetchRange<'_> {
        let asked = &self.ranges[position].asked;
        let mut group = Vec::new();
        asked.from.key.values(&mut group);
        let columns = group.split_off(asked.group_columns);
        let start = asked.is_within.then(|| RangeStart {
            columns,
            inclusive: asked.is_inclusive(),
        });
        FetchRange {
            group,
            start,
            order: asked.order,
            rows: asked.rows,
        }
    }

    fn push_in_range(
        &mut self,
        position: usize,
        data: &[u8],
        weight: Weight,
    ) -> Result<ControlFlow<()>, PushError> {
        let (key, row) = decoded::<K, T>(self.table.as_ref(), data)?;
        let range = &mut self.ranges[position];
        let last = range.found.last().map(|(last, ..)| last);
        let follows = last.is_none_or(|last| match range.asked.order {
            Order::Forward => *last <= key,
            Order::Backward => *last >= key,
        });
        if !follows || !range.asked.contains(&key) {
            return Err(PushError::OtherKey);
        }
        let is_next_key = last.is_some_and(|last| *last != key);
        if is_next_key && range.found.len() >= range.asked.rows {
            range.read = Read::WholeKeys;
            return Ok(ControlFlow::Break(()));
        }
        range.found.push((key, row, weight));
        Ok(ControlFlow::Continue(()))
    }

    fn pause_range(&mut self, position: usize) {
        let range = &mut self.ranges[position];
        if !range.found.is_empty() {
            range.read = Read::WholeKeys;
        }
    }

    fn end_range(&mut self, position: usize) {
        self.ranges[position].read = Read::ToTheEnd;
    }

    fn is_answered(&self) -> bool {
        self.ranges
            .iter()
            .all(|range| range.read != Read::Unfinished)
    }

    fn finish(self: Box<Self>, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<K, T> = typed(arrangement);
        for range in self.ranges {
            range.finish(arrangement);
        }
    }
}

impl<K: IndexKey, T: Row> Range<K, T> {
    fn finish(self, arrangement: &mut Arrangement<K, T>) {
        // Ranges may overlap one another, and keys that were fetched before.
        let fresh: Vec<bool> = self
            .found
            .chunk_by(|a, b| a.0 == b.0)
            .flat_map(|rows| {
                let fresh = !arrangement.is_resident(&rows[0].0);
                std::iter::repeat_n(fresh, rows.len())
            })
            .collect();
        let RangeNeed {
            from, end, order, ..
        } = self.asked;
        let last = match self.read {
            Read::ToTheEnd => Some(end),
            Read::WholeKeys => self.found.last().map(|(key, ..)| match order {
                Order::Forward => Cut::after(key.clone()),
                Order::Backward => Cut::before(key.clone()),
            }),
            Read::Unfinished => None,
        };
        let Some(last) = last else { return };
        match order {
            Order::Forward => arrangement.make_stretch_resident(from, last),
            Order::Backward => arrangement.make_stretch_resident(last, from),
        }
        for ((key, row, weight), fresh) in self.found.iter().zip(fresh) {
            if fresh {
                arrangement.add(key, row, *weight);
            }
        }
    }
}
