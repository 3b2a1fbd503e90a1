//! Reading a view, lazily: page by page, each page a range of the index, all within one read transaction.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops;

use deltaview_graph::{Bounds, Order, TickError, TickErrorKind};
use deltaview_schema::{Column, Index, IndexKey, IndexSchema, Row, TableSchema, codec};
use deltaview_store::{Error, Rows};
use deltaview_zset::Weight;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::engine::EngineTable;
use crate::error::Context;
use crate::fetch::StoredRow;
use crate::packed::Packing;
use crate::ranges::Range;
use crate::statements::{Ordered, Part, index_columns, key_columns, quote, row_columns};
use crate::values::{bind, bind_key, owned};

/// So many rows are read at a time.
const PAGE: usize = 256;

/// Keeps a read transaction open while any reader of the connection needs it.
pub(crate) struct ReadTransaction<'c> {
    conn: &'c Connection,
    readers: &'c Cell<usize>,
}

impl<'c> ReadTransaction<'c> {
    /// Begins a read transaction, or joins the one that is open. Inside a transaction of the caller's it does nothing.
    pub(crate) fn begin(conn: &'c Connection, readers: &'c Cell<usize>) -> Result<Self, Error> {
        if readers.get() == 0 && conn.is_autocommit() {
            conn.execute_batch("BEGIN")
                .context(|| "beginning to read".to_string())?;
            readers.set(1);
        } else if readers.get() > 0 {
            readers.set(readers.get() + 1);
        }
        Ok(Self { conn, readers })
    }
}

impl Drop for ReadTransaction<'_> {
    fn drop(&mut self) {
        match self.readers.get() {
            0 => {}
            1 => {
                self.readers.set(0);
                // It has written nothing: whether it commits does not matter.
                let _ = self.conn.execute_batch("COMMIT");
            }
            more => self.readers.set(more - 1),
        }
    }
}

/// The row of a key, in a table with one row a key: a single statement, which needs no transaction. Returns `None` where
/// what is stored is damaged, for a scan to say how.
pub(crate) fn one<T: Row, K: IndexKey>(
    conn: &Connection,
    table: &EngineTable,
    index: &Index<T, K>,
    key: &K,
) -> Result<Option<Option<(T, Weight)>>, Error> {
    let doing = || format!("reading table `{}`", table.name);
    let mut values = Vec::new();
    key.values(&mut values);
    if table.schema.has_identity() {
        return Ok(None);
    }
    let mut statement = conn
        .prepare_cached(&table.statements.fetch)
        .context(doing)?;
    for (place, value) in bind_key(&values, &table.schema).enumerate() {
        statement
            .raw_bind_parameter(place + 1, value)
            .context(doing)?;
    }
    let mut rows = statement.raw_query();
    let Some(row) = rows.next().context(doing)? else {
        return Ok(Some(None));
    };
    let Some(stored) = StoredRow::read(row, &table.packing, Part::Data).context(doing)? else {
        return Ok(Some(None));
    };
    let decoded = codec::decode::<T>(&stored.row).ok();
    let decoded = decoded.filter(|row| index.key(row) == *key);
    Ok(decoded.map(|row| Some((row, stored.weight))))
}

/// What is read, and how.
pub(crate) struct Scan<'c, T, K> {
    conn: &'c Connection,
    _transaction: ReadTransaction<'c>,
    schema: &'c TableSchema,
    packing: Packing,
    index: Index<T, K>,
    /// 0 for the primary index, 1 for the first secondary one.
    position: usize,
    columns: Ordered,
    reverse: bool,
    /// Where reading stops.
    end: ops::Bound<K>,
    /// What is still to be read, in order.
    ranges: VecDeque<Range>,
    page: VecDeque<(T, Weight)>,
    done: bool,
    /// What ended the reading, after the rows of the page.
    failed: Option<Error>,
}

impl<'c, T: Row, K: IndexKey> Scan<'c, T, K> {
    pub(crate) fn rows(
        conn: &'c Connection,
        transaction: ReadTransaction<'c>,
        schema: &'c TableSchema,
        index: (&Index<T, K>, usize),
        bounds: Bounds<K>,
        order: Order,
    ) -> Rows<'c, T> {
        if bounds.is_empty() {
            return Rows::new(std::iter::empty());
        }
        let (index, position) = index;
        let reverse = order == Order::Backward;
        let (start, end) = if reverse {
            (bounds.end, bounds.start)
        } else {
            (bounds.start, bounds.end)
        };
        let mut ranges = ranges_from(&start, &schema.index_at(position).columns);
        if matches!((&start, &end), (ops::Bound::Included(start), ops::Bound::Included(end)) if start == end)
        {
            // One key: what comes after it need not be looked for.
            ranges.truncate(1);
        }
        Rows::new(Self {
            conn,
            _transaction: transaction,
            schema,
            packing: Packing::of(schema),
            index: index.clone(),
            position,
            columns: index_columns(schema, position),
            reverse,
            end,
            ranges,
            page: VecDeque::new(),
            done: false,
            failed: None,
        })
    }

    /// Reads the next page that has rows.
    fn fill(&mut self) -> Result<(), Error> {
        while self.page.is_empty() && !self.done {
            let Some(range) = self.ranges.pop_front() else {
                self.done = true;
                break;
            };
            self.read(&range)?;
        }
        Ok(())
    }

    /// Reads up to a page of a range. Where the page is full, what comes after its last row is still to be read.
    fn read(&mut self, range: &Range) -> Result<(), Error> {
        let doing = || format!("reading table `{}`", self.schema.name(None));
        let sql = self.sql(range);
        let mut statement = self.conn.prepare_cached(&sql).context(doing)?;
        let mut rows = statement
            .query(params_from_iter(range.bound()))
            .context(doing)?;
        let mut last: Option<Vec<Value>> = None;
        let mut read = 0;
        while let Some(row) = rows.next().context(doing)? {
            read += 1;
            if let Some((key, decoded, weight)) = self.decode(row)? {
                if self.is_beyond_end(&key) {
                    self.done = true;
                    return Ok(());
                }
                self.page.push_back((decoded, weight));
            }
            if read == PAGE {
                let cursor = (0..self.columns.0.len()).map(|column| row.get(self.first() + column));
                last = Some(cursor.collect::<rusqlite::Result<_>>().context(doing)?);
                break;
            }
        }
        if let Some(cursor) = last {
            // The ranges that were left come after the ones that the cursor leaves of this range.
            for rest in Range::after(&cursor, range.fixed.len()).rev() {
                self.ranges.push_front(rest);
            }
        }
        Ok(())
    }

    fn sql(&self, range: &Range) -> String {
        let mut select = row_columns(self.schema, Part::Data);
        for name in self.columns.names() {
            select.push_str(", ");
            select.push_str(name);
        }
        format!(
            "SELECT {select} FROM {}{} LIMIT {PAGE}",
            quote(&self.schema.name(None)),
            range.filter(&self.columns, self.reverse)
        )
    }

    fn is_beyond_end(&self, key: &K) -> bool {
        match (&self.end, self.reverse) {
            (ops::Bound::Unbounded, _) => false,
            (ops::Bound::Included(end), false) => key > end,
            (ops::Bound::Excluded(end), false) => key >= end,
            (ops::Bound::Included(end), true) => key < end,
            (ops::Bound::Excluded(end), true) => key <= end,
        }
    }

    /// The row that is stored and its key, which it must be under: the order of what is read depends on that.
    /// None where the table is shared, and the row is the state of a group alone.
    fn decode(&self, row: &rusqlite::Row<'_>) -> Result<Option<(K, T, Weight)>, Error> {
        let doing = || format!("reading table `{}`", self.schema.name(None));
        let stored = StoredRow::read(row, &self.packing, Part::Data).context(doing)?;
        let Some(stored) = stored else {
            return Ok(None);
        };
        let decoded: T = codec::decode(&stored.row).map_err(|error| {
            self.damaged(TickErrorKind::Decode {
                table: self.schema.name(None),
                identity: self.name_of(row, &stored),
                error,
            })
        })?;
        let key = self.index.key(&decoded);
        let mut values = Vec::new();
        key.values(&mut values);
        for (position, (value, column)) in values.iter().zip(&self.described().columns).enumerate()
        {
            if row.get_ref(self.first() + position).context(doing)? != bind(value, column).0 {
                return Err(self.damaged(TickErrorKind::KeyChanged {
                    table: self.schema.name(None),
                    identity: self.name_of(row, &stored),
                    index: self.described().name.clone(),
                }));
            }
        }
        Ok(Some((key, decoded, stored.weight)))
    }

    /// The place of the first column of the index.
    fn first(&self) -> usize {
        StoredRow::COLUMNS + self.packing.columns().len()
    }

    fn described(&self) -> &IndexSchema {
        self.schema.index_at(self.position)
    }

    fn damaged(&self, kind: TickErrorKind) -> Error {
        TickError::new(&self.schema.graph, &self.schema.vertex, kind).into()
    }

    /// What tells the row from others: its identity, or its key in a table with one row a key.
    fn name_of(&self, row: &rusqlite::Row<'_>, stored: &StoredRow<'_>) -> String {
        if !self.schema.unique {
            return literal(ValueRef::Blob(stored.identity));
        }
        let primary = self.schema.primary.columns.len();
        let first = self.first() + self.columns.0.len() - key_columns(self.schema).0.len();
        let values = (first..first + primary)
            .map(|column| row.get_ref(column).map_or_else(|_| String::new(), literal));
        values.collect::<Vec<_>>().join(", ")
    }
}

/// A stored value as SQL writes it.
pub(crate) fn literal(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_string(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(_) => "none".to_string(),
        ValueRef::Text(text) => format!("'{}'", String::from_utf8_lossy(text).replace('\'', "''")),
        ValueRef::Blob(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("x'{digits}'")
        }
    }
}

impl<T: Row, K: IndexKey> Iterator for Scan<'_, T, K> {
    type Item = Result<(T, Weight), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && self.failed.is_none()
            && let Err(error) = self.fill()
        {
            self.done = true;
            self.failed = Some(error);
        }
        // The rows of the page that came before the error come first.
        self.page
            .pop_front()
            .map(Ok)
            .or_else(|| self.failed.take().map(Err))
    }
}

/// The ranges from a bound to the end of the index.
pub(crate) fn ranges_from<K: IndexKey>(
    start: &ops::Bound<K>,
    columns: &[Column],
) -> VecDeque<Range> {
    let (key, included) = match start {
        ops::Bound::Unbounded => {
            return VecDeque::from([Range::equal(Vec::new())]);
        }
        ops::Bound::Included(key) => (key, true),
        ops::Bound::Excluded(key) => (key, false),
    };
    let mut values = Vec::new();
    key.values(&mut values);
    let key: Vec<Value> = values
        .iter()
        .zip(columns)
        .map(|(value, column)| owned(value, column))
        .collect();
    let after = Range::after(&key, 0);
    let first = included.then(|| Range::equal(key.clone()));
    first.into_iter().chain(after).collect()
}
