//! Linear aggregates by group: count, sum, and any commutative group. The state of a group is the total weight of its
//! rows and their sum; the rows themselves are not kept (DBSP §7, linear aggregation).

use std::collections::BTreeMap;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight, WeightOverflow};

use super::{Apply, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::state::key_text;

/// The stored state of a group: the total weight of its rows, and their aggregate.
pub(crate) type GroupState<K, A> = Keyed<K, (Weight, A)>;

type Add<A> = dyn Fn(&A, &A) -> Option<A> + Send + Sync;
type Scale<T, A> = dyn Fn(&T, Weight) -> Option<A> + Send + Sync;
type Finish<A, V> = dyn Fn(Weight, &A) -> V + Send + Sync;

/// The operations of a commutative group; `None` is an overflow.
pub(crate) struct GroupOperations<T, A> {
    pub(crate) zero: A,
    pub(crate) add: Arc<Add<A>>,
    /// A row, so many times.
    pub(crate) scale: Arc<Scale<T, A>>,
}

/// Reads one key for each group that changed, and writes one row.
pub(crate) struct Aggregate<K, T, A, V> {
    pub(crate) index: Index<T, K>,
    pub(crate) operations: GroupOperations<T, A>,
    /// What is put out of a group's total weight and aggregate.
    pub(crate) finish: Arc<Finish<A, V>>,
    pub(crate) table: TableId,
}

/// What the rows of this iteration add to each group.
type Added<K, A> = BTreeMap<K, (Weight, A)>;

impl<K: IndexKey + Row, T: Row, A: Row, V: Row> Operator for Aggregate<K, T, A, V> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let mut added: Added<K, A> = BTreeMap::new();
        for (row, weight) in reads.input::<Delta<T>>(0).into_iter().flatten() {
            let key = self.index.key(row);
            let group = added
                .entry(key)
                .or_insert_with(|| (0, self.operations.zero.clone()));
            group.0 = group.0.checked_add(*weight).ok_or(WeightOverflow)?;
            let scaled = (self.operations.scale)(row, *weight);
            let sum = scaled.and_then(|scaled| (self.operations.add)(&group.1, &scaled));
            group.1 = sum.ok_or_else(|| self.overflow(&self.index.key(row)))?;
        }
        reads.need::<K, GroupState<K, A>>(self.table, added.keys());
        reads.keep(added);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let added: Added<K, A> = apply.kept();
        let state = apply.arrangement::<K, GroupState<K, A>>(self.table);
        let mut out: Delta<Keyed<K, V>> = Vec::new();
        let mut stored: ArrangedDelta<K, GroupState<K, A>> = Vec::new();
        for (key, (weight, aggregate)) in added {
            let old = state.row_of(&key);
            let new = self.combine(&key, old, weight, aggregate)?;
            if old == new.as_ref() {
                continue;
            }
            let put_out = |group: Option<&GroupState<K, A>>| {
                let (weight, aggregate) = &group.filter(|group| group.value.0 != 0)?.value;
                Some(Keyed::new(key.clone(), (self.finish)(*weight, aggregate)))
            };
            let (before, after) = (put_out(old), put_out(new.as_ref()));
            if before != after {
                out.extend(before.map(|row| (row, -1)));
                out.extend(after.map(|row| (row, 1)));
            }
            stored.extend(old.map(|old| (key.clone(), old.clone(), -1)));
            stored.extend(new.map(|new| (key.clone(), new, 1)));
        }
        apply.write(self.table, stored)?;
        apply.emit(out);
        Ok(())
    }
}

impl<K: IndexKey, T: Row, A: Row, V: Row> Aggregate<K, T, A, V> {
    /// The new state of a group; none if nothing is left of it.
    fn combine(
        &self,
        key: &K,
        old: Option<&GroupState<K, A>>,
        weight: Weight,
        aggregate: A,
    ) -> Result<Option<GroupState<K, A>>, TickErrorKind> {
        let (weight, aggregate) = match old {
            None => (weight, aggregate),
            Some(old) => (
                old.value.0.checked_add(weight).ok_or(WeightOverflow)?,
                (self.operations.add)(&old.value.1, &aggregate)
                    .ok_or_else(|| self.overflow(key))?,
            ),
        };
        let gone = weight == 0 && aggregate == self.operations.zero;
        Ok((!gone).then(|| Keyed::new(key.clone(), (weight, aggregate))))
    }

    fn overflow(&self, key: &K) -> TickErrorKind {
        TickErrorKind::AggregateOverflow { key: key_text(key) }
    }
}
