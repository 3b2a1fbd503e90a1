//! A driver over plain bytes: it answers fetches and stores writes as a database does, and knows no types.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use deltaview_schema::{Column, KeyValue};
use deltaview_zset::Weight;

use crate::state::scan::Order;
use crate::tick::{Commit, Fetch, FetchKeys, FetchRange, Step, Write};
use crate::{Change, Graph, TableId, TickError, TickErrorKind, WorkingSet};

type Columns = Vec<KeyValue<'static>>;

/// A stored row: the columns of its key, its identity, its data where that is stored apart, its weight.
#[derive(Clone)]
struct StoredRow {
    key: Columns,
    identity: Vec<u8>,
    data: Option<Vec<u8>>,
    weight: Weight,
}

/// How the driver ends a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// It pushes until there are enough.
    RowByRow,
    /// It pushes as many as are wished for, with all rows of the last key, and pauses.
    WithTies,
    /// It pushes one key and pauses.
    OneKey,
    /// It pushes rows and never ends a range: a bug.
    Unfinished,
    /// It leaves the fetches of ranges out: a bug.
    Dropped,
    /// It reads ranges in the other direction: a bug.
    WrongOrder,
}

/// The stored tables, and what was asked of them.
pub(super) struct Bytes {
    tables: BTreeMap<TableId, BTreeMap<(Columns, Vec<u8>), StoredRow>>,
    pub(super) style: Style,
    /// By step of the last iteration, what each fetch asked for.
    pub(super) steps: Vec<Vec<FetchKeys>>,
    pub(super) rows_read: usize,
}

impl Bytes {
    pub(super) fn new(style: Style) -> Self {
        Self {
            tables: BTreeMap::new(),
            style,
            steps: Vec::new(),
            rows_read: 0,
        }
    }

    /// Runs a change, writes its commit and absorbs it.
    pub(super) fn run(
        &mut self,
        graph: &Graph,
        state: &mut WorkingSet,
        change: &Change,
    ) -> Result<(), TickError> {
        self.steps.clear();
        self.rows_read = 0;
        let mut step = graph.begin(state, change)?;
        let commit = loop {
            step = match step {
                Step::Done(commit) => break commit,
                Step::Fetch(mut fetches, tick) => {
                    assert!(self.steps.len() < 200, "the iteration gets nowhere");
                    self.steps.push(fetches.iter().map(Fetch::keys).collect());
                    if self.style == Style::Dropped {
                        fetches.retain(|fetch| !matches!(fetch.keys(), FetchKeys::Ranges(_)));
                    }
                    for fetch in &mut fetches {
                        self.answer(graph, fetch)
                            .map_err(|kind| TickError::new(graph.name(), "driver", kind))?;
                    }
                    // The order in which they come back does not matter.
                    fetches.reverse();
                    tick.resume(fetches)?
                }
            };
        };
        self.write(&commit)?;
        state.absorb(commit);
        Ok(())
    }

    fn answer(&mut self, graph: &Graph, fetch: &mut Fetch) -> Result<(), TickErrorKind> {
        let stored = self.tables.entry(fetch.table()).or_default();
        let columns = &graph.table(fetch.table()).schema().primary.columns;
        match fetch.keys() {
            FetchKeys::All => {
                for row in stored.values() {
                    self.rows_read += 1;
                    fetch.push(None, &row.identity, row.data.as_deref(), row.weight)?;
                }
            }
            FetchKeys::Some(keys) => {
                for position in 0..keys {
                    let key = key_at(fetch, position);
                    for row in stored.values().filter(|row| row.key == key) {
                        self.rows_read += 1;
                        fetch.push(
                            Some(position),
                            &row.identity,
                            row.data.as_deref(),
                            row.weight,
                        )?;
                    }
                }
            }
            FetchKeys::Rows(rows) => {
                for position in 0..rows {
                    let identity = fetch.identity(position).as_bytes().to_vec();
                    if let Some(row) = stored.get(&(key_at(fetch, position), identity)) {
                        self.rows_read += 1;
                        fetch.push_weight(position, row.weight);
                    }
                }
            }
            FetchKeys::Ranges(ranges) => {
                for position in 0..ranges {
                    let range = fetch.range(position);
                    let order = if self.style == Style::WrongOrder {
                        reversed(range.order)
                    } else {
                        range.order
                    };
                    let mut found: Vec<StoredRow> = stored
                        .values()
                        .filter(|row| is_in(&range, &row.key, columns))
                        .cloned()
                        .collect();
                    found.sort_by(|a, b| in_order(compare(columns, &a.key, &b.key), order));
                    self.rows_read += answer_range(fetch, position, &found, self.style)?;
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, commit: &Commit) -> Result<(), TickError> {
        for writes in commit.tables() {
            let stored = self.tables.entry(writes.table()).or_default();
            writes.for_each(|write| {
                let Write::Add {
                    key,
                    identity,
                    data,
                    weight,
                    before,
                    ..
                } = write
                else {
                    panic!("the tables of these tests have many rows a key");
                };
                let place = (owned(key), identity.as_bytes().to_vec());
                let old = stored.get(&place).map_or(0, |row| row.weight);
                assert!(
                    before.is_none_or(|before| before == old),
                    "{before:?}, {old}"
                );
                if old + weight == 0 {
                    stored.remove(&place);
                } else {
                    let row = StoredRow {
                        key: place.0.clone(),
                        identity: place.1.clone(),
                        data: data.map(<[u8]>::to_vec),
                        weight: old + weight,
                    };
                    stored.insert(place, row);
                }
                Ok::<(), TickError>(())
            })?;
        }
        Ok(())
    }
}

/// Hands rows in as a driver of a style does. Returns how many were looked at.
fn answer_range(
    fetch: &mut Fetch,
    position: usize,
    found: &[StoredRow],
    style: Style,
) -> Result<usize, TickErrorKind> {
    let wished = fetch.range(position).rows;
    let mut pushed = 0;
    for (at, row) in found.iter().enumerate() {
        let is_next_key = at > 0 && found[at - 1].key != row.key;
        let is_enough = match style {
            Style::WithTies => pushed >= wished,
            Style::OneKey => true,
            _ => false,
        };
        if is_next_key && is_enough {
            fetch.pause_range(position);
            return Ok(at);
        }
        let taken =
            fetch.push_in_range(position, &row.identity, row.data.as_deref(), row.weight)?;
        if taken.is_break() {
            assert!(
                is_next_key && pushed >= wished,
                "only a new key is too many"
            );
            return Ok(at + 1);
        }
        pushed += 1;
    }
    if style != Style::Unfinished {
        fetch.end_range(position);
    }
    Ok(pushed)
}

fn key_at(fetch: &Fetch, position: usize) -> Columns {
    let mut key = Vec::new();
    fetch.key(position, &mut key);
    owned(&key)
}

fn owned(key: &[KeyValue<'_>]) -> Columns {
    key.iter().map(|value| value.clone().into_owned()).collect()
}

/// Compares the columns that both have.
fn compare(columns: &[Column], a: &[KeyValue<'_>], b: &[KeyValue<'_>]) -> Ordering {
    let one = |((column, a), b): ((&Column, &KeyValue<'_>), &KeyValue<'_>)| {
        if column.descending {
            b.cmp(a)
        } else {
            a.cmp(b)
        }
    };
    let mut orders = columns.iter().zip(a).zip(b).map(one);
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn is_in(range: &FetchRange<'_>, key: &[KeyValue<'_>], columns: &[Column]) -> bool {
    let (group, place) = key.split_at(range.group.len());
    let columns = &columns[range.group.len()..];
    group == range.group
        && range.start.as_ref().is_none_or(|start| {
            assert_eq!(start.columns.len(), place.len(), "a start has all columns");
            match in_order(compare(columns, place, &start.columns), range.order) {
                Ordering::Less => false,
                Ordering::Equal => start.inclusive,
                Ordering::Greater => true,
            }
        })
}

fn in_order(ordering: Ordering, order: Order) -> Ordering {
    match order {
        Order::Forward => ordering,
        Order::Backward => ordering.reverse(),
    }
}

fn reversed(order: Order) -> Order {
    match order {
        Order::Forward => Order::Backward,
        Order::Backward => Order::Forward,
    }
}
