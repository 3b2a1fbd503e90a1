//! Answers what a tick must see: whole keys, single rows and ranges of the index, one prepared statement each.

use std::ops::ControlFlow;

use deltaview_graph::{Fetch, FetchKeys, FetchRange, Order, TickError, TickErrorKind};
use deltaview_schema::{Identity, KeyValue, TableSchema};
use deltaview_store::Error;
use deltaview_zset::Weight;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params_from_iter};

#[cfg(test)]
mod tests;

use crate::engine::EngineTable;
use crate::error::Context;
use crate::packed::Packing;
use crate::ranges::Range;
use crate::shared;
use crate::statements::{Part, key_columns};
use crate::values::{Bound, bind_key, owned};

/// More than any row has, and not so much that a multiple of it overflows.
const UNKNOWN: usize = usize::MAX / 64;

/// Looks in one table.
pub(crate) struct Reader<'a> {
    pub(crate) conn: &'a Connection,
    pub(crate) table: &'a EngineTable,
    /// Told of each row that comes into the working set, and of each key without rows: the bytes of its encoding.
    pub(crate) count: &'a dyn Fn(usize),
}

impl<'a> Reader<'a> {
    pub(crate) fn answer(&self, fetch: &mut Fetch) -> Result<(), Error> {
        match fetch.keys() {
            FetchKeys::All => self.all(fetch),
            FetchKeys::Some(keys) => self.keys(fetch, keys),
            FetchKeys::Rows(rows) => self.rows(fetch, rows),
            FetchKeys::Ranges(ranges) => {
                (0..ranges).try_for_each(|position| self.range(fetch, position))
            }
        }
    }

    fn all(&self, fetch: &mut Fetch) -> Result<(), Error> {
        let mut statement = self.statement(&self.table.statements.fetch_all)?;
        let mut rows = statement.query([]).context(|| self.doing())?;
        let mut unpacked = Unpacked::default();
        while let Some(row) = rows.next().context(|| self.doing())? {
            if let Some(stored) = self.read_row(row, &mut unpacked)? {
                self.push(fetch, None, &stored)?;
            }
        }
        Ok(())
    }

    fn keys(&self, fetch: &mut Fetch, keys: usize) -> Result<(), Error> {
        let mut statement = self.statement(&self.table.statements.fetch)?;
        let (mut unpacked, mut key) = (Unpacked::default(), Vec::new());
        for position in 0..keys {
            (self.count)(0);
            let mut values = Vec::with_capacity(self.table.schema.primary.columns.len());
            fetch.key(position, &mut values);
            key.clear();
            key.extend(values.into_iter().map(KeyValue::into_owned));
            bind_fetch(&mut statement, &key, &self.table.schema).context(|| self.doing())?;
            let mut rows = statement.raw_query();
            while let Some(row) = rows.next().context(|| self.doing())? {
                let (packing, part) = (&self.table.packing, self.table.part);
                let stored = StoredRow::read_of_key(row, packing, part, &key, &mut unpacked);
                if let Some(stored) = stored.context(|| self.doing())? {
                    self.push(fetch, Some(position), &stored)?;
                }
            }
        }
        Ok(())
    }

    fn rows(&self, fetch: &mut Fetch, rows: usize) -> Result<(), Error> {
        for position in 0..rows {
            let mut key = Vec::new();
            fetch.key(position, &mut key);
            let identity = fetch.identity(position);
            // How long a hashed row is is not known here: it fills every budget.
            let bytes = if identity.holds_row() {
                identity.as_bytes().len()
            } else {
                UNKNOWN
            };
            (self.count)(bytes);
            if let Some(weight) = self.weight(&key, identity)? {
                fetch.push_weight(position, weight);
            }
        }
        Ok(())
    }

    fn weight(&self, key: &[KeyValue<'_>], identity: Identity) -> Result<Option<Weight>, Error> {
        let mut packed = Vec::new();
        let packing = &self.table.packing;
        packing.pack_identity(key, &identity, &mut packed);
        let identity = Bound(ValueRef::Blob(&packed));
        let values = bind_key(key, &self.table.schema).chain([identity]);
        self.statement(&self.table.statements.weight)?
            .query_row(params_from_iter(values), |row| row.get(0))
            .optional()
            .context(|| self.doing())
    }

    fn range(&self, fetch: &mut Fetch, position: usize) -> Result<(), Error> {
        let range = fetch.range(position);
        let (parts, order) = (parts(&range, &self.table.schema), range.order);
        let read = self.read(&parts, order, &mut |row| {
            (self.count)(row.row.len());
            fetch
                .push_in_range(position, row.identity, Some(row.row), row.weight)
                .map_err(|kind| self.damaged(kind))
        })?;
        if read.is_continue() {
            fetch.end_range(position);
        }
        Ok(())
    }

    /// Reads one part after the other until there are enough rows. SQLite looks for a row only when it is stepped to.
    fn read(
        &self,
        parts: &[Range],
        order: Order,
        visit: &mut dyn FnMut(&StoredRow<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut unpacked = Unpacked::default();
        for part in parts {
            let sql = self.table.walks.sql(part, order == Order::Backward);
            let mut statement = self.statement(&sql)?;
            let mut rows = statement
                .query(params_from_iter(part.bound()))
                .context(|| self.doing())?;
            while let Some(row) = rows.next().context(|| self.doing())? {
                if let Some(stored) = self.read_row(row, &mut unpacked)?
                    && visit(&stored)?.is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn push(
        &self,
        fetch: &mut Fetch,
        key: Option<usize>,
        stored: &StoredRow<'_>,
    ) -> Result<(), Error> {
        (self.count)(stored.row.len());
        fetch
            .push(key, stored.identity, Some(stored.row), stored.weight)
            .map_err(|kind| self.damaged(kind))
    }

    fn read_row<'r>(
        &self,
        row: &'r Row<'_>,
        unpacked: &'r mut Unpacked,
    ) -> Result<Option<StoredRow<'r>>, Error> {
        StoredRow::read(row, &self.table.packing, self.table.part, unpacked)
            .context(|| self.doing())
    }

    fn damaged(&self, kind: TickErrorKind) -> Error {
        TickError::new(&self.table.schema.graph, &self.table.vertex, kind).into()
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'a>, Error> {
        self.conn.prepare_cached(sql).context(|| self.doing())
    }

    fn doing(&self) -> String {
        format!("reading table `{}`", self.table.name)
    }
}

/// The searches that a range is made of, in its order.
fn parts(range: &FetchRange<'_>, schema: &TableSchema) -> Vec<Range> {
    let group = range.group.len();
    let start = range.start.iter().flat_map(|start| &start.columns);
    let key: Vec<Value> = range
        .group
        .iter()
        .chain(start)
        .zip(&schema.primary.columns)
        .map(|(value, column)| owned(value, column))
        .collect();
    let inclusive = range.start.as_ref().is_none_or(|start| start.inclusive);
    Range::from(&key, group, inclusive, &key_columns(schema))
}

fn bind_fetch(
    statement: &mut CachedStatement<'_>,
    key: &[KeyValue<'_>],
    schema: &TableSchema,
) -> rusqlite::Result<()> {
    for (place, value) in bind_key(key, schema).enumerate() {
        statement.raw_bind_parameter(place + 1, value)?;
    }
    Ok(())
}

/// A row as it is stored: see [`row_columns`](crate::statements::row_columns).
pub(crate) struct StoredRow<'r> {
    /// As it is stored.
    pub(crate) identity: &'r [u8],
    /// The row's encoding.
    pub(crate) row: &'r [u8],
    pub(crate) weight: Weight,
}

/// Where rows are put together that are not stored as they are, one after the other.
#[derive(Default)]
pub(crate) struct Unpacked {
    state: Vec<u8>,
    row: Vec<u8>,
}

impl<'r> StoredRow<'r> {
    /// How many columns come before those of the packing.
    pub(crate) const COLUMNS: usize = 3;

    /// Reads a part of a table. None where the table is shared, and the row has the other part alone.
    pub(crate) fn read(
        row: &'r Row<'_>,
        packing: &Packing,
        part: Part,
        unpacked: &'r mut Unpacked,
    ) -> rusqlite::Result<Option<Self>> {
        let of_key = |number| row.get_ref(Self::COLUMNS + number).ok();
        let first = Self::COLUMNS + packing.columns().len();
        Self::read_with(row, packing, (part, first), of_key, unpacked)
    }

    /// The same of what was looked for by its key, which is not read again.
    pub(crate) fn read_of_key(
        row: &'r Row<'_>,
        packing: &Packing,
        part: Part,
        key: &[KeyValue<'_>],
        unpacked: &'r mut Unpacked,
    ) -> rusqlite::Result<Option<Self>> {
        let of_key = |number| packing.value(key, number);
        Self::read_with(row, packing, (part, Self::COLUMNS), of_key, unpacked)
    }

    /// The same, where the columns that are left out of the rows are had by their numbers. Of a state the data of the view is
    /// in that column.
    pub(crate) fn read_with<'v>(
        row: &'r Row<'_>,
        packing: &Packing,
        (part, column_of_data): (Part, usize),
        of_key: impl Fn(usize) -> Option<ValueRef<'v>>,
        unpacked: &'r mut Unpacked,
    ) -> rusqlite::Result<Option<Self>> {
        let bytes = |column: usize| -> rusqlite::Result<Option<&'r [u8]>> {
            row.get_ref(column)?
                .as_blob_or_null()
                .map_err(rusqlite::Error::from)
        };
        let (identity, weight) = if packing.is_unique {
            (None, 1)
        } else {
            (bytes(0)?, row.get(2)?)
        };
        let data = bytes(1)?;
        let Some(stored) = data.or(identity) else {
            return Ok(None);
        };
        let stored = match part {
            Part::Data => stored,
            Part::State => {
                let data = bytes(column_of_data)?;
                shared::whole(stored, data, &mut unpacked.state)
            }
        };
        Ok(Some(Self {
            identity: identity.unwrap_or_default(),
            row: packing.unpack(stored, of_key, &mut unpacked.row),
            weight,
        }))
    }

    /// Reads a row of a table whose rows repeat their keys, as those with a history do.
    pub(crate) fn read_plain(row: &'r Row<'_>) -> rusqlite::Result<Self> {
        let identity = row.get_ref(0)?.as_blob_or_null()?.unwrap_or_default();
        let data = row.get_ref(1)?.as_blob_or_null()?;
        Ok(Self {
            identity,
            row: data.unwrap_or(identity),
            weight: row.get(2)?,
        })
    }
}
