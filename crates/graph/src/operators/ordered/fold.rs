//! A fold over all members of a group in order.

use std::ops::ControlFlow;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::{InOrder, delta_of, members, sorted, whole};
use crate::delta::ArrangedDelta;
use crate::error::TickErrorKind;
use crate::operators::aggregate::Members;
use crate::operators::{Apply, Reads};
use crate::state::ranked::Ranked;
use crate::state::scan::Order;

/// One step of a fold.
pub(crate) type FoldStep<R, A> = dyn Fn(&mut A, &R, Weight) + Send + Sync;

/// Reads all rows of each group that changed.
pub(crate) struct Fold<R, O, A> {
    pub(crate) rows: InOrder<R, O>,
    pub(crate) start: A,
    pub(crate) step: Arc<FoldStep<R, A>>,
}

impl<G, R, O, A> Members<G, R, A> for Fold<R, O, A>
where
    G: IndexKey,
    R: Row,
    O: IndexKey,
    A: Clone + Send + Sync,
{
    fn reads(&self, reads: &mut Reads<'_>, groups: &[&G]) -> Result<(), TickErrorKind> {
        if let Some((_, table)) = self.rows.source {
            for group in groups {
                reads.walk::<G, O, R>(table, &whole(*group, Order::Forward), 64, |_, _| {
                    ControlFlow::Continue(())
                });
            }
        }
        Ok(())
    }

    fn values(&self, apply: &Apply<'_>, group: &G) -> Result<(A, A), TickErrorKind> {
        let (mut before, mut after) = (self.start.clone(), self.start.clone());
        let Some((input, table)) = self.rows.source else {
            return Ok((before, after));
        };
        let delta = delta_of(apply.input::<ArrangedDelta<Ranked<G, O>, R>>(input), group);
        let arrangement = apply.arrangement::<Ranked<G, O>, R>(table);
        for member in members(arrangement, group, delta, Order::Forward) {
            let member = member?;
            for (folded, weight) in [(&mut before, member.before), (&mut after, member.after)] {
                if weight != 0 {
                    (self.step)(folded, member.row, weight);
                }
            }
        }
        Ok((before, after))
    }

    fn of_rows(&self, rows: &[(R, Weight)]) -> A {
        let mut folded = self.start.clone();
        for (_, row, weight) in sorted(&self.rows.order, rows) {
            (self.step)(&mut folded, row, weight);
        }
        folded
    }
}
