//! Enums that derive `IndexKey`.

use std::cmp::Reverse;

use deltaview_derive::IndexKey;
use deltaview_schema::{Index, IndexKey, KeyValue, Shape};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support")]
enum Status {
    Open,
    Paid,
    r#Final,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IndexKey)]
#[index(crate = "crate::support")]
#[repr(i64)]
enum Level {
    High = 10,
    Lowest = i64::MIN,
    AlmostLowest,
    Zero = 0,
    Below = -1,
    Highest = i64::MAX,
}

fn encoding<K: IndexKey>(key: &K) -> Vec<u8> {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    bytes
}

fn value<K: IndexKey>(key: &K) -> i64 {
    let mut values = Vec::new();
    key.values(&mut values);
    match values.as_slice() {
        [KeyValue::Int(value)] => *value,
        other => panic!("{other:?} is not one integer"),
    }
}

/// The SQL value and the encoding are in the order of the derived `Ord`, for each two keys.
fn assert_order<K: IndexKey>(keys: &[K]) {
    for a in keys {
        for b in keys {
            assert_eq!(
                value(a).cmp(&value(b)),
                a.cmp(b),
                "values of {a:?} and {b:?}"
            );
            assert_eq!(
                encoding(a).cmp(&encoding(b)),
                a.cmp(b),
                "encodings of {a:?} and {b:?}"
            );
        }
    }
}

#[test]
fn the_order_is_that_of_declaration() {
    let keys = [Status::Paid, Status::Final, Status::Open];
    assert_order(&keys);
    assert_eq!(keys.map(|key| value(&key)), [1, 2, 0]);
}

#[test]
fn discriminants_are_the_order_where_they_are_written() {
    use Level::{AlmostLowest, Below, High, Highest, Lowest, Zero};
    let keys = [High, Lowest, AlmostLowest, Zero, Below, Highest];
    assert_order(&keys);
    assert_eq!(
        keys.map(|key| value(&key)),
        [10, i64::MIN, i64::MIN + 1, 0, -1, i64::MAX]
    );
}

#[test]
fn the_shape_has_the_variants_and_the_discriminants_that_are_stored() {
    assert_eq!(
        Shape::of::<Status>().to_string(),
        "enum Status { Open, Paid, Final }"
    );
    assert!(
        Shape::of::<Level>()
            .to_string()
            .starts_with("enum Level { High = 10, Lowest = -92233720368547758")
    );
}

#[test]
fn an_enum_is_a_part_of_larger_keys() {
    let index = Index::new("status", |row: &(Option<Status>, u8)| {
        (row.0, Reverse(row.1))
    });
    let columns = index.schema().columns;
    assert!(columns[0].nullable && columns[1].descending);
    assert_eq!(columns[0].sql_name("status"), "ixd__status__key_0");
    assert!(encoding(&None::<Status>) < encoding(&Some(Status::Open)));
    assert!(encoding(&Reverse(Status::Final)) < encoding(&Reverse(Status::Open)));
}
