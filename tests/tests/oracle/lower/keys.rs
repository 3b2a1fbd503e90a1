//! The types of keys: from a [`Key`] as data to a type that an index is of.

use std::cmp::Reverse;

use deltaview::{Index, Row};
use deltaview_tests::item::{Item, Key, TypedKey};

/// A typed key with its index of items.
pub(crate) trait Indexed: TypedKey {
    const KEY: Key;
    /// Whether it is one of [`Key::WIDE`].
    const IS_WIDE: bool = matches!(Self::KEY, Key::A | Key::B);
    /// What rows that are grouped by it are ordered by: [`Key::order`].
    type Order: Indexed + Row;
    const NAME: &'static str;
    fn index() -> Index<Item, Self>;
    /// The index of the order of rows that are grouped by it.
    fn order_index() -> Index<Item, Self::Order> {
        Self::Order::index()
    }
    /// The index of the item twisted.
    fn twisted() -> Index<Item, Self> {
        Index::new(format!("twisted_{}", Self::NAME), |item: &Item| {
            Self::of(&item.twisted())
        })
    }
}

macro_rules! indexed {
    ($($key:ty: $of:ident, $name:literal, $order:ty => $index:expr),* $(,)?) => { $(
        impl Indexed for $key {
            const KEY: Key = Key::$of;
            type Order = $order;
            const NAME: &'static str = $name;
            fn index() -> Index<Item, Self> {
                $index
            }
        }
    )* };
}

/// The keys as types.
pub(super) type A = Option<i8>;
pub(super) type B = String;
pub(super) type Ab = (Option<i8>, Reverse<String>);
pub(super) type C = Reverse<i64>;
pub(super) type C3 = i64;
pub(super) type Nested = Option<(String, Option<i8>)>;

indexed! {
    A: A, "a", Ab => Item::by_a(),
    B: B, "b", C => Item::by_b(),
    Ab: Ab, "a_and_b", C => Item::by_a_and_b(),
    C: C, "c", C => Item::by_c(),
    C3: C3, "c3", C => Index::new("c3", |item: &Item| i64::of(item)),
    Nested: Nested, "nested", C => Index::new("nested", |item: &Item| TypedKey::of(item)),
    (): Unit, "unit", C => Index::unkeyed(),
}

/// What is done with the type of a key.
pub(super) trait Visit {
    type Out;
    fn visit<K: Indexed + Row>(self) -> Self::Out;
}

/// With any key.
pub(super) fn every_key<V: Visit>(key: Key, visit: V) -> V::Out {
    match key {
        Key::A => visit.visit::<A>(),
        Key::B => visit.visit::<B>(),
        Key::Ab => visit.visit::<Ab>(),
        Key::C => visit.visit::<C>(),
        Key::C3 => visit.visit::<C3>(),
        Key::Nested => visit.visit::<Nested>(),
        Key::Unit => visit.visit::<()>(),
    }
}

/// With one of [`Key::WIDE`].
pub(super) fn wide_key<V: Visit>(key: Key, visit: V) -> V::Out {
    match key {
        Key::A => visit.visit::<A>(),
        Key::B => visit.visit::<B>(),
        key => panic!("{key:?} is not wide"),
    }
}

/// With one of [`Key::IN_GROUPS`].
pub(super) fn inner_key<V: Visit>(key: Key, visit: V) -> V::Out {
    assert_eq!(key, Key::B, "the only key in groups");
    visit.visit::<B>()
}
