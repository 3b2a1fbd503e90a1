//! Aggregate functions as values: what [`Grouped::aggregate`](crate::Grouped::aggregate) takes, one or several as a
//! tuple. Each is also a method of [`Grouped`](crate::Grouped).

mod distinct;
mod ordered;
mod tuples;

use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, OrderedFloat, Row};
use deltaview_zset::{AbelianGroup, Weight, ZSet};

pub use distinct::{CountDistinct, count_distinct};
pub use ordered::{AtEnd, InOrder, KeyOf, RowOf, fold, max, max_by, min, min_by};

use super::Builder;
use super::scope::Scope;
use crate::operators::ordered as rows;
use crate::operators::{Linear, Parts};
use crate::plan::{TableId, VertexId};

/// An aggregate function over rows `T`: made by the functions of this module. Tuples of up to eight of them are one
/// too. Sealed.
pub trait Aggregator<T: Row>: sealed::Sealed<T> + 'static {
    /// What is kept of a group, besides its key and its total weight.
    type State: Row;
    #[doc(hidden)]
    type Members: Clone + PartialEq + Send + Sync + 'static;
    /// What is put out of a group.
    type Output: Row;

    #[doc(hidden)]
    #[allow(
        clippy::type_complexity,
        reason = "the types are those of the operator"
    )]
    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, Self::State, Self::Members, Self::Output>;
}

mod sealed {
    pub trait Sealed<T> {}
}

/// The inputs of an aggregate while it is prepared: the stream itself, and what else it reads.
#[doc(hidden)]
pub struct Inputs<'g> {
    pub(crate) builder: &'g Builder,
    pub(crate) vertices: Vec<VertexId>,
    pub(crate) tables: Vec<TableId>,
    pub(crate) at: &'static Location<'static>,
}

impl<'g> Inputs<'g> {
    pub(crate) fn new(
        builder: &'g Builder,
        stream: VertexId,
        at: &'static Location<'static>,
    ) -> Self {
        Self {
            builder,
            vertices: vec![stream],
            tables: Vec::new(),
            at,
        }
    }

    pub(crate) fn stream(&self) -> VertexId {
        self.vertices[0]
    }

    /// The rows arranged by group and order, as another input.
    fn in_order<T: Row, K: IndexKey + Row, O: IndexKey, S: Scope>(
        &mut self,
        group: &Index<T, K>,
        order: Index<T, O>,
    ) -> rows::InOrder<S::Row<T>, O> {
        let (group, order) = (S::group_index(group.clone()), S::on_rows(order));
        let outside = |group| {
            let (vertex, table) =
                self.builder
                    .arrange_in_order(self.stream(), group, order.clone(), self.at);
            self.tables.push(table);
            Some((self.position(vertex), table))
        };
        // Inside of a recursion groups are evaluated from their rows.
        let source = S::choose(group, outside, |_| None);
        rows::InOrder { source, order }
    }

    /// The position of an input, which is added if it is new.
    pub(crate) fn position(&mut self, vertex: VertexId) -> usize {
        let known = self.vertices.iter().position(|known| *known == vertex);
        known.unwrap_or_else(|| {
            self.vertices.push(vertex);
            self.vertices.len() - 1
        })
    }
}

/// Rows that add up in a commutative group.
struct Sum<A, Add, Scale> {
    zero: A,
    add: Add,
    scale: Scale,
}

impl<G, R, A, Add, Scale> Linear<G, R, A> for Sum<A, Add, Scale>
where
    A: Clone + Send + Sync,
    Add: Fn(&A, &A) -> Option<A> + Send + Sync,
    Scale: Fn(&R, Weight) -> Option<A> + Send + Sync,
{
    fn zero(&self) -> A {
        self.zero.clone()
    }
    fn add(&self, one: &A, other: &A) -> Option<A> {
        (self.add)(one, other)
    }
    fn scale(&self, row: &R, weight: Weight) -> Option<A> {
        (self.scale)(row, weight)
    }
}

/// An aggregate that is linear in the rows: see [`reduce`].
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct Reduce<A, Add, Scale, Finish> {
    zero: A,
    add: Add,
    scale: Scale,
    finish: Finish,
}

impl<T, A, Add, Scale, Finish> sealed::Sealed<T> for Reduce<A, Add, Scale, Finish> {}

impl<T, A, V, Add, Scale, Finish> Aggregator<T> for Reduce<A, Add, Scale, Finish>
where
    T: Row,
    A: Row,
    V: Row,
    Add: Fn(&A, &A) -> Option<A> + Send + Sync + 'static,
    Scale: Fn(&T, Weight) -> Option<A> + Send + Sync + 'static,
    Finish: Fn(Weight, &A) -> V + Send + Sync + 'static,
{
    type State = A;
    type Members = ();
    type Output = V;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        _: &Index<T, K>,
        _: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, A, (), V> {
        let Self {
            zero,
            add,
            scale,
            finish,
        } = self;
        let linear = Sum {
            zero,
            add,
            scale: move |row: &S::Row<T>, weight: Weight| scale(S::row(row), weight),
        };
        Parts {
            linear: Arc::new(linear),
            members: None,
            nothing: (),
            finish: Arc::new(move |weight, sum: &A, (): &()| finish(weight, sum)),
        }
    }
}

/// See [`Grouped::reduce`](crate::Grouped::reduce).
pub fn reduce<T: Row, A: Row>(
    zero: A,
    add: impl Fn(&A, &A) -> Option<A> + Send + Sync + 'static,
    scale: impl Fn(&T, Weight) -> Option<A> + Send + Sync + 'static,
) -> impl Aggregator<T, State = A, Output = A> {
    Reduce {
        zero,
        add,
        scale,
        finish: |_, sum: &A| sum.clone(),
    }
}

/// A sum in a commutative group that has one already.
fn grouped<T: Row, A: AbelianGroup + Row, V: Row>(
    value: impl Fn(&T) -> A + Send + Sync + 'static,
    finish: impl Fn(Weight, &A) -> V + Send + Sync + 'static,
) -> impl Aggregator<T, State = A, Output = V> {
    Reduce {
        zero: A::zero(),
        add: |one: &A, other: &A| one.checked_add(other),
        scale: move |row: &T, weight| value(row).checked_scale(weight),
        finish,
    }
}

/// See [`Grouped::count`](crate::Grouped::count).
pub fn count<T: Row>() -> impl Aggregator<T, State = (), Output = Weight> {
    Reduce {
        zero: (),
        add: |(): &(), (): &()| Some(()),
        scale: |_: &T, _| Some(()),
        finish: |weight, (): &()| weight,
    }
}

/// See [`Grouped::sum`](crate::Grouped::sum).
pub fn sum<T: Row, V: AbelianGroup + Row>(
    value: impl Fn(&T) -> V + Send + Sync + 'static,
) -> impl Aggregator<T, State = V, Output = V> {
    grouped(value, |_, sum: &V| sum.clone())
}

/// See [`Grouped::avg`](crate::Grouped::avg).
pub fn avg<T: Row, V: AbelianGroup + Divide + Row>(
    value: impl Fn(&T) -> V + Send + Sync + 'static,
) -> impl Aggregator<T, State = V, Output = OrderedFloat<f64>> {
    grouped(value, |weight, sum: &V| sum.divide(weight))
}

/// See [`Grouped::collect`](crate::Grouped::collect).
pub fn collect<T: Row, U: Row>(
    value: impl Fn(&T) -> U + Send + Sync + 'static,
) -> impl Aggregator<T, State = ZSet<U>, Output = ZSet<U>> {
    sum(move |row: &T| ZSet::from_iter([value(row)]))
}

/// See [`Grouped::any`](crate::Grouped::any).
pub fn any<T: Row>(
    holds: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> impl Aggregator<T, State = Weight, Output = bool> {
    grouped(
        move |row: &T| Weight::from(holds(row)),
        |_, found| *found != 0,
    )
}

/// See [`Grouped::every`](crate::Grouped::every).
pub fn every<T: Row>(
    holds: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> impl Aggregator<T, State = Weight, Output = bool> {
    grouped(
        move |row: &T| Weight::from(holds(row)),
        |weight, found| *found == weight,
    )
}

/// An integer whose mean can be taken.
pub trait Divide {
    /// This sum, divided by a number of rows that is not zero, as the nearest double.
    fn divide(&self, weight: Weight) -> OrderedFloat<f64>;
}

macro_rules! divide {
    ($($integer:ident)*) => {$(
        impl Divide for $integer {
            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "a mean is rounded")]
            fn divide(&self, weight: Weight) -> OrderedFloat<f64> {
                OrderedFloat(*self as f64 / weight as f64)
            }
        }
    )*};
}
divide!(i8 i16 i32 i64 i128);
