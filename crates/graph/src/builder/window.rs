//! Windows: each copy of a row with what its place among the rows of its group says.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{AbelianGroup, Pair, Weight};

use super::scope::{Root, Scope};
use super::{Grouped, Naming, Stream, Work};
use crate::operators::ordered::{
    PrefixRow, Reach, Window as Operator, WindowPlace, Windowed, in_order, window_of_rows,
};
use crate::state::ranked::{Place, Ranked};

/// The rows of each group in an order, to be numbered or compared with their neighbours: made by [`Grouped::window`]
/// and [`Stream::window`]. SQL: `OVER (PARTITION BY … ORDER BY …)`.
///
/// Each copy of a row is there, and rows with one key are in their own order. A row whose weight is not positive is not
/// there.
///
/// State: the rows, arranged by group and order, and for each place of the order what there is up to it. Cost: a change
/// reads and writes the rows and places from the first one that it touches up to the last one whose value is another:
/// a row that is added at the end of a group costs that row, one at its beginning renumbers the group.
pub struct Window<'g, T, K, O, S = Root> {
    grouped: Grouped<'g, T, K, S>,
    order: Index<T, O>,
}

impl<T, K, O, S> std::fmt::Debug for Window<'_, T, K, O, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window")
            .field("grouped", &self.grouped)
            .field("order", &self.order)
            .finish()
    }
}

/// Where a copy of a row is among the rows of its group.
#[derive(Debug)]
pub struct WindowRow<'a, T> {
    number: Weight,
    rank: Weight,
    dense_rank: Weight,
    neighbours: Neighbours<'a, T>,
}

struct Neighbours<'a, T>(&'a dyn Fn(i64) -> Option<&'a T>);

impl<T> std::fmt::Debug for Neighbours<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Neighbours")
    }
}

impl<'a, T> WindowRow<'a, T> {
    fn neighbour(&self, distance: i64) -> Option<&'a T> {
        (self.neighbours.0)(distance)
    }
}

/// A window function over rows `T`: made by the functions of the module [`over`]. Tuples of up to six of them are one
/// too. Sealed.
pub trait WindowFunction<T: Row>: sealed::Sealed<T> + Send + Sync + 'static {
    #[doc(hidden)]
    type Sum: Row;
    /// What each copy of a row gets.
    type Output: Row;

    #[doc(hidden)]
    fn looks_around(&self) -> (u64, u64, bool);
    #[doc(hidden)]
    fn zero(&self) -> Self::Sum;
    #[doc(hidden)]
    fn add(&self, sum: &Self::Sum, row: &T, copies: Weight) -> Option<Self::Sum>;
    #[doc(hidden)]
    fn value(&self, row: &WindowRow<'_, T>, sum: &Self::Sum) -> Self::Output;
}

mod sealed {
    pub trait Sealed<T> {}
}

/// Window functions as values: what [`Window::over`] takes, one or several as a tuple. Each is also a method of
/// [`Window`].
pub mod over {
    use deltaview_schema::Row;
    use deltaview_zset::{AbelianGroup, Weight};

    use super::{WindowFunction, WindowRow, sealed};

    macro_rules! places {
        ($($(#[$doc:meta])* $name:ident: $function:ident, $by_copy:literal => $field:ident),*) => { $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            $(#[$doc])*
            pub fn $function() -> $name {
                $name
            }

            impl<T> sealed::Sealed<T> for $name {}

            impl<T: Row> WindowFunction<T> for $name {
                type Sum = ();
                type Output = Weight;
                fn looks_around(&self) -> (u64, u64, bool) {
                    (0, 0, $by_copy)
                }
                fn zero(&self) {}
                fn add(&self, (): &(), _: &T, _: Weight) -> Option<()> {
                    Some(())
                }
                fn value(&self, row: &WindowRow<'_, T>, (): &()) -> Weight {
                    row.$field
                }
            }
        )* };
    }

    places! {
        /// See [`Window::row_number`](super::Window::row_number).
        RowNumber: row_number, true => number,
        /// See [`Window::rank`](super::Window::rank).
        Rank: rank, false => rank,
        /// See [`Window::dense_rank`](super::Window::dense_rank).
        DenseRank: dense_rank, false => dense_rank
    }

    /// See [`Window::lag`](super::Window::lag) and [`Window::lead`](super::Window::lead).
    #[derive(Clone, Copy, Debug)]
    pub struct Neighbour {
        distance: i64,
    }

    /// See [`Window::lag`](super::Window::lag).
    pub fn lag(rows: u32) -> Neighbour {
        Neighbour {
            distance: -i64::from(rows),
        }
    }

    /// See [`Window::lead`](super::Window::lead).
    pub fn lead(rows: u32) -> Neighbour {
        Neighbour {
            distance: i64::from(rows),
        }
    }

    impl<T> sealed::Sealed<T> for Neighbour {}

    impl<T: Row> WindowFunction<T> for Neighbour {
        type Sum = ();
        type Output = Option<T>;
        fn looks_around(&self) -> (u64, u64, bool) {
            let (back, ahead) = ((-self.distance).max(0), self.distance.max(0));
            (back.unsigned_abs(), ahead.unsigned_abs(), true)
        }
        fn zero(&self) {}
        fn add(&self, (): &(), _: &T, _: Weight) -> Option<()> {
            Some(())
        }
        fn value(&self, row: &WindowRow<'_, T>, (): &()) -> Option<T> {
            row.neighbour(self.distance).cloned()
        }
    }

    /// See [`Window::running_sum`](super::Window::running_sum).
    #[derive(Clone, Copy)]
    pub struct RunningSum<F> {
        value: F,
    }

    impl<F> std::fmt::Debug for RunningSum<F> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("RunningSum")
        }
    }

    /// See [`Window::running_sum`](super::Window::running_sum).
    pub fn running_sum<T: Row, V: AbelianGroup + Row, F: Fn(&T) -> V + Send + Sync + 'static>(
        value: F,
    ) -> RunningSum<F> {
        RunningSum { value }
    }

    impl<T, F> sealed::Sealed<T> for RunningSum<F> {}

    impl<T: Row, V: AbelianGroup + Row, F: Fn(&T) -> V + Send + Sync + 'static> WindowFunction<T>
        for RunningSum<F>
    {
        type Sum = V;
        type Output = V;
        fn looks_around(&self) -> (u64, u64, bool) {
            (0, 0, false)
        }
        fn zero(&self) -> V {
            V::zero()
        }
        fn add(&self, sum: &V, row: &T, copies: Weight) -> Option<V> {
            sum.checked_add(&(self.value)(row).checked_scale(copies)?)
        }
        fn value(&self, _: &WindowRow<'_, T>, sum: &V) -> V {
            sum.clone()
        }
    }

    macro_rules! tuples {
        ($($name:ident $position:tt),+) => {
            impl<T, $($name: sealed::Sealed<T>),+> sealed::Sealed<T> for ($($name,)+) {}

            impl<T: Row, $($name: WindowFunction<T>),+> WindowFunction<T> for ($($name,)+) {
                type Sum = ($($name::Sum,)+);
                type Output = ($($name::Output,)+);
                fn looks_around(&self) -> (u64, u64, bool) {
                    let all = [$(self.$position.looks_around()),+];
                    let back = all.iter().map(|one| one.0).max().unwrap_or(0);
                    let ahead = all.iter().map(|one| one.1).max().unwrap_or(0);
                    (back, ahead, all.iter().any(|one| one.2))
                }
                fn zero(&self) -> Self::Sum {
                    ($(self.$position.zero(),)+)
                }
                fn add(&self, sum: &Self::Sum, row: &T, copies: Weight) -> Option<Self::Sum> {
                    Some(($(self.$position.add(&sum.$position, row, copies)?,)+))
                }
                fn value(&self, row: &WindowRow<'_, T>, sum: &Self::Sum) -> Self::Output {
                    ($(self.$position.value(row, &sum.$position),)+)
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
}

/// A window function over the rows of a scope.
struct Scoped<F, T, S> {
    function: F,
    types: PhantomData<fn() -> (T, S)>,
}

impl<T: Row, S: Scope, F: WindowFunction<T>> Windowed<S::Row<T>, F::Sum, F::Output>
    for Scoped<F, T, S>
{
    fn reach(&self) -> Reach {
        let (back, ahead, by_copy) = self.function.looks_around();
        Reach {
            back,
            ahead,
            by_copy,
        }
    }
    fn zero(&self) -> F::Sum {
        self.function.zero()
    }
    fn add(&self, sum: &F::Sum, row: &S::Row<T>, copies: Weight) -> Option<F::Sum> {
        self.function.add(sum, S::row(row), copies)
    }
    fn value(&self, place: &WindowPlace<'_, S::Row<T>>, sum: &F::Sum) -> F::Output {
        let neighbour = |distance: i64| (place.neighbour)(distance).map(|row| S::row(row));
        let row = WindowRow {
            number: place.number,
            rank: place.rank,
            dense_rank: place.dense_rank,
            neighbours: Neighbours(&neighbour),
        };
        self.function.value(&row, sum)
    }
}

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// All rows in the order of an index. See [`Window`].
    pub fn window<O: IndexKey + Row>(self, order: Index<T, O>) -> Window<'g, T, (), O, S> {
        self.group_by(Index::unkeyed()).window(order)
    }
}

impl<'g, T: Row, K: IndexKey + Row, S: Scope> Grouped<'g, T, K, S> {
    /// The rows of each group in the order of an index. See [`Window`].
    /// ```
    /// # use deltaview::prelude::*;
    /// use deltaview::over;
    ///
    /// let (graph, (sales, ranked)) = Graph::build("sales", |g| {
    ///     let sales = g.input::<(String, i64)>("sales");
    ///     let by_price = Index::new("price", |sale: &(String, i64)| Reverse(sale.1));
    ///     let ranked = sales
    ///         .group_by(Index::new("shop", |sale: &(String, i64)| sale.0.clone()))
    ///         .window(by_price)
    ///         .over((over::rank(), over::running_sum(|sale: &(String, i64)| sale.1)));
    ///     (sales.handle(), ranked.output("ranked"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let changed = store.change().insert(sales, [("Ulm".into(), 3), ("Ulm".into(), 9)]).commit()?;
    /// assert_eq!(changed.get(ranked)?.weight(&Pair::new(("Ulm".into(), 3), (2, 12))), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn window<O: IndexKey + Row>(self, order: Index<T, O>) -> Window<'g, T, K, O, S> {
        Window {
            grouped: self,
            order,
        }
    }
}

impl<'g, T: Row, K: IndexKey + Row, O: IndexKey + Row, S: Scope> Window<'g, T, K, O, S> {
    /// The number of each copy of a row, from 1. SQL: `row_number()`.
    #[track_caller]
    pub fn row_number(self) -> Stream<'g, Pair<T, Weight>, S> {
        self.named_over("row_number", over::row_number())
    }

    /// One more than the copies whose key is less. SQL: `rank()`.
    #[track_caller]
    pub fn rank(self) -> Stream<'g, Pair<T, Weight>, S> {
        self.named_over("rank", over::rank())
    }

    /// One more than the keys that are less. SQL: `dense_rank()`.
    #[track_caller]
    pub fn dense_rank(self) -> Stream<'g, Pair<T, Weight>, S> {
        self.named_over("dense_rank", over::dense_rank())
    }

    /// The row so many copies before. SQL: `lag(row, rows)`.
    #[track_caller]
    pub fn lag(self, rows: u32) -> Stream<'g, Pair<T, Option<T>>, S> {
        self.named_over("lag", over::lag(rows))
    }

    /// The row so many copies after. SQL: `lead(row, rows)`.
    #[track_caller]
    pub fn lead(self, rows: u32) -> Stream<'g, Pair<T, Option<T>>, S> {
        self.named_over("lead", over::lead(rows))
    }

    /// The sum over all copies whose key is not greater. SQL: `sum(…) OVER (… ORDER BY …)`, whose frame includes the
    /// rows with the same key.
    #[track_caller]
    pub fn running_sum<V: AbelianGroup + Row>(
        self,
        value: impl Fn(&T) -> V + Send + Sync + 'static,
    ) -> Stream<'g, Pair<T, V>, S> {
        self.named_over("running_sum", over::running_sum(value))
    }

    /// Any function of the module [`over`], or several at once as a tuple, in one operator.
    #[track_caller]
    pub fn over<F: WindowFunction<T>>(self, function: F) -> Stream<'g, Pair<T, F::Output>, S> {
        self.named_over("over", function)
    }

    #[track_caller]
    fn named_over<F: WindowFunction<T>>(
        self,
        kind: &str,
        function: F,
    ) -> Stream<'g, Pair<T, F::Output>, S> {
        let at = Location::caller();
        let stream = self.grouped.stream;
        let builder = stream.builder;
        let naming = Naming::Derived {
            suffix: format!(
                "{kind}_by_{}_and_{}",
                self.grouped.index.name(),
                self.order.name()
            ),
        };
        let functions = Scoped::<F, T, S> {
            function,
            types: PhantomData,
        };
        let make =
            |row: &S::Row<T>, value: F::Output| S::map(row.clone(), |row: T| Pair::new(row, value));
        let (group, order) = (S::group_index(self.grouped.index), S::on_rows(self.order));
        if builder.region_of(&[stream.id]).is_some() {
            let evaluate =
                move |key: &S::Group<K>, rows: &[(S::Row<T>, Weight)], _: &[((), Weight)]| {
                    window_of_rows(&functions, &make, &order, key, rows)
                };
            let left = (stream.id, &group);
            let id = builder.by_key((naming, kind), left, None, evaluate, at);
            return stream.at(id);
        }
        let index = in_order(group, order);
        let (vertex, rows) = builder.arrange(stream.id, &index, at);
        type Stored<G, O, A> = PrefixRow<G, O, A>;
        let by_place = Index::declared(
            index.name(),
            ["group", "place"],
            |row: &Stored<S::Group<K>, O, F::Sum>| {
                let (group, order) = row.key.clone();
                Ranked {
                    group,
                    place: Place::At(order),
                }
            },
        );
        let prefixes = builder.table_for(by_place, "places", true);
        let window =
            Operator::<S::Group<K>, S::Row<T>, O, F::Sum, F::Output, S::Row<Pair<T, F::Output>>> {
                rows,
                prefixes,
                functions: Arc::new(functions),
                make: Arc::new(make),
                types: PhantomData,
            };
        let work = Work::operator(window).reading(rows).writing(prefixes);
        let id = builder.draft::<S::Row<Pair<T, F::Output>>>(naming, kind, &[vertex], work, at);
        stream.at(id)
    }
}
