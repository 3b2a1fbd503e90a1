//! The laws of an abelian group, for every type that claims to be one.

use deltaview_zset::{AbelianGroup, Weight, ZSet};
use proptest::collection::vec;
use proptest::prelude::*;

/// Values small enough that no operation below overflows, so that every law must hold outright.
fn small_zset() -> impl Strategy<Value = ZSet<u8>> {
    vec((0..6_u8, -9..=9_i64), 0..12)
        .prop_map(|pairs| ZSet::from_pairs(pairs).expect("a hundred fits"))
}

fn check_laws<G: AbelianGroup + std::fmt::Debug>(
    [a, b, c]: [G; 3],
    [v, w]: [Weight; 2],
) -> Result<(), TestCaseError> {
    let add = |x: &G, y: &G| x.checked_add(y).expect("small values fit");
    let neg = |x: &G| x.checked_neg().expect("small values fit");
    let scale = |x: &G, k| x.checked_scale(k).expect("small values fit");

    prop_assert_eq!(add(&add(&a, &b), &c), add(&a, &add(&b, &c)), "associative");
    prop_assert_eq!(add(&a, &b), add(&b, &a), "commutative");
    prop_assert_eq!(add(&a, &G::zero()), a.clone(), "identity");
    prop_assert!(add(&a, &neg(&a)).is_zero(), "inverse");
    prop_assert_eq!(a.is_zero(), a == G::zero(), "is_zero is equality with zero");

    let sum_scaled = scale(&add(&a, &b), w);
    prop_assert_eq!(
        sum_scaled,
        add(&scale(&a, w), &scale(&b, w)),
        "scale distributes over values"
    );
    let scaled_sum = scale(&a, v + w);
    prop_assert_eq!(
        scaled_sum,
        add(&scale(&a, v), &scale(&a, w)),
        "scale distributes over weights"
    );
    prop_assert_eq!(scale(&scale(&a, v), w), scale(&a, v * w), "scale composes");
    prop_assert_eq!(scale(&a, 1), a.clone(), "scale by one");
    prop_assert_eq!(scale(&a, -1), neg(&a), "scale by minus one");
    prop_assert!(scale(&a, 0).is_zero(), "scale by zero");
    Ok(())
}

fn weights() -> impl Strategy<Value = [Weight; 2]> {
    [-3..=3_i64, -3..=3_i64]
}

proptest! {
    #[test]
    fn zsets_are_a_group(values in [small_zset(), small_zset(), small_zset()], weights in weights()) {
        check_laws(values, weights)?;
    }

    #[test]
    fn narrow_integers_are_a_group(values: [i16; 3], weights in weights()) {
        check_laws(values.map(|value| (value % 4) as i8), weights)?;
        check_laws(values.map(|value| value % 999), weights)?;
    }

    #[test]
    fn wide_integers_are_a_group(values: [i32; 3], weights in weights()) {
        check_laws(values.map(|value| value % 9_999_999), weights)?;
        check_laws(values.map(i64::from), weights)?;
        check_laws(values.map(i128::from), weights)?;
    }

    #[test]
    fn tuples_are_a_group(
        values in [small_zset(), small_zset(), small_zset()],
        numbers: [i16; 3],
        weights in weights(),
    ) {
        let mut numbers = numbers.into_iter();
        let tuples = values.map(|zset| {
            let n = numbers.next().expect("as many numbers as values");
            (zset, (n % 4) as i8, n % 999, i32::from(n), i64::from(n), (i128::from(n),))
        });
        check_laws(tuples, weights)?;
    }

    /// The integers against exact arithmetic, all over their ranges.
    #[test]
    fn integers_agree_with_exact_arithmetic(
        a in prop_oneof![any::<i8>(), Just(i8::MIN), Just(0), Just(i8::MAX)],
        b: i8,
        wide in prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)],
        weight in prop_oneof![-300..300_i64, any::<i64>(), Just(Weight::MIN), Just(Weight::MAX)],
    ) {
        let (a_exact, b_exact, weight_exact) = (i128::from(a), i128::from(b), i128::from(weight));
        prop_assert_eq!(AbelianGroup::checked_add(&a, &b), i8::try_from(a_exact + b_exact).ok());
        prop_assert_eq!(AbelianGroup::checked_neg(&a), i8::try_from(-a_exact).ok());
        prop_assert_eq!(a.checked_scale(weight), i8::try_from(a_exact * weight_exact).ok());
        let wide_product = i128::from(wide) * weight_exact;
        prop_assert_eq!(wide.checked_scale(weight), i64::try_from(wide_product).ok());
    }
}

#[test]
fn a_weight_wider_than_the_type_is_not_truncated() {
    // 256 and 2^32 are zero, 257 and 2^32 + 1 are one, when cut to the narrow type.
    assert_eq!(1_i8.checked_scale(256), None);
    assert_eq!(1_i8.checked_scale(257), None);
    assert_eq!(1_i8.checked_scale(1000), None);
    assert_eq!(0_i8.checked_scale(1000), Some(0));
    assert_eq!((-1_i8).checked_scale(128), Some(i8::MIN));
    assert_eq!(1_i32.checked_scale(1 << 32), None);
    assert_eq!(1_i32.checked_scale((1 << 32) + 1), None);
    assert_eq!(i128::MAX.checked_scale(2), None);
    assert_eq!(i128::MIN.checked_scale(-1), None);
    assert_eq!(i128::MAX.checked_scale(-1), Some(-i128::MAX));
}

#[test]
fn a_tuple_overflows_where_a_component_does() {
    assert_eq!((1_i64, i8::MAX).checked_add(&(1, 1)), None);
    assert_eq!((1_i64, i8::MIN).checked_neg(), None);
    assert_eq!((1_i64, 1_i8).checked_scale(200), None);
    assert!(!(0_i64, 1_i8).is_zero());
    assert!((0_i64, 0_i8).is_zero());
}
