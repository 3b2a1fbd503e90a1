//! The statements that read and write a table by sets of keys, made once a table. A set of keys is bound as one array
//! a column, which `unnest` puts side by side as the rows `k`; the last array, `o`, says which key a row is of.

use deltaview_schema::TableSchema;

use crate::history::since_of;
use crate::names::{
    COUNT, DATA, IDENTITY, KeyPart, STATE, index_parts, key_parts, order_by, parts_of, plain_type,
    qualified, secondary_parts, table_name, terms_of,
};
use crate::shared::Part;

/// Up to so many keys are looked up one by one in the index, whatever the server takes the table for. Of more, it
/// decides: reading the whole of a small table may be faster.
pub(crate) const FEW: usize = 1000;

/// A statement for few keys, and one for many.
#[derive(Clone, Debug)]
pub(crate) struct BySize {
    pub(crate) few: String,
    pub(crate) many: String,
}

impl BySize {
    pub(crate) fn of(&self, keys: usize) -> &str {
        if keys <= FEW { &self.few } else { &self.many }
    }
}

/// The statements of one table.
#[derive(Clone, Debug)]
pub(crate) struct Statements {
    /// The rows of keys: position, identity, data, weight.
    pub(crate) keys: BySize,
    /// The weights of rows, by the whole key: position, weight.
    pub(crate) rows: BySize,
    /// All rows: identity, data, weight.
    pub(crate) all: String,
    /// A table with one row a key: puts rows.
    pub(crate) put: String,
    /// The same, of keys that have a row.
    pub(crate) replace: BySize,
    /// Inserts rows, and fails where one is there.
    pub(crate) insert: String,
    /// Adds weights to rows, new or not.
    pub(crate) add: String,
    /// The same, but fails where a weight becomes zero: its column can't be NULL.
    pub(crate) raise: String,
    /// Deletes rows by the whole key.
    pub(crate) delete: BySize,
    /// Deletes those of some rows whose weights have become zero.
    pub(crate) sweep: BySize,
    /// A table that a view shares with its groups.
    shared: Option<SharedStatements>,
}

/// What is written to one part of a table that has two: see [`shared`](crate::shared).
#[derive(Clone, Debug)]
pub(crate) struct SharedStatements {
    /// Puts the data of keys, whose groups stay as they are.
    pub(crate) put_data: String,
    /// Puts the states of keys, whose data stays as it is.
    pub(crate) put_state: String,
    /// Takes the data of keys out, and deletes the rows that have no state.
    pub(crate) forget_data: BySize,
    /// Takes the states of keys out, and deletes the rows that have no data.
    pub(crate) forget_state: BySize,
}

/// What the rows of a table are selected from, as `t`: the table, or a part of one.
pub(crate) fn rows_of(schema: &TableSchema, part: Part, namespace: &str) -> String {
    let place = qualified(namespace, &table_name(schema));
    let column = match part {
        Part::Whole => return format!("{place} AS t"),
        Part::Rows => DATA,
        Part::Groups => STATE,
    };
    // The planner looks through this: the index is searched as if it were the table.
    let key: String = key_parts(schema)
        .iter()
        .map(|part| format!("{}, ", part.name))
        .collect();
    format!("(SELECT {key}{column} AS {DATA} FROM {place} WHERE {column} IS NOT NULL) AS t")
}

/// What a row is read as: identity, data, weight.
pub(crate) fn row_columns(schema: &TableSchema) -> String {
    let identity = if schema.has_identity() {
        format!("t.{IDENTITY}")
    } else {
        format!("NULL::bytea AS {IDENTITY}")
    };
    let weight = if schema.unique {
        format!("1::bigint AS {COUNT}")
    } else {
        format!("t.{COUNT}")
    };
    format!("{identity}, t.{DATA}, {weight}")
}

/// `unnest` of so many columns, and of the positions.
pub(crate) fn unnested(types: &[&str], with_position: bool) -> String {
    let mut arrays: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(i, name)| format!("${}::{name}[]", i + 1))
        .collect();
    let mut names: Vec<String> = (0..types.len()).map(|i| format!("k{i}")).collect();
    if with_position {
        arrays.push(format!("${}::bigint[]", types.len() + 1));
        names.push("o".to_string());
    }
    format!("unnest({}) AS k({})", arrays.join(", "), names.join(", "))
}

/// That the columns of `t` are those of `k`, term by term, as the index has them.
pub(crate) fn equal(parts: &[KeyPart]) -> String {
    let pairs = parts.iter().enumerate().flat_map(|(i, part)| {
        let stored = part.terms(&format!("t.{}", part.name));
        let asked = part.terms(&format!("k.k{i}"));
        stored
            .into_iter()
            .zip(asked)
            .map(|(stored, asked)| format!("{stored} = {asked}"))
    });
    let terms: Vec<String> = pairs.collect();
    if terms.is_empty() {
        "true".to_string()
    } else {
        terms.join(" AND ")
    }
}

fn types(parts: &[KeyPart]) -> Vec<&'static str> {
    parts
        .iter()
        .map(|part| plain_type(part.column_type))
        .collect()
}

impl Statements {
    /// Those of a table, or of a part of one. Groups in the table of their view are written by the view's.
    pub(crate) fn of(schema: &TableSchema, part: Part, namespace: &str) -> Self {
        let place = qualified(namespace, &table_name(schema));
        let from = rows_of(schema, part, namespace);
        let row = row_columns(schema);
        let index = parts_of(&schema.primary);
        let key = key_parts(schema);
        let found = format!("{IDENTITY}, {DATA}, {COUNT}");
        let values: &[&str] = match part {
            Part::Rows => &[DATA, STATE],
            _ => &[DATA],
        };
        Self {
            keys: look_up(&from, &row, &found, &index),
            rows: look_up(&from, &row, COUNT, &key),
            all: format!("SELECT {row} FROM {from}"),
            put: upsert(schema, values, namespace, &replaced(schema, values)),
            replace: replace(schema, values, namespace),
            insert: insert(schema, values, namespace),
            add: upsert(
                schema,
                values,
                namespace,
                &format!("{COUNT} = t.{COUNT} + excluded.{COUNT}"),
            ),
            raise: upsert(
                schema,
                values,
                namespace,
                &format!("{COUNT} = NULLIF(t.{COUNT} + excluded.{COUNT}, 0)"),
            ),
            delete: delete(&place, &key, ""),
            sweep: delete(&place, &key, &format!(" AND t.{COUNT} = 0")),
            shared: (part == Part::Rows).then(|| {
                let put =
                    |column| upsert(schema, &[column], namespace, &replaced(schema, &[column]));
                SharedStatements {
                    put_data: put(DATA),
                    put_state: put(STATE),
                    forget_data: forget(&place, &key, DATA, STATE),
                    forget_state: forget(&place, &key, STATE, DATA),
                }
            }),
        }
    }

    /// Of a table that a view shares with its groups.
    pub(crate) fn shared(&self) -> &SharedStatements {
        let shared = self.shared.as_ref();
        shared.expect("only a shared table is written in parts")
    }

    /// The rows of keys of an index, in the order of the positions, as `select` selects those `t` that meet a condition.
    pub(crate) fn by_keys(
        schema: &TableSchema,
        index: usize,
        select: impl FnOnce(&str) -> String,
    ) -> String {
        let parts = parts_of(schema.index_at(index));
        let selected = select(&equal(&parts));
        let keys = unnested(&types(&parts), true);
        format!("SELECT r.* FROM {keys} CROSS JOIN LATERAL ({selected} OFFSET 0) AS r ORDER BY k.o")
    }
}

/// What a row is read as where it is read by an index: identity, data, weight, and the columns of the index, down to the
/// single row.
pub(crate) fn scanned_columns(schema: &TableSchema, index: usize) -> String {
    let mut columns = row_columns(schema);
    for (i, part) in index_parts(schema, index).iter().enumerate() {
        columns.push_str(&format!(", t.{} AS s{i}", part.name));
    }
    columns
}

fn look_up(from: &str, row: &str, found: &str, parts: &[KeyPart]) -> BySize {
    let keys = unnested(&types(parts), true);
    let equal = equal(parts);
    let found: Vec<String> = found.split(", ").map(|name| format!("r.{name}")).collect();
    let found = found.join(", ");
    BySize {
        // `OFFSET 0` keeps the planner from turning the search of the index for each key into another kind of join.
        few: format!(
            "SELECT k.o, {found} FROM {keys} CROSS JOIN LATERAL (SELECT {row} FROM {from} WHERE {equal} OFFSET 0) AS r"
        ),
        many: format!(
            "SELECT k.o, {found} FROM {keys} JOIN LATERAL (SELECT {row} FROM {from} WHERE {equal}) AS r ON true"
        ),
    }
}

/// That a row is replaced, in a table with one row a key.
fn replaced(schema: &TableSchema, values: &[&str]) -> String {
    let secondary = secondary_parts(schema);
    let secondary = secondary.iter().map(|part| part.name.as_str());
    let columns = values.iter().copied().chain(secondary);
    let replaced: Vec<String> = columns
        .map(|name| format!("{name} = excluded.{name}"))
        .collect();
    replaced.join(", ")
}

/// The columns of a row with their types, in the order in which they are bound: the key, `values`, and the others.
fn columns(schema: &TableSchema, values: &[&str]) -> (Vec<String>, Vec<&'static str>) {
    let (key, secondary) = (key_parts(schema), secondary_parts(schema));
    let name = |part: &KeyPart| part.name.clone();
    let mut names: Vec<String> = key.iter().map(name).collect();
    let mut kinds = types(&key);
    names.extend(values.iter().map(ToString::to_string));
    kinds.extend(values.iter().map(|_| "bytea"));
    if !schema.unique {
        names.push(COUNT.to_string());
        kinds.push("bigint");
    }
    names.extend(secondary.iter().map(name));
    kinds.extend(types(&secondary));
    (names, kinds)
}

/// Inserts rows that are not there.
fn insert(schema: &TableSchema, values: &[&str], namespace: &str) -> String {
    let place = qualified(namespace, &table_name(schema));
    let (names, kinds) = columns(schema, values);
    let [since, now, ..] = since_of(schema, namespace);
    format!(
        "INSERT INTO {place} AS t ({}{since}) SELECT *{now} FROM {}",
        names.join(", "),
        unnested(&kinds, false),
    )
}

/// Inserts rows, and changes those that are there.
fn upsert(schema: &TableSchema, values: &[&str], namespace: &str, change: &str) -> String {
    let [.., change_since, _] = since_of(schema, namespace);
    format!(
        "{} ON CONFLICT ({}) DO UPDATE SET {change}{change_since}",
        insert(schema, values, namespace),
        order_by(&ascending(&key_parts(schema)), false),
    )
}

/// Replaces the rows of keys.
fn replace(schema: &TableSchema, values: &[&str], namespace: &str) -> BySize {
    let place = qualified(namespace, &table_name(schema));
    let [.., set_since] = since_of(schema, namespace);
    let (names, kinds) = columns(schema, values);
    let key = key_parts(schema);
    let set = names.iter().enumerate().skip(key.len());
    let set: Vec<String> = set.map(|(i, name)| format!("{name} = k.k{i}")).collect();
    let (set, equal) = (set.join(", "), equal(&key));
    let rows = unnested(&kinds, false);
    let of_key = (0..names.len())
        .map(|i| format!("k.k{i}"))
        .collect::<Vec<_>>()
        .join(", ");
    BySize {
        few: format!(
            "UPDATE {place} AS u SET {set}{set_since} FROM (SELECT r.ctid AS at, {of_key} FROM {rows} CROSS JOIN LATERAL \
             (SELECT t.ctid FROM {place} AS t WHERE {equal} OFFSET 0) AS r) AS k WHERE u.ctid = k.at"
        ),
        many: format!("UPDATE {place} AS t SET {set}{set_since} FROM {rows} WHERE {equal}"),
    }
}

/// The terms of the unique index, without their directions, as `ON CONFLICT` wants them.
fn ascending(key: &[KeyPart]) -> Vec<crate::names::Term> {
    let mut terms = terms_of(key, "");
    for term in &mut terms {
        term.descending = false;
    }
    terms
}

fn delete(place: &str, key: &[KeyPart], only: &str) -> BySize {
    let keys = unnested(&types(key), false);
    let equal = equal(key);
    BySize {
        few: format!(
            "DELETE FROM {place} WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM {keys} CROSS JOIN LATERAL \
             (SELECT t.ctid FROM {place} AS t WHERE {equal}{only} OFFSET 0) AS r))"
        ),
        many: format!("DELETE FROM {place} AS t USING {keys} WHERE {equal}{only}"),
    }
}

/// Takes one of two columns of keys out, and deletes the rows that have nothing in the other one. Both parts see the rows
/// as they were.
fn forget(place: &str, key: &[KeyPart], column: &str, other: &str) -> BySize {
    let keys = unnested(&types(key), false);
    let equal = equal(key);
    let of = |offset: &str| {
        format!(
            "WITH f AS MATERIALIZED (SELECT r.* FROM {keys} CROSS JOIN LATERAL \
             (SELECT t.ctid AS at, t.{other} IS NULL AS is_all FROM {place} AS t WHERE {equal}{offset}) AS r), \
             gone AS (DELETE FROM {place} WHERE ctid = ANY (ARRAY(SELECT f.at FROM f WHERE f.is_all))) \
             UPDATE {place} SET {column} = NULL WHERE ctid = ANY (ARRAY(SELECT f.at FROM f WHERE NOT f.is_all))"
        )
    };
    BySize {
        few: of(" OFFSET 0"),
        many: of(""),
    }
}
