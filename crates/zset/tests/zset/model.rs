//! Every operation against a model that cannot overflow: rows to exact sums.

use std::collections::BTreeMap;

use deltaview_zset::{Weight, WeightOverflow, ZSet};
use proptest::collection::vec;
use proptest::prelude::*;

type Pairs = Vec<(u8, Weight)>;
type Model = BTreeMap<u8, i128>;

/// Weights that meet the ends of their range often.
fn any_weight() -> impl Strategy<Value = Weight> {
    prop_oneof![
        6 => -3..=3_i64,
        1 => Just(Weight::MAX),
        1 => Just(Weight::MIN),
        1 => Just(Weight::MIN + 1),
        1 => any::<Weight>(),
    ]
}

fn any_zset() -> impl Strategy<Value = ZSet<u8>> {
    vec((0..8_u8, any_weight()), 0..6).prop_map(zset_of_last)
}

/// Few rows, or none: the operations choose their way by which side is larger.
fn any_pairs() -> impl Strategy<Value = Pairs> {
    vec((0..8_u8, any_weight()), 0..12)
}

/// A Z-set that holds the last weight given for each row.
fn zset_of_last(pairs: Pairs) -> ZSet<u8> {
    let weights: BTreeMap<u8, Weight> = pairs.into_iter().collect();
    ZSet::from_pairs(weights).expect("each row is given once")
}

fn model(zset: &ZSet<u8>) -> Model {
    zset.iter()
        .map(|(row, weight)| (*row, i128::from(weight)))
        .collect()
}

fn combine(a: &Model, b: &Model, sign: i128) -> Model {
    let mut sum = a.clone();
    for (row, weight) in b {
        *sum.entry(*row).or_default() += sign * weight;
    }
    sum
}

/// The Z-set that holds the model's weights, if they all fit.
fn expected(model: Model) -> Result<Vec<(u8, Weight)>, WeightOverflow> {
    let rows = model.into_iter().filter(|(_, weight)| *weight != 0);
    rows.map(|(row, weight)| Ok((row, Weight::try_from(weight).map_err(|_| WeightOverflow)?)))
        .collect()
}

/// The rows of a Z-set, having checked that it is canonical.
fn rows(zset: ZSet<u8>) -> Pairs {
    assert!(
        zset.iter().all(|(_, weight)| weight != 0),
        "a zero weight in {zset:?}"
    );
    let (len, is_empty) = (zset.len(), zset.is_empty());
    let rows: Pairs = zset.into_iter().collect();
    assert_eq!((len, is_empty), (rows.len(), rows.is_empty()));
    assert!(
        rows.is_sorted_by(|(a, _), (b, _)| a < b),
        "rows out of order: {rows:?}"
    );
    rows
}

proptest! {
    #[test]
    fn sums_and_differences(a in any_zset(), b in any_zset()) {
        let sum = expected(combine(&model(&a), &model(&b), 1));
        prop_assert_eq!(a.try_add(&b).map(rows), sum.clone());
        prop_assert_eq!(b.try_add(&a).map(rows), sum);

        let difference = expected(combine(&model(&a), &model(&b), -1));
        prop_assert_eq!(a.try_sub(&b).map(rows), difference);
    }

    #[test]
    fn sums_in_place_leave_the_receiver_alone_when_they_fail(a in any_zset(), b in any_zset()) {
        let sum = expected(combine(&model(&a), &model(&b), 1));

        let mut by_ref = a.clone();
        let done = by_ref.try_add_assign(&b);
        prop_assert_eq!(done, sum.as_ref().map(|_| ()).map_err(|error| *error));
        let mut by_value = a.clone();
        prop_assert_eq!(by_value.try_append(b), done);

        let after = sum.unwrap_or_else(|_| rows(a));
        prop_assert_eq!(rows(by_ref), after.clone());
        prop_assert_eq!(rows(by_value), after);
    }

    #[test]
    fn inverses_and_multiples(a in any_zset(), factor in any_weight()) {
        let scaled = |factor: i128| {
            expected(model(&a).into_iter().map(|(row, weight)| (row, weight * factor)).collect())
        };
        prop_assert_eq!(a.try_scale(factor).map(rows), scaled(factor.into()));
        prop_assert_eq!(a.try_neg().map(rows), scaled(-1));
    }

    #[test]
    fn inserts_one_by_one(pairs in any_pairs()) {
        let mut zset = ZSet::new();
        let mut weights = Model::new();
        for (row, weight) in pairs {
            let sum = weights.get(&row).copied().unwrap_or(0) + i128::from(weight);
            let inserted = zset.insert(row, weight);
            prop_assert_eq!(inserted.is_ok(), Weight::try_from(sum).is_ok());
            if inserted.is_ok() {
                weights.insert(row, sum);
            }
            prop_assert_eq!(i128::from(zset.weight(&row)), weights.get(&row).copied().unwrap_or(0));
            prop_assert_eq!(Ok(rows(zset.clone())), expected(weights.clone()));
        }
    }

    #[test]
    fn sums_of_many(zsets in vec(any_zset(), 0..4)) {
        // Small weights, so that no partial sum leaves the range.
        let zsets: Vec<ZSet<u8>> = zsets
            .into_iter()
            .map(|zset| ZSet::from_pairs(zset.into_iter().map(|(row, weight)| (row, weight % 100))).unwrap())
            .collect();
        let sum = zsets.iter().fold(Model::new(), |sum, zset| combine(&sum, &model(zset), 1));
        prop_assert_eq!(ZSet::try_sum(zsets).map(rows), expected(sum));
    }

    #[test]
    fn the_order_of_pairs_does_not_matter(mut pairs in vec((0..4_u8, -5..=5_i64), 0..20)) {
        let forwards = ZSet::from_pairs(pairs.clone());
        pairs.reverse();
        prop_assert_eq!(forwards, ZSet::from_pairs(pairs));
    }

    #[test]
    fn totals_and_predicates(a in any_zset()) {
        let total: i128 = model(&a).values().sum();
        prop_assert_eq!(a.total(), Weight::try_from(total).map_err(|_| WeightOverflow));
        prop_assert_eq!(a.is_set(), model(&a).values().all(|weight| *weight == 1));
        prop_assert_eq!(a.is_bag(), model(&a).values().all(|weight| *weight >= 0));
        prop_assert!(a.distinct().is_set());
        for row in 0..8 {
            prop_assert_eq!(a.distinct().weight(&row), Weight::from(a.weight(&row) > 0));
        }
    }

    #[test]
    fn selections(a in any_zset(), from in 0..8_u8) {
        let kept: Pairs = a.iter().map(|(row, weight)| (*row, weight)).filter(|(row, _)| *row >= from).collect();
        prop_assert_eq!(rows(a.filter(|row| *row >= from)), kept.clone());
        prop_assert_eq!(
            a.range(from..).map(|(row, weight)| (*row, weight)).collect::<Pairs>(),
            kept.clone()
        );
        let mut retained = a.clone();
        retained.retain(|row, _| *row >= from);
        prop_assert_eq!(rows(retained), kept.clone());

        let backwards: Pairs = a.range(from..).rev().map(|(row, weight)| (*row, weight)).collect();
        prop_assert!(backwards.iter().eq(kept.iter().rev()));
    }

    /// Mapping is linear (DBSP §4.2): the map of a sum is the sum of the maps.
    #[test]
    fn mapping_is_linear(
        a in vec((0..8_u8, -5..=5_i64), 0..8),
        b in vec((0..8_u8, -5..=5_i64), 0..8),
    ) {
        let (a, b) = (ZSet::from_pairs(a).unwrap(), ZSet::from_pairs(b).unwrap());
        let half = |row: &u8| row / 2;
        let of_sum = a.try_add(&b).unwrap().map(half).unwrap();
        let sum_of = a.map(half).unwrap().try_add(&b.map(half).unwrap()).unwrap();
        prop_assert_eq!(rows(of_sum), rows(sum_of));
    }
}
