//! Where a stream lives: at the top of a graph, inside the groups of a `per_group`, inside of a recursion. A scope says
//! what a row, a key and a closure over rows become there, so that every operator is written once, for rows of any scope.
//!
//! A stream of `T` inside groups by `G` is in truth a stream of `Keyed<G, T>`, and a key `K` of it is `(G, K)`: the
//! query is flattened, and costs what the same query over rows with one more key column costs. This is the lifting of
//! a query to nested Z-sets (DBSP §7.3, grouping).

use std::marker::PhantomData;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Keyed;

/// The scope of a stream: [`Root`], [`In`] a group, or [`Looped`] inside of a recursion. Sealed.
pub trait Scope: sealed::Sealed + 'static {
    /// What a row is in truth.
    type Row<T: Row>: Row;
    /// What a key is in truth.
    type Key<K: IndexKey>: IndexKey;
    /// What the key of a group is in truth: the same as [`Self::Key`], and a row too.
    type Group<K: IndexKey + Row>: IndexKey + Row;

    #[doc(hidden)]
    fn row<T: Row>(row: &Self::Row<T>) -> &T;
    #[doc(hidden)]
    fn key<K: IndexKey>(key: &Self::Key<K>) -> &K;
    #[doc(hidden)]
    fn map<T: Row, U: Row>(row: Self::Row<T>, map: impl FnOnce(T) -> U) -> Self::Row<U>;
    #[doc(hidden)]
    fn keyed<K: IndexKey + Row, V: Row>(group: &Self::Group<K>, value: V)
    -> Self::Row<Keyed<K, V>>;
    #[doc(hidden)]
    fn index<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, Self::Key<K>>;
    #[doc(hidden)]
    fn group_index<T: Row, K: IndexKey + Row>(
        index: Index<T, K>,
    ) -> Index<Self::Row<T>, Self::Group<K>>;

    /// An index of the rows as they seem, by the key that it seems to have.
    #[doc(hidden)]
    fn on_rows<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, K>;

    /// Runs the one closure outside of recursions, the other inside of them. Only that one is compiled.
    #[doc(hidden)]
    fn choose<A, R>(given: A, outside: impl FnOnce(A) -> R, inside: impl FnOnce(A) -> R) -> R;

    /// Another row in the place of one.
    #[doc(hidden)]
    fn like<T: Row, U: Row>(row: &Self::Row<T>, value: U) -> Self::Row<U>;
}

mod sealed {
    pub trait Sealed {}
}

/// The top of a graph: rows and keys are what they are.
#[derive(Clone, Copy, Debug)]
pub struct Root;

impl sealed::Sealed for Root {}

impl Scope for Root {
    type Row<T: Row> = T;
    type Key<K: IndexKey> = K;
    type Group<K: IndexKey + Row> = K;

    fn row<T: Row>(row: &T) -> &T {
        row
    }
    fn key<K: IndexKey>(key: &K) -> &K {
        key
    }
    fn map<T: Row, U: Row>(row: T, map: impl FnOnce(T) -> U) -> U {
        map(row)
    }
    fn keyed<K: IndexKey + Row, V: Row>(group: &K, value: V) -> Keyed<K, V> {
        Keyed::new(group.clone(), value)
    }
    fn index<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<T, K> {
        index
    }
    fn group_index<T: Row, K: IndexKey + Row>(index: Index<T, K>) -> Index<T, K> {
        index
    }
    fn on_rows<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<T, K> {
        index
    }
    fn choose<A, R>(given: A, outside: impl FnOnce(A) -> R, _: impl FnOnce(A) -> R) -> R {
        outside(given)
    }
    fn like<T: Row, U: Row>(_: &T, value: U) -> U {
        value
    }
}

/// Inside the groups by `G` of a stream of scope `P`.
pub struct In<G, P = Root>(PhantomData<fn() -> (G, P)>);

impl<G, P> sealed::Sealed for In<G, P> {}

impl<G: IndexKey + Row, P: Scope> Scope for In<G, P> {
    type Row<T: Row> = P::Row<Keyed<G, T>>;
    type Key<K: IndexKey> = P::Key<(G, K)>;
    type Group<K: IndexKey + Row> = P::Group<(G, K)>;

    fn row<T: Row>(row: &Self::Row<T>) -> &T {
        &P::row::<Keyed<G, T>>(row).value
    }
    fn key<K: IndexKey>(key: &Self::Key<K>) -> &K {
        &P::key::<(G, K)>(key).1
    }
    fn map<T: Row, U: Row>(row: Self::Row<T>, map: impl FnOnce(T) -> U) -> Self::Row<U> {
        P::map(row, |row: Keyed<G, T>| Keyed::new(row.key, map(row.value)))
    }
    fn keyed<K: IndexKey + Row, V: Row>(
        group: &Self::Group<K>,
        value: V,
    ) -> Self::Row<Keyed<K, V>> {
        let keyed: P::Row<Keyed<(G, K), V>> = P::keyed::<(G, K), V>(group, value);
        P::map(keyed, |row: Keyed<(G, K), V>| {
            let (group, key) = row.key;
            Keyed::new(group, Keyed::new(key, row.value))
        })
    }
    fn index<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, Self::Key<K>> {
        P::index(index.within::<G>())
    }
    fn group_index<T: Row, K: IndexKey + Row>(
        index: Index<T, K>,
    ) -> Index<Self::Row<T>, Self::Group<K>> {
        P::group_index(index.within::<G>())
    }
    fn on_rows<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, K> {
        P::on_rows(index.inside::<G>())
    }
    fn choose<A, R>(given: A, outside: impl FnOnce(A) -> R, inside: impl FnOnce(A) -> R) -> R {
        P::choose(given, outside, inside)
    }
    fn like<T: Row, U: Row>(row: &Self::Row<T>, value: U) -> Self::Row<U> {
        let group = P::row::<Keyed<G, T>>(row).key.clone();
        P::like::<Keyed<G, T>, Keyed<G, U>>(row, Keyed::new(group, value))
    }
}

/// Inside of a recursion over streams of scope `P`: rows and keys are what they are there.
pub struct Looped<P>(PhantomData<fn() -> P>);

impl<P> sealed::Sealed for Looped<P> {}

impl<P: Scope> Scope for Looped<P> {
    type Row<T: Row> = P::Row<T>;
    type Key<K: IndexKey> = P::Key<K>;
    type Group<K: IndexKey + Row> = P::Group<K>;

    fn row<T: Row>(row: &Self::Row<T>) -> &T {
        P::row(row)
    }
    fn key<K: IndexKey>(key: &Self::Key<K>) -> &K {
        P::key(key)
    }
    fn map<T: Row, U: Row>(row: Self::Row<T>, map: impl FnOnce(T) -> U) -> Self::Row<U> {
        P::map(row, map)
    }
    fn keyed<K: IndexKey + Row, V: Row>(
        group: &Self::Group<K>,
        value: V,
    ) -> Self::Row<Keyed<K, V>> {
        P::keyed(group, value)
    }
    fn index<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, Self::Key<K>> {
        P::index(index)
    }
    fn group_index<T: Row, K: IndexKey + Row>(
        index: Index<T, K>,
    ) -> Index<Self::Row<T>, Self::Group<K>> {
        P::group_index(index)
    }
    fn on_rows<T: Row, K: IndexKey>(index: Index<T, K>) -> Index<Self::Row<T>, K> {
        P::on_rows(index)
    }
    fn choose<A, R>(given: A, _: impl FnOnce(A) -> R, inside: impl FnOnce(A) -> R) -> R {
        inside(given)
    }
    fn like<T: Row, U: Row>(row: &Self::Row<T>, value: U) -> Self::Row<U> {
        P::like::<T, U>(row, value)
    }
}
