//! What is known of a table from the beginning: its statements, and the types of its columns. It sends nothing.

use std::sync::atomic::AtomicU32;

use deltaview_graph::{Graph, Table, TableId};
use deltaview_schema::{ColumnType, TableSchema};

use crate::history::History;
use crate::names::{KeyPart, key_parts, parts_of, secondary_parts, table_name};
use crate::shared::Part;
use crate::statements::{Statements, rows_of};

/// A table with its statements; or a part of a shared one.
pub(crate) struct EngineTable {
    /// The groups of a shared table are described as their view is, whose key they have.
    pub(crate) schema: TableSchema,
    pub(crate) vertex: String,
    /// What the catalog has it as.
    pub(crate) name: String,
    pub(crate) part: Part,
    /// The view whose table it is kept in.
    pub(crate) shown_in: Option<TableId>,
    /// What its rows are selected from, as `t`.
    pub(crate) from: String,
    pub(crate) statements: Statements,
    /// The types of the columns of the primary index.
    pub(crate) primary: Vec<ColumnType>,
    /// Those of the whole key: with the identity where there is one.
    pub(crate) key: Vec<ColumnType>,
    /// Those of the columns of further indexes.
    pub(crate) secondary: Vec<ColumnType>,
    /// Where the table has a past.
    pub(crate) history: Option<History>,
    /// For so many commits, rows that were not seen are not expected to be new.
    pub(crate) caution: AtomicU32,
}

impl EngineTable {
    pub(crate) fn new(graph: &Graph, table: &Table, namespace: &str) -> Self {
        let retention = table.retention();
        let (part, shown_in) = Part::of(graph, table.id());
        let schema = match shown_in {
            Some(view) => graph.table(view).schema(),
            None => table.schema(),
        };
        let types = |parts: Vec<KeyPart>| parts.iter().map(|part| part.column_type).collect();
        Self {
            schema: schema.clone(),
            vertex: table.schema().vertex.clone(),
            name: table_name(table.schema()),
            part,
            shown_in,
            from: rows_of(schema, part, namespace),
            statements: Statements::of(schema, part, namespace),
            primary: types(parts_of(&schema.primary)),
            key: types(key_parts(schema)),
            secondary: types(secondary_parts(schema)),
            history: retention.map(|retention| History::of(schema, namespace, retention)),
            caution: AtomicU32::new(0),
        }
    }
}
