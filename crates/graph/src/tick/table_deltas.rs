//! The changes of tables in one iteration, by table. There are few: a vector in the order of the tables.

use crate::plan::TableId;
use crate::state::ErasedDelta;

/// A change for each table that has one, in the order of the plan.
#[derive(Default)]
pub(crate) struct TableDeltas {
    deltas: Vec<(TableId, Box<dyn ErasedDelta>)>,
}

impl TableDeltas {
    pub(crate) fn get(&self, table: &TableId) -> Option<&dyn ErasedDelta> {
        let place = self.place(table).ok()?;
        Some(self.deltas[place].1.as_ref())
    }

    /// Puts the change of a table in, in the place of the one that is there.
    pub(crate) fn insert(&mut self, table: TableId, delta: Box<dyn ErasedDelta>) {
        match self.place(&table) {
            Ok(place) => self.deltas[place].1 = delta,
            Err(place) => self.deltas.insert(place, (table, delta)),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (TableId, &dyn ErasedDelta)> {
        let deltas = self.deltas.iter();
        deltas.map(|(table, delta)| (*table, delta.as_ref()))
    }

    pub(crate) fn clear(&mut self) {
        self.deltas.clear();
    }

    fn place(&self, table: &TableId) -> Result<usize, usize> {
        self.deltas.binary_search_by_key(table, |(table, _)| *table)
    }
}

impl Extend<(TableId, Box<dyn ErasedDelta>)> for TableDeltas {
    fn extend<I: IntoIterator<Item = (TableId, Box<dyn ErasedDelta>)>>(&mut self, deltas: I) {
        for (table, delta) in deltas {
            self.insert(table, delta);
        }
    }
}

impl IntoIterator for TableDeltas {
    type Item = (TableId, Box<dyn ErasedDelta>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.deltas.into_iter()
    }
}
