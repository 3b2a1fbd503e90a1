//! Which stretches of an index are known: disjoint intervals of keys, between cuts. It owns how they are merged and
//! found, and never holds a row.

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

/// Disjoint intervals of keys, in order. Those that touch are merged.
// A sorted vector: mostly they come in order, and a tree of each key type would cost more to compile than it saves.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<K> {
    between: Vec<(Cut<K>, Cut<K>)>,
}

impl<K> Default for Intervals<K> {
    fn default() -> Self {
        Self {
            between: Vec::new(),
        }
    }
}

impl<K: Ord + Clone> Intervals<K> {
    /// The last interval that begins at a place or before it.
    fn last_from(&self, key: &K, side: Side) -> Option<&(Cut<K>, Cut<K>)> {
        let after = self
            .between
            .partition_point(|(start, _)| (&start.key, start.side) <= (key, side));
        self.between.get(after.checked_sub(1)?)
    }

    /// Whether a key is in an interval.
    pub(crate) fn contains(&self, key: &K) -> bool {
        let last = self.last_from(key, Side::Before);
        last.is_some_and(|(_, end)| (&end.key, end.side) >= (key, Side::After))
    }

    /// How far all keys from a cut on are known, in one direction: nothing if they are not even next to it.
    pub(crate) fn reach(&self, from: &Cut<K>, order: Order) -> Option<Cut<K>> {
        match order {
            Order::Forward => self
                .last_from(&from.key, from.side)
                .filter(|(_, end)| end > from)
                .map(|(_, end)| end.clone()),
            Order::Backward => {
                let after = self.between.partition_point(|(start, _)| start < from);
                let last = self.between.get(after.checked_sub(1)?);
                last.filter(|(_, end)| end >= from)
                    .map(|(start, _)| start.clone())
            }
        }
    }

    /// Adds an interval. One that ends where it begins, or before, is none.
    pub(crate) fn insert(&mut self, start: Cut<K>, end: Cut<K>) {
        if start >= end {
            return;
        }
        let first = self.between.partition_point(|(_, other)| *other < start);
        let last = self.between.partition_point(|(other, _)| *other <= end);
        let touching = &self.between[first..last];
        let start = touching.first().map_or_else(
            || start.clone(),
            |(other, _)| start.clone().min(other.clone()),
        );
        let end = touching
            .last()
            .map_or_else(|| end.clone(), |(_, other)| end.clone().max(other.clone()));
        self.between.splice(first..last, [(start, end)]);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.between.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.between.clear();
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
                prop_assert_eq!(intervals.between.len(), runs.count(), "those that touch are merged");
            }
        }
    }

    #[test]
    fn cuts_are_in_the_order_of_the_keys() {
        assert!(Cut::before(1) < Cut::after(1));
        assert!(Cut::after(1) < Cut::before(2));
    }
}
