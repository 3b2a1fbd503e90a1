//! The semi-join and the anti-join: the rows of one side whose key the other side has, or has not. A product of the
//! left side with a 0 or 1 a key, so its delta is that of a bilinear operator (DBSP §3, Theorem 3.4).

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Keyed, Weight};

use super::{Apply, GroupState, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta, by_key};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::Explain;

/// Reads the count of each key that changed on the left, and the left rows of each key that came or went on the right.
/// Has no table of its own.
pub(crate) struct Present<K, L> {
    left: TableId,
    /// The counts of the right side's keys, as [`Aggregate`](super::Aggregate) stores them. There is a count for each
    /// key whose total weight is not zero.
    counts: TableId,
    /// Whether the rows stay whose key the right side has; the others stay if not.
    keep: bool,
    rows: PhantomData<fn() -> (K, L)>,
}

impl<K, L> Present<K, L> {
    pub(crate) fn new(left: TableId, counts: TableId, keep: bool) -> Self {
        Self {
            left,
            counts,
            keep,
            rows: PhantomData,
        }
    }
}

/// A row for a key that is there, by the operator that counts them.
type Counted<K> = Delta<Keyed<K, Weight>>;

/// What the keys of the right side gain and lose: 1 for a key that came, −1 for one that went, 0 for one whose count
/// is another.
fn turns<K: IndexKey + Row>(counted: Option<&Counted<K>>) -> BTreeMap<&K, i64> {
    let mut turns: BTreeMap<&K, i64> = BTreeMap::new();
    for (count, weight) in counted.into_iter().flatten() {
        *turns.entry(&count.key).or_default() += weight.signum();
    }
    turns
}

impl<K: IndexKey + Row, L: Row> Operator for Present<K, L> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        if let Some(left) = reads.input::<ArrangedDelta<K, L>>(0) {
            let keys = by_key(left).map(|(key, _)| key);
            reads.need::<K, GroupState<K, ()>>(self.counts, keys);
        }
        let turns = turns(reads.input::<Counted<K>>(1));
        let turned = turns.into_iter().filter(|(_, turn)| *turn != 0);
        reads.need::<K, L>(self.left, turned.map(|(key, _)| key));
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let left_delta = apply
            .input::<ArrangedDelta<K, L>>(0)
            .map_or(&[][..], Vec::as_slice);
        let turns = turns(apply.input::<Counted<K>>(1));
        let mut out: Delta<L> = Vec::new();

        if !left_delta.is_empty() {
            let counts = apply.arrangement::<K, GroupState<K, ()>>(self.counts);
            for (key, rows) in by_key(left_delta) {
                let count = counts.row_of(key).filter(|count| count.value.0 != 0);
                let before = i64::from(count.is_some());
                let after = before + turns.get(key).copied().unwrap_or(0);
                if (after == 1) == self.keep {
                    out.extend(rows.iter().map(|(_, row, weight)| (row.clone(), *weight)));
                }
            }
        }
        if turns.values().any(|turn| *turn != 0) {
            let left = apply.arrangement::<K, L>(self.left);
            for (key, turn) in turns.into_iter().filter(|(_, turn)| *turn != 0) {
                let comes = (turn == 1) == self.keep;
                for (row, weight) in left.rows_of(key) {
                    let weight = if comes {
                        Some(weight)
                    } else {
                        weight.checked_neg()
                    };
                    out.push((row.clone(), weight.ok_or(deltaview_zset::WeightOverflow)?));
                }
            }
        }
        apply.emit(out);
        Ok(())
    }

    /// The rows themselves; and where the other side has their keys, that.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<L>();
        if self.keep {
            let lefts = explain.arranged::<K, L>(0)?;
            let lefts = lefts.into_iter().filter(|(_, row, _)| wanted.contains(row));
            let keys: BTreeSet<K> = lefts.map(|(key, ..)| key).collect();
            let counts = explain.rows::<Keyed<K, Weight>>(1)?.into_iter();
            let counts = counts.map(|(count, _)| count);
            explain.want(1, counts.filter(|count| keys.contains(&count.key)));
        }
        explain.want(0, wanted);
        Ok(())
    }
}
