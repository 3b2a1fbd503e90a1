//! A view's table as it was at a time, as a sub-query: the rows that were there then and still are, and the versions that
//! were valid then. It reads nothing itself.
//!
//! Versions are looked for at the nodes of the [path](deltaview_store::history::Path) to the time. For whole keys that is a
//! search for each node, which costs the server little to plan. For ranges each node is a branch of its own: each branch
//! is read in the order of an index, and the server merges them, so that the first rows come at once and nothing is
//! sorted. The same condition and the same order are written into each of the branches, for the planner takes neither
//! into a branch that has a condition of its own.

use deltaview_schema::TableSchema;
use deltaview_store::history::Path;

use super::ddl::SINCE;
use super::sql::History;
use crate::ddl::CLOCK;
use crate::engine::Engine;
use crate::names::{
    COUNT, DATA, IDENTITY, Term, index_parts, literal, order_by, parts_of, secondary_parts,
};
use crate::table::EngineTable;

/// A view's table as of a time.
#[derive(Clone, Debug)]
pub(crate) struct At {
    history: History,
    time: i64,
    /// The last time of the state that is read.
    last: i64,
    /// The clock's last complete time, as an expression.
    now: String,
    /// The columns of the table, and of its versions in the same order.
    present: String,
    over: String,
}

impl At {
    /// In a state whose last time is not later than `last`.
    pub(crate) fn new(engine: &Engine, table: &EngineTable, time: i64, last: i64) -> Self {
        let schema = &table.schema;
        let history = table.history.as_ref().expect("the table has history");
        let now = format!(
            "(SELECT \"complete\" FROM {} WHERE \"graph\" = {})",
            engine.place(CLOCK),
            literal(&schema.graph)
        );
        let (present, over) = columns(schema);
        Self {
            history: history.clone(),
            time,
            last,
            now,
            present,
            over,
        }
    }

    /// What a row is read as where it is read by an index: as
    /// [`scanned_columns`](crate::statements::scanned_columns) has it.
    pub(crate) fn scanned_columns(&self, schema: &TableSchema, index: usize) -> String {
        let mut columns = format!(
            "t.{IDENTITY}, {} AS {DATA}, t.{COUNT}",
            self.history.sql_data()
        );
        for (i, part) in index_parts(schema, index).iter().enumerate() {
            columns.push_str(&format!(", t.{} AS s{i}", part.name));
        }
        columns
    }

    /// The rows `t` that meet a condition on `t`, which is about one key.
    pub(crate) fn rows_of_key(&self, condition: &str) -> String {
        // Whatever comes later: a node that has no versions is no more than a search in vain.
        let path = Path::of(self.time, i64::MAX);
        let search = |nodes: Vec<i64>, valid: String, only: String| {
            let nodes: Vec<String> = nodes.iter().map(i64::to_string).collect();
            format!(
                "SELECT t.* FROM pg_catalog.unnest('{{{}}}'::bigint[]) AS n(n) CROSS JOIN LATERAL (SELECT {} FROM {} AS t \
                 WHERE t.\"node\" = n.n AND {condition} AND {valid} OFFSET 0) AS t{only}",
                nodes.join(","),
                self.over,
                self.history.versions,
            )
        };
        let only = format!(" WHERE n.n < {}", self.now);
        let branches = [
            self.present(condition, ""),
            search(path.up_to().collect(), self.ends_later(), String::new()),
            search(path.behind().collect(), self.began(), only),
        ];
        format!("({}) AS t", branches.join(" UNION ALL "))
    }

    /// The rows `t` that meet a condition on `t`, each branch of them in the order of an index; and that order.
    ///
    /// What they are ordered by is among their columns, for the planner sees the order of a branch by its columns alone.
    pub(crate) fn rows_in_order(
        &self,
        condition: &str,
        terms: &[Term],
        backward: bool,
    ) -> (String, String) {
        let (mut ordered, mut named) = (String::new(), terms.to_vec());
        for (i, term) in named.iter_mut().enumerate() {
            ordered.push_str(&format!(", {} AS o{i}", term.sql));
            term.sql = format!("t.o{i}");
        }
        let order = order_by(terms, backward);
        let path = Path::of(self.time, self.last);
        let branch = |node: i64, valid: String| {
            format!(
                "SELECT {}{ordered} FROM {} AS t WHERE t.\"node\" = {node} AND {valid} AND {condition}",
                self.over, self.history.versions
            )
        };
        let up_to = path.up_to().map(|node| branch(node, self.ends_later()));
        let behind = path.behind().map(|node| branch(node, self.began()));
        let branches: Vec<String> = std::iter::once(self.present(condition, &ordered))
            .chain(up_to)
            .chain(behind)
            .map(|branch| format!("({branch} ORDER BY {order})"))
            .collect();
        let rows = format!("({}) AS t", branches.join(" UNION ALL "));
        (rows, order_by(&named, backward))
    }

    fn present(&self, condition: &str, more: &str) -> String {
        format!(
            "SELECT {}{more} FROM {} AS t WHERE {condition} AND {}",
            self.present,
            self.history.table,
            self.began()
        )
    }

    fn began(&self) -> String {
        format!("t.{SINCE} <= {}", self.time)
    }

    fn ends_later(&self) -> String {
        format!("t.\"until\" > {}", self.time)
    }
}

/// What is read of a row of the table, and of one of its versions: identity, data, weight, since, and the columns of all
/// indexes.
pub(super) fn columns(schema: &TableSchema) -> (String, String) {
    let weight = if schema.unique {
        format!("1::bigint AS {COUNT}")
    } else {
        format!("t.{COUNT}")
    };
    let identity = if schema.unique {
        format!("NULL::bytea AS {IDENTITY}")
    } else {
        format!("t.{IDENTITY}")
    };
    let parts = parts_of(&schema.primary).into_iter();
    let keys: String = parts
        .chain(secondary_parts(schema))
        .map(|part| format!(", t.{}", part.name))
        .collect();
    (
        format!("{identity}, t.{DATA}, {weight}, t.{SINCE}{keys}"),
        format!("t.{IDENTITY}, NULL::bytea AS {DATA}, {weight}, t.{SINCE}{keys}"),
    )
}
