//! The catalog: what a database remembers of the graphs in it, and how that is compared with the graph that opens it.
//! Every store that outlives the process has the same one; how it is written and read is the store's business.

use std::collections::BTreeMap;

use deltaview_graph::Graph;
use deltaview_schema::{TableSchema, describe_differences};

use crate::{Error, ErrorKind};

/// The version of the format of the tables. A database of a newer one is not opened, and one that is older than a store can
/// read is not either: see [`refuse_older`].
///
/// - 3: in SQLite the log of a view with history has the versions that are not filed yet. Postgres writes what it wrote before.
/// - 2: in SQLite a number of 64 bits without sign is an integer in the columns of keys, and a row is stored without the
///   whole of its key. Postgres writes what it wrote before.
/// - 1: the first.
pub const FORMAT_VERSION: i64 = 3;

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

/// What a database has of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing at all.
    Nothing,
    /// The tables that the graph wants.
    Same,
}

/// A table or an index of a graph, as a database knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<'a> {
    /// What it is: `table`, `index`.
    pub kind: &'static str,
    /// Its name in the database.
    pub name: String,
    /// The name of the vertex whose it is.
    pub vertex: &'a str,
}

/// Whether a database has the tables of the catalog, which are created together: all, or none.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`], if it has some.
pub fn has_catalog(
    graph: &Graph,
    tables: &[&str],
    is_there: impl Fn(&str) -> bool,
) -> Result<bool, Error> {
    let missing: Vec<String> = tables
        .iter()
        .filter(|table| !is_there(table))
        .map(|table| format!("table `{table}` is missing"))
        .collect();
    if missing.len() == tables.len() {
        return Ok(false);
    }
    complete(graph, missing)?;
    Ok(true)
}

/// Checks the version of the format that the clock has of a graph. Call it before the entries are read: those of a newer
/// format may be written in another way.
///
/// # Errors
///
/// [`ErrorKind::NewerFormat`].
pub fn check_format(graph: &Graph, clock: Option<i64>) -> Result<(), Error> {
    let Some(format_version) = clock.filter(|version| *version > FORMAT_VERSION) else {
        return Ok(());
    };
    let message = format!(
        "graph `{}` has format version {format_version}, and this version of deltaview knows {FORMAT_VERSION} at \
         most: use a newer deltaview",
        graph.name()
    );
    Err(Error::new(ErrorKind::NewerFormat, message))
}

/// Checks that the version of the format that the clock has of a graph is not older than the oldest that a store can read.
/// Call it with [`check_format`].
///
/// # Errors
///
/// [`ErrorKind::OlderFormat`].
pub fn refuse_older(graph: &Graph, clock: Option<i64>, oldest: i64) -> Result<(), Error> {
    let Some(format_version) = clock.filter(|version| *version < oldest) else {
        return Ok(());
    };
    let message = format!(
        "graph `{}` has format version {format_version}, and this version of deltaview reads {oldest} at least. Nothing was \
         changed: open it with the version that wrote it, or make it anew from its inputs",
        graph.name()
    );
    Err(Error::new(ErrorKind::OlderFormat, message))
}

/// Compares a graph with the entries that a database has of it, and with whether its clock has the graph.
///
/// # Errors
///
/// Those of [`compare`], and [`ErrorKind::Mismatch`] if there are entries and no clock.
pub fn check_entries(
    graph: &Graph,
    of_graph: &[Entry],
    stored: &[Entry],
    has_clock: bool,
) -> Result<Found, Error> {
    if has_clock {
        compare(graph, of_graph, stored)?;
        return Ok(Found::Same);
    }
    if !stored.is_empty() {
        let missing = "table `deltaview_clock` does not have the graph".to_string();
        complete(graph, vec![missing])?;
    }
    Ok(Found::Nothing)
}

/// Checks that nothing of what the catalog says is missing in the database.
///
/// # Errors
///
/// [`ErrorKind::Mismatch`] with a line for each thing that is.
pub fn check_objects<'a>(
    graph: &Graph,
    missing: impl IntoIterator<Item = Object<'a>>,
) -> Result<(), Error> {
    let line = |Object { kind, name, vertex }| {
        format!("vertex `{vertex}`: {kind} `{name}` is in the catalog, missing in the database")
    };
    complete(graph, missing.into_iter().map(line).collect())
}

/// If something is missing, somebody has removed a part of what was created in one transaction.
fn complete(graph: &Graph, missing: Vec<String>) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the database has only a part of graph `{}`: something else than deltaview has changed it. Nothing was changed. \
         Restore it from a backup. What is missing:",
        graph.name()
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_details(missing))
}

/// The error for a name of a graph's that something has which is not in the catalog: it is somebody else's. `place` is
/// where the name is taken, `kind` what has it, and `or_else` what can be done but choosing another name, if anything.
pub fn name_taken(
    graph: &Graph,
    object: &Object<'_>,
    (place, kind): (&str, &str),
    or_else: Option<&str>,
) -> Error {
    let or_else = or_else.map(|way| format!(", or {way}")).unwrap_or_default();
    let message = format!(
        "{place} has a {kind} `{}` already that is not of this graph: give graph `{}` or vertex `{}` another name{or_else}",
        object.name,
        graph.name(),
        object.vertex
    );
    Error::new(ErrorKind::Mismatch, message)
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
