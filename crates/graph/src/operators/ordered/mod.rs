//! Operators that read the rows of a group in order, from an arrangement by group and order: the least and greatest
//! members (`ends`), a fold (`fold`), the first rows (`first`), windows (`window`). None keeps the order itself: the
//! arrangement has it, and whoever wants the same rows in the same order shares it.

mod ends;
mod first;
mod fold;
mod window;

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::Bound;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Weight, WeightOverflow};

pub(crate) use ends::{End, EndKey, Ends};
pub(crate) use first::{First, Taken, first_of_rows};
pub(crate) use fold::Fold;
pub(crate) use window::{PrefixRow, Reach, Window, WindowPlace, Windowed, window_of_rows};

use crate::delta::ArrangedDelta;
use crate::plan::TableId;
use crate::state::ranked::{Ranked, Span};
use crate::state::scan::Order;
use crate::state::{Arrangement, Bucket};

/// What changes of one group, in order.
pub(crate) type GroupDelta<G, O, R> = [(Ranked<G, O>, R, Weight)];

/// An arrangement by group and order, as an operator reads it.
pub(crate) struct InOrder<R, O> {
    /// The position among the operator's inputs, and the table. None inside of a recursion, where nothing is read.
    pub(crate) source: Option<(usize, TableId)>,
    pub(crate) order: Index<R, O>,
}

/// The index of rows by group, and by order within the group. Its name tells it from the index of both keys, which has
/// another type.
pub(crate) fn in_order<R: Row, G: IndexKey, O: IndexKey>(
    group: Index<R, G>,
    order: Index<R, O>,
) -> Index<R, Ranked<G, O>> {
    struct ByGroupAndOrder;
    let name = format!("{}_in_order_of_{}", group.name(), order.name());
    group
        .combine::<O, Ranked<G, O>, ByGroupAndOrder>(order, Ranked::at)
        .called(name)
}

/// All of a group, in a direction.
pub(crate) fn whole<G: Clone, O>(group: &G, order: Order) -> Span<G, O> {
    Span {
        group: group.clone(),
        from: Bound::Unbounded,
        order,
    }
}

/// What changes of a group.
pub(crate) fn delta_of<'a, G: Ord, O: Ord, R>(
    delta: Option<&'a ArrangedDelta<Ranked<G, O>, R>>,
    group: &G,
) -> &'a GroupDelta<G, O, R> {
    let delta = delta.map_or(&[][..], Vec::as_slice);
    let start = delta.partition_point(|(key, ..)| key.group < *group);
    let length = delta[start..].partition_point(|(key, ..)| key.group == *group);
    &delta[start..start + length]
}

/// The groups that change, each with what changes of it.
pub(crate) fn by_group<G: PartialEq, O, R>(
    delta: Option<&ArrangedDelta<Ranked<G, O>, R>>,
) -> impl Iterator<Item = (&G, &GroupDelta<G, O, R>)> {
    let delta = delta.map_or(&[][..], Vec::as_slice);
    delta
        .chunk_by(|one, next| one.0.group == next.0.group)
        .map(|run| (&run[0].0.group, run))
}

/// How much the weight of a row changes.
pub(crate) fn added<G: Ord, O: Ord, R: Ord>(
    delta: &GroupDelta<G, O, R>,
    key: &Ranked<G, O>,
    row: &R,
) -> Weight {
    let found = delta
        .binary_search_by(|(other, other_row, _)| other.cmp(key).then_with(|| other_row.cmp(row)));
    found.map_or(0, |at| delta[at].2)
}

/// The copies of a row that are there.
pub(crate) fn copies(weight: Weight) -> Weight {
    weight.max(0)
}

/// A row of a group, with its weight before this iteration and after it.
pub(crate) struct Member<'a, G, O, R> {
    pub(crate) key: &'a Ranked<G, O>,
    pub(crate) row: &'a R,
    pub(crate) before: Weight,
    pub(crate) after: Weight,
}

impl<G, O, R> Clone for Member<'_, G, O, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G, O, R> Copy for Member<'_, G, O, R> {}

/// The rows of a group in order, as they are stored and as they change.
pub(crate) struct Merged<'a, G, O, R, S: Iterator, D: Iterator> {
    stored: Peekable<S>,
    changed: Peekable<D>,
    order: Order,
    _group: std::marker::PhantomData<&'a (G, O, R)>,
}

type StoredRow<'a, G, O, R> = (&'a Ranked<G, O>, &'a R, Weight);

/// Walks stored rows from a bound together with what changes from there on.
pub(crate) fn merged<'a, G: IndexKey, O: IndexKey, R: Row>(
    stored: impl Iterator<Item = (&'a Ranked<G, O>, &'a Bucket<R>)> + 'a,
    delta: &'a GroupDelta<G, O, R>,
    order: Order,
) -> impl Iterator<Item = Result<Member<'a, G, O, R>, WeightOverflow>> + 'a {
    let stored = stored.flat_map(move |(key, rows)| {
        let rows: Box<dyn Iterator<Item = (&R, Weight)>> = match order {
            Order::Forward => Box::new(rows.iter()),
            Order::Backward => Box::new(rows.iter().rev()),
        };
        rows.map(move |(row, weight)| (key, row, weight))
    });
    let changed: Box<dyn Iterator<Item = &'a (Ranked<G, O>, R, Weight)>> = match order {
        Order::Forward => Box::new(delta.iter()),
        Order::Backward => Box::new(delta.iter().rev()),
    };
    Merged {
        stored: stored.peekable(),
        changed: changed
            .map(|(key, row, weight)| (key, row, *weight))
            .peekable(),
        order,
        _group: std::marker::PhantomData,
    }
}

impl<'a, G, O, R, S, D> Iterator for Merged<'a, G, O, R, S, D>
where
    G: Ord,
    O: Ord,
    R: Ord,
    S: Iterator<Item = StoredRow<'a, G, O, R>>,
    D: Iterator<Item = StoredRow<'a, G, O, R>>,
{
    type Item = Result<Member<'a, G, O, R>, WeightOverflow>;

    fn next(&mut self) -> Option<Self::Item> {
        let which = match (self.stored.peek(), self.changed.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(stored), Some(changed)) => {
                let order = (stored.0, stored.1).cmp(&(changed.0, changed.1));
                match self.order {
                    Order::Forward => order,
                    Order::Backward => order.reverse(),
                }
            }
        };
        let stored = which.is_le().then(|| self.stored.next()).flatten();
        let changed = which.is_ge().then(|| self.changed.next()).flatten();
        let (key, row, _) = stored.or(changed)?;
        let before = stored.map_or(0, |(_, _, weight)| weight);
        let after = before.checked_add(changed.map_or(0, |(_, _, weight)| weight));
        Some(after.ok_or(WeightOverflow).map(|after| Member {
            key,
            row,
            before,
            after,
        }))
    }
}

/// All stored rows of a group with what changes of it.
pub(crate) fn members<'a, G: IndexKey, O: IndexKey, R: Row>(
    arrangement: &'a Arrangement<Ranked<G, O>, R>,
    group: &G,
    delta: &'a GroupDelta<G, O, R>,
    order: Order,
) -> impl Iterator<Item = Result<Member<'a, G, O, R>, WeightOverflow>> + 'a {
    merged(arrangement.walk(&whole(group, order)), delta, order)
}

/// The rows of a group, each once, in their order: for operators that are evaluated from all rows of a group.
pub(crate) fn sorted<'a, R: Row, O: IndexKey>(
    order: &Index<R, O>,
    rows: &'a [(R, Weight)],
) -> Vec<(O, &'a R, Weight)> {
    let mut sorted: Vec<(O, &R, Weight)> = rows
        .iter()
        .map(|(row, weight)| (order.key(row), row, *weight))
        .collect();
    sorted.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    sorted
}
