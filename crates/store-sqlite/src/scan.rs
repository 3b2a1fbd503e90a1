//! Reading a view, lazily: page by page, each page a range of the index, all within one read transaction.

use std::cell::Cell;
use std::collections::VecDeque;
use std::ops;

use deltaview_graph::{Bounds, Order, TickError, TickErrorKind};
use deltaview_schema::{Index, IndexKey, IndexSchema, Row, TableSchema, codec};
use deltaview_store::{Error, Rows};
use deltaview_zset::Weight;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::engine::EngineTable;
use crate::error::Context;
use crate::fetch::{StoredRow, Unpacked};
use crate::ranges::{Range, Searches};
use crate::statements::{Ordered, Part, index_columns, key_columns, quote, row_columns};
use crate::values::{bind, bind_key, owned};

/// So many rows are read at a time.
const PAGE: usize = 256;

/// So many columns of a key are read once for all that they are needed for.
const AT_HAND: usize = 8;

/// Keeps a read transaction open while any reader of the connection needs it.
pub(crate) struct ReadTransaction<'c> {
    conn: &'c Connection,
    readers: &'c Cell<usize>,
}

impl<'c> ReadTransaction<'c> {
    /// Begins a read transaction, or joins the one that is open. Inside a transaction of the caller's it does nothing.
    pub(crate) fn begin(conn: &'c Connection, readers: &'c Cell<usize>) -> Result<Self, Error> {
        if readers.get() == 0 && conn.is_autocommit() {
            conn.prepare_cached("BEGIN")
                .and_then(|mut begin| begin.execute([]))
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
                let _ = self
                    .conn
                    .prepare_cached("COMMIT")
                    .and_then(|mut commit| commit.execute([]));
            }
            more => self.readers.set(more - 1),
        }
    }
}

/// What looking for one row came to.
pub(crate) enum One<T> {
    Found(T),
    NotFound,
    /// A scan tells: keys have several rows, or what is stored is damaged.
    Untold,
}

/// The row of a key, in a table with one row a key: a single statement, which needs no transaction.
pub(crate) fn one<T: Row, K: IndexKey>(
    conn: &Connection,
    table: &EngineTable,
    index: &Index<T, K>,
    key: &K,
) -> Result<One<T>, Error> {
    let doing = || reading(table);
    let mut values = Vec::with_capacity(table.schema.primary.columns.len());
    key.values(&mut values);
    let mut statement = conn.prepare_cached(&table.statements.data).context(doing)?;
    for (place, value) in bind_key(&values, &table.schema).enumerate() {
        statement
            .raw_bind_parameter(place + 1, value)
            .context(doing)?;
    }
    let mut rows = statement.raw_query();
    let Some(row) = rows.next().context(doing)? else {
        return Ok(One::NotFound);
    };
    let data = row.get_ref(0).context(doing)?;
    // None where the table is shared, and has the state of the group alone.
    let Some(stored) = data
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)
        .context(doing)?
    else {
        return Ok(One::NotFound);
    };
    let mut unpacked = Vec::new();
    let packing = &table.packing;
    let of_key = |number| packing.value(&values, number);
    let decoded = codec::decode::<T>(packing.unpack(stored, of_key, &mut unpacked)).ok();
    let decoded = decoded.filter(|row| index.key(row) == *key);
    Ok(decoded.map_or(One::Untold, One::Found))
}

/// How a table is read in the order of one of its indexes. It is made once a table.
#[derive(Debug)]
pub(crate) struct IndexScan {
    searches: Searches,
    /// Which columns of what is read have the index down to the single row, in its order.
    places: Vec<usize>,
}

impl IndexScan {
    /// That of an index of a table: 0 is the primary one.
    pub(crate) fn of(schema: &TableSchema, position: usize) -> Self {
        let columns = index_columns(schema, position);
        let mut read = row_columns(schema, Part::Data);
        let places = columns.names().map(|name| {
            let known = read.iter().position(|column| column == name);
            known.unwrap_or_else(|| {
                read.push(name.to_string());
                read.len() - 1
            })
        });
        let places = places.collect();
        let select = format!(
            "SELECT {} FROM {}",
            read.join(", "),
            quote(&schema.name(None))
        );
        Self {
            searches: Searches::new(select, columns, Some(PAGE)),
            places,
        }
    }

    fn columns(&self) -> &Ordered {
        &self.searches.columns
    }
}

/// What is read, and how.
pub(crate) struct Scan<'c, T, K> {
    conn: &'c Connection,
    _transaction: ReadTransaction<'c>,
    table: &'c EngineTable,
    index: Index<T, K>,
    /// 0 for the primary index, 1 for the first secondary one.
    position: usize,
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
        table: &'c EngineTable,
        index: (&Index<T, K>, usize),
        bounds: Bounds<K>,
        order: Order,
    ) -> Rows<'c, T> {
        if bounds.is_empty() {
            return Rows::new(std::iter::empty());
        }
        let (index, position) = index;
        let reverse = order == Order::Backward;
        let ranges = ranges_of(
            &bounds,
            order,
            table.scans[position].columns(),
            table.schema.index_at(position),
        );
        let end = if reverse { bounds.start } else { bounds.end };
        Rows::new(Self {
            conn,
            _transaction: transaction,
            table,
            index: index.clone(),
            position,
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
        let doing = || reading(self.table);
        let scan = &self.table.scans[self.position];
        let sql = scan.searches.sql(range, self.reverse);
        let mut statement = self.conn.prepare_cached(&sql).context(doing)?;
        let mut rows = statement
            .query(params_from_iter(range.bound()))
            .context(doing)?;
        let mut read = 0;
        let mut unpacked = Unpacked::default();
        while let Some(row) = rows.next().context(doing)? {
            read += 1;
            if let Some((key, decoded, weight)) = self.decode(row, &mut unpacked)? {
                if self.is_beyond_end(&key) {
                    self.done = true;
                    return Ok(());
                }
                self.page.push_back((decoded, weight));
            }
            if read == PAGE {
                let last = scan.places.iter().map(|place| row.get(*place));
                let last: Vec<Value> = last.collect::<rusqlite::Result<_>>().context(doing)?;
                // The ranges that were left come after the ones that the cursor leaves of this range.
                for rest in range.after(&last, scan.columns()).into_iter().rev() {
                    self.ranges.push_front(rest);
                }
                break;
            }
        }
        Ok(())
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
    fn decode(
        &self,
        row: &rusqlite::Row<'_>,
        unpacked: &mut Unpacked,
    ) -> Result<Option<(K, T, Weight)>, Error> {
        let doing = || reading(self.table);
        let described = self.described();
        let columns = described.columns.len();
        let places = &self.table.scans[self.position].places;
        let mut at_hand = [ValueRef::Null; AT_HAND];
        for (value, place) in at_hand.iter_mut().zip(&places[..columns]) {
            *value = row.get_ref(*place).context(doing)?;
        }
        let packing = &self.table.packing;
        let of_key = |number: usize| match at_hand.get(packing.columns()[number]) {
            Some(value) if self.position == 0 => Some(*value),
            _ => row.get_ref(StoredRow::COLUMNS + number).ok(),
        };
        // The column of a state is not looked at.
        let stored = StoredRow::read_with(row, packing, (Part::Data, 0), of_key, unpacked);
        let Some(stored) = stored.context(doing)? else {
            return Ok(None);
        };
        let decoded: T = codec::decode(stored.row).map_err(|error| {
            self.damaged(TickErrorKind::Decode {
                table: self.table.name.clone(),
                identity: self.name_of(row, &stored),
                error,
            })
        })?;
        let key = self.index.key(&decoded);
        let (mut column, mut is_same) = (0, true);
        key.each_value(&mut |value| {
            let stored = at_hand.get(column).copied();
            let stored = stored.or_else(|| row.get_ref(places[column]).ok());
            is_same &= stored == Some(bind(value, &described.columns[column]).0);
            column += 1;
        });
        if !is_same {
            return Err(self.damaged(TickErrorKind::KeyChanged {
                table: self.table.name.clone(),
                identity: self.name_of(row, &stored),
                index: described.name.clone(),
            }));
        }
        Ok(Some((key, decoded, stored.weight)))
    }

    fn described(&self) -> &IndexSchema {
        self.table.schema.index_at(self.position)
    }

    fn damaged(&self, kind: TickErrorKind) -> Error {
        let schema = &self.table.schema;
        TickError::new(&schema.graph, &schema.vertex, kind).into()
    }

    /// What tells the row from others: its identity, or its key in a table with one row a key.
    fn name_of(&self, row: &rusqlite::Row<'_>, stored: &StoredRow<'_>) -> String {
        let schema = &self.table.schema;
        if !schema.unique {
            return literal(ValueRef::Blob(stored.identity));
        }
        let places = &self.table.scans[self.position].places;
        let key = &places[places.len() - key_columns(schema).0.len()..];
        let values = key[..schema.primary.columns.len()]
            .iter()
            .map(|place| row.get_ref(*place).map_or_else(|_| String::new(), literal));
        values.collect::<Vec<_>>().join(", ")
    }
}

fn reading(table: &EngineTable) -> String {
    format!("reading table `{}`", table.name)
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

/// The ranges within bounds, from where reading begins to the end of the index: whoever reads stops where the bounds do.
pub(crate) fn ranges_of<K: IndexKey>(
    bounds: &Bounds<K>,
    order: Order,
    columns: &Ordered,
    schema: &IndexSchema,
) -> VecDeque<Range> {
    let (start, end) = match order {
        Order::Forward => (&bounds.start, &bounds.end),
        Order::Backward => (&bounds.end, &bounds.start),
    };
    let (key, inclusive) = match start {
        ops::Bound::Unbounded => return VecDeque::from([Range::equal(Vec::new())]),
        ops::Bound::Included(key) => (key, true),
        ops::Bound::Excluded(key) => (key, false),
    };
    let mut values = Vec::new();
    key.values(&mut values);
    let columns_of_key = values.iter().zip(&schema.columns);
    let values: Vec<Value> = columns_of_key
        .map(|(value, column)| owned(value, column))
        .collect();
    let is_one_key = inclusive && matches!(end, ops::Bound::Included(end) if end == key);
    if is_one_key {
        // What comes after it need not be looked for.
        return VecDeque::from([Range::equal(values)]);
    }
    Range::from(&values, 0, inclusive, columns).into()
}
