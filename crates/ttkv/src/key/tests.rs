//! What holds for every key.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use ordered_float::OrderedFloat;
use proptest::collection::{btree_map, btree_set, hash_map, hash_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Event {
    Opened,
    Paid(i128),
    Moved(u8, String),
    Named { name: String, parts: Vec<Event> },
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Wrapped(Option<i16>);

type Options = (
    Option<Option<Option<u8>>>,
    Option<()>,
    Option<Unit>,
    Wrapped,
);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Nested {
    options: Options,
    event: Event,
    list: Vec<Option<i64>>,
    map: BTreeMap<String, Option<bool>>,
    set: BTreeSet<i8>,
    float: OrderedFloat<f64>,
}

fn text() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            Just('\0'),
            Just('a'),
            Just('\u{1}'),
            Just('ÿ'),
            any::<char>()
        ],
        0..4,
    )
    .prop_map(String::from_iter)
}

/// Integers near the edges of every width.
fn wide() -> impl Strategy<Value = i128> {
    prop_oneof![
        any::<i128>(),
        -3..4_i128,
        (0..127_u32, -2..3_i128, any::<bool>()).prop_map(|(bit, near, negative)| {
            let edge = (1_i128 << bit) + near;
            if negative { -edge } else { edge }
        }),
        Just(i128::MIN),
        Just(i128::MAX),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_map(|value| if value.is_nan() { 0.0 } else { value }),
        Just(-0.0),
        Just(0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        (-3..4_i8).prop_map(f64::from),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let leaf = prop_oneof![
        Just(Event::Opened),
        wide().prop_map(Event::Paid),
        (any::<u8>(), text()).prop_map(|(a, b)| Event::Moved(a, b)),
        Just(Event::Closed),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        (text(), vec(inner, 0..3)).prop_map(|(name, parts)| Event::Named { name, parts })
    })
}

fn nested() -> impl Strategy<Value = Nested> {
    (
        (
            of(of(of(any::<u8>()))),
            of(Just(())),
            of(Just(Unit)),
            of(any::<i16>()).prop_map(Wrapped),
        ),
        event(),
        vec(of(-300..300_i64), 0..3),
        btree_map(text(), of(any::<bool>()), 0..3),
        btree_set(any::<i8>(), 0..3),
        float().prop_map(OrderedFloat),
    )
        .prop_map(|(options, event, list, map, set, float)| Nested {
            options,
            event,
            list,
            map,
            set,
            float,
        })
}

fn check<K>(one: &K, other: &K) -> Result<(), TestCaseError>
where
    K: Ord + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let bytes = encode(one).unwrap();
    prop_assert_eq!(&bytes.cmp(&encode(other).unwrap()), &one.cmp(other));
    prop_assert_eq!(&decode::<K>(&bytes).unwrap(), one);
    // No key's bytes are the beginning of another's.
    prop_assert!(!encode(other).unwrap().starts_with(&bytes) || one == other);
    Ok(())
}

macro_rules! ordered {
    ($($name:ident: $type:ty = $strategy:expr;)+) => {
        proptest! {
            $(#[test]
            fn $name(one in $strategy, other in $strategy) {
                check::<$type>(&one, &other)?;
            })+
        }
    };
}

ordered! {
    nested_types_keep_their_order: Nested = nested();
    enums_keep_their_order: Event = event();
    wide_integers_keep_their_order: i128 = wide();
    unsigned_integers_keep_their_order: u128 = any::<u128>();
    bytes_keep_their_order: i8 = any::<i8>();
    words_keep_their_order: (u16, i32) = (any::<u16>(), any::<i32>());
    chars_keep_their_order: char = any::<char>();
    text_keeps_its_order: String = text();
    floats_keep_their_order: OrderedFloat<f64> = float().prop_map(OrderedFloat);
    maps_keep_their_order: BTreeMap<(u8, bool), Vec<i8>> = btree_map(any::<(u8, bool)>(), vec(any::<i8>(), 0..2), 0..3);
    lists_keep_their_order: Vec<Vec<Option<u8>>> = vec(vec(of(any::<u8>()), 0..3), 0..3);
}

/// Whatever a type is deserialised as, only an error may come of it.
fn decode_all(bytes: &[u8]) {
    fn one<K: Serialize + DeserializeOwned>(bytes: &[u8]) {
        if let Ok(key) = decode::<K>(bytes) {
            // What is taken is what is made of it.
            assert_eq!(encode(&key).unwrap(), bytes);
        }
    }
    one::<Nested>(bytes);
    one::<Event>(bytes);
    one::<(u8, String, Option<bool>)>(bytes);
    one::<Vec<i64>>(bytes);
    one::<BTreeMap<String, u128>>(bytes);
    one::<f64>(bytes);
    one::<f32>(bytes);
    one::<Option<Option<u8>>>(bytes);
    let _ = read::<Untagged>(bytes);
    let _ = read::<serde::de::IgnoredAny>(bytes);
    let _ = read::<serde_json::Value>(bytes);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Wide(String, Option<bool>),
    Event(Event),
    Many(Vec<Untagged>),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hostile_bytes_are_typed_errors(bytes in vec(any::<u8>(), 0..40)) {
        decode_all(&bytes);
    }

    /// Bytes that nearly are a key.
    #[test]
    fn hostile_tags_are_typed_errors(bytes in vec(prop_oneof![
        0..3_u8, 8..10_u8, 0x1E..0x42_u8, Just(0x48), 0x50..0x52_u8, 0x58..0x5B_u8, Just(0xFF), any::<u8>()
    ], 0..60)) {
        decode_all(&bytes);
    }

    #[test]
    fn mutated_keys_are_typed_errors(
        key in nested(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4)
    ) {
        let mut bytes = encode(&key).unwrap();
        for (place, byte, kind) in edits {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = byte,
                1 => bytes.truncate(place),
                2 => bytes.insert(place, byte),
                _ => { bytes.remove(place); }
            }
        }
        decode_all(&bytes);
    }
}

proptest! {
    #[test]
    fn what_has_no_order_is_one_key(map in hash_map(text(), any::<u8>(), 0..8), set in hash_set(any::<u32>(), 0..8)) {
        let sorted: BTreeMap<_, _> = map.clone().into_iter().collect();
        let elements: BTreeSet<_> = set.iter().copied().collect();
        // Another capacity, and another order of iteration.
        let mut other = HashMap::with_capacity(1_000);
        other.extend(map.clone());
        let mut other_set = HashSet::with_capacity(1_000);
        other_set.extend(set.iter().copied());
        let bytes = encode(&(&map, Some(&set), Box::new(set.clone()))).unwrap();
        prop_assert_eq!(&bytes, &encode(&(&other, Some(&other_set), Box::new(other_set.clone()))).unwrap());
        prop_assert_eq!(&bytes, &encode(&(&sorted, Some(&elements), &elements)).unwrap());
        prop_assert_eq!(decode::<HashSet<u32>>(&encode(&set).unwrap()).unwrap(), set);
    }

    #[test]
    fn an_integer_is_one_key_in_every_width(value in any::<u8>()) {
        let bytes = encode(&value).unwrap();
        prop_assert_eq!(&bytes, &encode(&u128::from(value)).unwrap());
        prop_assert_eq!(&bytes, &encode(&i16::from(value)).unwrap());
    }

    #[test]
    fn what_serde_buffers_is_read(event in event()) {
        // Wide integers have no place in serde's buffer.
        let key = Untagged::Many(vec![Untagged::Number(-5), Untagged::Wide("x".into(), None)]);
        prop_assert_eq!(decode::<Untagged>(&encode(&key).unwrap()).unwrap(), key);
        if matches!(event, Event::Opened | Event::Closed | Event::Moved(..)) {
            let key = Untagged::Event(event);
            prop_assert_eq!(decode::<Untagged>(&encode(&key).unwrap()).unwrap(), key);
        }
    }
}

#[test]
fn the_format_stays_as_it_is() {
    let cases: [(Vec<u8>, &[u8]); 8] = [
        (
            encode(&(None::<u8>, Some(1_u8), Some(None::<u8>))).unwrap(),
            &[0x58, 1, 0x31, 1, 2, 1, 0],
        ),
        (
            encode(&[0, 255, 256, -1, -2, -257]).unwrap(),
            &[
                0x58, 0x30, 0x31, 255, 0x32, 1, 0, 0x2F, 0x2E, 0xFE, 0x2D, 0xFE, 0xFF, 0,
            ],
        ),
        (encode("a\0").unwrap(), &[0x51, b'a', 0, 0xFF, 0, 0]),
        (encode(&(true, false)).unwrap(), &[0x58, 9, 8, 0]),
        (encode(&-0.0).unwrap(), &[0x48, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (encode(&Event::Closed).unwrap(), &[0x5A, 0x31, 4, 0]),
        (
            encode(&Event::Moved(1, String::new())).unwrap(),
            &[0x5A, 0x31, 2, 0x31, 1, 0x51, 0, 0, 0],
        ),
        (
            encode(&HashMap::from([(2, ()), (1, ())])).unwrap(),
            &[0x59, 0x31, 1, 1, 0x31, 2, 1, 0],
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(bytes, expected);
    }
}

#[test]
fn what_can_be_no_key_is_a_typed_error() {
    #[derive(Serialize)]
    struct Skipping {
        #[serde(skip_serializing_if = "Option::is_none")]
        part: Option<u8>,
    }
    /// Writes a map that has a key twice.
    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(1, 1), (1, 2)])
        }
    }
    let mut deep = Event::Opened;
    for _ in 0..100 {
        deep = Event::Named {
            name: String::new(),
            parts: vec![deep],
        };
    }
    let cases = [
        (encode(&f64::NAN), KeyErrorKind::NotANumber),
        (encode(&vec![Some(f32::NAN)]), KeyErrorKind::NotANumber),
        (encode(&OrderedFloat(f64::NAN)), KeyErrorKind::NotANumber),
        (encode(&Skipping { part: None }), KeyErrorKind::SkippedField),
        (encode(&Twice), KeyErrorKind::DuplicateKey),
        (encode(&deep), KeyErrorKind::TooDeep),
    ];
    for (result, kind) in cases {
        assert_eq!(result.unwrap_err().kind(), kind);
    }
    assert!(
        encode(&f64::NAN)
            .unwrap_err()
            .to_string()
            .contains("cannot be a key")
    );
    // As deep as it may be it is read too, and no deeper.
    let mut bytes = vec![0x58; MAX_DEPTH];
    bytes.resize(2 * MAX_DEPTH, 0);
    assert!(decode::<serde_json::Value>(&bytes).is_ok());
    let error = decode::<serde_json::Value>(&vec![0x58; 1_000_000]).unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::TooDeep);
    let error = decode::<serde_json::Value>(&vec![0x02; 1_000_000]).unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::TooDeep);
}

#[test]
fn what_is_wrong_with_bytes_is_said() {
    let kind = |bytes: &[u8]| decode::<(u8, Option<u8>)>(bytes).unwrap_err().kind();
    assert_eq!(kind(&[]), KeyErrorKind::Truncated);
    assert_eq!(kind(&[0x58, 0x31]), KeyErrorKind::Truncated);
    assert_eq!(kind(&[0x58, 0x30, 1, 0, 0]), KeyErrorKind::TrailingBytes);
    assert_eq!(kind(&[0x58, 0x31, 0, 1, 0]), KeyErrorKind::NotCanonical);
    assert_eq!(kind(&[0x58, 0x30, 2, 0x30, 0]), KeyErrorKind::NotCanonical);
    assert_eq!(kind(&[0x58, 0x08, 1, 0]), KeyErrorKind::Mismatch);
    assert_eq!(kind(&[0x58, 0x30, 0]), KeyErrorKind::Mismatch);
    assert_eq!(kind(&[0x58, 0x30, 1, 1, 0]), KeyErrorKind::Mismatch);
    assert_eq!(
        decode::<String>(&[0x51, 0xFF, 0, 0]).unwrap_err().kind(),
        KeyErrorKind::Malformed
    );
    assert_eq!(
        decode::<String>(&[0x51, 0, 7]).unwrap_err().kind(),
        KeyErrorKind::Malformed
    );
    let unsorted = [0x59, 0x31, 2, 1, 0x31, 1, 1, 0];
    let error = decode::<BTreeMap<u8, ()>>(&unsorted).unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::NotCanonical);
    // Serde shows a set as a list, so that nothing but the set itself knows the order and what is there twice.
    for elements in [[2, 1], [1, 1]] {
        let bytes = encode(&elements).unwrap();
        for error in [
            decode::<BTreeSet<u8>>(&bytes).unwrap_err(),
            decode::<HashSet<u8>>(&bytes).unwrap_err(),
        ] {
            assert_eq!(error.kind(), KeyErrorKind::NotCanonical);
        }
    }
}
