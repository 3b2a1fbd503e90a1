//! What is known of a table from the beginning: its statements, and the types of its columns. It sends nothing.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use deltaview_graph::{Graph, Table, TableId};
use deltaview_schema::{ColumnType, TableSchema};

use crate::history::History;
use crate::names::{
    KeyPart, Term, index_parts, key_parts, parts_of, secondary_parts, table_name, terms_of,
};
use crate::ranges::Range;
use crate::shared::Part;
use crate::statements::{Statements, rows_of, scanned_columns};

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
    /// How it is read by each of its indexes: the primary one first.
    pub(crate) indexes: Vec<Arc<ReadIndex>>,
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
        let from = rows_of(schema, part, namespace);
        let indexes = 0..=schema.secondary.len();
        let indexes = indexes.map(|index| Arc::new(ReadIndex::of(schema, index, &from)));
        Self {
            indexes: indexes.collect(),
            schema: schema.clone(),
            vertex: table.schema().vertex.clone(),
            name: table_name(table.schema()),
            part,
            shown_in,
            from,
            statements: Statements::of(schema, part, namespace),
            primary: types(parts_of(&schema.primary)),
            key: types(key_parts(schema)),
            secondary: types(secondary_parts(schema)),
            history: retention.map(|retention| History::of(schema, namespace, retention)),
            caution: AtomicU32::new(0),
        }
    }
}

/// What is known of a table and one of its indexes, where rows are read by that.
pub(crate) struct ReadIndex {
    pub(crate) schema: TableSchema,
    /// 0 for the primary index, 1 for the first secondary one.
    pub(crate) position: usize,
    /// What the rows are selected from, as `t`.
    pub(crate) from: String,
    /// The columns of the index.
    pub(crate) parts: Vec<KeyPart>,
    /// What the index is ordered by, down to the single row.
    pub(crate) terms: Vec<Term>,
    /// How many of the terms are of the key.
    pub(crate) terms_of_key: usize,
    /// What is read of a row.
    pub(crate) columns: String,
    /// Reads a row of a key, whose values are bound.
    pub(crate) get: Arc<str>,
    /// What is done, for an error.
    pub(crate) doing: String,
}

impl ReadIndex {
    fn of(schema: &TableSchema, position: usize, from: &str) -> Self {
        let parts = parts_of(schema.index_at(position));
        let terms = terms_of(&index_parts(schema, position), "t.");
        let terms_of_key = terms_of(&parts, "").len();
        let columns = scanned_columns(schema, position);
        let bound = parts.iter().enumerate();
        let bound = bound.flat_map(|(i, part)| part.bound_terms(i + 1));
        let bound: Vec<String> = bound.collect();
        let is_key = Range::equal(terms_of_key).condition(&terms, &bound, &[], false);
        Self {
            schema: schema.clone(),
            position,
            get: format!("SELECT {columns} FROM {from} WHERE {is_key} LIMIT 1").into(),
            from: from.to_string(),
            parts,
            terms,
            terms_of_key,
            columns,
            doing: format!("reading table `{}`", table_name(schema)),
        }
    }
}
