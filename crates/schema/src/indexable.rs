//! What a row is: [`Indexable`] (a shape, and the indexes that the type declares) and [`Row`] (all that deltaview
//! asks of a type that flows through a graph). The implementations for the standard library's types are here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::hash::Hash;

use deltaview_zset::{Keyed, Pair};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Index, IndexKey, IndexSchema, Shape};

/// A type whose values can be rows of a table: it knows its shape and its indexes.
///
/// Derive it: `#[derive(Indexable)]` writes the implementation from the fields, and a constructor `by_…()` for each
/// declared index. Numbers, text, tuples, options, lists and the like implement it already.
///
/// A type that the derive does not fit (an enum with data, say) implements it by hand:
///
/// ```
/// use deltaview_schema::{Indexable, Index, Shape};
///
/// enum Event { Opened, Paid(i64) }
///
/// impl Indexable for Event {
///     type Key = ();
///     fn default_index() -> Index<Self, ()> {
///         Index::unkeyed()
///     }
///     fn shape() -> Shape {
///         Shape::opaque("Event v1")
///     }
/// }
/// assert_eq!(Event::shape().to_string(), "Event v1");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a row of a table: it doesn't implement `Indexable`",
    label = "this type is not `Indexable`",
    note = "add `#[derive(Indexable)]` to `{Self}`, next to Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize and Deserialize"
)]
pub trait Indexable: Sized + 'static {
    /// The key of [`Self::default_index`]: `()` where the type has none of its own.
    type Key: IndexKey;

    /// The index that a view of this type is stored by when none is named: the group's key for
    /// [`Keyed`], no key at all for other types.
    fn default_index() -> Index<Self, Self::Key>;

    /// The fields of the type and their types, as data. It is stored beside each table, and compared when the
    /// database is opened again.
    fn shape() -> Shape;

    /// The indexes that the type declares, in the order of their declaration.
    fn indexes() -> Vec<IndexSchema> {
        Vec::new()
    }
}

/// All that deltaview asks of a type that flows through a graph. It is implemented for every type that has the
/// bounds; you never implement it yourself.
///
/// `Ord`, `Eq` and `Hash` must agree, and equal rows must serialise alike: a row is found again by its encoding.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't flow through a graph: it is not a `Row`",
    label = "not a `Row`",
    note = "a row derives Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize and Indexable",
    note = "f32 and f64 have no total order: use `OrderedFloat<f64>` in fields"
)]
pub trait Row:
    Indexable + Clone + Debug + Ord + Hash + Serialize + DeserializeOwned + Send + Sync + 'static
{
}

impl<T> Row for T where
    T: Indexable
        + Clone
        + Debug
        + Ord
        + Hash
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

impl<L: Indexable, R: Indexable> Indexable for Pair<L, R> {
    type Key = ();
    fn default_index() -> Index<Self, ()> {
        Index::unkeyed()
    }
    fn shape() -> Shape {
        Shape::structure(
            "Pair",
            [("left", Shape::of::<L>()), ("right", Shape::of::<R>())],
        )
    }
}

impl<K: IndexKey + Indexable, V: Indexable> Indexable for Keyed<K, V> {
    type Key = K;
    fn default_index() -> Index<Self, K> {
        Index::new("key", |group: &Self| group.key.clone())
    }
    fn shape() -> Shape {
        Shape::structure(
            "Keyed",
            [("key", Shape::of::<K>()), ("value", Shape::of::<V>())],
        )
    }
}

/// Implements [`Indexable`] for a type without indexes of its own.
macro_rules! plain {
    ($(@[$($generics:tt)*])? $type:ty => $shape:expr) => {
        impl$(<$($generics)*>)? Indexable for $type {
            type Key = ();
            fn default_index() -> Index<Self, ()> {
                Index::unkeyed()
            }
            fn shape() -> Shape {
                $shape
            }
        }
    };
}

macro_rules! atoms {
    ($($type:ty => $name:literal),* $(,)?) => { $(plain!($type => Shape::atom($name));)* };
}

atoms! {
    () => "()", bool => "bool", char => "char", String => "String",
    i8 => "i8", i16 => "i16", i32 => "i32", i64 => "i64", i128 => "i128", isize => "isize",
    u8 => "u8", u16 => "u16", u32 => "u32", u64 => "u64", u128 => "u128", usize => "usize",
    f32 => "f32", f64 => "f64",
    std::time::Duration => "Duration", std::time::SystemTime => "SystemTime",
    std::net::IpAddr => "IpAddr", std::net::Ipv4Addr => "Ipv4Addr", std::net::Ipv6Addr => "Ipv6Addr",
}

#[cfg(feature = "uuid")]
atoms! { uuid::Uuid => "Uuid" }
#[cfg(feature = "rust_decimal")]
atoms! { rust_decimal::Decimal => "Decimal" }
#[cfg(feature = "chrono")]
atoms! {
    chrono::NaiveDate => "NaiveDate", chrono::NaiveTime => "NaiveTime", chrono::NaiveDateTime => "NaiveDateTime",
    chrono::DateTime<chrono::Utc> => "DateTime<Utc>", chrono::DateTime<chrono::FixedOffset> => "DateTime<FixedOffset>",
    chrono::TimeDelta => "TimeDelta",
}
#[cfg(feature = "jiff")]
atoms! {
    jiff::Timestamp => "Timestamp", jiff::civil::Date => "civil::Date", jiff::civil::Time => "civil::Time",
    jiff::civil::DateTime => "civil::DateTime", jiff::SignedDuration => "SignedDuration", jiff::Zoned => "Zoned",
}

plain!(@[F: 'static + Indexable] crate::OrderedFloat<F> => Shape::of::<F>());
plain!(@[F: 'static + Indexable] crate::NotNan<F> => Shape::of::<F>());
plain!(@[T: Indexable] Option<T> => Shape::option(Shape::of::<T>()));
plain!(@[T: Indexable] Vec<T> => Shape::list(Shape::of::<T>()));
plain!(@[T: Indexable] Box<T> => Shape::of::<T>());
plain!(@[T: Indexable] std::sync::Arc<T> => Shape::of::<T>());
plain!(@[T: Indexable] std::cmp::Reverse<T> => Shape::of::<T>());
plain!(@[T: Indexable] BTreeSet<T> => Shape::list(Shape::of::<T>()));
plain!(@[T: Indexable + Ord] deltaview_zset::ZSet<T> => Shape::list(Shape::tuple([Shape::of::<T>(), Shape::atom("i64")])));
plain!(@[K: Indexable, V: Indexable] BTreeMap<K, V> => Shape::map(Shape::of::<K>(), Shape::of::<V>()));
plain!(@[T: Indexable, const N: usize] [T; N] => Shape::tuple(vec![Shape::of::<T>(); N]));

macro_rules! tuples {
    ($($name:ident)+) => {
        plain!(@[$($name: Indexable),+] ($($name,)+) => Shape::tuple([$(Shape::of::<$name>()),+]));
    };
}
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J K);
tuples!(A B C D E F G H I J K L);
