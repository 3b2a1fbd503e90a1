//! Pairs, keyed rows, and the traits a Z-set has as a value.

use std::collections::HashSet;

use deltaview_zset::{Keyed, Pair, ZSet};

#[test]
fn pairs_order_by_left_then_right() {
    let mut pairs = [Pair::new(2, 'a'), Pair::new(1, 'b'), Pair::new(1, 'a')];
    pairs.sort();
    assert_eq!(pairs, [(1, 'a'), (1, 'b'), (2, 'a')].map(Pair::from));
    assert_eq!(Pair::new(1, 'a').swap(), Pair::new('a', 1));
}

#[test]
fn keyed_rows_order_by_key_then_value() {
    let mut rows = [Keyed::new(2, 0), Keyed::new(1, 9), Keyed::new(1, 8)];
    rows.sort();
    assert_eq!(rows, [Keyed::new(1, 8), Keyed::new(1, 9), Keyed::new(2, 0)]);
}

#[test]
fn zsets_are_values() {
    // Rows that have no default, to hold no bound that isn't needed.
    #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Row(&'static str);

    let tv = ZSet::from_iter([Row("tv")]);
    let mut detour = tv.clone();
    detour.insert(Row("radio"), 1).unwrap();
    detour.insert(Row("radio"), -1).unwrap();
    assert_eq!(detour, tv);
    assert_eq!(HashSet::from([tv.clone(), detour]).len(), 1);
    assert!(ZSet::<Row>::default() < tv);
    assert_eq!(format!("{tv:?}"), r#"{Row("tv"): 1}"#);
}

#[test]
fn iterators_know_their_length_and_go_both_ways() {
    let zset = ZSet::from_pairs([(1, 1), (2, -1), (3, 5)]).unwrap();
    assert_eq!(zset.iter().len(), 3);
    assert_eq!(zset.iter().next_back(), Some((&3, 5)));
    assert_eq!(
        (&zset)
            .into_iter()
            .rev()
            .map(|(row, _)| *row)
            .collect::<Vec<_>>(),
        [3, 2, 1]
    );
    let mut owned = zset.into_iter();
    assert_eq!(
        (owned.next(), owned.next_back()),
        (Some((1, 1)), Some((3, 5)))
    );
    assert_eq!(owned.len(), 1);
}
