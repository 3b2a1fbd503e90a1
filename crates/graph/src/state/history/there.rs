//! The rows of one key that are there, with the times since when. Few are a sorted vector, of which one is held in place.

use std::collections::BTreeMap;
use std::sync::Arc;

use deltaview_schema::Row;
use deltaview_zset::Weight;
use smallvec::SmallVec;

use super::run::Ended;

/// So many rows are searched and moved faster in a vector than in a tree.
const FEW: usize = 32;

/// How often a row is there, and since when.
#[derive(Clone, Copy)]
pub(super) struct Since {
    pub(super) weight: Weight,
    pub(super) time: i64,
}

/// See the module.
pub(super) enum There<T> {
    Few(SmallVec<[(Arc<T>, Since); 1]>),
    Many(BTreeMap<Arc<T>, Since>),
}

impl<T> Default for There<T> {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl<T: Row> There<T> {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Few(rows) => rows.is_empty(),
            Self::Many(rows) => rows.is_empty(),
        }
    }

    /// The rows in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<T>, &Since)> {
        let (few, many) = match self {
            Self::Few(rows) => (Some(rows), None),
            Self::Many(rows) => (None, Some(rows)),
        };
        let few = few.into_iter().flatten().map(|(row, since)| (row, since));
        few.chain(many.into_iter().flatten())
    }

    /// Adds to the weight of a row at a time. Returns the row as it is shared, by `share` where it was not there, and the
    /// version that ends with it where it was.
    pub(super) fn add(
        &mut self,
        (row, weight): (&T, Weight),
        time: i64,
        share: impl FnOnce() -> Arc<T>,
    ) -> (Arc<T>, Option<Ended<T>>) {
        let Some((shared, since)) = self.get_mut(row) else {
            let shared = share();
            self.insert(Arc::clone(&shared), Since { weight, time });
            return (shared, None);
        };
        let shared = Arc::clone(shared);
        let ended = Ended {
            row: Arc::clone(&shared),
            weight: since.weight,
            since: since.time,
            until: time,
        };
        let sum = since.weight.checked_add(weight);
        let weight = sum.expect("the sum was checked before the commit was absorbed");
        *since = Since { weight, time };
        if weight == 0 {
            self.remove(row);
        }
        (shared, Some(ended))
    }

    fn get_mut(&mut self, row: &T) -> Option<(&Arc<T>, &mut Since)> {
        match self {
            Self::Few(rows) => {
                let place = find(rows, row).ok()?;
                let (row, since) = &mut rows[place];
                Some((row, since))
            }
            Self::Many(rows) => rows.range_mut::<T, _>(row..=row).next(),
        }
    }

    /// Puts a row in that is not there.
    fn insert(&mut self, row: Arc<T>, since: Since) {
        match self {
            Self::Few(rows) if rows.len() == FEW => {
                let mut many: BTreeMap<_, _> = std::mem::take(rows).into_iter().collect();
                many.insert(row, since);
                *self = Self::Many(many);
            }
            Self::Few(rows) => {
                let place = find(rows, &row).unwrap_or_else(|place| place);
                rows.insert(place, (row, since));
            }
            Self::Many(rows) => {
                rows.insert(row, since);
            }
        }
    }

    fn remove(&mut self, row: &T) {
        match self {
            Self::Few(rows) => {
                if let Ok(place) = find(rows, row) {
                    rows.remove(place);
                }
            }
            Self::Many(rows) => {
                rows.remove(row);
            }
        }
    }
}

/// The place of a row among others in their order, or where it would be.
fn find<T: Row>(rows: &[(Arc<T>, Since)], row: &T) -> Result<usize, usize> {
    rows.binary_search_by(|(one, _)| one.as_ref().cmp(row))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Few rows and many, and from one to the other and back: they are an ordered map.
        #[test]
        fn rows_that_are_there_are_an_ordered_map(
            steps in prop::collection::vec((0..60_u8, -1_i64..3), 0..400),
        ) {
            let mut there = There::default();
            let mut model: BTreeMap<u8, (Weight, i64)> = BTreeMap::new();
            let steps = steps.into_iter().filter(|(_, weight)| *weight != 0);
            for (time, (row, weight)) in (1..).zip(steps) {
                let (shared, ended) = there.add((&row, weight), time, || Arc::new(row));
                prop_assert_eq!(*shared, row);
                let before = model.remove(&row);
                let ended = ended.map(|it| (*it.row, it.weight, it.since, it.until));
                prop_assert_eq!(ended, before.map(|(weight, since)| (row, weight, since, time)));
                let sum = before.map_or(0, |(weight, _)| weight) + weight;
                if sum != 0 {
                    model.insert(row, (sum, time));
                }
                let held = there.iter().map(|(row, since)| (**row, (since.weight, since.time)));
                prop_assert!(held.eq(model.iter().map(|(row, since)| (*row, *since))));
                prop_assert_eq!(there.is_empty(), model.is_empty());
            }
        }
    }
}
