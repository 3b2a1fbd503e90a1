//! Keys of every type: their order in a store is that of Rust's `Ord`, and each finds its rows; by the index that a view
//! is stored by, by a further one, and where a join or a group looks them up.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::ops::Bound;
use std::time::Duration;

use deltaview_graph::Edit;
use deltaview_schema::{Index, IndexKey, OrderedFloat, Row};
use deltaview_zset::{Keyed, ZSet};

use super::Harness;
use super::support::{Dice, Must, Opened, graph, listed, once};
use crate::{ErrorKind, Store};

pub fn integers_are_ordered_by_value<H: Harness>() {
    in_order::<H, i8>([i8::MIN, -1, 0, 1, i8::MAX]);
    in_order::<H, u16>([0, 1, 255, 256, u16::MAX]);
    in_order::<H, i32>([i32::MIN, -256, -1, 0, 255, i32::MAX]);
    in_order::<H, u32>([0, 1, 1 << 31, u32::MAX]);
    in_order::<H, i64>([i64::MIN, -(1 << 40), -1, 0, 1 << 40, i64::MAX]);
}

pub fn integers_that_sql_has_no_column_for_are_ordered_by_value<H: Harness>() {
    in_order::<H, u64>([0, 1, 255, 256, 1 << 63, u64::MAX]);
    in_order::<H, u128>([0, 1, 1 << 64, u128::MAX]);
    in_order::<H, i128>([i128::MIN, -(1 << 100), -1, 0, 1, 1 << 64, i128::MAX]);
}

pub fn truth_values_are_ordered<H: Harness>() {
    in_order::<H, bool>([false, true]);
}

pub fn text_is_ordered_by_its_code_points<H: Harness>() {
    let texts = [
        "",
        " ",
        "'",
        "A",
        "B",
        "Z",
        "a",
        "a ",
        "aa",
        "b",
        "z",
        "\u{e4}",
        "\u{df}",
        "\u{3a9}",
        "\u{4e16}",
        "\u{fb01}",
        "\u{ffff}",
        "\u{1f980}",
    ];
    let mut sorted = texts.map(str::to_string);
    sorted.sort();
    in_order::<H, String>(sorted);
    in_order::<H, char>(['\n', ' ', 'A', 'a', '\u{e4}', '\u{ffff}', '\u{1f980}']);
}

/// Where a store can't hold a NUL in text, it says so and has changed nothing.
pub fn text_with_a_nul_is_a_key_or_an_error<H: Harness>() {
    let texts = ["", "\0", "\0\0", "\0a", "a", "a\0", "a\0b", "ab"].map(str::to_string);
    if H::NUL_IN_TEXT_KEYS {
        in_order::<H, String>(texts);
        return;
    }
    let (graph, (rows, view)) = graph(|g| {
        let rows = g.input::<Keyed<String, i64>>("rows");
        (rows.handle(), rows.view("view"))
    });
    let mut it = Opened::<H>::new(&graph);
    let row = |text: &str| Keyed::new(text.to_string(), 1);
    it.change().insert(rows, [row("a")]).commit().must();
    let failure = it.change().insert(rows, [row("b"), row("a\0b")]).commit();
    let error = failure.expect_err("the store can't hold the key");
    assert_eq!(error.kind(), ErrorKind::UnsupportedKey, "{error}");
    assert_eq!(it.rows(view), once([row("a")]));
    let failure = it.view(view).get(&"a\0b".to_string());
    let missing = failure.is_ok_and(|row| row.is_none());
    assert!(missing, "a key that can't be there is not there");
    it.change().insert(rows, [row("c")]).commit().must();
    assert_eq!(it.rows(view), once([row("a"), row("c")]));
}

pub fn bytes_are_ordered_one_by_one<H: Harness>() {
    let bytes: [&[u8]; 8] = [
        b"",
        b"\0",
        b"\0\0",
        b"\0\xff",
        b"a",
        b"a\0",
        b"\xff",
        b"\xff\xff",
    ];
    in_order::<H, Vec<u8>>(bytes.map(<[u8]>::to_vec));
    in_order::<H, [u8; 3]>([[0, 0, 0], [0, 0, 1], [0, 1, 0], [127, 0, 0], [255, 0, 0]]);
}

pub fn floats_are_ordered_with_nan_as_the_greatest<H: Harness>() {
    let numbers = [
        f64::NEG_INFINITY,
        f64::MIN,
        -1.5,
        -f64::MIN_POSITIVE,
        0.0,
        5e-324,
        1.0,
        1.5,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
    ];
    in_order::<H, OrderedFloat<f64>>(numbers.map(OrderedFloat));
    in_order::<H, OrderedFloat<f32>>([-1.0, 0.0, 0.1, f32::INFINITY].map(OrderedFloat));
}

pub fn minus_zero_is_the_key_zero<H: Harness>() {
    let (graph, (numbers, counts)) = graph(|g| {
        let numbers = g.input::<OrderedFloat<f64>>("numbers");
        let itself = Index::new("itself", |n: &OrderedFloat<f64>| *n);
        (
            numbers.handle(),
            numbers.group_by(itself).count().view("counts"),
        )
    });
    let mut it = Opened::<H>::new(&graph);
    it.change()
        .insert(numbers, [OrderedFloat(0.0)])
        .commit()
        .must();
    it.change()
        .insert(numbers, [OrderedFloat(-0.0)])
        .commit()
        .must();
    let group = it.view(counts).get(&OrderedFloat(-0.0)).must();
    assert_eq!(group, Some(Keyed::new(OrderedFloat(0.0), 2)));
}

pub fn times_and_addresses_are_ordered<H: Harness>() {
    in_order::<H, Duration>([
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(1),
        Duration::MAX,
    ]);
    let addresses = ["0.0.0.0", "10.0.0.2", "10.0.0.10", "::", "::1", "fe80::"];
    in_order::<H, IpAddr>(addresses.map(|text| text.parse().must()));
}

pub fn options_have_none_first<H: Harness>() {
    in_order::<H, Option<i64>>([None, Some(i64::MIN), Some(0), Some(i64::MAX)]);
    in_order::<H, Option<bool>>([None, Some(false), Some(true)]);
    in_order::<H, Option<u64>>([None, Some(0), Some(u64::MAX)]);
    let texts = [None, Some(""), Some("a")].map(|text| text.map(str::to_string));
    in_order::<H, Option<String>>(texts);
    in_order::<H, Option<Vec<u8>>>([None, Some(vec![]), Some(vec![0]), Some(vec![0, 0])]);
    in_order::<H, Option<Option<i64>>>([None, Some(None), Some(Some(-1)), Some(Some(1))]);
    in_order::<H, Option<(i64, bool)>>([None, Some((-1, true)), Some((0, false))]);
}

pub fn reversed_keys_are_ordered_backwards<H: Harness>() {
    in_order::<H, Reverse<i64>>([3, 0, -3].map(Reverse));
    in_order::<H, Reverse<u128>>([u128::MAX, 1, 0].map(Reverse));
    let texts = ["b", "ab", "a", ""].map(|text| Reverse(text.to_string()));
    in_order::<H, Reverse<String>>(texts);
    in_order::<H, Reverse<Vec<u8>>>([vec![0, 0], vec![0], vec![]].map(Reverse));
    in_order::<H, Reverse<Option<i64>>>([Some(1), Some(0), None].map(Reverse));
    in_order::<H, Option<Reverse<i64>>>([None, Some(Reverse(1)), Some(Reverse(0))]);
}

pub fn tuples_are_ordered_part_by_part<H: Harness>() {
    let pairs = [("", 9), ("a", 1), ("a", 2), ("a\u{1}", 0), ("b", 0)];
    in_order::<H, (String, i64)>(pairs.map(|(text, n)| (text.to_string(), n)));
    let nested = [
        (None, (Reverse(2), None)),
        (None, (Reverse(2), Some(0))),
        (None, (Reverse(1), None)),
        (Some(0), (Reverse(9), Some(u64::MAX))),
        (Some(1), (Reverse(-9), Some(0))),
    ];
    in_order::<H, (Option<i64>, (Reverse<i64>, Option<u64>))>(nested);
    in_order::<H, (u8, u8, u8, u8, u8, u8, u8, u8)>([
        (0, 0, 0, 0, 0, 0, 0, 1),
        (0, 0, 0, 1, 0, 0, 0, 0),
        (1, 0, 0, 0, 0, 0, 0, 0),
    ]);
}

/// Checks keys that are given in ascending order, everywhere that a store has keys.
#[track_caller]
fn in_order<H: Harness, K: IndexKey + Row>(ascending: impl IntoIterator<Item = K>) {
    let ascending: Vec<K> = ascending.into_iter().collect();
    assert!(ascending.is_sorted(), "the case itself is right");
    let (graph, (rows, asked, by_key, by_number, also_by_key, met, counts)) = graph(|g| {
        let rows = g.input::<Keyed<K, i64>>("rows");
        let asked = g.input::<Keyed<K, i64>>("asked");
        let key = Index::new("key", |row: &Keyed<K, i64>| row.key.clone());
        let number = Index::new("number", |row: &Keyed<K, i64>| row.value);
        let by_key = rows.view_by("by_key", key.clone());
        let by_number = rows.view_by("by_number", number);
        let also_by_key = g.also_by(by_number, key.clone());
        let met = asked.join_map(rows, key.clone(), key.clone(), |_, asked, row| {
            (asked.value, row.value)
        });
        let counts = rows.group_by(key).count().view("counts");
        (
            rows.handle(),
            asked.handle(),
            by_key,
            by_number,
            also_by_key,
            met.view("met"),
            counts,
        )
    });
    let mut it = Opened::<H>::new(&graph);
    let mut all: Vec<Keyed<K, i64>> = ascending
        .iter()
        .zip(0..)
        .map(|(key, n)| Keyed::new(key.clone(), n))
        .collect();
    let numbers: Vec<i64> = (0..).take(all.len()).collect();
    Dice::new(7).shuffle(&mut all);
    it.change().insert(rows, all.clone()).commit().must();
    let it = &mut it.reopened();
    let read = |rows| -> Vec<i64> {
        listed(rows)
            .iter()
            .map(|row: &Keyed<K, i64>| row.value)
            .collect()
    };

    let backwards: Vec<i64> = numbers.iter().rev().copied().collect();
    for view in [by_key, also_by_key] {
        assert_eq!(read(it.view(view).iter()), numbers, "{ascending:?}");
        assert_eq!(read(it.view(view).rev().iter()), backwards, "{ascending:?}");
        for (at, key) in ascending.iter().enumerate() {
            let from = |bound| (bound, Bound::Unbounded);
            let to = |bound| (Bound::Unbounded, bound);
            assert_eq!(read(it.view(view).key(key)), numbers[at..=at], "{key:?}");
            let included = it.view(view).range(from(Bound::Included(key.clone())));
            assert_eq!(read(included), numbers[at..], "from {key:?}");
            let excluded = it.view(view).range(from(Bound::Excluded(key.clone())));
            assert_eq!(read(excluded), numbers[at + 1..], "after {key:?}");
            let included = it.view(view).range(to(Bound::Included(key.clone())));
            assert_eq!(read(included), numbers[..=at], "to {key:?}");
            let excluded = it.view(view).range(to(Bound::Excluded(key.clone())));
            assert_eq!(read(excluded), numbers[..at], "before {key:?}");
        }
    }
    assert_eq!(read(it.view(by_number).iter()), numbers);

    // Each key is looked up by a join, and by the groups.
    it.change().insert(asked, all.clone()).commit().must();
    assert_eq!(it.rows(met), once(numbers.iter().map(|n| (*n, *n))));
    let again = all
        .iter()
        .map(|row| Keyed::new(row.key.clone(), row.value + 1000));
    it.change().insert(rows, again).commit().must();
    let doubled: Vec<Keyed<K, i64>> = ascending
        .iter()
        .map(|key| Keyed::new(key.clone(), 2))
        .collect();
    assert_eq!(listed(it.view(counts).iter()), doubled);
    it.change().remove(rows, all).commit().must();
    assert_eq!(it.rows(met), once(numbers.iter().map(|n| (*n, *n + 1000))));
    for key in &ascending {
        let left = Some(Keyed::new(key.clone(), 1));
        assert_eq!(it.view(counts).get(key).must(), left);
    }
    it.change().insert(asked, []).commit().must();
    assert_ne!(it.rows(met), ZSet::new());
}
