//! The compiled plan: vertices in topological order, and the tables that hold their state. [`Graph`] is its public
//! face. A plan is never changed once it is built.

mod compile;
mod names;
mod picture;
mod regions;
mod retention;
mod shown;
mod stages;
mod table;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row, Shape, TableSchema};

use compile::compile;
pub use retention::Retention;
pub(crate) use shown::ShownTables;
pub(crate) use table::ErasedTable;

use crate::builder::Builder;
use crate::change::Change;
use crate::error::{BuildError, HandleError};
use crate::handle::{GraphId, Sealed, ViewHandle};
use crate::operators::{Edges, Operator};
use crate::tick::RowCodec;

/// Names a vertex of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexId(pub(crate) usize);

/// Names a table of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub(crate) usize);

/// A query, compiled: cheap to clone, and shared by every store that is opened with it.
#[derive(Clone)]
pub struct Graph {
    plan: Arc<Plan>,
}

pub(crate) struct Plan {
    pub(crate) id: GraphId,
    pub(crate) name: String,
    /// In topological order. Vertices that no output, view or source needs are not here.
    pub(crate) vertices: Vec<Vertex>,
    /// Where a vertex of the builder is in `vertices`, if it is.
    pub(crate) positions: Vec<Option<usize>>,
    /// By `TableId`. Those of dropped vertices are here too, and stay empty.
    pub(crate) tables: Vec<Arc<dyn ErasedTable>>,
    pub(crate) faces: Vec<Table>,
    /// The views that a working set does not keep.
    pub(crate) shown: ShownTables,
}

/// A vertex of a plan: an operator with its inputs.
pub struct Vertex {
    pub(crate) id: VertexId,
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Positions in the plan.
    pub(crate) inputs: Vec<usize>,
    pub(crate) tables: Vec<TableId>,
    pub(crate) at: &'static Location<'static>,
    pub(crate) row: Shape,
    pub(crate) operator: Box<dyn Operator>,
    /// How what it puts out is journaled, unless it is arranged.
    pub(crate) codec: RowCodec,
    /// Whether it is a source that remembers its rows by key.
    pub(crate) is_keyed: bool,
    /// The stage that it runs in, where an iteration runs in stages.
    pub(crate) stage: usize,
    /// What is known of its edges.
    pub(crate) edges: Edges,
}

impl Vertex {
    /// The name of the vertex: given, or made from its operator, its inputs and its index.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the vertex does: `join`, `map + filter`, `sum`, ….
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The line of the user's code that made it.
    pub fn location(&self) -> &'static Location<'static> {
        self.at
    }
}

impl fmt::Debug for Vertex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vertex")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A table of a plan: its schema and its place.
#[derive(Clone, Debug)]
pub struct Table {
    id: TableId,
    schema: TableSchema,
    retention: Option<Retention>,
}

impl Table {
    pub(crate) fn new(id: TableId, schema: TableSchema, retention: Option<Retention>) -> Self {
        Self {
            id,
            schema,
            retention,
        }
    }

    /// Names the table.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Its names, columns and row shape.
    pub fn schema(&self) -> &TableSchema {
        &self.schema
    }

    /// How much of its history stays, if any is kept ([`TableSchema::history`]). It is no part of what a database
    /// remembers of the table: the next opening may have another one.
    pub fn retention(&self) -> Option<Retention> {
        self.retention
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("name", &self.plan.name)
            .field("vertices", &self.plan.vertices.len())
            .field("tables", &self.plan.tables.len())
            .finish()
    }
}

impl Graph {
    /// Builds a query: `build` gets a [`Builder`], makes streams, and returns handles of what it will be used by.
    ///
    /// The name begins the name of every table. Returns the graph and what `build` returned.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the graph, each with the line of your code: duplicate names, a stream of
    /// another graph, ….
    #[track_caller]
    pub fn build<R>(
        name: impl Into<String>,
        build: impl FnOnce(&Builder) -> R,
    ) -> Result<(Self, R), BuildError> {
        let builder = Builder::new(name.into(), Location::caller());
        let handles = build(&builder);
        let plan = compile(builder)?;
        Ok((
            Self {
                plan: Arc::new(plan),
            },
            handles,
        ))
    }

    /// The name of the graph.
    pub fn name(&self) -> &str {
        &self.plan.name
    }

    /// The tables that hold the graph's state, in the order of the plan.
    pub fn tables(&self) -> &[Table] {
        &self.plan.faces
    }

    /// The vertices, in topological order.
    pub fn vertices(&self) -> &[Vertex] {
        &self.plan.vertices
    }

    /// An empty change of this graph.
    pub fn change(&self) -> Change {
        Change::new(self.plan.id, &self.plan.name)
    }

    /// The table that a view is stored in.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn view_table<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<&Table, HandleError> {
        let vertex = self.vertex_of(&view)?;
        let table = *vertex.tables.first().expect("a view has a table");
        Ok(self.table(table))
    }

    /// The index that a view is read by.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn view_index<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<&Index<T, K>, HandleError> {
        let table = self.view_table(view)?.id();
        let index = self.plan.tables[table.0].index(view.index);
        Ok(index
            .downcast_ref()
            .expect("the handle has the key type of its index"))
    }

    /// Whether any view of the graph has history: then the instant of each commit is recorded.
    pub fn has_history(&self) -> bool {
        self.plan.faces.iter().any(|table| table.schema.history)
    }

    /// A table by its id.
    ///
    /// # Panics
    ///
    /// The id is of another graph.
    pub fn table(&self, id: TableId) -> &Table {
        let table = self.plan.faces.iter().find(|table| table.id == id);
        table.expect("the table id is of this graph")
    }

    /// How many bytes a row of a table takes in a working set with its key, where its encoding has so many: an estimate
    /// that is rather too large, for who keeps a working set within a budget. A key without rows takes no more than one
    /// with a row.
    ///
    /// # Panics
    ///
    /// The id is of another graph.
    pub fn row_bytes(&self, table: TableId, encoded: usize) -> usize {
        self.plan.tables[table.0].row_bytes(encoded)
    }

    pub(crate) fn vertex_of(&self, handle: &impl Sealed) -> Result<&Vertex, HandleError> {
        let id = handle.target().in_graph(self.plan.id, &self.plan.name)?;
        let position = self.plan.positions[id.0].expect("what a handle names is kept in the plan");
        Ok(&self.plan.vertices[position])
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}
