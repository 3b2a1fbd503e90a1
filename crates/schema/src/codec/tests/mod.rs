//! What the codec promises, with the row types that the tests share.

mod format;
mod hostile;
mod laws;

use std::collections::BTreeMap;
use std::fmt;

use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{CodecErrorKind, decode, encode};

/// A byte string, as a crate for them writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Blob(Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a byte string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Point {
    x: i64,
    y: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Wrapper(Option<Option<Point>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Couple(char, Blob);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Null(()),
    One(Option<i32>),
    Two(String, u16),
    Named { at: Point, name: String },
    Many(Vec<Shape>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Internal {
    Empty,
    Named { size: i64, note: Option<Option<()>> },
    Point(Point),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent {
    Empty,
    One(u64),
    Two(bool, i8),
    Point(Point),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Number(i64),
    Text(String),
    Shapes(Vec<Shape>),
    Pairs(BTreeMap<String, u8>),
    Null,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    point: Point,
    #[serde(flatten)]
    more: BTreeMap<String, Untagged>,
}

/// A bit of everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Rich {
    flag: bool,
    small: (i8, i16, i32, i64),
    natural: (u8, u16, u32, u64),
    big: (i128, u128),
    letter: char,
    name: String,
    unit: Unit,
    nested: Vec<Wrapper>,
    couple: Couple,
    shape: Shape,
    map: BTreeMap<Point, Vec<Option<()>>>,
    tagged: (Internal, Adjacent, Untagged, Flat),
    deep: Option<Option<Option<()>>>,
    array: [Option<bool>; 3],
}

/// Numbers of every length of header, each side of zero.
fn wide_i64() -> impl Strategy<Value = i64> {
    (any::<i64>(), 0_u32..64).prop_map(|(v, shift)| v >> shift)
}

fn wide_u64() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(v, shift)| v >> shift)
}

fn wide_i128() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0_u32..128).prop_map(|(v, shift)| v >> shift)
}

fn wide_u128() -> impl Strategy<Value = u128> {
    (any::<u128>(), 0_u32..128).prop_map(|(v, shift)| v >> shift)
}

/// Few different points, so that pairs of them are often equal.
fn point() -> impl Strategy<Value = Point> {
    let x = prop_oneof![-2_i64..3, wide_i64()];
    (x, of(any::<u8>())).prop_map(|(x, y)| Point { x, y })
}

fn blob() -> impl Strategy<Value = Blob> {
    prop_oneof![vec(any::<u8>(), 0..30), vec(any::<u8>(), 250..300)].prop_map(Blob)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]{1,2}", ".{0,30}"]
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Nothing),
        Just(Shape::Null(())),
        of(any::<i32>()).prop_map(Shape::One),
        (text(), any::<u16>()).prop_map(|(a, b)| Shape::Two(a, b)),
        (point(), text()).prop_map(|(at, name)| Shape::Named { at, name }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| vec(inner, 0..3).prop_map(Shape::Many))
}

fn internal() -> impl Strategy<Value = Internal> {
    prop_oneof![
        Just(Internal::Empty),
        (wide_i64(), of(of(Just(())))).prop_map(|(size, note)| Internal::Named { size, note }),
        point().prop_map(Internal::Point),
    ]
}

fn adjacent() -> impl Strategy<Value = Adjacent> {
    prop_oneof![
        Just(Adjacent::Empty),
        wide_u64().prop_map(Adjacent::One),
        any::<(bool, i8)>().prop_map(|(a, b)| Adjacent::Two(a, b)),
        point().prop_map(Adjacent::Point),
    ]
}

fn untagged() -> impl Strategy<Value = Untagged> {
    prop_oneof![
        wide_i64().prop_map(Untagged::Number),
        text().prop_map(Untagged::Text),
        vec(shape(), 0..3).prop_map(Untagged::Shapes),
        btree_map(text(), any::<u8>(), 0..4).prop_map(Untagged::Pairs),
        Just(Untagged::Null),
    ]
}

fn flat() -> impl Strategy<Value = Flat> {
    let more = btree_map("[a-w]{2,5}", untagged(), 0..4).prop_map(|mut more| {
        more.remove("id");
        more
    });
    (any::<u32>(), point(), more).prop_map(|(id, point, more)| Flat { id, point, more })
}

fn rich() -> impl Strategy<Value = Rich> {
    let scalars = (
        any::<bool>(),
        (any::<i8>(), any::<i16>(), any::<i32>(), wide_i64()),
        (any::<u8>(), any::<u16>(), any::<u32>(), wide_u64()),
        (wide_i128(), wide_u128()),
        any::<char>(),
        text(),
    );
    let nested = (
        vec(of(of(point())).prop_map(Wrapper), 0..4),
        (any::<char>(), blob()).prop_map(|(a, b)| Couple(a, b)),
        shape(),
        btree_map(point(), vec(of(Just(())), 0..3), 0..5),
        (internal(), adjacent(), untagged(), flat()),
        of(of(of(Just(())))),
        any::<[Option<bool>; 3]>(),
    );
    (scalars, nested).prop_map(|(scalars, nested)| {
        let (flag, small, natural, big, letter, name) = scalars;
        let (nested, couple, shape, map, tagged, deep, array) = nested;
        Rich {
            flag,
            small,
            natural,
            big,
            letter,
            name,
            unit: Unit,
            nested,
            couple,
            shape,
            map,
            tagged,
            deep,
            array,
        }
    })
}

#[track_caller]
fn round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: T) -> Vec<u8> {
    let bytes = encode(&value).unwrap();
    assert_eq!(decode::<T>(&bytes).unwrap(), value);
    bytes
}

#[track_caller]
fn refused<T: DeserializeOwned + fmt::Debug>(bytes: &[u8]) -> (CodecErrorKind, String) {
    let error = decode::<T>(bytes).unwrap_err();
    (error.kind(), error.to_string())
}

fn by_ciborium<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}
