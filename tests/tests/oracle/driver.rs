//! A driver of the tick over plain bytes, in memory: it sees exactly what a database would, remembers what was asked
//! of it, and fails when it is told to.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use deltaview::{Change, Graph, KeyValue, TableId, TickError, Weight, WeightOverflow};
use deltaview_graph::{
    Changes, Commit, Fetch, FetchKeys, FetchRange, Order, Step, TickErrorKind, WorkingSet, Write,
};
use deltaview_schema::{Column, TableSchema};

/// The columns of a key.
pub(crate) type Columns = Vec<KeyValue<'static>>;

/// The rows of a key by identity: data that is stored apart, and the weight.
type Stored = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Weight)>;

/// The tables of a graph, as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteStore {
    tables: BTreeMap<TableId, HashMap<Columns, Stored>>,
}

/// What was asked of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// All rows.
    All,
    /// All rows of these keys.
    Keys(Vec<Columns>),
    /// Single rows of these keys.
    Rows(Vec<Columns>),
    /// Ranges, each of the group with these columns.
    Ranges(Vec<Columns>),
}

/// What an iteration asked of the driver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// By step, by fetch: what was asked of a table.
    pub(crate) rounds: Vec<Vec<(TableId, Asked)>>,
    /// The rows that were found.
    pub(crate) rows_read: usize,
    /// The keys that were written.
    pub(crate) writes: Vec<(TableId, Columns)>,
}

/// At which call the driver fails: calls are counted down, and the one at zero fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fuse(Option<usize>);

impl Fuse {
    /// Never fails.
    pub(crate) const NONE: Self = Self(None);

    /// Fails after so many calls that succeed.
    pub(crate) fn after(calls: usize) -> Self {
        Self(Some(calls))
    }

    fn call(&mut self) -> Result<(), DriveError> {
        match &mut self.0 {
            Some(0) => Err(DriveError::Fault),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Why an iteration did not happen.
#[derive(Debug)]
pub(crate) enum DriveError {
    /// The tick says so.
    Tick(TickError),
    /// The fuse blew.
    Fault,
}

impl From<TickError> for DriveError {
    fn from(error: TickError) -> Self {
        Self::Tick(error)
    }
}

/// A write that waits for its transaction to commit.
enum Pending {
    Put(TableId, Columns, Vec<u8>),
    Delete(TableId, Columns),
    Weigh {
        table: TableId,
        key: Columns,
        identity: Vec<u8>,
        data: Option<Vec<u8>>,
        weight: Weight,
    },
}

impl ByteStore {
    /// Runs a change in one transaction.
    pub(crate) fn run(
        &mut self,
        graph: &Graph,
        state: &mut WorkingSet,
        change: &Change,
        mut fuse: Fuse,
    ) -> Result<(Changes, Log), DriveError> {
        let mut log = Log::default();
        let mut step = graph.begin(state, change)?;
        let commit = loop {
            step = match step {
                Step::Done(commit) => break commit,
                Step::Fetch(mut fetches, tick) => {
                    let mut round = Vec::new();
                    for fetch in &mut fetches {
                        fuse.call()?;
                        round.push((fetch.table(), self.fetch(graph, fetch, &mut log.rows_read)?));
                    }
                    log.rounds.push(round);
                    tick.resume(fetches)?
                }
            };
        };
        let pending = self.pending(graph, &commit, &mut fuse)?;
        fuse.call()?;
        for write in pending {
            log.writes.push(self.write(write));
        }
        Ok((state.absorb(commit), log))
    }

    /// The rows of a table: identity, data, weight.
    pub(crate) fn rows(
        &self,
        table: TableId,
    ) -> impl Iterator<Item = (&[u8], Option<&[u8]>, Weight)> {
        let rows = self
            .tables
            .get(&table)
            .into_iter()
            .flat_map(HashMap::values)
            .flatten();
        rows.map(|(identity, (data, weight))| (identity.as_slice(), data.as_deref(), *weight))
    }

    /// Answers what a step of a tick asks for.
    pub(crate) fn answer_all(&self, graph: &Graph, fetches: &mut [Fetch]) -> Result<(), TickError> {
        let mut rows_read = 0;
        for fetch in fetches {
            self.fetch(graph, fetch, &mut rows_read)?;
        }
        Ok(())
    }

    /// Writes a commit, or nothing of it.
    pub(crate) fn store(&mut self, graph: &Graph, commit: &Commit) -> Result<(), DriveError> {
        let mut fuse = Fuse::NONE;
        let pending = self.pending(graph, commit, &mut fuse)?;
        for write in pending {
            self.write(write);
        }
        Ok(())
    }

    fn fetch(
        &self,
        graph: &Graph,
        fetch: &mut Fetch,
        rows_read: &mut usize,
    ) -> Result<Asked, TickError> {
        let schema = graph.table(fetch.table()).schema();
        self.answer(schema, fetch, rows_read)
            .map_err(|kind| TickError::new(graph.name(), &schema.vertex, kind))
    }

    fn answer(
        &self,
        schema: &TableSchema,
        fetch: &mut Fetch,
        rows_read: &mut usize,
    ) -> Result<Asked, TickErrorKind> {
        let stored = self.tables.get(&fetch.table());
        let rows_of = |key: &Columns| stored.and_then(|table| table.get(key));
        let mut push = |fetch: &mut Fetch, key: Option<usize>, rows: &Stored| {
            for (identity, (data, weight)) in rows {
                *rows_read += 1;
                fetch.push(key, identity, data.as_deref(), *weight)?;
            }
            Ok::<(), TickErrorKind>(())
        };
        match fetch.keys() {
            FetchKeys::All => {
                for rows in stored.into_iter().flat_map(HashMap::values) {
                    push(fetch, None, rows)?;
                }
                Ok(Asked::All)
            }
            FetchKeys::Some(count) => {
                let keys: Vec<Columns> = (0..count).map(|at| key_at(fetch, at)).collect();
                for (position, key) in keys.iter().enumerate() {
                    if let Some(rows) = rows_of(key) {
                        push(fetch, Some(position), rows)?;
                    }
                }
                Ok(Asked::Keys(keys))
            }
            FetchKeys::Rows(count) => {
                let keys: Vec<Columns> = (0..count).map(|at| key_at(fetch, at)).collect();
                for (position, key) in keys.iter().enumerate() {
                    let identity = fetch.identity(position);
                    let row = rows_of(key).and_then(|rows| rows.get(identity.as_bytes()));
                    if let Some((_, weight)) = row {
                        *rows_read += 1;
                        fetch.push_weight(position, *weight);
                    }
                }
                Ok(Asked::Rows(keys))
            }
            FetchKeys::Ranges(count) => {
                let group = |position| owned(&fetch.range(position).group);
                let groups = (0..count).map(group).collect();
                for position in 0..count {
                    let keys = stored.into_iter().flatten();
                    let found = in_range(&schema.primary.columns, &fetch.range(position), keys);
                    *rows_read += push_range(fetch, position, &found)?;
                }
                Ok(Asked::Ranges(groups))
            }
        }
    }

    fn pending(
        &self,
        graph: &Graph,
        commit: &Commit,
        fuse: &mut Fuse,
    ) -> Result<Vec<Pending>, DriveError> {
        let mut pending = Vec::new();
        for writes in commit.tables() {
            let table = writes.table();
            writes.for_each(|write| {
                fuse.call()?;
                pending.push(match write {
                    Write::Put { key, data, .. } => Pending::Put(table, owned(key), data.to_vec()),
                    Write::Delete { key } => Pending::Delete(table, owned(key)),
                    Write::Add {
                        key,
                        identity,
                        data,
                        weight,
                        before,
                        ..
                    } => {
                        let (key, identity) = (owned(key), identity.as_bytes().to_vec());
                        let stored = self.weight(table, &key, &identity);
                        assert!(
                            before.is_none_or(|before| before == stored),
                            "what was seen is there"
                        );
                        let Some(weight) = stored.checked_add(weight) else {
                            let kind = TickErrorKind::WeightOverflow(WeightOverflow);
                            return Err(TickError::new(
                                graph.name(),
                                &writes.schema().vertex,
                                kind,
                            )
                            .into());
                        };
                        Pending::Weigh {
                            table,
                            key,
                            identity,
                            data: data.map(<[u8]>::to_vec),
                            weight,
                        }
                    }
                    _ => unreachable!("no other kind of write"),
                });
                Ok::<(), DriveError>(())
            })?;
        }
        Ok(pending)
    }

    fn weight(&self, table: TableId, key: &Columns, identity: &[u8]) -> Weight {
        let rows = self.tables.get(&table).and_then(|table| table.get(key));
        rows.and_then(|rows| rows.get(identity))
            .map_or(0, |(_, weight)| *weight)
    }

    fn write(&mut self, write: Pending) -> (TableId, Columns) {
        let (table, key, identity, row) = match write {
            Pending::Put(table, key, data) => (table, key, Vec::new(), Some((Some(data), 1))),
            Pending::Delete(table, key) => (table, key, Vec::new(), None),
            Pending::Weigh {
                table,
                key,
                identity,
                data,
                weight,
            } => (
                table,
                key,
                identity,
                (weight != 0).then_some((data, weight)),
            ),
        };
        let tables = self.tables.entry(table).or_default();
        let rows = tables.entry(key.clone()).or_default();
        match row {
            Some(row) => drop(rows.insert(identity, row)),
            None => drop(rows.remove(&identity)),
        }
        if rows.is_empty() {
            tables.remove(&key);
        }
        if tables.is_empty() {
            self.tables.remove(&table);
        }
        (table, key)
    }
}

/// Pushes rows until there are enough, and returns how many were looked at.
fn push_range(
    fetch: &mut Fetch,
    position: usize,
    keys: &[&Stored],
) -> Result<usize, TickErrorKind> {
    let mut read = 0;
    for (identity, (data, weight)) in keys.iter().copied().flatten() {
        read += 1;
        let taken = fetch.push_in_range(position, identity, data.as_deref(), *weight)?;
        if taken.is_break() {
            return Ok(read);
        }
    }
    fetch.end_range(position);
    Ok(read)
}

/// The rows of the keys of a range, in its order.
fn in_range<'a>(
    columns: &[Column],
    range: &FetchRange<'_>,
    keys: impl Iterator<Item = (&'a Columns, &'a Stored)>,
) -> Vec<&'a Stored> {
    let (of_group, of_place) = columns.split_at(range.group.len());
    let in_order = |columns: &[Column], a: &[KeyValue<'_>], b: &[KeyValue<'_>]| {
        let order = compare(columns, a, b);
        match range.order {
            Order::Forward => order,
            Order::Backward => order.reverse(),
        }
    };
    let is_in = |key: &Columns| {
        let (group, place) = key.split_at(range.group.len());
        compare(of_group, group, &range.group).is_eq()
            && range.start.as_ref().is_none_or(|start| {
                match in_order(of_place, place, &start.columns) {
                    Ordering::Less => false,
                    Ordering::Equal => start.inclusive,
                    Ordering::Greater => true,
                }
            })
    };
    let mut keys: Vec<(&Columns, &Stored)> = keys.filter(|(key, _)| is_in(key)).collect();
    keys.sort_by(|(a, _), (b, _)| in_order(columns, a, b));
    keys.into_iter().map(|(_, rows)| rows).collect()
}

/// Compares keys as an index with these columns orders them.
fn compare(columns: &[Column], a: &[KeyValue<'_>], b: &[KeyValue<'_>]) -> Ordering {
    let values = columns.iter().zip(a.iter().zip(b));
    values.fold(Ordering::Equal, |order, (column, (a, b))| {
        order.then_with(|| {
            if column.descending {
                b.cmp(a)
            } else {
                a.cmp(b)
            }
        })
    })
}

fn key_at(fetch: &Fetch, position: usize) -> Columns {
    let mut key = Vec::new();
    fetch.key(position, &mut key);
    owned(&key)
}

fn owned(key: &[KeyValue<'_>]) -> Columns {
    key.iter().map(|value| value.clone().into_owned()).collect()
}
