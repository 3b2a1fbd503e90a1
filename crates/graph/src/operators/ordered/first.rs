//! The first rows of a group in some order, copies counted.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Weight;

use super::{GroupDelta, added, by_group, copies, members, sorted, whole};
use crate::delta::{ArrangedDelta, Delta};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Operator, Reads};
use crate::plan::TableId;
use crate::state::ranked::Ranked;
use crate::state::scan::Order;
use crate::tick::Explain;

/// Which copies are taken: so many, after the first `offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) offset: u64,
    pub(crate) count: u64,
    pub(crate) order: Order,
}

impl Taken {
    /// How far into the order it reaches.
    fn reach(self) -> i128 {
        i128::from(self.offset) + i128::from(self.count)
    }

    /// How many of a row's copies are taken, where so many come before it.
    fn of(self, before: i128, copies: Weight) -> Weight {
        let start = before.max(i128::from(self.offset));
        let end = (before + i128::from(copies)).min(self.reach());
        Weight::try_from((end - start).max(0)).expect("no more than the copies of the row")
    }

    /// The number of rows that are probably read.
    fn rows(self) -> usize {
        usize::try_from(self.offset.saturating_add(self.count)).unwrap_or(usize::MAX)
    }
}

/// Reads the rows up to the last one taken, and as many more as this iteration takes away before that. Has no table of
/// its own.
pub(crate) struct First<G, R, O> {
    pub(crate) table: TableId,
    pub(crate) taken: Taken,
    pub(crate) types: PhantomData<fn(G, R, O)>,
}

impl<G: IndexKey, R: Row, O: IndexKey> First<G, R, O> {
    fn out(
        &self,
        apply: &Apply<'_>,
        group: &G,
        delta: &GroupDelta<G, O, R>,
        out: &mut Delta<R>,
    ) -> Result<(), TickErrorKind> {
        let arrangement = apply.arrangement::<Ranked<G, O>, R>(self.table);
        let (mut before, mut after) = (0_i128, 0_i128);
        for member in members(arrangement, group, delta, self.taken.order) {
            let member = member?;
            let (old, new) = (copies(member.before), copies(member.after));
            let difference = self.taken.of(after, new) - self.taken.of(before, old);
            if difference != 0 {
                out.push((member.row.clone(), difference));
            }
            before += i128::from(old);
            after += i128::from(new);
            if before.min(after) >= self.taken.reach() {
                break;
            }
        }
        Ok(())
    }
}

impl<G: IndexKey, R: Row, O: IndexKey> Operator for First<G, R, O> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        for (group, delta) in by_group(reads.input::<ArrangedDelta<Ranked<G, O>, R>>(0)) {
            let (mut before, mut after) = (0_i128, 0_i128);
            let span = whole(group, self.taken.order);
            reads.walk::<G, O, R>(self.table, &span, self.taken.rows(), |key, rows| {
                for (row, weight) in rows.iter() {
                    before += i128::from(copies(weight));
                    after += i128::from(copies(weight.saturating_add(added(delta, key, row))));
                }
                if before.min(after) >= self.taken.reach() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        }
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let mut out: Delta<R> = Vec::new();
        for (group, delta) in by_group(apply.input::<ArrangedDelta<Ranked<G, O>, R>>(0)) {
            self.out(apply, group, delta, &mut out)?;
        }
        apply.emit(out);
        Ok(())
    }

    /// The rows themselves, and none of those that come before them.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<R>();
        explain.want(0, wanted);
        Ok(())
    }
}

/// The rows that are taken of all rows of a group.
pub(crate) fn first_of_rows<R: Row, O: IndexKey>(
    order: &Index<R, O>,
    taken: Taken,
    rows: &[(R, Weight)],
) -> Delta<R> {
    let mut sorted = sorted(order, rows);
    if taken.order == Order::Backward {
        sorted.reverse();
    }
    let (mut before, mut out) = (0_i128, Vec::new());
    for (_, row, weight) in sorted {
        let weight = copies(weight);
        match taken.of(before, weight) {
            0 => {}
            count => out.push((row.clone(), count)),
        }
        before += i128::from(weight);
    }
    out
}
