//! Aggregate functions as values: what [`Grouped::aggregate`](crate::Grouped::aggregate) takes, one or several as a
//! tuple. Each is also a method of [`Grouped`](crate::Grouped).

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, OrderedFloat, Row};
use deltaview_zset::{AbelianGroup, Keyed, Weight, ZSet};

use super::Builder;
use super::scope::Scope;
use crate::delta::Delta;
use crate::error::TickErrorKind;
use crate::operators::ordered::{self, End, EndKey, Ends, Fold};
use crate::operators::{Apply, Linear, Members, Parts, Reads};
use crate::plan::{TableId, VertexId};
use crate::state::scan::Order;
use crate::tick::InputSlots;

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
    ) -> ordered::InOrder<S::Row<T>, O> {
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
        ordered::InOrder { source, order }
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

/// The number of different keys: see [`count_distinct`].
#[allow(missing_debug_implementations, reason = "it holds closures")]
pub struct CountDistinct<T, V> {
    index: Index<T, V>,
}

/// See [`Grouped::count_distinct`](crate::Grouped::count_distinct).
pub fn count_distinct<T: Row, V: IndexKey + Row>(index: Index<T, V>) -> CountDistinct<T, V> {
    CountDistinct { index }
}

/// Counts the keys that come and go, as an operator that counts their rows says.
struct KeysOf<K2, R> {
    /// Where the counts of keys come in. None where groups are evaluated from their rows.
    input: Option<usize>,
    index: Index<R, K2>,
}

/// A key of a group, and what group it is of.
trait OfGroup<G> {
    fn group(&self) -> G;
}

impl<G: Clone, V> OfGroup<G> for (G, V) {
    fn group(&self) -> G {
        self.0.clone()
    }
}

impl<G, R, K2> Linear<G, R, Weight> for KeysOf<K2, R>
where
    K2: IndexKey + Row + OfGroup<G>,
    R: Row,
{
    fn zero(&self) -> Weight {
        0
    }
    fn add(&self, one: &Weight, other: &Weight) -> Option<Weight> {
        i64::checked_add(*one, *other)
    }
    fn scale(&self, _: &R, _: Weight) -> Option<Weight> {
        Some(0)
    }
    fn other_inputs(&self, inputs: InputSlots<'_>) -> Vec<(G, Weight)> {
        let input = self.input;
        let counted = input.and_then(|input| inputs.get::<Delta<Keyed<K2, Weight>>>(input));
        // A key that stays loses one count and gets another, which adds up to nothing.
        counted
            .into_iter()
            .flatten()
            .map(|(count, weight)| (count.key.group(), *weight))
            .collect()
    }
    fn of_rows(&self, rows: &[(R, Weight)]) -> Option<Weight> {
        let mut totals: std::collections::BTreeMap<K2, Weight> = std::collections::BTreeMap::new();
        for (row, weight) in rows {
            let total = totals.entry(self.index.key(row)).or_default();
            *total = total.checked_add(*weight)?;
        }
        Weight::try_from(totals.values().filter(|total| **total != 0).count()).ok()
    }
}

impl<T, V> sealed::Sealed<T> for CountDistinct<T, V> {}

impl<T: Row, V: IndexKey + Row> Aggregator<T> for CountDistinct<T, V> {
    type State = Weight;
    type Members = ();
    type Output = Weight;

    fn prepare<K: IndexKey + Row, S: Scope>(
        self,
        group: &Index<T, K>,
        inputs: &mut Inputs<'_>,
    ) -> Parts<S::Group<K>, S::Row<T>, Weight, (), Weight> {
        let suffix = format!("{}_keys_by_{}", self.index.name(), group.name());
        let group = S::group_index(group.clone());
        let index = group.and(S::on_rows(self.index));
        let outside = |inputs: &mut Inputs<'_>| {
            let (stream, at) = (inputs.stream(), inputs.at);
            let (vertex, _) = inputs.builder.count_keys(stream, &index, suffix, at);
            Some(inputs.position(vertex))
        };
        let input = S::choose(inputs, outside, |_| None);
        let linear = KeysOf { input, index };
        Parts {
            linear: Arc::new(linear),
            members: None,
            nothing: (),
            finish: Arc::new(|_, keys: &Weight, (): &()| *keys),
        }
    }
}

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

/// A part of a tuple that may have members to read.
type PartMembers<G, R, O> = (Option<Arc<dyn Members<G, R, O>>>, O);

macro_rules! tuples {
    ($($name:ident $position:tt),+) => {
        impl<G, R, $($name: Clone),+> Linear<G, R, ($($name,)+)> for ($(Arc<dyn Linear<G, R, $name>>,)+) {
            fn zero(&self) -> ($($name,)+) {
                ($(self.$position.zero(),)+)
            }
            fn add(&self, one: &($($name,)+), other: &($($name,)+)) -> Option<($($name,)+)> {
                Some(($(self.$position.add(&one.$position, &other.$position)?,)+))
            }
            fn scale(&self, row: &R, weight: Weight) -> Option<($($name,)+)> {
                Some(($(self.$position.scale(row, weight)?,)+))
            }
            fn other_inputs(&self, inputs: InputSlots<'_>) -> Vec<(G, ($($name,)+))> {
                let mut all = Vec::new();
                $(for (group, adds) in self.$position.other_inputs(inputs) {
                    let mut sum = self.zero();
                    sum.$position = adds;
                    all.push((group, sum));
                })+
                all
            }
            fn of_rows(&self, rows: &[(R, Weight)]) -> Option<($($name,)+)> {
                Some(($(self.$position.of_rows(rows)?,)+))
            }
        }

        impl<G, R, $($name: Clone + Send + Sync),+> Members<G, R, ($($name,)+)>
            for ($(PartMembers<G, R, $name>,)+)
        {
            fn reads(&self, reads: &mut Reads<'_>, groups: &[&G]) -> Result<(), TickErrorKind> {
                $(if let (Some(members), _) = &self.$position {
                    members.reads(reads, groups)?;
                })+
                Ok(())
            }
            fn values(
                &self,
                apply: &Apply<'_>,
                group: &G,
            ) -> Result<(($($name,)+), ($($name,)+)), TickErrorKind> {
                let values = ($(match &self.$position {
                    (None, nothing) => (nothing.clone(), nothing.clone()),
                    (Some(members), _) => members.values(apply, group)?,
                },)+);
                Ok((($(values.$position.0,)+), ($(values.$position.1,)+)))
            }
            fn of_rows(&self, rows: &[(R, Weight)]) -> ($($name,)+) {
                ($(match &self.$position {
                    (None, nothing) => nothing.clone(),
                    (Some(members), _) => members.of_rows(rows),
                },)+)
            }
        }

        impl<T, $($name: sealed::Sealed<T>),+> sealed::Sealed<T> for ($($name,)+) {}

        impl<T: Row, $($name: Aggregator<T>),+> Aggregator<T> for ($($name,)+) {
            type State = ($($name::State,)+);
            type Members = ($($name::Members,)+);
            type Output = ($($name::Output,)+);

            fn prepare<K: IndexKey + Row, S: Scope>(
                self,
                group: &Index<T, K>,
                inputs: &mut Inputs<'_>,
            ) -> Parts<S::Group<K>, S::Row<T>, Self::State, Self::Members, Self::Output> {
                let parts = ($(self.$position.prepare::<K, S>(group, inputs),)+);
                let finish = ($(parts.$position.finish,)+);
                let nothing = ($(parts.$position.nothing.clone(),)+);
                let reads_members = [$(parts.$position.members.is_some()),+].contains(&true);
                let members = ($((parts.$position.members, parts.$position.nothing),)+);
                Parts {
                    linear: Arc::new(($(parts.$position.linear,)+)),
                    members: reads_members
                        .then(|| Arc::new(members) as Arc<dyn Members<S::Group<K>, S::Row<T>, Self::Members>>),
                    nothing,
                    finish: Arc::new(move |weight, state: &Self::State, members: &Self::Members| {
                        ($((finish.$position)(weight, &state.$position, &members.$position),)+)
                    }),
                }
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, H 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, H 6, I 7);
