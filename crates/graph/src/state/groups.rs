//! The groups of an aggregate in a complete working set. A group's row holds its key, so that there is nothing but rows.

use std::ops::Bound;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Keyed;

use super::keyed_rows::Spot;
use super::map::{Entry, Map};
use super::places::hash_of;

impl<G, S> Entry for Keyed<G, S> {
    type Key = G;

    fn key(&self) -> &G {
        &self.key
    }
}

/// One row a key, which holds it.
pub(crate) trait Groups<K, T>: Send + Sync {
    /// Where a key is.
    fn spot(&self, key: &K) -> Spot;
    /// The row at a spot that was just found.
    fn at(&self, spot: Spot) -> Option<&T>;
    /// Puts a row in, in the place of the one with its key: at the spot where that was found, or elsewhere by now. A key
    /// that was not found must not have come since.
    fn put(&mut self, spot: Spot, row: T);
    /// Takes the row of a key out.
    fn remove(&mut self, key: &K);
    /// All rows, as they lie.
    fn rows(&self) -> &[T];
    /// The rows within bounds, in the order of the keys.
    fn range<'a>(
        &'a self,
        bounds: (Bound<&K>, Bound<&K>),
    ) -> Box<dyn DoubleEndedIterator<Item = (&'a K, &'a T)> + 'a>;
}

/// Makes the groups of a table, empty.
pub(crate) type NewGroups<K, T> = fn() -> Box<dyn Groups<K, T>>;

/// [`NewGroups`] of groups by `G` with a state `S`.
pub(crate) fn new_groups<G: IndexKey + Row, S: Row>() -> Box<dyn Groups<G, Keyed<G, S>>> {
    Box::new(Map::new(Some(G::encode)))
}

impl<G: IndexKey + Row, S: Row> Groups<G, Keyed<G, S>> for Map<Keyed<G, S>> {
    fn spot(&self, key: &G) -> Spot {
        Spot::of(self.find(hash_of(key), key))
    }

    fn at(&self, spot: Spot) -> Option<&Keyed<G, S>> {
        self.entries().get(spot.place()? as usize)
    }

    fn put(&mut self, spot: Spot, row: Keyed<G, S>) {
        let found = spot.place();
        match found.and_then(|place| self.find_again(place, &row.key)) {
            Some(place) => *self.entry_mut(place) = row,
            None => self.insert(hash_of(&row.key), row),
        }
    }

    fn remove(&mut self, key: &G) {
        let hash = hash_of(key);
        if let Some(place) = self.find(hash, key) {
            self.remove_at(hash, place);
        }
    }

    fn rows(&self) -> &[Keyed<G, S>] {
        self.entries()
    }

    fn range<'a>(
        &'a self,
        bounds: (Bound<&G>, Bound<&G>),
    ) -> Box<dyn DoubleEndedIterator<Item = (&'a G, &'a Keyed<G, S>)> + 'a> {
        Box::new(Map::range(self, bounds).map(|row| (&row.key, row)))
    }
}
