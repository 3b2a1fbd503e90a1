//! The least and the greatest member of a group, where members are the rows whose weight is not zero. A member that
//! goes is followed by the next one of the arrangement: O(log n) of the group, and one row read.

use std::marker::PhantomData;
use std::ops::ControlFlow;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::{InOrder, added, delta_of, members, sorted, whole};
use crate::delta::ArrangedDelta;
use crate::error::TickErrorKind;
use crate::operators::aggregate::Members;
use crate::operators::{Apply, Reads};
use crate::state::ranked::{Place, Ranked};
use crate::state::scan::Order;

/// What is put out of the member at the end of a group.
pub(crate) trait End<R, O>: Send + Sync + 'static {
    type Value: Clone + PartialEq + Send + Sync + 'static;
    fn value(key: &O, row: &R) -> Self::Value;
}

/// Its key in the order.
pub(crate) struct EndKey;

impl<R, O: IndexKey> End<R, O> for EndKey {
    type Value = O;
    fn value(key: &O, _: &R) -> O {
        key.clone()
    }
}

/// Reads the first rows of each group that changed: those of the first key that keeps a row.
pub(crate) struct Ends<R, O, E> {
    pub(crate) rows: InOrder<R, O>,
    /// Forward for the least.
    pub(crate) order: Order,
    pub(crate) end: PhantomData<fn() -> E>,
}

impl<G: IndexKey, R: Row, O: IndexKey, E: End<R, O>> Members<G, R, Option<E::Value>>
    for Ends<R, O, E>
{
    fn reads(&self, reads: &mut Reads<'_>, groups: &[&G]) -> Result<(), TickErrorKind> {
        let Some((input, table)) = self.rows.source else {
            return Ok(());
        };
        let delta = reads.input::<ArrangedDelta<Ranked<G, O>, R>>(input);
        for group in groups {
            let delta = delta_of(delta, *group);
            reads.walk::<G, O, R>(table, &whole(*group, self.order), 1, |key, rows| {
                let stays = |(row, weight): (&R, Weight)| {
                    weight.checked_add(added(delta, key, row)) != Some(0)
                };
                if rows.iter().any(stays) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        }
        Ok(())
    }

    fn values(
        &self,
        apply: &Apply<'_>,
        group: &G,
    ) -> Result<(Option<E::Value>, Option<E::Value>), TickErrorKind> {
        let Some((input, table)) = self.rows.source else {
            return Ok((None, None));
        };
        let delta = delta_of(apply.input::<ArrangedDelta<Ranked<G, O>, R>>(input), group);
        let arrangement = apply.arrangement::<Ranked<G, O>, R>(table);
        let (mut before, mut after) = (None, None);
        for member in members(arrangement, group, delta, self.order) {
            let member = member?;
            let Place::At(key) = &member.key.place else {
                continue;
            };
            if member.before != 0 && before.is_none() {
                before = Some(E::value(key, member.row));
            }
            if member.after != 0 && after.is_none() {
                after = Some(E::value(key, member.row));
            }
            // Stored rows come in order: the first that stays ends both.
            if after.is_some() && (before.is_some() || member.before != 0) {
                break;
            }
        }
        Ok((before, after))
    }

    fn of_rows(&self, rows: &[(R, Weight)]) -> Option<E::Value> {
        let sorted = sorted(&self.rows.order, rows);
        let end = match self.order {
            Order::Forward => sorted.first(),
            Order::Backward => sorted.last(),
        };
        end.map(|(key, row, _)| E::value(key, row))
    }
}
