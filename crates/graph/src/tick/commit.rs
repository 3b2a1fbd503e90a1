//! The result of a tick: what to write, and what changed.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

use deltaview_schema::codec::CodecError;
use deltaview_schema::{Identity, KeyValue, Row, TableSchema};
use deltaview_zset::{Weight, ZSet};

use super::{Slot, StageRun, TableDeltas};
use crate::error::{HandleError, TickError};
use crate::handle::Sink;
use crate::operators::{ErasedShown, OutputDelta};
use crate::plan::{Graph, TableId};
use crate::state::{ErasedDelta, Visit};

/// What one iteration writes. It is written in one transaction, and then absorbed.
pub struct Commit {
    pub(super) graph: Graph,
    pub(crate) tables: TableDeltas,
    pub(super) slots: Vec<Slot>,
    /// Where it is the commit of one stage.
    pub(super) stage: Option<StageRun>,
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("tables", &self.tables.iter().count())
            .finish_non_exhaustive()
    }
}

/// What is to be written to one table.
pub struct TableWrites<'a> {
    graph: &'a Graph,
    table: TableId,
    delta: &'a dyn ErasedDelta,
}

/// One row to write.
///
/// `key` has the columns of the primary index, `secondary` those of all further indexes, one after the other.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Write<'a> {
    /// A table with one row a key: the row of the key, replaced or new.
    Put {
        /// The columns of the primary index.
        key: &'a [KeyValue<'a>],
        /// The columns of the further indexes.
        secondary: &'a [KeyValue<'a>],
        /// The row.
        data: &'a [u8],
        /// Whether the key has a row that this one replaces, as the tick has seen it. Without one it is new.
        replaces: bool,
    },
    /// A table with one row a key: the row of the key, to be deleted.
    Delete {
        /// The columns of the primary index.
        key: &'a [KeyValue<'a>],
    },
    /// A weight to add to a row; a row whose weights add up to zero is deleted. A sum that does not fit 64 bits is
    /// an error, and nothing of the commit may be kept.
    Add {
        /// The columns of the primary index.
        key: &'a [KeyValue<'a>],
        /// The columns of the further indexes.
        secondary: &'a [KeyValue<'a>],
        /// What tells the row from others with its key.
        identity: Identity,
        /// The row, where its identity is not the row itself.
        data: Option<&'a [u8]>,
        /// What to add. Not zero.
        weight: Weight,
        /// The weight of the row so far, where the tick has seen it: the sum is known to fit. A complete working set is
        /// not asked where all weights that it was ever given leave room.
        before: Option<Weight>,
    },
}

impl Write<'_> {
    /// The row's encoding, or what stands for it. None where a row is deleted by its key.
    pub fn encoded(&self) -> Option<&[u8]> {
        match self {
            Self::Put { data, .. } => Some(data),
            Self::Delete { .. } => None,
            Self::Add { identity, data, .. } => Some(data.unwrap_or_else(|| identity.as_bytes())),
        }
    }
}

/// One row of a table's delta, with all that its history has of it.
///
/// The columns are those of [`Write`]; in a table with one row a key, a row that is replaced is here too, before or
/// behind the one that takes its place.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RowChange<'a> {
    /// The columns of the primary index.
    pub key: &'a [KeyValue<'a>],
    /// The columns of the further indexes, one after the other.
    pub secondary: &'a [KeyValue<'a>],
    /// What tells the row from others with its key: made of the whole encoding, also where the table stores none.
    pub identity: Identity,
    /// The row's whole encoding, also where [its identity holds it](Identity::holds_row).
    pub data: &'a [u8],
    /// What is added to its weight. Not zero; in a table with one row a key 1 or -1.
    pub weight: Weight,
    /// The weight of the row so far, where the tick has seen it.
    pub before: Option<Weight>,
}

impl Commit {
    pub(super) fn new(graph: &Graph, tables: TableDeltas, mut slots: Vec<Slot>) -> Self {
        // Only what the user can ask for is kept on.
        for (slot, vertex) in slots.iter_mut().zip(graph.vertices()) {
            if !vertex.operator.is_output() {
                *slot = None;
            }
        }
        Self {
            graph: graph.clone(),
            tables,
            slots,
            stage: None,
        }
    }

    /// The commit of one stage: what flows on to later ones is kept.
    pub(super) fn of_stage(
        graph: &Graph,
        tables: TableDeltas,
        slots: Vec<Slot>,
        stage: StageRun,
    ) -> Self {
        Self {
            graph: graph.clone(),
            tables,
            slots,
            stage: Some(stage),
        }
    }

    /// A commit of tables alone.
    pub(super) fn of_tables(graph: &Graph, tables: TableDeltas) -> Self {
        Self::new(graph, tables, vec![None; graph.vertices().len()])
    }

    /// The tables that change, in the order of the plan.
    pub fn tables(&self) -> impl Iterator<Item = TableWrites<'_>> {
        self.tables
            .iter()
            .filter(|(_, delta)| delta.len() > 0)
            .map(|(table, delta)| TableWrites {
                graph: &self.graph,
                table,
                delta,
            })
    }

    /// The number of rows that change, over all tables.
    pub fn rows(&self) -> usize {
        let written: usize = self.tables.iter().map(|(_, delta)| delta.len()).sum();
        written + shown_rows(&self.graph, |table| self.tables.get(&table))
    }

    pub(crate) fn into_changes(self) -> Changes {
        let tables = self
            .tables
            .into_iter()
            .map(|(table, delta)| (table, Lazy::new(delta)))
            .collect();
        Changes {
            graph: self.graph,
            tables,
            slots: self.slots,
        }
    }
}

impl TableWrites<'_> {
    /// The table.
    pub fn table(&self) -> TableId {
        self.table
    }

    /// Its names and columns.
    pub fn schema(&self) -> &TableSchema {
        self.graph.table(self.table).schema()
    }

    /// The number of rows that change.
    pub fn rows(&self) -> usize {
        self.delta.len()
    }

    /// Hands each row to `write`, in the ascending order of the primary index.
    ///
    /// # Errors
    ///
    /// The first that `write` returns; or a row that can't be encoded, as an [`E`](From).
    pub fn for_each<E: From<TickError>>(
        &self,
        mut write: impl FnMut(Write<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let encoded = self.delta.writes(&mut |row| match write(row) {
            Ok(()) => Visit::Continue,
            Err(error) => {
                failed = Some(error);
                Visit::Stop
            }
        });
        self.done(failed, encoded)
    }

    /// Hands each row of the table's delta to `take`, with its encoding and what is added to its weight: each row once,
    /// in the ascending order of the primary index and of the rows, no weight zero. Where a table has one row a key this
    /// has the row that is replaced too, which [`Self::for_each`] does not name.
    ///
    /// # Errors
    ///
    /// The first that `take` returns; or a row that can't be encoded, as an [`E`](From).
    pub fn for_each_row<E: From<TickError>>(
        &self,
        mut take: impl FnMut(&[u8], Weight) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let encoded = self.delta.rows(&mut |row, weight| match take(row, weight) {
            Ok(()) => Visit::Continue,
            Err(error) => {
                failed = Some(error);
                Visit::Stop
            }
        });
        self.done(failed, encoded)
    }

    /// Hands each row of the table's delta to `take`, with its columns: as [`Self::for_each_row`], in the same order. A
    /// store writes the history of a table by this.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn for_each_change<E: From<TickError>>(
        &self,
        mut take: impl FnMut(RowChange<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let encoded = self.delta.changes(&mut |change| match take(change) {
            Ok(()) => Visit::Continue,
            Err(error) => {
                failed = Some(error);
                Visit::Stop
            }
        });
        self.done(failed, encoded)
    }

    fn done<E: From<TickError>>(
        &self,
        failed: Option<E>,
        encoded: Result<(), CodecError>,
    ) -> Result<(), E> {
        if let Some(error) = failed {
            return Err(error);
        }
        encoded.map_err(|error| {
            let kind = crate::error::TickErrorKind::Encode(error);
            TickError::new(self.graph.name(), &self.schema().vertex, kind).into()
        })
    }
}

/// What an iteration changed: the delta of each output and view.
pub struct Changes {
    graph: Graph,
    /// In the order of the plan.
    tables: Vec<(TableId, Lazy)>,
    slots: Vec<Slot>,
}

/// The delta of a table, as a Z-set once somebody asks.
struct Lazy {
    delta: Box<dyn ErasedDelta>,
    zset: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Lazy {
    fn new(delta: Box<dyn ErasedDelta>) -> Self {
        Self {
            delta,
            zset: OnceLock::new(),
        }
    }
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("graph", &self.graph.name())
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// The delta of an output or a view.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn get<S: Sink<Row: Row>>(&self, sink: S) -> Result<ZSet<S::Row>, HandleError> {
        let vertex = self.graph.vertex_of(&sink)?;
        if let Some(&table) = vertex.tables.first() {
            let zset = match self.of_table(table) {
                Some(lazy) => lazy.zset.get_or_init(|| lazy.delta.to_zset()),
                None => match self.of_groups_of(table) {
                    Some((shown, lazy)) => {
                        lazy.zset.get_or_init(|| shown.delta(lazy.delta.as_ref()))
                    }
                    None => return Ok(ZSet::new()),
                },
            };
            return Ok(zset
                .downcast_ref::<ZSet<S::Row>>()
                .expect("a view has its row type")
                .clone());
        }
        let position = self.graph.plan().positions[vertex.id.0].expect("the vertex is in the plan");
        let slot = self.slots[position].as_ref();
        Ok(slot.map_or_else(ZSet::new, |slot| {
            let output: &OutputDelta<S::Row> =
                slot.downcast_ref().expect("an output has its row type");
            output.0.clone()
        }))
    }

    fn of_table(&self, table: TableId) -> Option<&Lazy> {
        let place = self
            .tables
            .binary_search_by_key(&table, |(table, _)| *table);
        place.ok().map(|place| &self.tables[place].1)
    }

    /// Where a view is read from groups that have changed: how, and their change. Nobody but the view asks for that.
    fn of_groups_of(&self, view: TableId) -> Option<(&dyn ErasedShown, &Lazy)> {
        let shown = self.graph.plan().shown.get(&view)?.as_ref();
        Some((shown, self.of_table(shown.groups())?))
    }

    /// The number of rows that were written, over all tables.
    pub fn rows_written(&self) -> usize {
        let written: usize = self.tables.iter().map(|(_, lazy)| lazy.delta.len()).sum();
        let of = |table| self.of_table(table).map(|lazy| lazy.delta.as_ref());
        written + shown_rows(&self.graph, of)
    }
}

/// The rows that change in views that are read from their groups, where they were not computed: so that a change has as
/// many rows on every store.
fn shown_rows<'d>(graph: &Graph, of: impl Fn(TableId) -> Option<&'d dyn ErasedDelta>) -> usize {
    let shown = graph.plan().shown.iter();
    let uncomputed = shown.filter(|(view, _)| of(**view).is_none());
    let changed = uncomputed.filter_map(|(_, shown)| Some(shown.changed(of(shown.groups())?)));
    changed.sum()
}
