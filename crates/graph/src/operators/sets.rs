//! The operators on sets and bags that are no sums: a row's weight in the output is a function of its weights in the
//! inputs, and of nothing else (DBSP §4: `distinct`, whose delta needs the old weight of each changed row).

use std::collections::BTreeMap;
use std::marker::PhantomData;

use deltaview_schema::Row;
use deltaview_zset::{Weight, WeightOverflow};

use super::{Apply, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::Explain;

/// The weight of a row in the output, of its weights in the inputs. Each is no greater than the greatest of them.
pub(crate) type Weigh = fn(Weight, Weight) -> Weight;

/// Reads, for each changed row, its weight on each side. Has no table of its own: the inputs are arranged by no key.
pub(crate) struct RowByRow<T> {
    pub(crate) left: TableId,
    /// None where there is one input.
    pub(crate) right: Option<TableId>,
    pub(crate) weigh: Weigh,
    pub(crate) row: PhantomData<fn() -> T>,
}

/// The changed rows, with what changes on each side.
fn changed<'a, T: Row>(
    left: Option<&'a ArrangedDelta<(), T>>,
    right: Option<&'a ArrangedDelta<(), T>>,
) -> BTreeMap<&'a T, [Weight; 2]> {
    let mut changed: BTreeMap<&T, [Weight; 2]> = BTreeMap::new();
    for (side, delta) in [left, right].into_iter().enumerate() {
        for ((), row, weight) in delta.into_iter().flatten() {
            changed.entry(row).or_default()[side] = *weight;
        }
    }
    changed
}

impl<T: Row> RowByRow<T> {
    fn tables(&self) -> impl Iterator<Item = TableId> {
        [Some(self.left), self.right].into_iter().flatten()
    }
}

impl<T: Row> Operator for RowByRow<T> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let right = self.right.and_then(|_| reads.input(1));
        let changed = changed::<T>(reads.input(0), right);
        for table in self.tables() {
            reads.need_rows::<(), T>(table, changed.keys().map(|row| (&(), *row)))?;
        }
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let right = self.right.and_then(|_| apply.input(1));
        let changed = changed::<T>(apply.input(0), right);
        let mut out: Delta<T> = Vec::new();
        for (row, added) in changed {
            let mut before = [0; 2];
            for (side, table) in self.tables().enumerate() {
                before[side] = apply.arrangement::<(), T>(table).weight_of(&(), row);
            }
            let sum = |side: usize| before[side].checked_add(added[side]).ok_or(WeightOverflow);
            let after = (self.weigh)(sum(0)?, sum(1)?);
            let difference = after
                .checked_sub((self.weigh)(before[0], before[1]))
                .ok_or(WeightOverflow)?;
            if difference != 0 {
                out.push((row.clone(), difference));
            }
        }
        apply.emit(out);
        Ok(())
    }

    /// The row in each input that has it.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<T>();
        for input in 0..self.tables().count() {
            let rows = explain.arranged::<(), T>(input)?;
            let rows = rows.into_iter().map(|(_, row, _)| row);
            explain.want(input, rows.filter(|row| wanted.contains(row)));
        }
        Ok(())
    }
}
