//! A stored table as data: its names, its columns and its row shape, for any dialect. It never writes SQL.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use crate::key::{ColumnType, KeyValue};
use crate::{Indexable, Shape};

/// A column of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name of the field that it holds, unique within the index.
    pub name: String,
    /// What it holds.
    pub column_type: ColumnType,
    /// Whether it can hold `None`.
    pub nullable: bool,
    /// Whether it is ordered from the greatest to the least.
    pub descending: bool,
}

impl Column {
    /// The name of the column in SQL: `ixd__<index>__<field>`.
    pub fn sql_name(&self, index: &str) -> String {
        format!("ixd__{index}__{}", self.name)
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.column_type)?;
        if self.nullable {
            f.write_str(" or none")?;
        }
        f.write_str(if self.descending {
            " descending"
        } else {
            " ascending"
        })
    }
}

/// An index as data: its name and its columns, in the order of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    /// The name of the index.
    pub name: String,
    /// Its columns, the most significant first. None for a table without a key.
    pub columns: Vec<Column>,
}

impl IndexSchema {
    /// The order of two keys of the index, of which each has a value for each column: that in which a table has its rows.
    pub fn order(&self, one: &[KeyValue<'_>], other: &[KeyValue<'_>]) -> Ordering {
        let mut columns = one.iter().zip(other).zip(&self.columns);
        let differs = columns.find_map(|((one, other), column)| {
            let by_value = one.cmp(other);
            let by_value = if column.descending {
                by_value.reverse()
            } else {
                by_value
            };
            by_value.is_ne().then_some(by_value)
        });
        differs.unwrap_or(Ordering::Equal)
    }

    /// The names of the columns in SQL, in order.
    pub fn sql_names(&self) -> impl Iterator<Item = String> + '_ {
        self.columns
            .iter()
            .map(|column| column.sql_name(&self.name))
    }
}

/// A stored table: the rows of one arrangement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// The name of the graph.
    pub graph: String,
    /// The name of the vertex whose state this is.
    pub vertex: String,
    /// What the table is to the vertex: `by_<index>`, `groups`, `view`, ….
    pub role: String,
    /// The shape of the rows.
    pub row: Shape,
    /// The index that the table is clustered by.
    pub primary: IndexSchema,
    /// The further indexes.
    pub secondary: Vec<IndexSchema>,
    /// Whether a key has at most one row, with a weight of one. Such a table is keyed by its index alone, without
    /// the identity of the row.
    pub unique: bool,
    /// Whether what the table was at each time is kept.
    pub history: bool,
}

impl TableSchema {
    /// The table that holds rows of `T` with all the indexes that `T` declares, without a graph.
    ///
    /// ```
    /// use deltaview_schema::TableSchema;
    ///
    /// let table = TableSchema::of::<String>("words");
    /// assert_eq!(table.name(None), "words");
    /// ```
    pub fn of<T: Indexable>(name: &str) -> Self {
        Self {
            graph: String::new(),
            vertex: name.to_string(),
            role: String::new(),
            row: Shape::of::<T>(),
            primary: T::default_index().schema(),
            secondary: T::indexes(),
            unique: false,
            history: false,
        }
    }

    /// The table's name: graph, vertex and role, joined by `__`.
    ///
    /// Where that is longer than `limit` bytes, it is cut, and ends in eight hexadecimal digits of the BLAKE3 hash of
    /// the whole name.
    ///
    /// ```
    /// use deltaview_schema::TableSchema;
    ///
    /// let mut table = TableSchema::of::<String>(&"long".repeat(30));
    /// table.graph = "shop".to_string();
    /// assert_eq!(table.name(Some(63)).len(), 63);
    /// ```
    pub fn name(&self, limit: Option<usize>) -> String {
        let parts = [&self.graph, &self.vertex, &self.role];
        let whole: Vec<&str> = parts
            .iter()
            .map(|part| part.as_str())
            .filter(|part| !part.is_empty())
            .collect();
        cut_name(&whole.join("__"), limit)
    }

    /// All the indexes: the clustered one, then the others.
    pub fn indexes(&self) -> impl Iterator<Item = &IndexSchema> {
        std::iter::once(&self.primary).chain(&self.secondary)
    }

    /// An index by its position, as [`Self::indexes`] has them: 0 is the primary one.
    ///
    /// # Panics
    ///
    /// The table has fewer indexes.
    pub fn index_at(&self, position: usize) -> &IndexSchema {
        match position.checked_sub(1) {
            None => &self.primary,
            Some(secondary) => &self.secondary[secondary],
        }
    }

    /// Whether the table's key ends in the row's identity. A table with one row in all has it too, always empty: a key
    /// needs a column.
    pub fn has_identity(&self) -> bool {
        !self.unique || self.primary.columns.is_empty()
    }

    /// What a database remembers of this table: lines of a path and what is there.
    pub fn description(&self) -> Vec<(String, String)> {
        let mut lines = self.row.lines("row");
        for (i, index) in self.indexes().enumerate() {
            let kind = if i == 0 {
                "the primary index"
            } else {
                "a secondary index"
            };
            let path = format!("index {}", index.name);
            lines.push((path.clone(), kind.to_string()));
            for (position, column) in index.columns.iter().enumerate() {
                lines.push((
                    format!("{path}.{}", column.name),
                    format!("column {} ({column})", position + 1),
                ));
            }
        }
        let rows = if self.unique {
            "one row a key"
        } else {
            "any number of rows a key"
        };
        lines.push(("rows".to_string(), rows.to_string()));
        // Where there is none there is no line: tables that were made before there was history are the same.
        if self.history {
            lines.push(("history".to_string(), "kept".to_string()));
        }
        lines
    }

    /// The first 128 bits of the BLAKE3 hash of the description, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, what) in self.description() {
            hasher.update(path.as_bytes());
            hasher.update(b"\0");
            hasher.update(what.as_bytes());
            hasher.update(b"\0");
        }
        hasher.finalize().to_hex()[..32].to_string()
    }
}

/// Cuts a name to a limit of bytes: a longer one ends in eight hexadecimal digits of the BLAKE3 hash of the whole.
pub fn cut_name(name: &str, limit: Option<usize>) -> String {
    const HASH_DIGITS: usize = 8;
    match limit {
        Some(limit) if name.len() > limit => {
            let hash = blake3::hash(name.as_bytes()).to_hex();
            let mut end = limit.saturating_sub(HASH_DIGITS + 1);
            while !name.is_char_boundary(end) {
                end -= 1;
            }
            format!("{}_{}", &name[..end], &hash[..HASH_DIGITS])
        }
        _ => name.to_string(),
    }
}

/// One thing in which a stored table differs from the graph's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where: `row.price`, `index name.name`, ….
    pub path: String,
    /// What the graph has there, if anything.
    pub graph: Option<String>,
    /// What the database has there, if anything.
    pub stored: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self
            .path
            .strip_prefix("row.")
            .map_or_else(|| self.path.clone(), |field| format!("field {field}"));
        match (&self.graph, &self.stored) {
            (Some(graph), Some(stored)) => {
                write!(f, "{path}: {stored} in the database, {graph} in the graph")
            }
            (Some(graph), None) => {
                write!(f, "{path}: {graph} in the graph, missing in the database")
            }
            (None, Some(stored)) => {
                write!(f, "{path}: {stored} in the database, missing in the graph")
            }
            (None, None) => write!(f, "{path}: missing in both"),
        }
    }
}

/// Compares two descriptions, path by path, in the order of the graph's.
pub fn describe_differences(
    graph: &[(String, String)],
    stored: &[(String, String)],
) -> Vec<Difference> {
    let by_path = |lines: &[(String, String)]| lines.iter().cloned().collect::<BTreeMap<_, _>>();
    let (in_graph, in_store) = (by_path(graph), by_path(stored));
    let only_stored = stored
        .iter()
        .filter(|(path, _)| !in_graph.contains_key(path));
    let mut differences: Vec<Difference> = graph
        .iter()
        .chain(only_stored)
        .map(|(path, _)| Difference {
            path: path.clone(),
            graph: in_graph.get(path).cloned(),
            stored: in_store.get(path).cloned(),
        })
        .filter(|difference| difference.graph != difference.stored)
        .collect();
    if differences.is_empty() && graph != stored {
        differences.push(Difference {
            path: "the order of the fields".to_string(),
            graph: Some(
                graph
                    .iter()
                    .map(|(path, _)| path.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            stored: Some(
                stored
                    .iter()
                    .map(|(path, _)| path.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
        });
    }
    differences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(path, what)| (path.to_string(), what.to_string()))
            .collect()
    }

    #[test]
    fn keys_are_in_the_order_of_their_columns() {
        let column = |name: &str, descending| Column {
            name: name.to_string(),
            column_type: ColumnType::Int,
            nullable: true,
            descending,
        };
        let index = IndexSchema {
            name: "by_both".to_string(),
            columns: vec![column("first", false), column("second", true)],
        };
        let key = |first, second| [KeyValue::Int(first), KeyValue::Int(second)];
        assert_eq!(index.order(&key(1, 2), &key(2, 1)), Ordering::Less);
        assert_eq!(index.order(&key(1, 2), &key(1, 1)), Ordering::Less);
        assert_eq!(index.order(&key(1, 1), &key(1, 2)), Ordering::Greater);
        assert_eq!(index.order(&key(1, 1), &key(1, 1)), Ordering::Equal);
        let none = [KeyValue::Null, KeyValue::Int(1)];
        assert_eq!(index.order(&none, &key(1, 1)), Ordering::Less);
    }

    #[test]
    fn differences_are_told_field_by_field() {
        let graph = lines(&[
            ("row.name", "String"),
            ("row.price", "i64"),
            ("row.new", "u8"),
        ]);
        let stored = lines(&[
            ("row.name", "String"),
            ("row.price", "String"),
            ("row.old", "u8"),
        ]);
        let told: Vec<String> = describe_differences(&graph, &stored)
            .iter()
            .map(Difference::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "field price: String in the database, i64 in the graph",
                "field new: u8 in the graph, missing in the database",
                "field old: u8 in the database, missing in the graph",
            ]
        );
    }

    #[test]
    fn fields_in_another_order_differ() {
        let graph = lines(&[("row.a", "i64"), ("row.b", "i64")]);
        let stored = lines(&[("row.b", "i64"), ("row.a", "i64")]);
        assert_eq!(describe_differences(&graph, &stored).len(), 1);
        assert!(describe_differences(&graph, &graph).is_empty());
    }

    #[test]
    fn history_is_a_line_where_it_is_kept() {
        let mut table = TableSchema::of::<String>("words");
        let plain = (table.fingerprint(), table.description());
        table.history = true;
        assert_ne!(table.fingerprint(), plain.0);
        assert_eq!(table.description().len(), plain.1.len() + 1);
        assert!(!plain.1.iter().any(|(path, _)| path == "history"));
    }

    #[test]
    fn a_cut_name_is_within_the_limit_and_tells_names_apart() {
        let one = cut_name(&"é".repeat(60), Some(63));
        let other = cut_name(&"é".repeat(61), Some(63));
        assert!(one.len() <= 63 && other.len() <= 63);
        assert_ne!(one, other);
        assert_eq!(cut_name("short", Some(63)), "short");
    }
}
