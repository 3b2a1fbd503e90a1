//! Z-sets and row shapes through serde.

use ciborium::Value;
use deltaview_zset::{Keyed, Pair, Weight, ZSet};
use proptest::prelude::*;
use serde::de::value::{Error as ValueError, U32Deserializer};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("writing to memory");
    bytes
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    ciborium::from_reader(bytes).map_err(|error: ciborium::de::Error<_>| error.to_string())
}

proptest! {
    #[test]
    fn zsets_come_back(pairs: Vec<(String, i32)>) {
        let pairs = pairs.into_iter().map(|(row, weight)| (row, Weight::from(weight)));
        let zset = ZSet::from_pairs(pairs).unwrap();
        prop_assert_eq!(decode(&encode(&zset)), Ok(zset));
    }
}

#[test]
fn a_zset_is_a_sequence_of_rows_and_weights_in_order() {
    let zset = ZSet::from_pairs([("tv", -1), ("radio", 2)]).unwrap();
    assert_eq!(encode(&zset), encode(&[("radio", 2), ("tv", -1)]));
}

#[test]
fn what_is_read_is_made_canonical() {
    let by_hand = encode(&[
        ("tv", 1),
        ("pear", 0),
        ("radio", 1),
        ("tv", 1),
        ("bell", 1),
        ("bell", -1),
    ]);
    let expected = ZSet::from_pairs([("radio".to_owned(), 1), ("tv".to_owned(), 2)]).unwrap();
    assert_eq!(decode(&by_hand), Ok(expected));
}

#[test]
fn an_overflow_in_what_is_read_is_an_error() {
    let by_hand = encode(&[("tv", Weight::MAX), ("tv", 1)]);
    let error = decode::<ZSet<String>>(&by_hand).unwrap_err();
    assert!(
        error.contains("does not fit in a 64-bit signed integer"),
        "{error}"
    );
}

#[test]
fn what_is_no_sequence_is_an_error() {
    let number: U32Deserializer<ValueError> = 7_u32.into_deserializer();
    let error = ZSet::<String>::deserialize(number).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid type: integer `7`, expected a sequence of rows, each with its weight"
    );
}

#[test]
fn pairs_and_keyed_rows_come_back() {
    let row = Keyed::new(Pair::new(1, "tv".to_owned()), Some(7));
    assert_eq!(decode(&encode(&row)), Ok(row.clone()));

    let fields = |names: [&str; 2], values: [Value; 2]| {
        Value::Map(names.into_iter().map(Value::from).zip(values).collect())
    };
    let pair = fields(["left", "right"], [1.into(), "tv".into()]);
    let keyed = fields(["key", "value"], [pair, 7.into()]);
    assert_eq!(decode::<Value>(&encode(&row)), Ok(keyed));
}
