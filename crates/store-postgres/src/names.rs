//! Names, types and the order of a table's columns, as Postgres writes them. It makes pieces of SQL, never a statement.
//!
//! A column that can be `None` is in an index as two *terms*: whether it is there, and its value or a filler. All that
//! compares keys compares terms, so that the index answers it.

use deltaview_schema::{Column, ColumnType, IndexSchema, TableSchema};

/// Postgres cuts longer names.
pub(crate) const NAME_LIMIT: usize = 63;

pub(crate) const IDENTITY: &str = "\"identity\"";
pub(crate) const DATA: &str = "\"data\"";
pub(crate) const STATE: &str = "\"state\"";
pub(crate) const COUNT: &str = "\"c\"";

/// A name, quoted.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Text as a literal, whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The name of a table in a schema.
pub(crate) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote(schema), quote(table))
}

/// The name of a table.
pub(crate) fn table_name(schema: &TableSchema) -> String {
    schema.name(Some(NAME_LIMIT))
}

/// The name of the unique index of a table.
pub(crate) fn key_index_name(schema: &TableSchema) -> String {
    deltaview_schema::cut_name(&format!("{}__key", table_name(schema)), Some(NAME_LIMIT))
}

/// The name of a secondary index.
pub(crate) fn index_name(schema: &TableSchema, index: &IndexSchema) -> String {
    let name = format!("{}__ix__{}", table_name(schema), index.name);
    deltaview_schema::cut_name(&name, Some(NAME_LIMIT))
}

/// A column that an index is of.
#[derive(Clone, Debug)]
pub(crate) struct KeyPart {
    /// Quoted.
    pub(crate) name: String,
    pub(crate) column_type: ColumnType,
    pub(crate) nullable: bool,
    pub(crate) descending: bool,
}

impl KeyPart {
    fn of(index: &IndexSchema, column: &Column) -> Self {
        let name = column.sql_name(&index.name);
        Self {
            name: quote(&deltaview_schema::cut_name(&name, Some(NAME_LIMIT))),
            column_type: column.column_type,
            nullable: column.nullable,
            descending: column.descending,
        }
    }

    fn identity() -> Self {
        Self {
            name: IDENTITY.to_string(),
            column_type: ColumnType::Bytes,
            nullable: false,
            descending: false,
        }
    }

    /// What the index has of a value of this column, whatever the value is called: a column, a parameter.
    pub(crate) fn terms(&self, value: &str) -> Vec<String> {
        if self.nullable {
            let filler = filler(self.column_type);
            vec![
                format!("({value} IS NOT NULL)"),
                format!("(COALESCE({value}, {filler}))"),
            ]
        } else {
            vec![value.to_string()]
        }
    }

    /// The same of a value that is bound at a place.
    pub(crate) fn bound_terms(&self, place: usize) -> Vec<String> {
        let mut name = format!("${place}::{}", plain_type(self.column_type));
        if self.nullable {
            // Behind a `SELECT` the planner can't see the value: it would write `(x IS NOT NULL) = false` as
            // `x IS NULL`, which is not what the index is of.
            name = format!("(SELECT {name})");
        }
        self.terms(&name)
    }

    /// As in `CREATE TABLE`.
    pub(crate) fn definition(&self) -> String {
        let null = if self.nullable { "" } else { " NOT NULL" };
        format!("{} {}{null}", self.name, sql_type(self.column_type))
    }
}

/// The columns of an index.
pub(crate) fn parts_of(index: &IndexSchema) -> Vec<KeyPart> {
    let columns = index.columns.iter();
    columns.map(|column| KeyPart::of(index, column)).collect()
}

/// The columns of the unique index: those of the primary index, and the identity where there is one.
pub(crate) fn key_parts(schema: &TableSchema) -> Vec<KeyPart> {
    let mut parts = parts_of(&schema.primary);
    parts.extend(schema.has_identity().then(KeyPart::identity));
    parts
}

/// The columns of an index, down to the single row: 0 is the primary one.
pub(crate) fn index_parts(schema: &TableSchema, position: usize) -> Vec<KeyPart> {
    if position == 0 {
        return key_parts(schema);
    }
    let mut parts = parts_of(schema.index_at(position));
    if schema.has_identity() {
        parts.push(KeyPart::identity());
    } else {
        parts.extend(parts_of(&schema.primary));
    }
    parts
}

/// The columns of the further indexes, one index after the other.
pub(crate) fn secondary_parts(schema: &TableSchema) -> Vec<KeyPart> {
    schema.secondary.iter().flat_map(parts_of).collect()
}

/// A term that an index is ordered by.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    pub(crate) sql: String,
    pub(crate) descending: bool,
}

/// What an index is ordered by, of the columns behind a prefix: `t.`, or nothing.
pub(crate) fn terms_of(parts: &[KeyPart], prefix: &str) -> Vec<Term> {
    let terms = parts.iter().flat_map(|part| {
        let terms = part.terms(&format!("{prefix}{}", part.name)).into_iter();
        terms.map(|sql| Term {
            sql,
            descending: part.descending,
        })
    });
    terms.collect()
}

/// As in `ORDER BY …` and `ON table (…)`.
pub(crate) fn order_by(terms: &[Term], backward: bool) -> String {
    let terms = terms.iter().map(|term| {
        let direction = if term.descending == backward {
            ""
        } else {
            " DESC"
        };
        format!("{}{direction}", term.sql)
    });
    terms.collect::<Vec<_>>().join(", ")
}

/// The type of a column, without its collation.
pub(crate) fn plain_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "boolean",
        ColumnType::Int => "bigint",
        ColumnType::Text => "text",
        ColumnType::Uuid => "uuid",
        // Byte strings, and whatever has an order-preserving encoding.
        _ => "bytea",
    }
}

fn sql_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Text => "text COLLATE \"C\"",
        other => plain_type(other),
    }
}

/// A value of the type, to stand for NULL where NULL can't be.
fn filler(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "false",
        ColumnType::Int => "0::bigint",
        ColumnType::Text => "''",
        ColumnType::Uuid => "'00000000-0000-0000-0000-000000000000'::uuid",
        _ => "''::bytea",
    }
}
