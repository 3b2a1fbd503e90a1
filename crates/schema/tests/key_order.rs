//! The order of keys, in bytes and in SQL's columns, is Rust's `Ord`: proved for each key type, and for options,
//! reverses and tuples of each.

#[macro_use]
#[path = "common/keys.rs"]
mod keys;

#[cfg(feature = "chrono")]
#[macro_use]
#[path = "common/chrono_keys.rs"]
mod chrono_keys;
#[cfg(feature = "rust_decimal")]
#[macro_use]
#[path = "common/decimal_keys.rs"]
mod decimal_keys;
#[cfg(feature = "jiff")]
#[macro_use]
#[path = "common/jiff_keys.rs"]
mod jiff_keys;
#[cfg(feature = "uuid")]
#[macro_use]
#[path = "common/uuid_keys.rs"]
mod uuid_keys;

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};

use deltaview_schema::{ColumnType, IndexKey, KeyColumn, KeyValue};
use keys::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

/// A module of tests for the key types of a file of `common`.
macro_rules! order_test {
    ($name:ident, $type:ty, $strategy:expr) => {
        #[test]
        fn $name() {
            check_order::<$type>($strategy);
        }
    };
}

for_each_key_type!(order_test);

#[cfg(feature = "uuid")]
mod uuids {
    use super::{check_order, keys::*, uuid_keys::*};
    for_each_uuid_key_type!(order_test);
}

#[cfg(feature = "rust_decimal")]
mod decimals {
    use super::{check_order, decimal_keys::*, keys::*};
    for_each_decimal_key_type!(order_test);
}

#[cfg(feature = "chrono")]
mod chronos {
    use super::{check_order, chrono_keys::*, keys::*};
    for_each_chrono_key_type!(order_test);
}

#[cfg(feature = "jiff")]
mod jiffs {
    use super::{check_order, jiff_keys::*, keys::*};
    for_each_jiff_key_type!(order_test);
}

#[test]
fn the_empty_key_has_no_columns_and_no_bytes() {
    assert!(<()>::columns().is_empty());
    assert!(Reverse::<((), ())>::columns().is_empty());
    assert!(Entry::of(&()).bytes.is_empty());
}

/// Checks a handful of keys at a time, so that equal ones meet; then options, reverses and tuples of the same keys.
fn check_order<K: IndexKey>(strategy: impl Strategy<Value = K>) {
    let mut runner = TestRunner::new(Config {
        cases: 128,
        failure_persistence: None,
        ..Config::default()
    });
    let handfuls = proptest::collection::vec(strategy, 2..5);
    let outcome = runner.run(&handfuls, |keys| {
        check(&keys)?;
        check(&reversed(&keys))?;
        check(&optional(&keys))?;
        check(&optional(&optional(&keys)))?;
        check(&optional(&reversed(&keys)))?;
        check(&reversed(&optional(&keys)))?;
        let pairs = keys
            .iter()
            .flat_map(|a| keys.iter().map(|b| (a.clone(), Reverse(Some(b.clone())))));
        let pairs: Vec<_> = pairs.collect();
        check(&pairs)?;
        check(&optional(&pairs))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn optional<K: Clone>(keys: &[K]) -> Vec<Option<K>> {
    keys.iter().cloned().map(Some).chain([None]).collect()
}

fn reversed<K: Clone>(keys: &[K]) -> Vec<Reverse<K>> {
    keys.iter().cloned().map(Reverse).collect()
}

/// Checks each key, and each with each.
fn check<K: IndexKey>(keys: &[K]) -> TestCaseResult {
    let columns = K::columns();
    let entries: Vec<Entry<'_, K>> = keys.iter().map(Entry::of).collect();
    for entry in &entries {
        prop_assert_eq!(entry.values.len(), columns.len());
        for (column, value) in columns.iter().zip(&entry.values) {
            prop_assert!(fits(column, value), "{:?} in {:?}", value, column);
        }
    }
    let hash = RandomState::new();
    for a in &entries {
        for b in &entries {
            let (order, what) = (a.key.cmp(b.key), format!("{:?} and {:?}", a.key, b.key));
            prop_assert_eq!(a.bytes.cmp(&b.bytes), order, "bytes of {}", what);
            prop_assert_eq!(
                order_in_sql(&columns, &a.values, &b.values),
                order,
                "columns of {}",
                what
            );
            prop_assert_eq!(
                a.values == b.values,
                a.key == b.key,
                "equal columns of {}",
                what
            );
            prop_assert_eq!(
                a.bytes == b.bytes,
                a.key == b.key,
                "equal bytes of {}",
                what
            );
            if a.key == b.key {
                prop_assert_eq!(
                    hash.hash_one(a.key),
                    hash.hash_one(b.key),
                    "hashes of {}",
                    what
                );
            } else {
                prop_assert!(!b.bytes.starts_with(&a.bytes), "a prefix: {}", what);
            }
        }
    }
    Ok(())
}

/// A key, its columns' values and its encoding.
struct Entry<'a, K> {
    key: &'a K,
    values: Vec<KeyValue<'a>>,
    bytes: Vec<u8>,
}

impl<'a, K: IndexKey> Entry<'a, K> {
    fn of(key: &'a K) -> Self {
        let (mut values, mut bytes) = (Vec::new(), Vec::new());
        key.values(&mut values);
        key.encode(&mut bytes);
        let mut lent = Vec::new();
        key.each_value(&mut |value| lent.push(value.clone().into_owned()));
        assert_eq!(values, lent, "{key:?}");
        Self { key, values, bytes }
    }
}

/// Whether a column holds the value as its type says.
fn fits(column: &KeyColumn, value: &KeyValue<'_>) -> bool {
    match (value, column.column_type) {
        (KeyValue::Null, _) => column.nullable,
        (KeyValue::Bool(_), ColumnType::Bool)
        | (KeyValue::Int(_), ColumnType::Int)
        | (KeyValue::Text(_), ColumnType::Text)
        | (KeyValue::Bytes(_), ColumnType::Bytes | ColumnType::Encoded(_)) => true,
        (KeyValue::Bytes(bytes), ColumnType::Uuid) => bytes.len() == 16,
        _ => false,
    }
}

/// `ORDER BY` as the stores write it: column by column, NULL before all else, a descending column the other way round.
fn order_in_sql(columns: &[KeyColumn], a: &[KeyValue<'_>], b: &[KeyValue<'_>]) -> Ordering {
    let one = |((column, a), b): ((&KeyColumn, &KeyValue<'_>), &KeyValue<'_>)| {
        let ascending = match (a, b) {
            (KeyValue::Null, KeyValue::Null) => Ordering::Equal,
            (KeyValue::Null, _) => Ordering::Less,
            (_, KeyValue::Null) => Ordering::Greater,
            (KeyValue::Bool(a), KeyValue::Bool(b)) => a.cmp(b),
            (KeyValue::Int(a), KeyValue::Int(b)) => a.cmp(b),
            (KeyValue::Text(a), KeyValue::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (KeyValue::Bytes(a), KeyValue::Bytes(b)) => a.cmp(b),
            (a, b) => panic!("{a:?} and {b:?} in one column"),
        };
        if column.descending {
            ascending.reverse()
        } else {
            ascending
        }
    };
    columns
        .iter()
        .zip(a)
        .zip(b)
        .map(one)
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
