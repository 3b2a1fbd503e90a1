//! Drafts: vertices and tables as the builder made them, before they are named and compiled.

use std::any::{Any, TypeId};
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexIdentity, IndexKey, Row, Shape, TableSchema};

use super::recursive::{BuildRecursion, RegionId};
use crate::operators::nested::{ErasedNested, Nested};
use crate::operators::{Operator, Stage};
use crate::plan::{ErasedTable, Retention, TableId, VertexId};
use crate::state::TypedTable;
use crate::state::history::{NewHistory, new_history};
use crate::tick::RowCodec;

/// A vertex as the builder made it.
pub(crate) struct Draft {
    pub(crate) naming: Naming,
    pub(crate) kind: String,
    pub(crate) inputs: Vec<VertexId>,
    pub(crate) work: Work,
    pub(crate) at: &'static Location<'static>,
    pub(crate) row: Shape,
    /// How what it puts out is journaled, unless it is arranged.
    pub(crate) codec: RowCodec,
    /// The recursion that it is inside of, if any.
    pub(crate) region: Option<RegionId>,
    /// The index by which the stream has at most one row a key, and the type of its key.
    pub(crate) unique_by: Option<(IndexIdentity, TypeId)>,
}

/// Where the name of a vertex comes from.
pub(crate) enum Naming {
    /// The user gave it.
    Given(String),
    /// The names of its inputs, and what it does.
    Derived { suffix: String },
    /// The names of its two inputs, with what joins them.
    Between { word: &'static str },
    /// The name of another vertex, and what it does.
    Beside { stream: VertexId, suffix: String },
}

/// What a vertex does.
pub(crate) enum Work {
    /// A stateless operator: it can be fused with others.
    Stage(Arc<dyn Stage>),
    /// Any other operator, and the tables that it is about.
    Operator {
        operator: Box<dyn Operator>,
        /// The tables that it writes.
        writes: Vec<TableId>,
        /// The tables that it only reads.
        reads: Vec<TableId>,
        /// Whether it is kept though nothing follows it.
        is_end: bool,
    },
    /// An operator inside of a recursion that is no linear one.
    Nested {
        operator: Box<dyn ErasedNested>,
        writes: Vec<TableId>,
        reads: Vec<TableId>,
    },
    /// What a recursion feeds back.
    Feedback,
    /// A recursion, made of the vertices inside of it.
    Recursion {
        region: RegionId,
        /// The vertex inside that puts out what is fed back.
        next: VertexId,
        build: Box<BuildRecursion>,
    },
}

impl Work {
    pub(crate) fn operator(operator: impl Operator) -> Self {
        Self::Operator {
            operator: Box::new(operator),
            writes: Vec::new(),
            reads: Vec::new(),
            is_end: false,
        }
    }

    pub(crate) fn nested(operator: impl Nested) -> Self {
        Self::Nested {
            operator: Box::new(operator),
            writes: Vec::new(),
            reads: Vec::new(),
        }
    }

    pub(crate) fn writing(mut self, table: TableId) -> Self {
        if let Self::Operator { writes, .. } | Self::Nested { writes, .. } = &mut self {
            writes.push(table);
        }
        self
    }

    pub(crate) fn reading(mut self, table: TableId) -> Self {
        if let Self::Operator { reads, .. } | Self::Nested { reads, .. } = &mut self {
            reads.push(table);
        }
        self
    }

    /// Kept though nothing follows it.
    pub(crate) fn ending(mut self) -> Self {
        self.set_ending();
        self
    }

    pub(crate) fn set_ending(&mut self) {
        if let Self::Operator { is_end, .. } = self {
            *is_end = true;
        }
    }

    /// The tables that it writes.
    pub(crate) fn tables(&self) -> &[TableId] {
        match self {
            Self::Operator { writes, .. } | Self::Nested { writes, .. } => writes,
            Self::Stage(_) | Self::Feedback | Self::Recursion { .. } => &[],
        }
    }

    /// The tables that it only reads.
    pub(crate) fn reads(&self) -> &[TableId] {
        match self {
            Self::Operator { reads, .. } | Self::Nested { reads, .. } => reads,
            Self::Stage(_) | Self::Feedback | Self::Recursion { .. } => &[],
        }
    }
}

/// A table as the builder made it: the name of its vertex is not known yet.
pub(crate) struct TableDraft {
    /// A `TypedTable<K, T>`.
    typed: Box<dyn DraftedTable>,
    /// How much of its history stays, where any is kept.
    retention: Option<Retention>,
}

/// A typed table that can still change.
trait DraftedTable: Any {
    fn schema_mut(&mut self) -> &mut TableSchema;
    fn set_history(&mut self, new: NewHistory);
    fn finish(self: Box<Self>) -> Arc<dyn ErasedTable>;
    /// A `&mut Vec<Box<dyn SecondaryIndex<T>>>` is reached through the type of the rows.
    fn add(&mut self, index: Box<dyn Any>);
}

/// A secondary index on its way to its table.
struct NewSecondary<T>(Box<dyn crate::state::SecondaryIndex<T>>);

impl<K: IndexKey, T: Row> DraftedTable for TypedTable<K, T> {
    fn schema_mut(&mut self) -> &mut TableSchema {
        &mut self.schema
    }

    fn set_history(&mut self, new: NewHistory) {
        self.schema.history = true;
        self.new_history = Some(new);
    }

    fn finish(self: Box<Self>) -> Arc<dyn ErasedTable> {
        Arc::from(self as Box<dyn ErasedTable>)
    }

    fn add(&mut self, index: Box<dyn Any>) {
        let index: Box<NewSecondary<T>> = index
            .downcast()
            .expect("the view's handle has its row type");
        self.schema.secondary.push(index.0.schema());
        self.secondary.push(index.0);
    }
}

impl TableDraft {
    pub(crate) fn new<K: IndexKey, T: Row>(table: TypedTable<K, T>) -> Self {
        Self {
            typed: Box::new(table),
            retention: None,
        }
    }

    /// Adds a secondary index, and returns its number as view handles count them.
    pub(crate) fn add_secondary<T: Row, K2: IndexKey>(&mut self, index: Index<T, K2>) -> usize {
        self.typed.add(Box::new(NewSecondary::<T>(Box::new(index))));
        self.typed.schema_mut().secondary.len()
    }

    pub(crate) fn schema_mut(&mut self) -> &mut TableSchema {
        self.typed.schema_mut()
    }

    /// Keeps the history of the table. Says whether it was kept before, and how.
    /// The types are those of the table's primary index.
    pub(crate) fn keep_history<K: IndexKey, T: Row>(
        &mut self,
        retention: Retention,
    ) -> Option<Retention> {
        self.typed.set_history(new_history::<K, T>);
        self.retention.replace(retention)
    }

    pub(crate) fn retention(&self) -> Option<Retention> {
        self.retention
    }

    pub(crate) fn finish(self) -> Arc<dyn ErasedTable> {
        self.typed.finish()
    }
}
