//! What a read of a view asks of the server, by ranges and keys of its indexes, and what the rows are that come.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use deltaview_graph::{Bounds, Order, TickError, TickErrorKind, ViewHandle};
use deltaview_schema::{Index, IndexKey, KeyValue, Row, codec};
use deltaview_store::Error;
use deltaview_zset::Weight;
use tokio_postgres::types::{ToSql, Type};

use crate::cursor::{Query, Scan};
use crate::engine::Engine;
use crate::error::Context;
use crate::fetch::{StoredRow, push_key};
use crate::history::At;
use crate::names::{Term, index_parts, order_by, table_name};
use crate::ranges::{Range, beyond};
use crate::statements::Statements;
use crate::table::ReadIndex;
use crate::values::{Array, Raw, Single};
use crate::view::{Rows, Source};

/// So many keys are asked for at once.
const KEYS: usize = 1000;

/// The columns before those of the index: identity, data, weight.
const ROW_COLUMNS: usize = 3;

/// What reads a row, and what the row is.
pub(crate) type Get<'a, T, K> = (Viewed<'a, T, K>, Query);

/// How the row of a key is read; not at all, where there can be none. Where there are several, it is any of them.
pub(crate) fn get<'a, T: Row, K: IndexKey>(
    engine: &'a Engine,
    view: ViewHandle<T, K>,
    at: Option<At>,
    key: &K,
) -> Result<Option<Get<'a, T, K>>, Error> {
    let viewed = Viewed::new(engine, view, at)?;
    let query = match &viewed.at {
        None => viewed.get_now(key),
        Some(_) => {
            let key = Place::of(key, &viewed, 0);
            viewed.is_key(&key).map(|condition| Query {
                sql: format!("{} LIMIT 1", viewed.select_key(&condition)).into(),
                values: key.bound(),
                is_paged: false,
            })
        }
    };
    Ok(query.map(|query| (viewed, query)))
}

/// How the rows within bounds are read, which are not empty.
pub(crate) fn range<T: Row, K: IndexKey>(
    engine: &Engine,
    view: ViewHandle<T, K>,
    at: Option<At>,
    bounds: Bounds<K>,
    order: Order,
) -> Result<Plan<T>, Error> {
    let viewed = Viewed::new(engine, view, at)?;
    let backward = order == Order::Backward;
    let (start, end) = if backward {
        (bounds.end, bounds.start)
    } else {
        (bounds.start, bounds.end)
    };
    let queries = viewed.queries(&start, &end, backward);
    let has_ends = !matches!(
        (&start, &end),
        (Bound::Unbounded, _) | (_, Bound::Unbounded)
    );
    let end = End {
        bound: end,
        backward,
    };
    Ok(Plan::new(viewed, queries, Some(end), has_ends))
}

/// How the rows of keys are read, in the order of the keys.
pub(crate) fn keys<T: Row, K: IndexKey>(
    engine: &Engine,
    view: ViewHandle<T, K>,
    at: Option<At>,
    keys: &[K],
) -> Result<Plan<T>, Error> {
    let viewed = Viewed::new(engine, view, at)?;
    let select = |condition: &str| viewed.select_key(condition);
    let sql = Statements::by_keys(&viewed.read.schema, viewed.read.position, select);
    let sql: Arc<str> = sql.into();
    let queries = keys.chunks(KEYS).map(|keys| {
        let columns = viewed.read.parts.iter().map(|part| part.column_type);
        let mut arrays: Vec<Array> = columns.map(Array::of).collect();
        let mut positions = Array::of(deltaview_schema::ColumnType::Int);
        for (position, key) in (0..).zip(keys) {
            let mut values = Vec::new();
            key.values(&mut values);
            // Text with a NUL can't be stored, so that there is nothing to find.
            if values.iter().any(has_nul) {
                continue;
            }
            push_key(&mut arrays, &values).expect("no text has a NUL");
            positions.push_int(position);
        }
        arrays.push(positions);
        let boxed = |array: Array| -> (Box<dyn ToSql + Sync + Send>, Type) {
            let array_type = array.array_type();
            (Box::new(array), array_type)
        };
        Query {
            sql: sql.clone(),
            values: arrays.into_iter().map(boxed).collect(),
            is_paged: false,
        }
    });
    let queries = queries.collect();
    Ok(Plan::new(viewed, queries, None, false))
}

/// What a row is: nothing, where it is beyond the end.
pub(crate) type Decode<T> =
    Box<dyn FnMut(&tokio_postgres::Row) -> Result<Option<(T, Weight)>, Error> + Send>;

/// What is asked of the server, one query after the other, and what its rows are. Only this knows the types of a view;
/// all that waits for the server does not, so that it is compiled once.
pub(crate) struct Plan<T> {
    queries: Vec<Query>,
    decode: Decode<T>,
    doing: String,
    has_ends: bool,
}

impl<T: Row> Plan<T> {
    fn new<K: IndexKey>(
        viewed: Viewed<'_, T, K>,
        queries: Vec<Query>,
        end: Option<End<K>>,
        has_ends: bool,
    ) -> Self {
        let doing = viewed.read.doing.clone();
        let viewed = viewed.into_owned();
        Self {
            queries,
            decode: Box::new(move |row| {
                let (key, row, weight) = viewed.decode(row)?;
                let is_beyond = end.as_ref().is_some_and(|end| end.is_before(&key));
                Ok((!is_beyond).then_some((row, weight)))
            }),
            doing,
            has_ends,
        }
    }

    /// All the rows, once the first page of them is there.
    pub(crate) async fn rows(self, source: &Source) -> Result<Rows<T>, Error> {
        let rows = Scan::start(source, self.queries, self.doing, self.has_ends).await?;
        Ok(Rows::new(rows, self.decode))
    }
}

fn has_nul(value: &KeyValue<'_>) -> bool {
    matches!(value, KeyValue::Text(text) if text.contains('\0'))
}

/// A view and the index that it is read by.
pub(crate) struct Viewed<'a, T: Row, K: IndexKey> {
    /// Nothing, where it is read as it is now.
    at: Option<At>,
    read: Arc<ReadIndex>,
    index: Cow<'a, Index<T, K>>,
}

impl<'a, T: Row, K: IndexKey> Viewed<'a, T, K> {
    pub(crate) fn new(
        engine: &'a Engine,
        view: ViewHandle<T, K>,
        at: Option<At>,
    ) -> Result<Self, Error> {
        let table = engine.graph.view_table(view)?.id();
        Ok(Self {
            at,
            read: Arc::clone(&engine.tables[&table].indexes[view.index()]),
            index: Cow::Borrowed(engine.graph.view_index(view)?),
        })
    }

    fn into_owned(self) -> Viewed<'static, T, K> {
        Viewed {
            at: self.at,
            read: self.read,
            index: Cow::Owned(self.index.into_owned()),
        }
    }

    /// What the index is ordered by: down to the single row, and in the past down to the key.
    fn terms(&self) -> &[Term] {
        match self.at {
            None => &self.read.terms,
            Some(_) => &self.read.terms[..self.read.terms_of_key],
        }
    }

    /// How many of the terms are of the key.
    fn terms_of_index(&self) -> usize {
        self.read.terms_of_key
    }

    /// What reads the row of a key as it is now; nothing, where there can be none.
    fn get_now(&self, key: &K) -> Option<Query> {
        let mut values = Vec::new();
        key.values(&mut values);
        let parts = self.read.parts.iter();
        let values = values.iter().zip(parts);
        let values = values.map(|(value, part)| {
            let single = Single::new(value, part.column_type);
            // Text with a NUL can't be stored: nothing is equal to it.
            (!single.is_cut).then(|| single.bound())
        });
        Some(Query {
            values: values.collect::<Option<_>>()?,
            sql: Arc::clone(&self.read.get),
            is_paged: false,
        })
    }

    /// That a row is of a key; nothing, where there can be none.
    pub(crate) fn is_key(&self, key: &Place) -> Option<String> {
        let terms = self.terms_of_index();
        let condition = || Range::equal(terms).condition(self.terms(), &key.terms, &[], false);
        (!key.is_cut(terms)).then(condition)
    }

    /// What is read of a row.
    pub(crate) fn scanned_columns(&self) -> String {
        match &self.at {
            None => self.read.columns.clone(),
            Some(at) => at.scanned_columns(&self.read.schema, self.read.position),
        }
    }

    /// How many columns these are.
    pub(crate) fn columns_read(&self) -> usize {
        ROW_COLUMNS + index_parts(&self.read.schema, self.read.position).len()
    }

    /// Selects the rows of one key, which meet a condition. Their order does not matter.
    fn select_key(&self, condition: &str) -> String {
        let columns = self.scanned_columns();
        match &self.at {
            None => {
                format!("SELECT {columns} FROM {} WHERE {condition}", self.read.from)
            }
            Some(at) => format!("SELECT {columns} FROM {}", at.rows_of_key(condition)),
        }
    }

    /// Selects the rows that meet a condition, in the order of the index.
    pub(crate) fn select_in_order(&self, condition: &str, backward: bool) -> String {
        let columns = self.scanned_columns();
        match &self.at {
            None => format!(
                "SELECT {columns} FROM {} WHERE {condition} ORDER BY {}",
                self.read.from,
                order_by(self.terms(), backward)
            ),
            Some(at) => {
                let (rows, order) = at.rows_in_order(condition, self.terms(), backward);
                format!("SELECT {columns} FROM {rows} ORDER BY {order}")
            }
        }
    }

    /// The queries that read from one bound to the other, in order. Where to stop is decided by `Ord`; they only keep
    /// the server from reading far beyond it.
    fn queries(&self, start: &Bound<K>, end: &Bound<K>, backward: bool) -> Vec<Query> {
        let all = self.terms_of_index();
        let (key, is_included) = match start {
            Bound::Unbounded => (None, true),
            Bound::Included(key) => (Some(key), true),
            Bound::Excluded(key) => (Some(key), false),
        };
        let start = key.map(|key| Place::of(key, self, 0));
        let end = match end {
            Bound::Unbounded => None,
            Bound::Included(key) | Bound::Excluded(key) => Some(key),
        };
        let is_one_key = is_included && end.is_some() && key == end;
        let bound = start.as_ref().map_or(0, |start| start.values.len());
        let end = end.map(|key| Place::of(key, self, bound));
        if !is_one_key
            && let Some(start) = &start
            && let Some(query) = self.whole_range(start, is_included, end.as_ref(), backward)
        {
            return vec![query];
        }
        let ranges: Vec<Range> = match &start {
            None => vec![Range::equal(0)],
            Some(_) if is_one_key => vec![Range::equal(all)],
            Some(_) => {
                let first = is_included.then(|| Range::equal(all));
                first.into_iter().chain(Range::after(all, 0)).collect()
            }
        };
        let queries = ranges.into_iter().filter_map(|range| {
            let start = start.as_ref();
            // Text with a NUL can't be stored: nothing is equal to it.
            if start.is_some_and(|start| start.is_cut(range.fixed)) {
                return None;
            }
            Some(self.query(range, start, end.as_ref(), backward))
        });
        queries.collect()
    }

    /// The one query for all behind a key, where all columns of the index have one direction: the server compares the
    /// keys as they are then, and so the end too. Nothing, where a text was cut, which is not equal to itself.
    fn whole_range(
        &self,
        start: &Place,
        is_included: bool,
        end: Option<&Place>,
        backward: bool,
    ) -> Option<Query> {
        let all = self.terms_of_index();
        let terms = &self.terms()[..all];
        let (first, others) = terms.split_first()?;
        let is_cut = |place: &Place| place.is_cut(all);
        if self.at.is_some()
            || others
                .iter()
                .any(|term| term.descending != first.descending)
            || is_cut(start)
            || end.is_some_and(is_cut)
        {
            return None;
        }
        let row = |values: &mut dyn Iterator<Item = &str>| values.collect::<Vec<_>>().join(", ");
        let stored = row(&mut terms.iter().map(|term| term.sql.as_str()));
        let values = |place: &Place| row(&mut place.terms.iter().map(String::as_str));
        let (after, before) = match beyond(first, backward) {
            ">" => (">", "<="),
            _ => ("<", ">="),
        };
        let or_equal = if is_included { "=" } else { "" };
        let mut condition = format!("({stored}) {after}{or_equal} ({})", values(start));
        if let Some(end) = end {
            condition.push_str(&format!(" AND ({stored}) {before} ({})", values(end)));
        }
        let bound = [start].into_iter().chain(end).flat_map(Place::bound);
        Some(Query {
            sql: self.select_in_order(&condition, backward).into(),
            values: bound.collect(),
            is_paged: true,
        })
    }

    fn query(
        &self,
        range: Range,
        start: Option<&Place>,
        end: Option<&Place>,
        backward: bool,
    ) -> Query {
        let (from, cuts) = start.map_or((&[][..], &[][..]), |start| {
            (start.terms.as_slice(), start.cuts.as_slice())
        });
        let mut condition = range.condition(self.terms(), from, cuts, backward);
        if let Some(end) = end
            && range.fixed < self.terms_of_index()
            && !end.is_cut(range.fixed + 1)
            && start.map_or(range.fixed == 0, |start| {
                start.starts_alike(end, range.fixed)
            })
        {
            let term = &self.terms()[range.fixed];
            let operator = if beyond(term, backward) == ">" {
                "<="
            } else {
                ">="
            };
            condition.push_str(&format!(
                " AND {} {operator} {}",
                term.sql, end.terms[range.fixed]
            ));
        }
        // In the past rows are found by their keys, and those of one key have no order.
        let is_key = !range.is_beyond && range.fixed == self.terms_of_index();
        let has_order = !(self.terms().is_empty() || is_key && self.at.is_some());
        let sql = if !has_order {
            self.select_key(&condition)
        } else {
            self.select_in_order(&condition, backward)
        };
        let values = start.into_iter().chain(end).flat_map(Place::bound);
        Query {
            sql: sql.into(),
            values: values.collect(),
            is_paged: has_order && self.at.is_none(),
        }
    }

    /// The row that is stored and its key, which it must be under: the order of what is read depends on that.
    pub(crate) fn decode(&self, row: &tokio_postgres::Row) -> Result<(K, T, Weight), Error> {
        let stored = StoredRow::read(row, 0).context(|| self.doing().to_string())?;
        let decoded: T =
            codec::decode(stored.data.unwrap_or(stored.identity)).map_err(|error| {
                self.damaged(TickErrorKind::Decode {
                    table: table_name(&self.read.schema),
                    identity: self.name_of(row, &stored),
                    error,
                })
            })?;
        let key = self.index.key(&decoded);
        let mut values = Vec::new();
        key.values(&mut values);
        for (position, value) in values.iter().enumerate() {
            let found: Raw<'_> = row
                .try_get(ROW_COLUMNS + position)
                .context(|| self.doing().to_string())?;
            if !has_nul(value) && found.is(value) {
                continue;
            }
            return Err(self.damaged(TickErrorKind::KeyChanged {
                table: table_name(&self.read.schema),
                identity: self.name_of(row, &stored),
                index: self.read.schema.index_at(self.read.position).name.clone(),
            }));
        }
        drop(values);
        Ok((key, decoded, stored.weight))
    }

    /// What tells the row from others: its identity, or its key in a table with one row a key.
    fn name_of(&self, row: &tokio_postgres::Row, stored: &StoredRow<'_>) -> String {
        if !self.read.schema.unique {
            return hex(stored.identity);
        }
        let primary = self.read.schema.primary.columns.len();
        let all = index_parts(&self.read.schema, self.read.position).len();
        let first = ROW_COLUMNS + all - primary - usize::from(self.read.schema.has_identity());
        let values = (first..first + primary).map(|column| {
            let found = row.try_get::<_, Raw<'_>>(column).ok();
            found.and_then(|raw| raw.0).map_or("NULL".to_string(), hex)
        });
        values.collect::<Vec<_>>().join(", ")
    }

    fn damaged(&self, kind: TickErrorKind) -> Error {
        TickError::new(&self.read.schema.graph, &self.read.schema.vertex, kind).into()
    }

    pub(crate) fn doing(&self) -> &str {
        &self.read.doing
    }
}

/// Bytes as Postgres shows them.
fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("'\\x{digits}'")
}

/// A key that reading begins or ends at: its values, to be bound, and the terms of the index.
pub(crate) struct Place {
    values: Vec<Single>,
    terms: Vec<String>,
    /// By term: whether its text was cut at a NUL.
    cuts: Vec<bool>,
    /// By term, for comparing places: the column, and its value.
    columns: Vec<usize>,
}

impl Place {
    /// With `bound` values before its own in the statement.
    pub(crate) fn of<T: Row, K: IndexKey>(
        key: &K,
        viewed: &Viewed<'_, T, K>,
        bound: usize,
    ) -> Self {
        let mut values = Vec::new();
        key.values(&mut values);
        let mut place = Self {
            values: Vec::new(),
            terms: Vec::new(),
            cuts: Vec::new(),
            columns: Vec::new(),
        };
        for (column, (value, part)) in values.iter().zip(&viewed.read.parts).enumerate() {
            let single = Single::new(value, part.column_type);
            let terms = part.bound_terms(bound + column + 1);
            for (i, term) in terms.iter().enumerate() {
                place.terms.push(term.clone());
                place.cuts.push(single.is_cut && i + 1 == terms.len());
                place.columns.push(column);
            }
            place.values.push(single);
        }
        place
    }

    pub(crate) fn bound(&self) -> Vec<(Box<dyn ToSql + Sync + Send>, Type)> {
        let values = self.values.iter();
        values.map(|value| value.clone().bound()).collect()
    }

    /// Whether one of so many leading terms was cut.
    fn is_cut(&self, terms: usize) -> bool {
        self.cuts[..terms].contains(&true)
    }

    /// Whether so many leading terms are the same, at least.
    fn starts_alike(&self, other: &Self, terms: usize) -> bool {
        self.columns[..terms]
            .iter()
            .all(|column| self.values[*column].same_as(&other.values[*column]))
    }
}

/// Where reading stops.
struct End<K> {
    bound: Bound<K>,
    backward: bool,
}

impl<K: Ord> End<K> {
    fn is_before(&self, key: &K) -> bool {
        match (&self.bound, self.backward) {
            (Bound::Unbounded, _) => false,
            (Bound::Included(end), false) => key > end,
            (Bound::Excluded(end), false) => key >= end,
            (Bound::Included(end), true) => key < end,
            (Bound::Excluded(end), true) => key <= end,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::cmp::Reverse;

    use deltaview_graph::Graph;

    use super::*;

    type Item = (i64, String, i64);

    /// How many queries read from one key to another.
    fn queries<K: IndexKey>(
        key: impl Fn(&Item) -> K + Send + Sync + 'static,
        bounds: (Bound<K>, Bound<K>),
        backward: bool,
    ) -> Vec<String> {
        let (graph, view) = Graph::build("it", |g| {
            let index = Index::declared("key", ["a", "b", "c"], key);
            g.input::<Item>("items").view_by("view", index)
        })
        .unwrap();
        let engine = Engine::new(&graph, "it");
        let viewed = Viewed::new(&engine, view, None).unwrap();
        let queries = viewed.queries(&bounds.0, &bounds.1, backward);
        queries
            .into_iter()
            .map(|query| query.sql.to_string())
            .collect()
    }

    #[test]
    fn a_range_of_an_index_of_one_direction_is_one_query() {
        let key = |a: i64, b: &str| (a, b.to_string(), 0_i64);
        let of_item = |item: &Item| item.clone();
        let bounds = (Bound::Included(key(1, "a")), Bound::Excluded(key(3, "b")));
        let one = queries(of_item, bounds.clone(), false);
        let [one] = one.as_slice() else {
            panic!("{one:#?}");
        };
        let condition = "WHERE (t.\"ixd__key__a\", t.\"ixd__key__b\", t.\"ixd__key__c\") >= ($1::bigint, $2::text, $3::bigint) \
                         AND (t.\"ixd__key__a\", t.\"ixd__key__b\", t.\"ixd__key__c\") <= ($4::bigint, $5::text, $6::bigint)";
        assert!(one.contains(condition), "{one}");
        let behind = (Bound::Excluded(key(1, "a")), Bound::Unbounded);
        let one = queries(of_item, behind.clone(), true);
        assert!(
            one[0].contains(") < ($1::bigint") && one.len() == 1,
            "{one:#?}"
        );
        // A text that the server can't hold is equal to nothing.
        let cut = (Bound::Excluded(key(1, "a\0")), Bound::Unbounded);
        assert!(queries(of_item, cut, false).len() > 1);
        let mixed = |item: &Item| (item.0, Reverse(item.1.clone()), item.2);
        let behind = (
            Bound::Excluded((1, Reverse("a".to_string()), 0)),
            Bound::Unbounded,
        );
        assert_eq!(queries(mixed, behind, false).len(), 3);
    }
}
