//! Aggregates of the rows of a group in order: the least, the greatest, a fold.

use std::marker::PhantomData;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Weight;

use super::{Aggregator, Inputs, Sum, sealed};
use crate::builder::scope::Scope;
use crate::operators::ordered::{End, EndKey, Ends, Fold};
use crate::operators::{Members, Parts};
use crate::state::scan::Order;

/// The member at an end of a group: see [`min`] and its like.
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct AtEnd<T, V, E> {
    index: Index<T, V>,
    order: Order,
    end: PhantomData<fn() -> E>,
}

/// The key of the member, for [`min`] and [`max`].
#[derive(Debug)]
pub struct KeyOf;

/// The member itself, for [`min_by`] and [`max_by`].
#[derive(Debug)]
pub struct RowOf;

/// See [`Grouped::min`](crate::Grouped::min).
pub fn min<T: Row, V: IndexKey + Row>(index: Index<T, V>) -> AtEnd<T, V, KeyOf> {
    AtEnd {
        index,
        order: Order::Forward,
        end: PhantomData,
    }
}

/// See [`Grouped::max`](crate::Grouped::max).
pub fn max<T: Row, V: IndexKey + Row>(index: Index<T, V>) -> AtEnd<T, V, KeyOf> {
    AtEnd {
        index,
        order: Order::Backward,
        end: PhantomData,
    }
}

/// See [`Grouped::min_by`](crate::Grouped::min_by).
pub fn min_by<T: Row, V: IndexKey>(index: Index<T, V>) -> AtEnd<T, V, RowOf> {
    AtEnd {
        index,
        order: Order::Forward,
        end: PhantomData,
    }
}

/// See [`Grouped::max_by`](crate::Grouped::max_by).
pub fn max_by<T: Row, V: IndexKey>(index: Index<T, V>) -> AtEnd<T, V, RowOf> {
    AtEnd {
        index,
        order: Order::Backward,
        end: PhantomData,
    }
}

impl<T, V, E> sealed::Sealed<T> for AtEnd<T, V, E> {}

impl<T: Row, V: IndexKey + Row> Aggregator<T> for AtEnd<T, V, KeyOf> {
    type State = ();
    type Members = Option<V>;
    type Output = V;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, (), Option<V>, V> {
        let rows = inputs.in_order::<T, K, V, S>(group, self.index);
        members_only(
            Ends {
                rows,
                order: self.order,
                end: PhantomData::<fn() -> EndKey>,
            },
            None,
            |member| member.clone().expect("a group that is there has a member"),
        )
    }
}

impl<T: Row, V: IndexKey> Aggregator<T> for AtEnd<T, V, RowOf> {
    type State = ();
    type Members = Option<T>;
    type Output = T;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, (), Option<T>, T> {
        let rows = inputs.in_order::<T, K, V, S>(group, self.index);
        members_only(
            Ends {
                rows,
                order: self.order,
                end: PhantomData::<fn() -> EndRow<T, S>>,
            },
            None,
            |member| member.clone().expect("a group that is there has a member"),
        )
    }
}

/// The row at the end, as it seems in its scope.
struct EndRow<T, S>(PhantomData<fn() -> (T, S)>);

impl<T: Row, O, S: Scope> End<S::Row<T>, O> for EndRow<T, S> {
    type Value = T;
    fn value(_: &O, row: &S::Row<T>) -> T {
        S::row(row).clone()
    }
}

/// An aggregate of which nothing is linear.
fn members_only<G, R, O, V>(
    members: impl Members<G, R, O> + 'static,
    nothing: O,
    finish: impl Fn(&O) -> V + Send + Sync + 'static,
) -> Parts<G, R, (), O, V> {
    let linear = Sum {
        zero: (),
        add: |(): &(), (): &()| Some(()),
        scale: |_: &R, _: Weight| Some(()),
    };
    Parts {
        linear: Arc::new(linear),
        members: Some(Arc::new(members)),
        nothing,
        finish: Arc::new(move |_, (): &(), members: &O| finish(members)),
    }
}

/// A fold in order: see [`fold`].
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct InOrder<T, O, A, F> {
    index: Index<T, O>,
    start: A,
    step: F,
}

/// See [`Grouped::fold`](crate::Grouped::fold).
pub fn fold<T, O, A, F>(index: Index<T, O>, start: A, step: F) -> InOrder<T, O, A, F>
where
    T: Row,
    O: IndexKey,
    A: Row,
    F: Fn(&mut A, &T, Weight) + Send + Sync + 'static,
{
    InOrder { index, start, step }
}

impl<T, O, A, F> sealed::Sealed<T> for InOrder<T, O, A, F> {}

impl<T, O, A, F> Aggregator<T> for InOrder<T, O, A, F>
where
    T: Row,
    O: IndexKey,
    A: Row,
    F: Fn(&mut A, &T, Weight) + Send + Sync + 'static,
{
    type State = ();
    type Members = A;
    type Output = A;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, (), A, A> {
        let Self { index, start, step } = self;
        let rows = inputs.in_order::<T, K, O, S>(group, index);
        let fold = Fold {
            rows,
            start: start.clone(),
            step: Arc::new(move |folded: &mut A, row: &S::Row<T>, weight| {
                step(folded, S::row(row), weight);
            }),
        };
        members_only(fold, start, A::clone)
    }
}
