//! What holds for every bucket.

use deltaview_zset::ZSet;
use proptest::prelude::*;

use super::*;

/// What is done to a bucket, and whether it is read in order then, or a weight asked for.
type Step = (u8, Weight, bool, bool);

fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let (mut bucket, mut zset) = (Bucket::default(), ZSet::new());
    for (row, weight, reads, asks) in steps {
        bucket.add(&row, weight).expect("the weights are small");
        zset.insert(row, weight).expect("the weights are small");
        prop_assert_eq!(bucket.is_empty(), zset.is_empty());
        let mut parts = ZSet::new();
        for (row, weight) in bucket.iter_as_they_came() {
            parts.insert(*row, weight).expect("the weights are small");
        }
        prop_assert_eq!(&parts, &zset);
        if reads {
            prop_assert!(bucket.iter().eq(zset.iter()));
            let mut back: Vec<_> = bucket.iter().rev().collect();
            back.reverse();
            prop_assert!(bucket.iter().eq(back));
        }
        if asks {
            prop_assert_eq!(bucket.weight(&row), zset.weight(&row));
        }
    }
    prop_assert!(bucket.iter().eq(zset.iter()));
    Ok(())
}

proptest! {
    #[test]
    fn a_bucket_is_a_zset(
        steps in prop::collection::vec((0_u8..80, -2_i64..3, any::<bool>(), any::<bool>()), 0..500)
    ) {
        check(steps)?;
    }

    /// Rows that come and go, several times too: so that there are many without weights, with and without an index.
    #[test]
    fn a_heap_is_a_zset(
        comes in prop::collection::vec(0_u8..120, 40..200),
        steps in prop::collection::vec((0_u8..120, any::<bool>(), 0_u8..20, 0_u8..20), 0..300),
    ) {
        let comes = comes.into_iter().map(|row| (row, 1, false, false));
        let steps = steps.into_iter();
        let mut there: Vec<u8> = comes.clone().map(|(row, ..)| row).collect();
        let steps: Vec<Step> = steps
            .map(|(row, is_new, reads, asks)| {
                let (row, weight) = if is_new || there.is_empty() {
                    there.push(row);
                    (row, 1)
                } else {
                    (there.swap_remove(usize::from(row) % there.len()), -1)
                };
                (row, weight, reads == 0, asks == 0)
            })
            .collect();
        check(comes.chain(steps).collect())?;
    }
}

#[test]
fn an_overflow_changes_nothing() {
    let mut bucket = Bucket::default();
    bucket.add(&'a', Weight::MAX).expect("it fits");
    assert_eq!(bucket.add(&'a', 1), Err(WeightOverflow));
    assert_eq!(bucket.weight(&'a'), Weight::MAX);
    bucket.add(&'b', 1).expect("it fits");
    assert_eq!(bucket.add(&'a', 1), Err(WeightOverflow));
    assert_eq!(bucket.weight(&'a'), Weight::MAX);
}

#[test]
fn a_heap_is_indexed_once_it_is_searched_enough() {
    let mut bucket = Bucket::default();
    for row in 0..1_000_u32 {
        bucket.add(&row, 1).expect("it fits");
    }
    for row in (500..1_000).rev() {
        bucket.add(&row, -1).expect("it fits");
    }
    assert!(bucket.iter().map(|(row, _)| *row).eq(0..500));
}
