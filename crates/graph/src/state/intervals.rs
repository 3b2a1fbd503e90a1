//! Which stretches of an index are known: disjoint intervals of keys, between cuts. It owns how they are merged and
//! found, and never holds a row.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::scan::Order;

/// On which side of its key a cut is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Before,
    After,
}

/// A place between two neighbouring keys, named by a key beside it. In the order of the keys.
// The order of the fields matters: a cut is compared by its key, then by its side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cut<K> {
    pub(crate) key: K,
    pub(crate) side: Side,
}

impl<K> Cut<K> {
    pub(crate) fn before(key: K) -> Self {
        Self {
            key,
            side: Side::Before,
        }
    }

    pub(crate) fn after(key: K) -> Self {
        Self {
            key,
            side: Side::After,
        }
    }

    /// The cut as the lower bound of what comes after it.
    pub(crate) fn lower(&self) -> Bound<&K> {
        match self.side {
            Side::Before => Bound::Included(&self.key),
            Side::After => Bound::Excluded(&self.key),
        }
    }

    /// The cut as the upper bound of what comes before it.
    pub(crate) fn upper(&self) -> Bound<&K> {
        match self.side {
            Side::Before => Bound::Excluded(&self.key),
            Side::After => Bound::Included(&self.key),
        }
    }
}

/// An interval but for the key that it begins at.
#[derive(Clone, Debug)]
struct Rest<K> {
    /// On which side of its first key it begins.
    begins: Side,
    end: Cut<K>,
}

/// Disjoint intervals of keys. Those that touch are merged, so no two begin at one key.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<K> {
    by_start: BTreeMap<K, Rest<K>>,
}

impl<K> Default for Intervals<K> {
    fn default() -> Self {
        Self {
            by_start: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Intervals<K> {
    /// Whether a key is in an interval.
    pub(crate) fn contains(&self, key: &K) -> bool {
        // Of the intervals that begin at the key or before it, the last is the only one that can reach it: one that
        // begins after the key itself leaves a gap before it.
        let last = self.by_start.range(..=key).next_back();
        last.is_some_and(|(start, rest)| {
            (start, rest.begins) <= (key, Side::Before)
                && (&rest.end.key, rest.end.side) >= (key, Side::After)
        })
    }

    /// How far all keys from a cut on are known, in one direction: nothing if they are not even next to it.
    pub(crate) fn reach(&self, from: &Cut<K>, order: Order) -> Option<Cut<K>> {
        let mut up_to_key = self.by_start.range(..=&from.key).rev();
        match order {
            Order::Forward => up_to_key
                .find(|(start, rest)| (*start, rest.begins) <= (&from.key, from.side))
                .filter(|(_, rest)| rest.end > *from)
                .map(|(_, rest)| rest.end.clone()),
            Order::Backward => up_to_key
                .find(|(start, rest)| (*start, rest.begins) < (&from.key, from.side))
                .filter(|(_, rest)| rest.end >= *from)
                .map(|(start, rest)| Cut {
                    key: start.clone(),
                    side: rest.begins,
                }),
        }
    }

    /// Adds an interval. One that ends where it begins, or before, is none.
    pub(crate) fn insert(&mut self, start: Cut<K>, end: Cut<K>) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // From the right: the last interval that begins at the end or before it, as long as it reaches the start.
        loop {
            let touching = self
                .by_start
                .range(..=&end.key)
                .rev()
                .find(|(key, rest)| (*key, rest.begins) <= (&end.key, end.side))
                .filter(|(_, rest)| rest.end >= start);
            let Some(key) = touching.map(|(key, _)| key.clone()) else {
                break;
            };
            let (key, rest) = self
                .by_start
                .remove_entry(&key)
                .expect("it was found just now");
            start = start.min(Cut {
                key,
                side: rest.begins,
            });
            end = end.max(rest.end);
        }
        let rest = Rest {
            begins: start.side,
            end,
        };
        self.by_start.insert(start.key, rest);
    }

    pub(crate) fn clear(&mut self) {
        self.by_start.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A cut among the keys 0, 2, 4, …: the odd numbers are before and after them.
    fn cut(place: u8) -> Cut<u8> {
        if place.is_multiple_of(2) {
            Cut::before(place / 2)
        } else {
            Cut::after(place / 2)
        }
    }

    /// The keys between two cuts, and the gaps between neighbouring keys, one by one: key `k` is `2k`, the gap after
    /// it `2k + 1`.
    fn points(start: u8, end: u8) -> impl Iterator<Item = u8> {
        start..end
    }

    const PLACES: u8 = 24;

    proptest! {
        #[test]
        fn intervals_are_a_set_of_points(
            steps in prop::collection::vec((0..PLACES, 0..PLACES), 0..12),
        ) {
            let (mut intervals, mut known) = (Intervals::default(), BTreeSet::new());
            for (start, end) in steps {
                intervals.insert(cut(start), cut(end));
                known.extend(points(start, end));
                for key in 0..PLACES / 2 {
                    prop_assert_eq!(intervals.contains(&key), known.contains(&(2 * key)));
                }
                for from in 0..PLACES {
                    let forward = (from..).find(|point| !known.contains(point));
                    let forward = forward.filter(|&end| end > from).map(cut);
                    prop_assert_eq!(intervals.reach(&cut(from), Order::Forward), forward);
                    let mut back = from;
                    while back > 0 && known.contains(&(back - 1)) {
                        back -= 1;
                    }
                    let backward = (back < from).then(|| cut(back));
                    prop_assert_eq!(intervals.reach(&cut(from), Order::Backward), backward);
                }
                let runs = (0..PLACES)
                    .filter(|point| known.contains(point) && !(*point > 0 && known.contains(&(point - 1))));
                prop_assert_eq!(intervals.by_start.len(), runs.count(), "those that touch are merged");
            }
        }
    }

    #[test]
    fn cuts_are_in_the_order_of_the_keys() {
        assert!(Cut::before(1) < Cut::after(1));
        assert!(Cut::after(1) < Cut::before(2));
    }
}
