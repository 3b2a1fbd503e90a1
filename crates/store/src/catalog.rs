//! The catalog: what a database remembers of the graphs in it, and how that is compared with the graph that opens it.
//! Every store that outlives the process has the same one; how it is written is the store's business.

use std::collections::BTreeMap;

use deltaview_graph::Graph;
use deltaview_schema::{TableSchema, describe_differences};

use crate::{Error, ErrorKind};

/// The version of the format of the tables. A database of a newer one is not opened.
pub const FORMAT_VERSION: i64 = 1;

/// What the catalog has of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name of the graph.
    pub graph: String,
    /// The name of the vertex whose state the table is.
    pub vertex: String,
    /// What the table is to the vertex.
    pub role: String,
    /// The table's name in the database.
    pub table: String,
    /// A hash of the description.
    pub fingerprint: String,
    /// The row shape and the indexes, a line each: a path, a tab, and what is there.
    pub description: String,
    /// The version of the format that the table was made by.
    pub format_version: i64,
}

impl Entry {
    /// The entry of a table of a graph, in a database whose names are so long at most.
    pub fn of(schema: &TableSchema, name_limit: Option<usize>) -> Self {
        let lines: Vec<String> = schema
            .description()
            .iter()
            .map(|(path, what)| format!("{path}\t{what}"))
            .collect();
        Self {
            graph: schema.graph.clone(),
            vertex: schema.vertex.clone(),
            role: schema.role.clone(),
            table: schema.name(name_limit),
            fingerprint: schema.fingerprint(),
            description: lines.join("\n"),
            format_version: FORMAT_VERSION,
        }
    }

    fn lines(&self) -> Vec<(String, String)> {
        let pair = |line: &str| {
            let (path, what) = line.split_once('\t').unwrap_or((line, ""));
            (path.to_string(), what.to_string())
        };
        self.description.lines().map(pair).collect()
    }
}

/// The entries of a graph's tables, in the order of its plan.
pub fn entries(graph: &Graph, name_limit: Option<usize>) -> Vec<Entry> {
    graph
        .tables()
        .iter()
        .map(|table| Entry::of(table.schema(), name_limit))
        .collect()
}

/// Compares the tables of a graph with what a database has of a graph of that name.
///
/// # Errors
///
/// [`ErrorKind::NewerFormat`], or [`ErrorKind::Mismatch`] with a line for each thing that differs: the vertex, the field,
/// what the database has and what the graph has.
pub fn compare(graph: &Graph, of_graph: &[Entry], stored: &[Entry]) -> Result<(), Error> {
    if let Some(newer) = stored
        .iter()
        .find(|entry| entry.format_version > FORMAT_VERSION)
    {
        return Err(Error::new(
            ErrorKind::NewerFormat,
            format!(
                "graph `{}`: table `{}` has format version {}, and this version of deltaview knows {FORMAT_VERSION} \
                 at most: use a newer deltaview",
                graph.name(),
                newer.table,
                newer.format_version
            ),
        ));
    }
    let place = |entry: &Entry| (entry.vertex.clone(), entry.role.clone());
    let in_store: BTreeMap<_, _> = stored.iter().map(|entry| (place(entry), entry)).collect();
    let in_graph: BTreeMap<_, _> = of_graph.iter().map(|entry| (place(entry), entry)).collect();
    let mut details = Vec::new();
    for entry in of_graph {
        match in_store.get(&place(entry)) {
            None => details.push(format!(
                "vertex `{}`: table `{}` is in the graph, missing in the database",
                entry.vertex, entry.table
            )),
            Some(stored) => details.extend(
                describe_differences(&entry.lines(), &stored.lines())
                    .into_iter()
                    .map(|difference| format!("vertex `{}`: {difference}", entry.vertex)),
            ),
        }
    }
    for entry in stored
        .iter()
        .filter(|entry| !in_graph.contains_key(&place(entry)))
    {
        details.push(format!(
            "vertex `{}`: table `{}` is in the database, missing in the graph",
            entry.vertex, entry.table
        ));
    }
    if details.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the database has graph `{}` in another shape. Nothing was changed. Open it with the graph that it was made \
         with, or give the changed graph another name. What differs:",
        graph.name()
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_details(details))
}

/// A database's way of writing a graph's tables, as the `schema` command knows it.
///
/// The statements make in an empty database what a store makes there when it first opens it with the graph, entries of
/// the catalog included: [`catalog_sql`](Self::catalog_sql) once, then [`graph_sql`](Self::graph_sql) of each graph. Each
/// statement ends in a semicolon and a line break. The same graph gives the same text, always.
pub trait Dialect {
    /// What the command line calls it: `sqlite`, `postgres`.
    fn name(&self) -> &'static str;

    /// The statements that create the tables that every store has, whatever its graphs.
    fn catalog_sql(&self) -> String;

    /// The statements that create the tables of a graph and enter them in the catalog.
    fn graph_sql(&self, graph: &Graph) -> String;
}
