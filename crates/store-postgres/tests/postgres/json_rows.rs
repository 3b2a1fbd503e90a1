//! Rows with fields of every sort, and strategies that make them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use deltaview::prelude::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IndexKey,
)]
pub(crate) enum Kind {
    Small,
    #[serde(rename = "BIG")]
    Big,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Wrapped(Vec<Option<i64>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Two(i64, Inner);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Unit;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Empty {}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Inner {
    text: String,
    kind: Option<Kind>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Tree {
    pub(crate) leaf: i32,
    pub(crate) left: Option<Box<Tree>>,
    pub(crate) more: Vec<Tree>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Scalars {
    flag: bool,
    tiny: i8,
    #[index]
    int: i64,
    unsigned: u64,
    letter: char,
    text: String,
    nothing: (),
    float: OrderedFloat<f64>,
    single: OrderedFloat<f32>,
    wide: i128,
    span: Duration,
    at: SystemTime,
    id: Uuid,
    price: Decimal,
    day: chrono::NaiveDate,
    moment: jiff::Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Compounds {
    #[index]
    maybe: Option<i64>,
    perhaps: Option<Option<bool>>,
    pair: (u8, Inner),
    array: [Option<Inner>; 2],
    list: Vec<Inner>,
    bytes: Vec<u8>,
    set: BTreeSet<String>,
    by_name: BTreeMap<String, Inner>,
    by_number: BTreeMap<i16, BTreeMap<Uuid, Option<f32Bits>>>,
    by_kind: BTreeMap<Kind, Empty>,
    wrapped: Wrapped,
    two: Two,
    unit: Unit,
    empty: Empty,
    tree: Tree,
}

#[allow(non_camel_case_types, reason = "it stands for a primitive type")]
pub(crate) type f32Bits = OrderedFloat<f32>;

pub(crate) fn text() -> impl Strategy<Value = String> {
    // No NUL, which has a test of its own.
    prop_oneof!["[a-z]{0,3}", "[^\\x00]{0,12}", "[\"\\\\\\x01-\\x1f]{0,4}"]
}

pub(crate) fn inner() -> impl Strategy<Value = Inner> {
    let kind = prop_oneof![Just(Kind::Small), Just(Kind::Big)];
    (text(), of(kind)).prop_map(|(text, kind)| Inner { text, kind })
}

pub(crate) fn floats() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NORMAL, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO,
        Just(f64::MIN_POSITIVE),
        Just(f64::from_bits(1)),
        Just(f64::MAX),
        Just(f64::MIN),
        (-2000_i32..2000).prop_map(|n| f64::from(n) / 8.0),
        any::<i64>().prop_map(|n| n as f64),
    ]
}

pub(crate) fn singles() -> impl Strategy<Value = OrderedFloat<f32>> {
    use proptest::num::f32::{NORMAL, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO,
        Just(f32::from_bits(1)),
        Just(f32::MAX),
    ]
    .prop_map(OrderedFloat)
}

pub(crate) fn int() -> impl Strategy<Value = i64> {
    let edge = (0_u32..63, any::<bool>(), -1_i64..=1).prop_map(|(bits, negative, by)| {
        let edge = (1_i64 << bits) + by;
        if negative { -edge } else { edge }
    });
    prop_oneof![edge, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
}

pub(crate) fn scalars() -> impl Strategy<Value = Scalars> {
    let numbers = (
        any::<bool>(),
        any::<i8>(),
        int(),
        any::<u64>(),
        floats(),
        singles(),
    );
    let texts = (prop::char::range('\u{1}', '\u{10ffff}'), text());
    let times = (any::<u32>(), 0_u32..1_000_000_000, 0_i32..40_000);
    (numbers, texts, times, any::<u128>(), any::<i64>()).prop_map(
        |(
            (flag, tiny, int, unsigned, float, single),
            (letter, text),
            (secs, nanos, day),
            id,
            cents,
        )| {
            Scalars {
                flag,
                tiny,
                int,
                unsigned,
                letter,
                text,
                nothing: (),
                float: OrderedFloat(float),
                single,
                // Beyond 64 bits `serde_json` has no value: that has a test of its own.
                wide: i128::from(int),
                span: Duration::new(secs.into(), nanos),
                at: SystemTime::UNIX_EPOCH + Duration::new(secs.into(), nanos),
                id: Uuid::from_u128(id),
                price: Decimal::new(cents, 2),
                day: chrono::NaiveDate::from_epoch_days(day).unwrap(),
                moment: jiff::Timestamp::from_second(secs.into()).unwrap(),
            }
        },
    )
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<i32>().prop_map(|leaf| Tree {
        leaf,
        left: None,
        more: Vec::new(),
    });
    leaf.prop_recursive(5, 16, 3, |tree| {
        (any::<i32>(), of(tree.clone()), vec(tree, 0..3)).prop_map(|(leaf, left, more)| Tree {
            leaf,
            left: left.map(Box::new),
            more,
        })
    })
}

pub(crate) fn compounds() -> impl Strategy<Value = Compounds> {
    let options = (of(int()), of(of(any::<bool>())));
    let tuples = (
        (any::<u8>(), inner()),
        [of(inner()), of(inner())],
        (int(), inner()).prop_map(|(a, b)| Two(a, b)),
    );
    let lists = (
        vec(inner(), 0..4),
        vec(any::<u8>(), 0..30),
        btree_set(text(), 0..4),
        vec(of(int()), 0..30).prop_map(Wrapped),
    );
    let by_id = btree_map(any::<u128>().prop_map(Uuid::from_u128), of(singles()), 0..3);
    let maps = (
        btree_map(text(), inner(), 0..4),
        btree_map(any::<i16>(), by_id, 0..4),
        btree_map(Just(Kind::Big), Just(Empty {}), 0..2),
    );
    (options, tuples, lists, maps, tree()).prop_map(
        |(
            (maybe, perhaps),
            (pair, array, two),
            (list, bytes, set, wrapped),
            (by_name, by_number, by_kind),
            tree,
        )| Compounds {
            maybe,
            perhaps,
            pair,
            array,
            list,
            bytes,
            set,
            by_name,
            by_number,
            by_kind,
            wrapped,
            two,
            unit: Unit,
            empty: Empty {},
            tree,
        },
    )
}
