//! What is in a table, for the tests that look into the file: rows as they are after unpacking. Not public API.

use deltaview_graph::{Graph, TableId};
use deltaview_schema::TableSchema;
use rusqlite::{Connection, Row};

use crate::fetch::{StoredRow, Unpacked};
use crate::packed::Packing;
use crate::statements::{Part, quote, row_columns};

/// A row: its identity, its data where they are apart, its weight.
pub type Stored = (Vec<u8>, Option<Vec<u8>>, i64);

/// Reads rows of a table, by SQL of one's own.
#[derive(Debug)]
pub struct Rows {
    schema: TableSchema,
    packing: Packing,
    part: Part,
}

impl Rows {
    /// Of a table that is not the groups of a shared one.
    pub fn of(schema: &TableSchema) -> Self {
        Self {
            schema: schema.clone(),
            packing: Packing::of(schema),
            part: Part::Data,
        }
    }

    /// Of a table of a graph, wherever it is kept.
    pub fn of_graph(graph: &Graph, table: TableId) -> Self {
        match graph.view_of_groups(table) {
            Some(view) => Self {
                part: Part::State,
                ..Self::of(graph.table(view).schema())
            },
            None => Self::of(graph.table(table).schema()),
        }
    }

    /// The columns to select, before all others.
    pub fn columns(&self) -> String {
        row_columns(&self.schema, self.part).join(", ")
    }

    /// How many those are.
    pub fn count(&self) -> usize {
        let data = usize::from(self.part == Part::State);
        StoredRow::COLUMNS + self.packing.columns().len() + data
    }

    /// The row, if it has the part that is read.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn read(&self, row: &Row<'_>) -> rusqlite::Result<Option<Stored>> {
        let mut unpacked = Unpacked::default();
        let stored = StoredRow::read(row, &self.packing, self.part, &mut unpacked)?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let is_apart = row.get_ref(1)? != rusqlite::types::ValueRef::Null;
        let bytes = stored.row.to_vec();
        Ok(Some(match (self.schema.has_identity(), is_apart) {
            (true, false) => (bytes, None, stored.weight),
            (true, true) => {
                let head = usize::from(!self.packing.columns().is_empty());
                let identity = stored.identity.get(head..).unwrap_or_default();
                (identity.to_vec(), Some(bytes), stored.weight)
            }
            (false, _) => (Vec::new(), Some(bytes), stored.weight),
        }))
    }

    /// All rows.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn all(&self, conn: &Connection) -> rusqlite::Result<Vec<Stored>> {
        let table = quote(&self.schema.name(None));
        let sql = format!("SELECT {} FROM {table}", self.columns());
        let mut statement = conn.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| self.read(row))?;
        rows.filter_map(Result::transpose).collect()
    }
}
