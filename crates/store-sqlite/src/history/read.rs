//! Reading a view as it was, lazily: the present rows that were there already, the versions at the nodes of the path to
//! the time, and those that are not filed, merged in the order of the index. Each of these streams is read page by page, all within one read
//! transaction.

use std::collections::{BTreeMap, VecDeque};
use std::ops;
use std::rc::Rc;

use deltaview_graph::{Bounds, Order, TickError, TickErrorKind};
use deltaview_schema::{Identity, Index, IndexKey, Row, TableSchema, codec};
use deltaview_store::Error;
use deltaview_store::history::Path;
use deltaview_zset::Weight;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::ddl::{index_name, version_columns};
use super::file::{may_be_unfiled, unfiled};
use super::{
    COUNT, DATA, IDENTITY, SINCE, UNTIL, index_columns, primary_columns, quote, rows_of,
    versions_of,
};
use crate::error::Context;
use crate::fetch::StoredRow;
use crate::ranges::{Form, Range};
use crate::scan::{literal, ranges_of};
use crate::statements::{Direction, Ordered, Part, row_columns};
use crate::values::bind;

/// So many rows of a stream are read at a time: few at first, for most streams have few.
const FIRST_PAGE: usize = 16;
const PAGE: usize = 256;

/// The columns before those of the order: identity, data, weight, `since`.
const LEADING: usize = 4;

/// A row as it was, since when it was so.
pub(super) struct PastRow<T> {
    pub(super) row: T,
    pub(super) weight: Weight,
    pub(super) since: i64,
}

/// What is read, and how.
pub(super) struct PastScan<'c, T, K> {
    conn: &'c Connection,
    schema: TableSchema,
    index: Index<T, K>,
    /// 0 for the primary index, 1 for the first secondary one.
    position: usize,
    time: i64,
    reverse: bool,
    /// Where reading stops.
    end: ops::Bound<K>,
    streams: Vec<Stream<K, T>>,
    /// What rows are ordered by, in the table itself, at a node and in the log.
    orders: [Ordered; 3],
    /// The statements: they differ by the place, and by the columns that a range has fixed and bounded.
    statements: BTreeMap<(Kind, Form), Rc<str>>,
    /// Whether the heads of the streams were read.
    has_begun: bool,
    is_over: bool,
}

/// Rows in order, of one place.
struct Stream<K, T> {
    kind: Kind,
    /// What is still to be read.
    ranges: VecDeque<Range>,
    page: VecDeque<(K, PastRow<T>)>,
    page_size: usize,
}

/// Where rows are that were there at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The view's own table: what is so since then or longer.
    Present,
    /// One key of a table with one row a key: of its versions that were not over then the first.
    FirstOver,
    /// A node up to the time: what was not over then.
    UpTo,
    /// A node behind the time: what had begun then.
    Behind,
    /// The versions that are not filed: what had begun, and was not over then.
    Unfiled,
}

impl Kind {
    /// Whether it is a node, which is then the first column.
    fn is_node(self) -> bool {
        matches!(self, Self::UpTo | Self::Behind)
    }
}

impl<'c, T: Row, K: IndexKey> PastScan<'c, T, K> {
    /// The rows as of a time of a graph whose last time is `last`.
    pub(super) fn new(
        conn: &'c Connection,
        schema: &TableSchema,
        (index, position): (&Index<T, K>, usize),
        (bounds, order): (Bounds<K>, Order),
        (time, last): (i64, i64),
    ) -> Self {
        let is_empty = bounds.is_empty() || time <= 0;
        let reverse = order == Order::Backward;
        let at_node = version_columns(schema, position);
        let unfiled = Ordered(at_node.0[1..].to_vec());
        let orders = [index_columns(schema, position), at_node, unfiled];
        let ranges = ranges_of(&bounds, order, &orders[0], schema.index_at(position));
        let is_one_key = matches!((&bounds.start, &bounds.end), (ops::Bound::Included(start), ops::Bound::Included(end)) if start == end);
        let end = if reverse { bounds.start } else { bounds.end };
        let mut streams = Vec::new();
        if !is_empty {
            streams.push(Stream::new(Kind::Present, None, &ranges));
        }
        if !is_empty && may_be_unfiled(schema) {
            streams.push(Stream::new(Kind::Unfiled, None, &ranges));
        }
        if is_empty {
            // Nothing to read.
        } else if is_one_key && position == 0 && schema.unique {
            streams.push(Stream::new(Kind::FirstOver, None, &ranges));
        } else {
            let path = Path::of(time, last);
            let at = |kind| move |node| (kind, Some(node));
            let nodes = path.up_to().map(at(Kind::UpTo));
            let nodes = nodes.chain(path.behind().map(at(Kind::Behind)));
            streams.extend(nodes.map(|(kind, node)| Stream::new(kind, node, &ranges)));
        }
        Self {
            conn,
            schema: schema.clone(),
            index: index.clone(),
            position,
            time,
            reverse,
            end,
            streams,
            orders,
            statements: BTreeMap::new(),
            has_begun: false,
            is_over: false,
        }
    }

    /// Reads the heads of all streams, and lets those go that have none.
    fn begin(&mut self) -> Result<(), Error> {
        for mut stream in std::mem::take(&mut self.streams) {
            self.fill(&mut stream)?;
            if !stream.page.is_empty() {
                self.streams.push(stream);
            }
        }
        self.has_begun = true;
        Ok(())
    }

    /// The first row of all streams.
    fn step(&mut self) -> Result<Option<PastRow<T>>, Error> {
        if !self.has_begun {
            self.begin()?;
        }
        let mut first: Option<(usize, &K)> = None;
        for (position, stream) in self.streams.iter().enumerate() {
            let Some((key, _)) = stream.page.front() else {
                continue;
            };
            let is_first = first.is_none_or(|(_, least)| {
                if self.reverse {
                    key > least
                } else {
                    key < least
                }
            });
            if is_first {
                first = Some((position, key));
            }
        }
        let Some((position, _)) = first else {
            return Ok(None);
        };
        let stream = &mut self.streams[position];
        let row = stream.page.pop_front().map(|(_, row)| row);
        if stream.page.is_empty() {
            let mut stream = self.streams.remove(position);
            self.fill(&mut stream)?;
            if !stream.page.is_empty() {
                self.streams.insert(position, stream);
            }
        }
        Ok(row)
    }

    /// Reads the next page of a stream that has rows.
    fn fill(&mut self, stream: &mut Stream<K, T>) -> Result<(), Error> {
        while stream.page.is_empty() {
            let Some(range) = stream.ranges.pop_front() else {
                break;
            };
            self.read(stream, &range)?;
        }
        Ok(())
    }

    /// Reads up to a page of a range. Where the page is full, what comes after its last row is still to be read.
    fn read(&mut self, stream: &mut Stream<K, T>, range: &Range) -> Result<(), Error> {
        let limit = std::mem::replace(&mut stream.page_size, PAGE);
        let sql = self.statement(stream.kind, range);
        let doing = || reading(&self.schema);
        let mut statement = self.conn.prepare_cached(&sql).context(doing)?;
        let others = [self.time, i64::try_from(limit).unwrap_or(i64::MAX)].map(Value::Integer);
        let mut rows = statement
            .query(params_from_iter(range.bound().chain(&others)))
            .context(doing)?;
        let mut read = 0;
        while let Some(row) = rows.next().context(doing)? {
            let (key, decoded) = self.decode(stream, row)?;
            if self.is_beyond_end(&key) {
                stream.ranges.clear();
                return Ok(());
            }
            stream.page.push_back((key, decoded));
            read += 1;
            if read == limit {
                let cursor =
                    (0..self.order(stream.kind).0.len()).map(|column| row.get(LEADING + column));
                let cursor: Vec<Value> = cursor.collect::<rusqlite::Result<_>>().context(doing)?;
                // The ranges that were left come after the ones that the cursor leaves of this range.
                let after = range.after(&cursor, self.order(stream.kind));
                for rest in after.into_iter().rev() {
                    stream.ranges.push_front(rest);
                }
                break;
            }
        }
        Ok(())
    }

    fn order(&self, kind: Kind) -> &Ordered {
        match kind {
            Kind::Present | Kind::FirstOver => &self.orders[0],
            Kind::UpTo | Kind::Behind => &self.orders[1],
            Kind::Unfiled => &self.orders[2],
        }
    }

    /// The statement that reads a range.
    fn statement(&mut self, kind: Kind, range: &Range) -> Rc<str> {
        let shape = (kind, range.form());
        if let Some(known) = self.statements.get(&shape) {
            return Rc::clone(known);
        }
        let sql: Rc<str> = self.sql(kind, range.form()).into();
        self.statements.insert(shape, Rc::clone(&sql));
        sql
    }

    /// Behind the places of the range come the time and the most rows.
    fn sql(&self, kind: Kind, range: Form) -> String {
        let (schema, order) = (&self.schema, self.order(kind));
        let time = range.places() + 1;
        let had_begun = Some(format!("{} <= ?{time}", quote(SINCE)));
        let was_not_over = Some(format!("{} > ?{time}", quote(UNTIL)));
        let versions = quote(&versions_of(schema));
        let (from, filter) = match kind {
            Kind::Present => (
                quote(&schema.name(None)),
                range.filter_and(order, self.reverse, had_begun),
            ),
            Kind::FirstOver => {
                let mut by_end = primary_columns(schema);
                by_end.0.push((quote(UNTIL), Direction::Ascending));
                let first = range.filter_and(&by_end, false, was_not_over);
                let none = (Range::equal(Vec::new()).form(), Ordered(Vec::new()));
                (
                    format!("(SELECT * FROM {versions}{first} LIMIT 1)"),
                    none.0.filter_and(&none.1, false, had_begun),
                )
            }
            Kind::UpTo | Kind::Behind => {
                let is_behind = kind == Kind::Behind;
                let also = if is_behind { had_begun } else { was_not_over };
                (versions, range.filter_and(order, self.reverse, also))
            }
            Kind::Unfiled => (
                unfiled(schema, &format!("?{time}")),
                range.filter_and(order, self.reverse, had_begun),
            ),
        };
        let mut columns = String::new();
        for name in order.names() {
            columns.push_str(", v.");
            columns.push_str(name);
        }
        let index = match kind {
            Kind::Present | Kind::FirstOver | Kind::Unfiled => String::new(),
            // SQLite knows no better: it might look at all versions of a key.
            Kind::UpTo | Kind::Behind => {
                let index = index_name(schema, schema.index_at(self.position));
                format!(" INDEXED BY {}", quote(&index))
            }
        };
        let row = match kind {
            Kind::Present => format!(
                "{}, {}",
                row_columns(schema, Part::Data).join(", "),
                quote(SINCE)
            ),
            _ => version_row(schema),
        };
        format!(
            "SELECT {row}{columns} FROM {from} AS v{index}{filter} LIMIT ?{}",
            time + 1
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
    fn decode(
        &self,
        stream: &Stream<K, T>,
        row: &rusqlite::Row<'_>,
    ) -> Result<(K, PastRow<T>), Error> {
        let doing = || reading(&self.schema);
        let stored = StoredRow::read_plain(row).context(doing)?;
        let columns = LEADING..LEADING + self.order(stream.kind).0.len();
        let decoded: T = decode(&self.schema, &stored, row, columns.clone())?;
        let key = self.index.key(&decoded);
        let mut values = Vec::new();
        key.values(&mut values);
        let described = self.schema.index_at(self.position);
        // At a node, the node is first.
        let first = LEADING + usize::from(stream.kind.is_node());
        for (position, (value, column)) in values.iter().zip(&described.columns).enumerate() {
            if row.get_ref(first + position).context(doing)? != bind(value, column).0 {
                let kind = TickErrorKind::KeyChanged {
                    table: self.schema.name(None),
                    identity: name_of(&stored, row, columns),
                    index: described.name.clone(),
                };
                return Err(damaged(&self.schema, kind));
            }
        }
        let found = PastRow {
            row: decoded,
            weight: stored.weight,
            since: row.get(3).context(doing)?,
        };
        Ok((key, found))
    }
}

impl<T: Row, K: IndexKey> Iterator for PastScan<'_, T, K> {
    type Item = Result<PastRow<T>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.step().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<K, T> Stream<K, T> {
    fn new(kind: Kind, node: Option<i64>, ranges: &VecDeque<Range>) -> Self {
        let node = node.map(Value::Integer);
        let at_node = |range: &Range| Range {
            fixed: node.iter().chain(&range.fixed).cloned().collect(),
            ..range.clone()
        };
        Self {
            kind,
            ranges: ranges.iter().map(at_node).collect(),
            page: VecDeque::new(),
            page_size: FIRST_PAGE,
        }
    }
}

/// What a version is read as, of `v`: identity, data, weight, `since`.
pub(super) fn version_row(schema: &TableSchema) -> String {
    let [identity, count, since] = [IDENTITY, COUNT, SINCE].map(quote);
    format!(
        "v.{identity}, {}, v.{count}, v.{since}",
        kept_data(schema, "v")
    )
}

/// The data of the row of a version or of the log, where its identity is not the row itself.
pub(super) fn kept_data(schema: &TableSchema, of: &str) -> String {
    let [identity, data] = [IDENTITY, DATA].map(quote);
    let mut equal = String::new();
    for name in primary_columns(schema).names() {
        equal.push_str(&format!("r.{name} = {of}.{name} AND "));
    }
    format!(
        "CASE WHEN length({of}.{identity}) = {} THEN (SELECT r.{data} FROM {} AS r WHERE {equal}r.{identity} = \
         {of}.{identity}) END",
        Identity::HASH_LEN,
        quote(&rows_of(schema))
    )
}

/// A row that is stored, with what tells it from others: its identity, or the columns that it is read with.
pub(super) fn decode<T: Row>(
    schema: &TableSchema,
    stored: &StoredRow<'_>,
    row: &rusqlite::Row<'_>,
    columns: ops::Range<usize>,
) -> Result<T, Error> {
    codec::decode(stored.row).map_err(|error| {
        let kind = TickErrorKind::Decode {
            table: schema.name(None),
            identity: name_of(stored, row, columns),
            error,
        };
        damaged(schema, kind)
    })
}

fn name_of(stored: &StoredRow<'_>, row: &rusqlite::Row<'_>, columns: ops::Range<usize>) -> String {
    if !stored.identity.is_empty() {
        return literal(ValueRef::Blob(stored.identity));
    }
    let values = columns.map(|column| row.get_ref(column).map_or_else(|_| String::new(), literal));
    values.collect::<Vec<_>>().join(", ")
}

pub(super) fn damaged(schema: &TableSchema, kind: TickErrorKind) -> Error {
    TickError::new(&schema.graph, &schema.vertex, kind).into()
}

pub(super) fn reading(schema: &TableSchema) -> String {
    format!("reading the past of table `{}`", schema.name(None))
}
