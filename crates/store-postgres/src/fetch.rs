//! Answers what a tick must see: whole keys, single rows, ranges of the index, or all rows. Each fetch is one statement
//! over the set of what it asks for, and a statement for each shape of its ranges.

use std::ops::ControlFlow;
use std::pin::pin;

use deltaview_graph::{Fetch, FetchKeys, TickError, TickErrorKind};
use deltaview_schema::{ColumnType, KeyValue};
use deltaview_store::{Error, ErrorKind};
use deltaview_zset::Weight;
use futures::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, RowStream};

use crate::error::from_postgres;
use crate::pipeline::{Failure, Link, Request};
use crate::ranges::RangeShape;
use crate::statements::FEW;
use crate::table::EngineTable;
use crate::values::{Array, HasNul};

/// Looks in one table.
pub(crate) struct Reader<'a> {
    pub(crate) link: Link<'a>,
    pub(crate) table: &'a EngineTable,
}

impl<'a> Reader<'a> {
    /// The request that answers a fetch.
    pub(crate) fn answer(self, fetch: &'a mut Fetch) -> Result<Request<'a, ()>, Error> {
        Ok(match fetch.keys() {
            FetchKeys::All => Box::pin(self.all(fetch)),
            FetchKeys::Some(keys) => {
                let asked = self.asked(fetch, &self.table.primary, keys, |_, _| {})?;
                Box::pin(self.keys(fetch, asked, keys))
            }
            FetchKeys::Rows(rows) => {
                let asked = self.asked(fetch, &self.table.key, rows, |position, arrays| {
                    let identity = fetch.identity(position);
                    let array = arrays.last_mut().expect("the key ends in the identity");
                    array.push_bytes(Some(identity.as_bytes()));
                })?;
                Box::pin(self.rows(fetch, asked, rows))
            }
            FetchKeys::Ranges(ranges) => {
                let asked = self.asked_ranges(fetch, ranges)?;
                Box::pin(self.ranges(fetch, asked, ranges))
            }
        })
    }

    async fn all(self, fetch: &mut Fetch) -> Result<(), Failure> {
        let mut rows = pin!(self.query(&self.table.statements.all, &[], false).await?);
        while let Some(row) = self.next(rows.try_next().await)? {
            let stored = self.stored(&row, 0)?;
            fetch
                .push(None, stored.identity, stored.data, stored.weight)
                .map_err(|kind| self.damaged(kind))?;
        }
        Ok(())
    }

    async fn keys(self, fetch: &mut Fetch, asked: Vec<Array>, keys: usize) -> Result<(), Failure> {
        let sql = self.table.statements.keys.of(keys);
        let mut rows = pin!(self.query(sql, &asked, keys <= FEW).await?);
        while let Some(row) = self.next(rows.try_next().await)? {
            let (position, stored) = (self.position(&row)?, self.stored(&row, 1)?);
            fetch
                .push(Some(position), stored.identity, stored.data, stored.weight)
                .map_err(|kind| self.damaged(kind))?;
        }
        Ok(())
    }

    async fn rows(self, fetch: &mut Fetch, asked: Vec<Array>, keys: usize) -> Result<(), Failure> {
        let sql = self.table.statements.rows.of(keys);
        let mut rows = pin!(self.query(sql, &asked, keys <= FEW).await?);
        while let Some(row) = self.next(rows.try_next().await)? {
            let weight = row.try_get(1).map_err(|error| self.failed(error))?;
            fetch.push_weight(self.position(&row)?, weight);
        }
        Ok(())
    }

    async fn ranges(
        self,
        fetch: &mut Fetch,
        asked: Vec<AskedRanges>,
        ranges: usize,
    ) -> Result<(), Failure> {
        let mut read = vec![0_usize; ranges];
        let mut is_enough = vec![false; ranges];
        // All are sent before the first is answered, and all answers are taken as they come: one that nobody takes would
        // hold up those that follow it on the connection.
        let requests = asked.iter().map(|asked| async {
            let rows = self.query(&asked.sql, &asked.arrays, false).await?;
            let rows: Result<Vec<Row>, tokio_postgres::Error> = rows.try_collect().await;
            rows.map_err(|error| self.failed(error))
        });
        let answers = futures::future::join_all(requests).await;
        for (rows, asked) in answers.into_iter().zip(&asked) {
            for row in rows? {
                let (position, stored) = (self.position(&row)?, self.stored(&row, 1)?);
                read[position] += 1;
                if is_enough[position] {
                    continue;
                }
                let taken = fetch
                    .push_in_range(position, stored.identity, stored.data, stored.weight)
                    .map_err(|kind| self.damaged(kind))?;
                is_enough[position] = taken == ControlFlow::Break(());
            }
            for &position in &asked.positions {
                if is_enough[position] {
                    continue;
                }
                if asked.has_no_key || read[position] <= asked.rows {
                    fetch.end_range(position);
                } else {
                    fetch.pause_range(position);
                }
            }
        }
        Ok(())
    }

    /// What is asked for, as arrays: the columns of the keys, and the positions. `more` adds what the keys don't have.
    fn asked(
        &self,
        fetch: &Fetch,
        types: &[ColumnType],
        keys: usize,
        more: impl Fn(usize, &mut [Array]),
    ) -> Result<Vec<Array>, Error> {
        let mut arrays: Vec<Array> = types.iter().copied().map(Array::of).collect();
        let mut positions = Array::of(ColumnType::Int);
        for position in 0..keys {
            let mut key = Vec::new();
            fetch.key(position, &mut key);
            self.push_key(&mut arrays, &key)?;
            more(position, &mut arrays);
            positions.push_int(number(position));
        }
        arrays.push(positions);
        Ok(arrays)
    }

    fn asked_ranges(&self, fetch: &Fetch, ranges: usize) -> Result<Vec<AskedRanges>, Error> {
        let schema = &self.table.schema;
        let types = &self.table.primary;
        let mut by_shape: Vec<(RangeShape, AskedRanges)> = Vec::new();
        for position in 0..ranges {
            let range = fetch.range(position);
            let shape = RangeShape::of(&range);
            let place = by_shape.iter().position(|(known, _)| *known == shape);
            let place = place.unwrap_or_else(|| {
                let columns = types[..shape.columns()].iter().copied();
                let asked = AskedRanges {
                    sql: shape.statement(schema, &self.table.from),
                    arrays: columns.chain([ColumnType::Int]).map(Array::of).collect(),
                    positions: Vec::new(),
                    rows: shape.rows,
                    has_no_key: types.is_empty(),
                };
                by_shape.push((shape, asked));
                by_shape.len() - 1
            });
            let asked = &mut by_shape[place].1;
            let mut values = range.group;
            values.extend(range.start.into_iter().flat_map(|start| start.columns));
            self.push_key(&mut asked.arrays, &values)?;
            let positions = asked.arrays.last_mut();
            let positions = positions.expect("the positions follow the columns");
            positions.push_int(number(position));
            asked.positions.push(position);
        }
        Ok(by_shape.into_iter().map(|(_, asked)| asked).collect())
    }

    fn push_key(&self, arrays: &mut [Array], key: &[KeyValue<'_>]) -> Result<(), Error> {
        push_key(arrays, key).map_err(|HasNul| nul_in_key(&self.table.name))
    }

    /// `is_prepared`: where the plan is the same for all that may be asked, so that it is made once.
    async fn query(
        &self,
        sql: &str,
        asked: &[Array],
        is_prepared: bool,
    ) -> Result<RowStream, Failure> {
        let values = asked
            .iter()
            .map(|array| (array as &(dyn ToSql + Sync), array.array_type()));
        let values: Vec<(_, Type)> = values.collect();
        let link = self.link.for_few(is_prepared);
        let rows = link.query(sql, &values).await;
        rows.map_err(|error| self.failed(error))
    }

    fn next(
        &self,
        row: Result<Option<Row>, tokio_postgres::Error>,
    ) -> Result<Option<Row>, Failure> {
        row.map_err(|error| self.failed(error))
    }

    fn position(&self, row: &Row) -> Result<usize, Failure> {
        let position: i64 = row.try_get(0).map_err(|error| self.failed(error))?;
        Ok(usize::try_from(position).expect("a position comes back as it was sent"))
    }

    fn stored<'r>(&self, row: &'r Row, first: usize) -> Result<StoredRow<'r>, Failure> {
        StoredRow::read(row, first).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: tokio_postgres::Error) -> Failure {
        Failure::of(error, |error| {
            from_postgres(error, &format!("reading table `{}`", self.table.name))
        })
    }

    fn damaged(&self, kind: TickErrorKind) -> Error {
        TickError::new(&self.table.schema.graph, &self.table.vertex, kind).into()
    }
}

/// The ranges of one shape.
struct AskedRanges {
    sql: String,
    arrays: Vec<Array>,
    positions: Vec<usize>,
    /// How many are read of each: one more has come where there are more.
    rows: usize,
    has_no_key: bool,
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Adds the values of a key to the arrays of its columns.
pub(crate) fn push_key(arrays: &mut [Array], key: &[KeyValue<'_>]) -> Result<(), HasNul> {
    for (array, value) in arrays.iter_mut().zip(key) {
        array.push(value)?;
    }
    Ok(())
}

/// The error for text with a NUL as a key.
pub(crate) fn nul_in_key(table: &str) -> Error {
    let message = format!(
        "table `{table}`: Postgres can't hold text with a NUL as a key: index the bytes of the text, or leave the NUL out"
    );
    Error::new(ErrorKind::UnsupportedKey, message)
}

/// A row as it is stored: see [`row_columns`](crate::statements::row_columns).
pub(crate) struct StoredRow<'r> {
    pub(crate) identity: &'r [u8],
    pub(crate) data: Option<&'r [u8]>,
    pub(crate) weight: Weight,
}

impl<'r> StoredRow<'r> {
    /// Reads it from some column on.
    pub(crate) fn read(row: &'r Row, first: usize) -> Result<Self, tokio_postgres::Error> {
        Ok(Self {
            identity: row.try_get::<_, Option<&[u8]>>(first)?.unwrap_or_default(),
            data: row.try_get(first + 1)?,
            weight: row.try_get(first + 2)?,
        })
    }
}
