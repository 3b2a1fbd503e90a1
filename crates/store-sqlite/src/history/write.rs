//! Writes what changes of a table with history, row by row: what a row was becomes a version, which is [filed](super::file)
//! at once or with others, the log gets what was added, and the row itself has `since`. All of it is inside of the transaction of the commit.

use deltaview_graph::{TableWrites, TickError, TickErrorKind, Write};
use deltaview_schema::{Identity, KeyValue, TableSchema};
use deltaview_store::Error;
use deltaview_store::history::fork_node;
use deltaview_zset::{Weight, WeightOverflow};
use rusqlite::Connection;
use rusqlite::types::{Value, ValueRef};

use super::file::check_since;
use super::{
    COUNT, DATA, IDENTITY, NODE, SINCE, UNTIL, key_columns, log_of, primary_columns, quote,
    rows_of, stored_name, versions_of,
};
use crate::error::Context;
use crate::values::{Bound, bind_key, bind_secondary};
use crate::write::Held;

/// The statements that write a table with history, and the tables beside it.
pub(super) struct Statements {
    /// What a row has so far, by the whole primary key: its weight, or in a table with one row a key its data and the
    /// columns of the further indexes; and since when.
    find: String,
    /// Enters a version.
    pub(super) close: String,
    /// Keeps the data of a version's row, or counts one version more.
    keep: String,
    /// Enters what was added to a weight, with the version that this ends where it is not filed.
    log: String,
    /// Puts a row that is new, or in a table with one row a key another one.
    put: String,
    /// Sets the weight of a row.
    set: String,
    /// Deletes a row.
    delete: String,
}

impl Statements {
    pub(super) fn of(schema: &TableSchema) -> Self {
        let table = quote(&schema.name(None));
        let key: Vec<String> = names(key_columns(schema).names());
        let primary: Vec<String> = names(primary_columns(schema).names());
        let secondary: Vec<String> = schema
            .secondary
            .iter()
            .flat_map(|index| {
                let columns = index.columns.iter();
                columns.map(|column| quote(&stored_name(index, column)))
            })
            .collect();
        let by_key = |first: usize| -> String {
            let terms = (first..)
                .zip(&key)
                .map(|(n, name)| format!("{name} = ?{n}"));
            terms.collect::<Vec<_>>().join(" AND ")
        };
        let beside = |table: &str, before: &[&str], after: &[&str]| {
            let quoted = |columns: &[&str]| columns.iter().map(|name| quote(name)).collect();
            let columns: [Vec<String>; 3] = [quoted(before), primary.clone(), quoted(after)];
            insert(&quote(table), &columns.concat())
        };
        let find = if schema.unique {
            let columns = [vec![quote(SINCE), quote(DATA)], secondary.clone()].concat();
            columns.join(", ")
        } else {
            [SINCE, COUNT].map(quote).join(", ")
        };
        let mut close = vec![
            quote(UNTIL),
            quote(IDENTITY),
            quote(SINCE),
            quote(COUNT),
            quote(NODE),
        ];
        close.splice(0..0, primary.clone());
        close.extend(secondary.clone());
        let mut put = [key.clone(), vec![quote(DATA), quote(SINCE)]].concat();
        if !schema.unique {
            put.push(quote(COUNT));
        }
        put.extend(secondary.clone());
        let mut put = insert(&table, &put);
        if schema.unique {
            let replaced = [vec![quote(DATA), quote(SINCE)], secondary].concat();
            let replaced = replaced
                .iter()
                .map(|name| format!("{name} = excluded.{name}"));
            put += &format!(
                " ON CONFLICT ({}) DO UPDATE SET {}",
                key.join(", "),
                replaced.collect::<Vec<_>>().join(", ")
            );
        }
        let kept = [primary.clone(), vec![quote(IDENTITY)]].concat().join(", ");
        Self {
            find: format!("SELECT {find} FROM {table} WHERE {}", by_key(1)),
            close: insert(&quote(&versions_of(schema)), &close),
            keep: beside(&rows_of(schema), &[], &[IDENTITY, DATA, "n"])
                + &format!(" ON CONFLICT ({kept}) DO UPDATE SET \"n\" = \"n\" + 1"),
            log: beside(&log_of(schema), &["t"], &[IDENTITY, "w", SINCE, COUNT]),
            put,
            set: format!(
                "UPDATE {table} SET {} = ?1, {} = ?2 WHERE {}",
                quote(SINCE),
                quote(COUNT),
                by_key(3)
            ),
            delete: format!("DELETE FROM {table} WHERE {}", by_key(1)),
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.map(str::to_string).collect()
}

fn insert(table: &str, columns: &[String]) -> String {
    let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
    format!(
        "INSERT INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        places.join(", ")
    )
}

/// Writes what an iteration changes of a table with history. Returns how many versions ended that are not filed at once.
pub(super) fn write(
    conn: &Connection,
    statements: &Statements,
    (writes, time): (&TableWrites<'_>, i64),
    files_at_once: bool,
) -> Result<usize, Error> {
    let schema = writes.schema();
    let mut writer = Writer::new(conn, statements, schema, time);
    writer.files_at_once = files_at_once;
    writes.for_each(|write| writer.write(write))?;
    Ok(writer.unfiled)
}

fn writing(schema: &TableSchema, time: i64) -> String {
    format!(
        "writing table `{}` and its history at time {time}",
        schema.name(None)
    )
}

/// Writes one table.
struct Writer<'a> {
    schema: &'a TableSchema,
    time: i64,
    files_at_once: bool,
    /// How many versions ended that are in the log alone.
    unfiled: usize,
    find: Held<'a>,
    close: Held<'a>,
    keep: Held<'a>,
    log: Held<'a>,
    put: Held<'a>,
    set: Held<'a>,
    delete: Held<'a>,
}

/// What a row of a table with one row a key was.
struct Replaced {
    since: i64,
    data: Vec<u8>,
    secondary: Vec<Value>,
}

/// A version that ends.
struct Closed<'v> {
    identity: Identity,
    since: i64,
    weight: Weight,
    data: Option<&'v [u8]>,
}

impl<'a> Writer<'a> {
    fn new(
        conn: &'a Connection,
        statements: &'a Statements,
        schema: &'a TableSchema,
        time: i64,
    ) -> Self {
        Self {
            schema,
            time,
            files_at_once: true,
            unfiled: 0,
            find: Held::new(conn, &statements.find),
            close: Held::new(conn, &statements.close),
            keep: Held::new(conn, &statements.keep),
            log: Held::new(conn, &statements.log),
            put: Held::new(conn, &statements.put),
            set: Held::new(conn, &statements.set),
            delete: Held::new(conn, &statements.delete),
        }
    }

    fn write(&mut self, write: Write<'_>) -> Result<(), Error> {
        match write {
            Write::Put {
                key,
                secondary,
                data,
                ..
            } => self.replace(key, Some((secondary, data))),
            Write::Delete { key } => self.replace(key, None),
            Write::Add {
                key,
                secondary,
                identity,
                data,
                weight,
                ..
            } => self.add(key, secondary, (identity, data), weight),
            _ => unreachable!("a write of a kind that this version of the graph does not make"),
        }
    }

    /// A table with one row a key: what it had there is replaced, or goes.
    fn replace(
        &mut self,
        key: &[KeyValue<'_>],
        by: Option<(&[KeyValue<'_>], &[u8])>,
    ) -> Result<(), Error> {
        let (schema, time) = (self.schema, self.time);
        let doing = || writing(schema, time);
        let before = self.replaced(key).context(doing)?;
        if let (Some(before), Some((_, data))) = (&before, by)
            && before.data == data
        {
            return Ok(());
        }
        if let Some(before) = &before {
            let closed = Closed {
                identity: Identity::of(&before.data),
                since: before.since,
                weight: 1,
                data: Some(&before.data),
            };
            check_since(before.since, time, doing)?;
            let secondary = before.secondary.iter().map(|value| Bound(value.into()));
            self.end(key, (&closed, -1), secondary).context(doing)?;
        }
        match by {
            Some((secondary, data)) => {
                self.put(key, &[], (Some(data), None), secondary)
                    .context(doing)?;
                self.log(key, (Identity::of(data), 1), None).context(doing)
            }
            None => self.delete(key, &[]).context(doing),
        }
    }

    fn replaced(&mut self, key: &[KeyValue<'_>]) -> rusqlite::Result<Option<Replaced>> {
        self.find.first(whole_key(key, &[], self.schema), |row| {
            let columns = row.as_ref().column_count();
            let secondary = (2..columns).map(|column| row.get(column));
            Ok(Replaced {
                since: row.get(0)?,
                data: row.get(1)?,
                secondary: secondary.collect::<rusqlite::Result<_>>()?,
            })
        })
    }

    /// Adds to the weight of a row that may be there or not.
    fn add(
        &mut self,
        key: &[KeyValue<'_>],
        secondary: &[KeyValue<'_>],
        (identity, data): (Identity, Option<&[u8]>),
        weight: Weight,
    ) -> Result<(), Error> {
        let (schema, time) = (self.schema, self.time);
        let doing = || writing(schema, time);
        let found: Option<(i64, Weight)> = self
            .find
            .first(whole_key(key, identity.as_bytes(), schema), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .context(doing)?;
        let Some((since, before)) = found else {
            self.log(key, (identity, weight), None).context(doing)?;
            let row = (data, Some(weight));
            return self
                .put(key, identity.as_bytes(), row, secondary)
                .context(doing);
        };
        let sum = before.checked_add(weight).ok_or_else(|| {
            let kind = TickErrorKind::WeightOverflow(WeightOverflow);
            Error::from(TickError::new(&schema.graph, &schema.vertex, kind))
        })?;
        let closed = Closed {
            identity,
            since,
            weight: before,
            data,
        };
        check_since(since, time, doing)?;
        let secondary = bind_secondary(secondary, schema);
        self.end(key, (&closed, weight), secondary).context(doing)?;
        if sum == 0 {
            self.delete(key, identity.as_bytes()).context(doing)
        } else {
            let values = [time, sum].map(|value| Bound(ValueRef::Integer(value)));
            let key = whole_key(key, identity.as_bytes(), schema);
            self.set
                .execute(values.into_iter().chain(key))
                .context(doing)?;
            Ok(())
        }
    }

    /// Ends a version by adding a weight: it is logged, and filed or not.
    fn end<'v>(
        &mut self,
        key: &'v [KeyValue<'_>],
        (closed, added): (&'v Closed<'_>, Weight),
        secondary: impl Iterator<Item = Bound<'v>>,
    ) -> rusqlite::Result<()>
    where
        'a: 'v,
    {
        let integer = |value| Bound(ValueRef::Integer(value));
        let identity = || Bound(ValueRef::Blob(closed.identity.as_bytes()));
        if self.files_at_once {
            let values = bind_key(key, self.schema).chain([
                integer(self.time),
                identity(),
                integer(closed.since),
                integer(closed.weight),
                integer(fork_node(closed.since, self.time)),
            ]);
            self.close.execute(values.chain(secondary))?;
            self.log(key, (closed.identity, added), None)?;
        } else {
            self.unfiled += 1;
            let version = (closed.since, closed.weight);
            self.log(key, (closed.identity, added), Some(version))?;
        }
        if closed.identity.holds_row() {
            return Ok(());
        }
        let data = closed.data.map_or(ValueRef::Null, ValueRef::Blob);
        let values = bind_key(key, self.schema).chain([identity(), Bound(data), integer(1)]);
        self.keep.execute(values)?;
        Ok(())
    }

    /// Enters what is added to a row, and of a version that is not filed since when it was so, and its weight.
    fn log(
        &mut self,
        key: &[KeyValue<'_>],
        (identity, weight): (Identity, Weight),
        unfiled: Option<(i64, Weight)>,
    ) -> rusqlite::Result<()> {
        let integer = |value| Bound(ValueRef::Integer(value));
        let or_null = |value: Option<i64>| Bound(value.map_or(ValueRef::Null, ValueRef::Integer));
        let values = std::iter::once(integer(self.time))
            .chain(bind_key(key, self.schema))
            .chain([
                Bound(ValueRef::Blob(identity.as_bytes())),
                integer(weight),
                or_null(unfiled.map(|(since, _)| since)),
                or_null(unfiled.map(|(_, weight)| weight)),
            ]);
        self.log.execute(values)?;
        Ok(())
    }

    fn put(
        &mut self,
        key: &[KeyValue<'_>],
        identity: &[u8],
        (data, weight): (Option<&[u8]>, Option<Weight>),
        secondary: &[KeyValue<'_>],
    ) -> rusqlite::Result<()> {
        let integer = |value| Bound(ValueRef::Integer(value));
        let data = data.map_or(ValueRef::Null, ValueRef::Blob);
        let values = whole_key(key, identity, self.schema)
            .chain([Bound(data), integer(self.time)])
            .chain(weight.map(integer))
            .chain(bind_secondary(secondary, self.schema));
        self.put.execute(values)?;
        Ok(())
    }

    fn delete(&mut self, key: &[KeyValue<'_>], identity: &[u8]) -> rusqlite::Result<()> {
        self.delete.execute(whole_key(key, identity, self.schema))?;
        Ok(())
    }
}

/// The values of the whole primary key of the table.
fn whole_key<'v>(
    key: &'v [KeyValue<'_>],
    identity: &'v [u8],
    schema: &'v TableSchema,
) -> impl Iterator<Item = Bound<'v>> {
    let identity = schema
        .has_identity()
        .then_some(Bound(ValueRef::Blob(identity)));
    bind_key(key, schema).chain(identity)
}
