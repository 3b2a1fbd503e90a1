//! The names of tables and columns, and the statements that read and write a table. SQL is made once a table; values
//! are always bound.

use deltaview_schema::{Column, IndexSchema, TableSchema};

use crate::fetch::StoredRow;
use crate::packed::Packing;

pub(crate) const IDENTITY: &str = "identity";
pub(crate) const DATA: &str = "data";
pub(crate) const COUNT: &str = "c";
pub(crate) const STATE: &str = "state";

/// A name, quoted.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The name of the column that a key's part is stored in.
pub(crate) fn stored_name(index: &IndexSchema, column: &Column) -> String {
    if column.nullable {
        format!("ixk__{}__{}", index.name, column.name)
    } else {
        column.sql_name(&index.name)
    }
}

/// Columns with their directions: what a table or an index is ordered by.
#[derive(Clone, Debug)]
pub(crate) struct Ordered(pub(crate) Vec<(String, Direction)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Direction {
    pub(crate) fn reversed_if(self, reverse: bool) -> Self {
        match (self, reverse) {
            (Self::Ascending, true) => Self::Descending,
            (Self::Descending, true) => Self::Ascending,
            (same, false) => same,
        }
    }
}

impl Ordered {
    /// As in `PRIMARY KEY (…)` and `ON table (…)`.
    pub(crate) fn definition(&self) -> String {
        self.order_by(false)
    }

    /// As in `ORDER BY …`.
    pub(crate) fn order_by(&self, reverse: bool) -> String {
        let columns: Vec<String> = self
            .0
            .iter()
            .map(|(name, direction)| match direction.reversed_if(reverse) {
                Direction::Ascending => name.clone(),
                Direction::Descending => format!("{name} DESC"),
            })
            .collect();
        columns.join(", ")
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}

fn ordered_by(index: &IndexSchema) -> Vec<(String, Direction)> {
    let direction = |column: &Column| {
        if column.descending {
            Direction::Descending
        } else {
            Direction::Ascending
        }
    };
    index
        .columns
        .iter()
        .map(|column| (quote(&stored_name(index, column)), direction(column)))
        .collect()
}

/// The primary key: the columns of the primary index, and the identity where there is one.
pub(crate) fn key_columns(schema: &TableSchema) -> Ordered {
    let mut columns = ordered_by(&schema.primary);
    if schema.has_identity() {
        columns.push((quote(IDENTITY), Direction::Ascending));
    }
    Ordered(columns)
}

/// What an index of a table is ordered by, down to the single row: 0 is the primary key, others are secondary.
pub(crate) fn index_columns(schema: &TableSchema, index: usize) -> Ordered {
    if index == 0 {
        return key_columns(schema);
    }
    // With the whole primary key, which SQLite has in each index in any case: rows that differ in their keys alone can have
    // one identity, as it leaves out what the key has.
    let mut columns = ordered_by(schema.index_at(index));
    columns.extend(key_columns(schema).0);
    Ordered(columns)
}

/// What of a table is read and written: see [`shared`](crate::shared).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it; or of a shared table the rows of the view.
    Data,
    /// The groups whose table is shared with a view.
    State,
}

/// The statements of one table.
pub(crate) struct Statements {
    /// The rows of a key: identity, data, weight; for a state also the data of the view.
    pub(crate) fetch: String,
    /// A table with one row a key: the data of a key's row.
    pub(crate) data: String,
    /// All rows: identity, data, weight. What follows can filter and order them.
    pub(crate) fetch_all: String,
    /// The weight of a row, by the whole primary key.
    pub(crate) weight: String,
    /// A table with one row a key: puts a row.
    pub(crate) put: String,
    /// The same, but that SQLite does not take back what it has done where it fails halfway. In a table without further
    /// indexes it then writes what is in the key's place without looking whether anything is.
    pub(crate) replace: String,
    /// Inserts a row with its weight, unless it is there.
    pub(crate) insert: String,
    /// Adds a weight to a row, new or not, and returns the sum.
    pub(crate) add: String,
    /// Sets the weight of a row that is there: the weight, then the key.
    pub(crate) set: String,
    /// Deletes a row by the whole primary key.
    pub(crate) delete: String,
    /// Deletes a row by the whole primary key where it has a weight.
    pub(crate) delete_weighing: String,
    /// A shared table: the data and the state of a key.
    pub(crate) both: String,
    /// A shared table: puts a key with its data and its state.
    pub(crate) put_both: String,
    /// The same, as `replace` is to `put`.
    pub(crate) replace_both: String,
}

/// The weight of a row.
fn weight(schema: &TableSchema) -> String {
    if schema.unique {
        "1".to_string()
    } else {
        quote(COUNT)
    }
}

/// What a row is read as: identity, data, weight, and the columns that are left out of the rows; behind them, for a state,
/// the data of the view.
pub(crate) fn row_columns(schema: &TableSchema, part: Part) -> Vec<String> {
    let mut columns = row_columns_by_key(schema, part);
    let of_key = Packing::of(schema);
    let of_key = of_key.columns().iter().map(|column| {
        let column = &schema.primary.columns[*column];
        quote(&stored_name(&schema.primary, column))
    });
    columns.splice(StoredRow::COLUMNS..StoredRow::COLUMNS, of_key);
    columns
}

/// The same without what whoever looks for a key has already.
fn row_columns_by_key(schema: &TableSchema, part: Part) -> Vec<String> {
    let identity = if schema.has_identity() {
        quote(IDENTITY)
    } else {
        "NULL".to_string()
    };
    let data = match part {
        Part::Data => DATA,
        Part::State => STATE,
    };
    let mut columns = vec![identity, quote(data), weight(schema)];
    if part == Part::State {
        columns.push(quote(DATA));
    }
    columns
}

impl Statements {
    /// Those of a table, or of a part of it.
    pub(crate) fn of(schema: &TableSchema, part: Part) -> Self {
        let table = quote(&schema.name(None));
        let row = row_columns(schema, part).join(", ");
        let key = key_columns(schema);
        let equal = |columns: &[&str], first: usize| {
            let terms: Vec<String> = columns
                .iter()
                .enumerate()
                .map(|(i, name)| format!("{name} = ?{}", first + i))
                .collect();
            if terms.is_empty() {
                "1".to_string()
            } else {
                terms.join(" AND ")
            }
        };
        let key_names: Vec<&str> = key.names().collect();
        let index_names = &key_names[..schema.primary.columns.len()];

        let mut columns: Vec<String> = key_names.iter().map(ToString::to_string).collect();
        columns.push(quote(DATA));
        if !schema.unique {
            columns.push(quote(COUNT));
        }
        let secondary: Vec<String> = schema
            .secondary
            .iter()
            .flat_map(|index| {
                index
                    .columns
                    .iter()
                    .map(|column| quote(&stored_name(index, column)))
            })
            .collect();
        columns.extend(secondary.clone());
        let places: Vec<String> = (1..=columns.len()).map(|i| format!("?{i}")).collect();
        let insert = format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            columns.join(", "),
            places.join(", ")
        );
        let conflict = key_names.join(", ");
        let replaced: Vec<String> = std::iter::once(quote(DATA))
            .chain(secondary)
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let count = quote(COUNT);
        let (data, state) = (quote(DATA), quote(STATE));
        let keys = key_names.len();
        let both: Vec<String> = (1..=keys + 2).map(|i| format!("?{i}")).collect();
        let both = format!(
            "INTO {table} ({conflict}, {data}, {state}) VALUES ({})",
            both.join(", ")
        );
        let put_both = format!(
            "INSERT {both} ON CONFLICT ({conflict}) DO UPDATE SET {data} = excluded.{data}, {state} = excluded.{state}"
        );
        let put = format!(
            "{insert} ON CONFLICT ({conflict}) DO UPDATE SET {}",
            replaced.join(", ")
        );
        let [replace, replace_both] = if schema.secondary.is_empty() {
            [
                insert.replacen("INSERT", "INSERT OR REPLACE", 1),
                format!("INSERT OR REPLACE {both}"),
            ]
        } else {
            [put.clone(), put_both.clone()]
        };
        Self {
            put,
            replace,
            replace_both,
            both: format!(
                "SELECT {data}, {state} FROM {table} WHERE {}",
                equal(&key_names, 1)
            ),
            put_both,
            fetch: format!(
                "SELECT {} FROM {table} WHERE {}",
                row_columns_by_key(schema, part).join(", "),
                equal(index_names, 1)
            ),
            data: format!(
                "SELECT {} FROM {table} WHERE {}",
                quote(DATA),
                equal(index_names, 1)
            ),
            fetch_all: format!("SELECT {row} FROM {table}"),
            weight: format!(
                "SELECT {} FROM {table} WHERE {}",
                weight(schema),
                equal(&key_names, 1)
            ),
            insert: format!("{insert} ON CONFLICT ({conflict}) DO NOTHING"),
            add: format!(
                "{insert} ON CONFLICT ({conflict}) DO UPDATE SET {count} = {count} + excluded.{count} \
                 RETURNING {count}"
            ),
            set: format!(
                "UPDATE {table} SET {count} = ?1 WHERE {}",
                equal(&key_names, 2)
            ),
            delete: format!("DELETE FROM {table} WHERE {}", equal(&key_names, 1)),
            delete_weighing: format!(
                "DELETE FROM {table} WHERE {} AND {count} = ?{}",
                equal(&key_names, 1),
                key_names.len() + 1
            ),
        }
    }
}
