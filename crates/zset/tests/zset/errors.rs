//! What overflow leaves behind, case by case, and what it tells.

use deltaview_zset::{Weight, WeightOverflow, ZSet};

#[test]
fn an_overflowing_insert_changes_nothing() {
    for (weight, more) in [(Weight::MAX, 1), (Weight::MIN, -1)] {
        let mut rows = ZSet::from_pairs([("radio", 1), ("tv", weight)]).unwrap();
        let before = rows.clone();
        assert_eq!(rows.insert("tv", more), Err(WeightOverflow));
        assert_eq!(rows, before);
    }
}

#[test]
fn an_overflowing_sum_changes_no_earlier_row() {
    // `radio` comes first and fits; `tv` does not.
    let full = ZSet::from_pairs([("radio", 1), ("tv", Weight::MAX)]).unwrap();
    let small = ZSet::from_iter(["radio", "tv"]);
    let large = ZSet::from_iter(["bell", "pear", "radio", "tv"]);
    for other in [small, large] {
        let mut rows = full.clone();
        assert_eq!(rows.try_add_assign(&other), Err(WeightOverflow));
        assert_eq!(rows, full);
        assert_eq!(rows.try_append(other.clone()), Err(WeightOverflow));
        assert_eq!(rows, full);
        assert_eq!(full.try_add(&other), Err(WeightOverflow));
    }
}

#[test]
fn a_difference_fits_where_the_inverse_does_not() {
    let least = ZSet::from_pairs([("tv", Weight::MIN)]).unwrap();
    let minus_one = ZSet::from_pairs([("tv", -1)]).unwrap();
    assert_eq!(least.try_neg(), Err(WeightOverflow));
    assert_eq!(least.try_scale(-1), Err(WeightOverflow));
    assert_eq!(
        minus_one.try_sub(&least).unwrap().weight(&"tv"),
        Weight::MAX
    );
    assert_eq!(least.try_sub(&least), Ok(ZSet::new()));
    assert_eq!(ZSet::new().try_sub(&least), Err(WeightOverflow));
}

#[test]
fn mapping_sums_the_weights_of_equal_rows() {
    let rows = ZSet::from_pairs([(1, Weight::MAX), (2, 1)]).unwrap();
    assert_eq!(rows.map(|_| "any"), Err(WeightOverflow));
    let opposite = ZSet::from_pairs([(1, 1), (2, -1)]).unwrap();
    assert_eq!(opposite.map(|_| "any"), Ok(ZSet::new()));
}

#[test]
fn a_total_may_leave_the_range_on_its_way() {
    let there_and_back = ZSet::from_pairs([(1, Weight::MAX), (2, 1), (3, -1)]).unwrap();
    assert_eq!(there_and_back.total(), Ok(Weight::MAX));
    let too_many = ZSet::from_pairs([(1, Weight::MAX), (2, 1)]).unwrap();
    assert_eq!(too_many.total(), Err(WeightOverflow));
}

#[test]
fn the_error_says_what_happened_and_what_to_do() {
    let message = WeightOverflow.to_string();
    assert!(
        message.contains("does not fit in a 64-bit signed integer"),
        "{message}"
    );
    assert!(
        message.contains("look for an input that repeats or scales"),
        "{message}"
    );
}
