//! Structs that derive `Indexable`.

use std::cmp::Reverse;
use std::marker::PhantomData;

use deltaview_derive::{IndexKey, Indexable};
use deltaview_schema::{Index, IndexKey, Indexable, OrderedFloat, Row, Shape};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
#[index(name = "by_basket_and_qty", columns(basket_id, qty desc))]
#[index(name = "dearest", columns(price desc))]
struct LineItem {
    basket_id: u32,
    #[index]
    product_name: String,
    #[index(desc)]
    #[index(name = "by_few")]
    qty: i64,
    #[index]
    r#type: Kind,
    price: Option<OrderedFloat<f64>>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IndexKey,
)]
#[index(crate = "crate::support")]
enum Kind {
    Goods,
    Gift,
}

fn item(basket_id: u32, product_name: &str, qty: i64) -> LineItem {
    let price = Some(OrderedFloat(1.5));
    LineItem {
        basket_id,
        product_name: product_name.to_string(),
        qty,
        r#type: Kind::Gift,
        price,
    }
}

/// The names of an index and of its columns in SQL.
fn names<T: 'static, K: IndexKey>(index: &Index<T, K>) -> Vec<String> {
    let schema = index.schema();
    schema.sql_names().collect()
}

fn shape<T: Indexable>() -> String {
    Shape::of::<T>().to_string()
}

fn is_row<T: Row>() {}

#[test]
fn each_index_has_a_constructor_of_its_key() {
    let row = item(1, "tv", 2);
    let by_product_name: Index<LineItem, String> = LineItem::by_product_name();
    let by_qty: Index<LineItem, Reverse<i64>> = LineItem::by_qty();
    let by_few: Index<LineItem, i64> = LineItem::by_few();
    let by_type: Index<LineItem, Kind> = LineItem::by_type();
    let by_basket_and_qty: Index<LineItem, (u32, Reverse<i64>)> = LineItem::by_basket_and_qty();
    let by_dearest: Index<LineItem, Reverse<Option<OrderedFloat<f64>>>> = LineItem::by_dearest();
    assert_eq!(by_product_name.key(&row), "tv");
    assert_eq!(by_qty.key(&row), Reverse(2));
    assert_eq!(by_few.key(&row), 2);
    assert_eq!(by_type.key(&row), Kind::Gift);
    assert_eq!(by_basket_and_qty.key(&row), (1, Reverse(2)));
    assert_eq!(by_dearest.key(&row), Reverse(row.price));
}

#[test]
fn columns_are_named_by_index_and_field() {
    assert_eq!(
        names(&LineItem::by_product_name()),
        ["ixd__product_name__product_name"]
    );
    assert_eq!(names(&LineItem::by_few()), ["ixd__few__qty"]);
    assert_eq!(names(&LineItem::by_type()), ["ixd__type__type"]);
    assert_eq!(
        names(&LineItem::by_basket_and_qty()),
        ["ixd__basket_and_qty__basket_id", "ixd__basket_and_qty__qty"]
    );
    assert_eq!(names(&LineItem::by_dearest()), ["ixd__dearest__price"]);
}

#[test]
fn the_type_knows_all_its_indexes_those_of_the_struct_first() {
    let names: Vec<String> = LineItem::indexes()
        .into_iter()
        .map(|index| index.name)
        .collect();
    assert_eq!(
        names,
        [
            "basket_and_qty",
            "dearest",
            "product_name",
            "qty",
            "few",
            "type"
        ]
    );
    assert_eq!(
        LineItem::indexes()[0],
        LineItem::by_basket_and_qty().schema()
    );
    assert_eq!(
        LineItem::default_index().name(),
        Index::<LineItem, ()>::unkeyed().name()
    );
}

#[test]
fn two_calls_make_the_same_index() {
    assert_eq!(LineItem::by_few().identity(), LineItem::by_few().identity());
    assert_ne!(
        LineItem::by_few().identity(),
        LineItem::by_product_name().identity()
    );
}

#[test]
fn a_composite_index_orders_by_its_columns_in_turn() {
    let mut rows = [
        item(2, "tv", 1),
        item(1, "tv", 1),
        item(1, "radio", 4),
        item(2, "radio", 9),
    ];
    let index = LineItem::by_basket_and_qty();
    rows.sort_by_key(|row| index.key(row));
    let order = rows.map(|row| (row.basket_id, row.qty));
    assert_eq!(order, [(1, 4), (1, 1), (2, 9), (2, 1)]);
    let descending: Vec<bool> = index
        .schema()
        .columns
        .iter()
        .map(|column| column.descending)
        .collect();
    assert_eq!(descending, [false, true]);
}

#[test]
fn the_shape_has_the_fields_in_order_without_raw_prefixes() {
    assert_eq!(
        shape::<LineItem>(),
        "LineItem { basket_id: u32, product_name: String, qty: i64, type: enum Kind { Goods, Gift }, \
         price: Option<f64> }"
    );
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Foreign<T>(T);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
struct Outer {
    inner: Nested,
    known_by_name: Foreign<(u8, u8)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
struct Nested {
    children: Vec<Nested>,
}

#[test]
fn a_field_is_known_by_its_shape_or_else_by_its_written_type() {
    assert_eq!(
        shape::<Outer>(),
        "Outer { inner: Nested { children: [Nested] }, known_by_name: Foreign<(u8, u8)> }"
    );
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support", name = "both", columns(1 desc, 0))]
struct Cell(#[index] u8, i16);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support")]
struct Tick;

#[test]
fn tuple_structs_are_indexed_by_position() {
    assert_eq!(Cell::by_0().key(&Cell(7, 8)), 7);
    assert_eq!(Cell::by_both().key(&Cell(7, 8)), (Reverse(8), 7));
    assert_eq!(names(&Cell::by_both()), ["ixd__both__1", "ixd__both__0"]);
    assert_eq!(shape::<Cell>(), "Cell { 0: u8, 1: i16 }");
}

#[test]
fn a_struct_without_fields_is_a_row() {
    is_row::<Tick>();
    assert_eq!(Shape::of::<Tick>(), Shape::structure::<&str>("Tick", []));
    assert!(Tick::indexes().is_empty());
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
#[index(crate = "crate::support", name = "key_then_size", columns(key, size))]
struct Slot<K, M, const N: usize>
where
    K: Copy,
{
    #[index]
    key: Option<K>,
    #[index]
    size: u8,
    padding: PhantomData<[M; N]>,
}

/// A type that is neither a row nor a key: a parameter that is only marked asks for neither.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Unit;

#[test]
fn generic_structs_have_the_indexes_of_their_parameters() {
    is_row::<Slot<u16, Unit, 3>>();
    let slot = Slot::<u16, Unit, 3> {
        key: Some(4),
        size: 5,
        padding: PhantomData,
    };
    assert_eq!(Slot::by_key().key(&slot), Some(4));
    assert_eq!(Slot::by_key_then_size().key(&slot), (Some(4), 5));
    assert_eq!(Slot::<Pair, Unit, 0>::indexes().len(), 3);
    assert_eq!(
        shape::<Slot<u16, Unit, 3>>(),
        "Slot { key: Option<u16>, size: u8, padding: PhantomData<[M; N]> }"
    );
}

type Pair = [u8; 2];

mod elsewhere {
    use super::{Deserialize, Indexable, Serialize};

    #[derive(
        Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable,
    )]
    #[index(crate = "crate::support")]
    pub(super) struct Visible {
        #[index]
        pub(super) id: u8,
    }
}

#[test]
fn a_constructor_is_as_visible_as_its_struct() {
    assert_eq!(
        elsewhere::Visible::by_id().key(&elsewhere::Visible { id: 3 }),
        3
    );
}

/// Names of the standard library that a user's module may have given to other things.
mod shadowed {
    #![allow(dead_code)]

    use super::{Deserialize, Indexable, Serialize};
    use std::option::Option as Maybe;

    struct Vec;
    struct String;
    struct Option;
    struct Shape;
    struct Index;
    trait Clone {}

    #[derive(
        ::std::clone::Clone,
        Debug,
        PartialEq,
        Eq,
        PartialOrd,
        Ord,
        Hash,
        Serialize,
        Deserialize,
        Indexable,
    )]
    #[index(crate = "crate::support", name = "both", columns(a, b))]
    pub(super) struct Plain {
        #[index]
        a: u8,
        b: Maybe<u8>,
    }
}

#[test]
fn a_users_names_do_not_get_in_the_way() {
    assert_eq!(shadowed::Plain::indexes().len(), 2);
}
