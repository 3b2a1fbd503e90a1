//! Writes the rows of a commit to one table, each by a prepared statement that is held until the last row. It looks no
//! row up that need not be looked up: what is most probably new is inserted, what is most probably there is deleted, and
//! only where that is not so the weight is added to what is there.

use deltaview_graph::{Graph, TickError, TickErrorKind, Write};
use deltaview_schema::{KeyValue, TableSchema};
use deltaview_store::Error;
use deltaview_zset::{Weight, WeightOverflow};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Row};

use crate::engine::EngineTable;
use crate::error::{from_sqlite, is_integer_overflow};
use crate::values::{Bound, bind_key, bind_secondary};

/// Writes the rows of one table.
pub(crate) struct Writer<'a> {
    graph: &'a Graph,
    table: &'a EngineTable,
    /// Whether the transaction is the caller's, which must outlive a full disk. SQLite takes a whole transaction back
    /// where a statement fails halfway that keeps no journal of its own, as a plain insert does not.
    in_callers: bool,
    put: Held<'a>,
    insert: Held<'a>,
    add: Held<'a>,
    set: Held<'a>,
    delete: Held<'a>,
    delete_weighing: Held<'a>,
    identity: Vec<u8>,
    data: Vec<u8>,
}

/// A statement, prepared when it is first needed.
pub(crate) struct Held<'a> {
    conn: &'a Connection,
    sql: &'a str,
    statement: Option<CachedStatement<'a>>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(conn: &'a Connection, sql: &'a str) -> Self {
        Self {
            conn,
            sql,
            statement: None,
        }
    }

    /// The statement with these values.
    pub(crate) fn bind<'v>(
        &mut self,
        values: impl Iterator<Item = Bound<'v>>,
    ) -> rusqlite::Result<&mut CachedStatement<'a>> {
        let statement = match &mut self.statement {
            Some(statement) => statement,
            none => none.insert(self.conn.prepare_cached(self.sql)?),
        };
        let mut bound = 0;
        for value in values {
            bound += 1;
            statement.raw_bind_parameter(bound, value)?;
        }
        let expected = statement.parameter_count();
        if bound != expected {
            return Err(rusqlite::Error::InvalidParameterCount(bound, expected));
        }
        Ok(statement)
    }

    /// Runs it, and takes the first row that it returns, if there is one.
    pub(crate) fn first<'v, T>(
        &mut self,
        values: impl Iterator<Item = Bound<'v>>,
        take: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Option<T>> {
        let mut rows = self.bind(values)?.raw_query();
        rows.next()?.map(take).transpose()
    }

    /// Runs it, and returns the number of rows that it has changed.
    pub(crate) fn execute<'v>(
        &mut self,
        values: impl Iterator<Item = Bound<'v>>,
    ) -> rusqlite::Result<usize> {
        self.bind(values)?.raw_execute()
    }
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        conn: &'a Connection,
        graph: &'a Graph,
        table: &'a EngineTable,
        in_callers: bool,
    ) -> Self {
        let statements = &table.statements;
        let held = |sql| Held::new(conn, sql);
        Self {
            graph,
            table,
            in_callers,
            put: held(if in_callers {
                &statements.put
            } else {
                &statements.replace
            }),
            insert: held(&statements.insert),
            add: held(&statements.add),
            set: held(&statements.set),
            delete: held(&statements.delete),
            delete_weighing: held(&statements.delete_weighing),
            identity: Vec::new(),
            data: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, write: Write<'_>) -> Result<(), Error> {
        // Taken out while they are borrowed: no row is given memory of its own.
        let (mut packed, mut identity) = (
            std::mem::take(&mut self.data),
            std::mem::take(&mut self.identity),
        );
        let packing = &self.table.packing;
        let written = match write {
            Write::Put {
                key,
                secondary,
                data,
                ..
            } => {
                packing.pack(key, data, &mut packed);
                self.put(key, secondary, &packed)
            }
            Write::Delete { key } => self.delete(key, None),
            Write::Add {
                key,
                secondary,
                identity: of_row,
                data,
                weight,
                before,
            } => {
                packing.pack_identity(key, &of_row, &mut identity);
                if let Some(data) = data {
                    packing.pack(key, data, &mut packed);
                }
                let row = NewRow {
                    key,
                    secondary,
                    identity: &identity,
                    data: data.map(|_| packed.as_slice()),
                };
                match before {
                    Some(before) if before != 0 && before + weight == 0 => {
                        self.delete(key, Some(&identity))
                    }
                    Some(before) if before != 0 => self.set(&row, before + weight),
                    _ => self.change(&row, weight),
                }
            }
            _ => unreachable!("a write of a kind that this version of the graph does not make"),
        };
        (self.data, self.identity) = (packed, identity);
        written.map_err(|error| self.error(error))
    }

    fn error(&self, error: rusqlite::Error) -> Error {
        if is_integer_overflow(&error) {
            let kind = TickErrorKind::WeightOverflow(WeightOverflow);
            return TickError::new(self.graph.name(), &self.table.schema.vertex, kind).into();
        }
        from_sqlite(error, &format!("writing table `{}`", self.table.name))
    }

    fn put(
        &mut self,
        key: &[KeyValue<'_>],
        secondary: &[KeyValue<'_>],
        data: &[u8],
    ) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let identity = schema.has_identity().then_some(Bound(ValueRef::Blob(&[])));
        let values = bind_key(key, schema)
            .chain(identity)
            .chain([Bound(ValueRef::Blob(data))])
            .chain(bind_secondary(secondary, schema));
        self.put.execute(values)?;
        Ok(())
    }

    fn delete(&mut self, key: &[KeyValue<'_>], identity: Option<&[u8]>) -> rusqlite::Result<()> {
        let schema = &self.table.schema;
        let identity = identity.or_else(|| schema.has_identity().then_some(&[][..]));
        let identity = identity.map(|bytes| Bound(ValueRef::Blob(bytes)));
        self.delete.execute(bind_key(key, schema).chain(identity))?;
        Ok(())
    }

    fn set(&mut self, row: &NewRow<'_>, weight: Weight) -> rusqlite::Result<()> {
        let values = std::iter::once(Bound(ValueRef::Integer(weight)))
            .chain(bind_key(row.key, &self.table.schema))
            .chain([Bound(ValueRef::Blob(row.identity))]);
        self.set.execute(values)?;
        Ok(())
    }

    /// Changes the weight of a row that has not been seen. One that is added is mostly new, and one that is taken away
    /// is mostly there as often.
    fn change(&mut self, row: &NewRow<'_>, weight: Weight) -> rusqlite::Result<()> {
        if self.in_callers {
            return self.add(row, weight);
        }
        let schema = &self.table.schema;
        let changed = match weight.checked_neg() {
            Some(there) if there > 0 => {
                let values = bind_key(row.key, schema).chain([
                    Bound(ValueRef::Blob(row.identity)),
                    Bound(ValueRef::Integer(there)),
                ]);
                self.delete_weighing.execute(values)?
            }
            _ => self.insert.execute(row.values(schema, weight))?,
        };
        if changed == 0 {
            self.add(row, weight)?;
        }
        Ok(())
    }

    /// Adds a weight to a row that may be there or not, and deletes the row if nothing is left.
    fn add(&mut self, row: &NewRow<'_>, weight: Weight) -> rusqlite::Result<()> {
        let values = row.values(&self.table.schema, weight);
        let sum: Option<Weight> = self.add.first(values, |row| row.get(0))?;
        if sum.ok_or(rusqlite::Error::QueryReturnedNoRows)? == 0 {
            self.delete(row.key, Some(row.identity))?;
        }
        Ok(())
    }
}

/// A row to be written.
struct NewRow<'a> {
    key: &'a [KeyValue<'a>],
    secondary: &'a [KeyValue<'a>],
    identity: &'a [u8],
    data: Option<&'a [u8]>,
}

impl NewRow<'_> {
    /// All columns, in the order of an insert.
    fn values<'v>(
        &'v self,
        schema: &'v TableSchema,
        weight: Weight,
    ) -> impl Iterator<Item = Bound<'v>> {
        let data = self.data.map_or(ValueRef::Null, ValueRef::Blob);
        bind_key(self.key, schema)
            .chain([
                Bound(ValueRef::Blob(self.identity)),
                Bound(data),
                Bound(ValueRef::Integer(weight)),
            ])
            .chain(bind_secondary(self.secondary, schema))
    }
}
