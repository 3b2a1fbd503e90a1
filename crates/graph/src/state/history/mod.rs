//! The history of views in memory: for a complete [`WorkingSet`] only. It owns what a view was at each time since its
//! horizon, as the store has recorded it; it knows neither the present time nor the horizon, and reads no clock.

mod run;
#[cfg(test)]
mod tests;
mod there;
mod timeline;

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Weight, ZSet};

use super::scan::{Bounds, Order, Page};
use super::secondary::SecondaryKeys;
use super::{ErasedDelta, TableDelta, WorkingSet};
use crate::error::HandleError;
use crate::handle::ViewHandle;
use crate::plan::{Graph, TableId};
use crate::tick::Commit;
pub(crate) use timeline::{Past, Timeline};

/// A row of a view with the times at which it was there with one weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<T> {
    /// The row.
    pub row: T,
    /// How often it was there. Not zero.
    pub weight: Weight,
    /// The time from which it was: that of the iteration which gave it this weight.
    pub from: i64,
    /// The time from which it was no more so; nothing where it still is.
    pub until: Option<i64>,
}

/// The history of one table, without its types.
pub(crate) trait ErasedHistory: Send + Sync {
    fn record(&mut self, delta: &dyn ErasedDelta, time: i64);
    /// Drops what is of no use with this horizon, about so many rows. Returns how many, and whether nothing is left.
    fn sweep(&mut self, horizon: i64, rows: usize) -> (u64, bool);
    /// The times at which it changed, behind one and before another, the newest first.
    fn times(&self, behind: i64, before: i64, times: usize) -> Vec<i64>;
    /// The deltas: a `Log<T>`.
    fn log(&self) -> &dyn Any;
    /// The timeline of an index: a `Box<dyn Past<K, T>>`.
    fn timeline(&self, index: usize) -> &dyn Any;
}

/// Makes the history of a table that the plan's types are known of.
pub(crate) type NewHistory = fn(Vec<Box<dyn Any>>) -> Box<dyn ErasedHistory>;

/// A table's history, empty. The timelines of its further indexes come as `Box<dyn SecondaryPast<T>>`s.
pub(crate) fn new_history<K: IndexKey, T: Row>(
    secondary: Vec<Box<dyn Any>>,
) -> Box<dyn ErasedHistory> {
    let secondary = secondary.into_iter().map(|past| {
        let past: Box<Box<dyn SecondaryPast<T>>> = past
            .downcast()
            .expect("the indexes of a table are of its rows");
        *past
    });
    Box::new(History::<K, T> {
        log: Log(VecDeque::new()),
        primary: Box::new(Timeline::default()),
        secondary: secondary.collect(),
    })
}

/// The timeline of a further index, without the type of its key.
pub(crate) trait SecondaryPast<T>: Send + Sync {
    /// As [`Past::record`], of rows under their keys.
    fn record(&mut self, keys: &dyn SecondaryKeys, rows: &[(Arc<T>, Weight)], time: i64);
    fn sweep(&mut self, horizon: i64, versions: usize) -> usize;
    /// The `Box<dyn Past<K2, T>>`.
    fn as_any(&self) -> &dyn Any;
}

/// The timeline of a further index.
struct ByKey<K2, T>(Box<dyn Past<K2, T>>);

/// An empty timeline of a further index: a `Box<dyn SecondaryPast<T>>`.
pub(crate) fn new_secondary<K2: IndexKey, T: Row>() -> Box<dyn Any> {
    let past: Box<dyn SecondaryPast<T>> = Box::new(ByKey::<K2, T>(Box::new(Timeline::default())));
    Box::new(past)
}

impl<K2: IndexKey, T: Row> SecondaryPast<T> for ByKey<K2, T> {
    fn record(&mut self, keys: &dyn SecondaryKeys, rows: &[(Arc<T>, Weight)], time: i64) {
        let keys: &Vec<K2> = keys
            .as_any()
            .downcast_ref()
            .expect("made by the same index");
        let mut rows = rows;
        for keys in keys.chunk_by(|one, next| one == next) {
            let of_key;
            (of_key, rows) = rows.split_at(keys.len());
            self.0.record_shared(&keys[0], of_key, time);
        }
    }

    fn sweep(&mut self, horizon: i64, versions: usize) -> usize {
        self.0.sweep(horizon, versions)
    }

    fn as_any(&self) -> &dyn Any {
        &self.0
    }
}

/// What each iteration changed, in the order of their times.
struct Log<T>(VecDeque<(i64, Arc<T>, Weight)>);

impl<T: Row> Log<T> {
    /// The deltas behind a time and up to another: whole ones, until there are so many rows.
    fn page(&self, after: i64, up_to: i64, rows: usize) -> Vec<(i64, ZSet<T>)> {
        let mut page = Vec::new();
        let mut begin = self.end_of(after);
        let mut left = rows;
        while let Some(&(time, ..)) = self.0.get(begin)
            && time <= up_to
            && left > 0
        {
            let end = self.end_of(time);
            left = left.saturating_sub(end - begin);
            let delta = self.0.range(begin..end);
            let delta = delta.map(|(_, row, weight)| (row.as_ref().clone(), *weight));
            let delta = ZSet::from_pairs(delta).expect("distinct rows don't add up");
            page.push((time, delta));
            begin = end;
        }
        page
    }

    /// The times before one, the newest first.
    fn times_before(&self, time: i64) -> impl Iterator<Item = i64> {
        let newest = |end: usize| Some(self.0.get(end.checked_sub(1)?)?.0);
        let first = newest(self.begin_of(time));
        std::iter::successors(first, move |&time| newest(self.begin_of(time)))
    }

    /// Where the rows of a time begin.
    fn begin_of(&self, time: i64) -> usize {
        self.0.partition_point(|(at, ..)| *at < time)
    }

    /// Where the rows of a time, and all before it, end.
    fn end_of(&self, time: i64) -> usize {
        self.0.partition_point(|(at, ..)| *at <= time)
    }
}

/// The history of one table.
struct History<K, T> {
    log: Log<T>,
    primary: Box<dyn Past<K, T>>,
    secondary: Vec<Box<dyn SecondaryPast<T>>>,
}

impl<K: IndexKey, T: Row> ErasedHistory for History<K, T> {
    fn record(&mut self, delta: &dyn ErasedDelta, time: i64) {
        let delta: &TableDelta<K, T> = delta
            .as_any()
            .downcast_ref()
            .expect("a table's delta has the table's types");
        let mut rows = Vec::with_capacity(delta.len());
        for of_key in delta.rows().chunk_by(|one, next| one.0 == next.0) {
            self.primary.record(of_key, time, &mut rows);
        }
        for (past, keys) in self.secondary.iter_mut().zip(delta.secondary()) {
            past.record(keys.as_ref(), &rows, time);
        }
        let rows = rows.into_iter();
        self.log
            .0
            .extend(rows.map(|(row, weight)| (time, row, weight)));
    }

    fn sweep(&mut self, horizon: i64, rows: usize) -> (u64, bool) {
        let mut swept = self.primary.sweep(horizon, rows);
        for past in &mut self.secondary {
            // As many versions, in the order of their ends as well.
            past.sweep(horizon, swept);
        }
        while swept < rows
            && self
                .log
                .0
                .front()
                .is_some_and(|(time, ..)| *time <= horizon)
        {
            self.log.0.pop_front();
            swept += 1;
        }
        (swept as u64, swept < rows)
    }

    fn times(&self, behind: i64, before: i64, times: usize) -> Vec<i64> {
        let newer = self
            .log
            .times_before(before)
            .take_while(|&time| time > behind);
        newer.take(times).collect()
    }

    fn log(&self) -> &dyn Any {
        &self.log
    }

    fn timeline(&self, index: usize) -> &dyn Any {
        match index.checked_sub(1) {
            None => &self.primary,
            Some(secondary) => self.secondary[secondary].as_any(),
        }
    }
}

/// The past, in a complete working set. Whoever asks looks at the horizon first: what is before it may be missing here.
impl WorkingSet {
    /// Records what a commit changes of the views with history, as the iteration of a time, behind all that were recorded.
    /// To be called when the time is complete, with what is [absorbed](Self::absorb) then.
    pub fn record(&mut self, commit: &Commit, time: i64) {
        for (table, delta) in commit.tables.iter() {
            if let Some(history) = &mut self.histories[table.0] {
                history.record(delta, time);
            }
        }
    }

    /// [`Self::page`] of a view as of a time.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    ///
    /// # Panics
    ///
    /// The view has no history, here and below.
    pub fn page_as_of<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        (bounds, order, rows): (&Bounds<K>, Order, usize),
        time: i64,
    ) -> Result<Page<K, T>, HandleError> {
        let past = self.past(graph, view)?;
        if bounds.is_empty() || time <= 0 {
            return Ok((Vec::new(), None));
        }
        Ok(past.page(bounds.as_refs(), order, time, rows))
    }

    /// The deltas of a view behind a time and up to another: whole ones, until there are so many rows.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn deltas<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        (after, up_to): (i64, i64),
        rows: usize,
    ) -> Result<Vec<(i64, ZSet<T>)>, HandleError> {
        let log: &Log<T> = self
            .history(graph.view_table(view)?.id())
            .log()
            .downcast_ref()
            .expect("a view has its row type");
        Ok(log.page(after, up_to, rows))
    }

    /// The times at which a table changed, behind one and before another, the newest first, so many at most.
    pub fn times(&self, table: TableId, (behind, before): (i64, i64), times: usize) -> Vec<i64> {
        self.history(table).times(behind, before, times)
    }

    /// The versions of the rows of a key that are valid at a time, as they were known then.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn versions_at<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        key: &K,
        time: i64,
    ) -> Result<Vec<Version<T>>, HandleError> {
        Ok(self.past(graph, view)?.valid_at(key, time))
    }

    /// The versions of the rows of a key that ended behind a time and before another, the one that ended last first: all
    /// that ended at one time, until there are so many.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn versions_ended<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
        key: &K,
        (behind, before): (i64, i64),
        versions: usize,
    ) -> Result<Vec<Version<T>>, HandleError> {
        Ok(self.past(graph, view)?.ended(key, behind, before, versions))
    }

    /// Drops what a table's history needs no more with a horizon, about so many rows. Returns how many are gone, and
    /// whether nothing is left to go.
    pub fn sweep(&mut self, table: TableId, horizon: i64, rows: usize) -> (u64, bool) {
        let history = self.histories[table.0].as_mut();
        history.map_or((0, true), |history| history.sweep(horizon, rows))
    }

    fn history(&self, table: TableId) -> &dyn ErasedHistory {
        let history = self.histories[table.0].as_deref();
        history.expect("whoever asks has looked whether the view has history")
    }

    fn past<T: Row, K: IndexKey>(
        &self,
        graph: &Graph,
        view: ViewHandle<T, K>,
    ) -> Result<&dyn Past<K, T>, HandleError> {
        let table = graph.view_table(view)?.id();
        let past = self
            .history(table)
            .timeline(view.index)
            .downcast_ref::<Box<dyn Past<K, T>>>()
            .expect("the handle has the key type of its index");
        Ok(past.as_ref())
    }
}
