//! Reading the past, made of the primitives of a [`Store`]: page by page, nothing held open between two pages.

use std::collections::VecDeque;
use std::fmt;

use deltaview_graph::{TickError, Version, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{WeightOverflow, ZSet};

use super::{check_graph, check_time, not_yet, table_with_history};
use crate::{Delta, Error, Moment, Store, View};

/// So many rows are read first, for many want a few only; each next page has twice as many, up to the most.
const FIRST: usize = 16;
const MOST: usize = 1024;

/// The size of a page, which grows from page to page.
struct PageSize(usize);

impl PageSize {
    fn new() -> Self {
        Self(FIRST)
    }

    fn next(&mut self) -> usize {
        let size = self.0;
        self.0 = (size * 2).min(MOST);
        size
    }
}

/// A store as it was at one time: made by [`Store::as_of`]. All views that are read by it are of that time.
pub struct AsOf<'s, S> {
    store: &'s S,
    time: i64,
}

impl<S> Clone for AsOf<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for AsOf<'_, S> {}

impl<S> fmt::Debug for AsOf<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsOf")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<'s, S: Store> AsOf<'s, S> {
    pub(crate) fn new(store: &'s S, moment: Moment) -> Result<Self, Error> {
        check_graph(store.graph())?;
        let time = moment.time(store)?;
        let last = store.time()?;
        if time > last {
            return Err(not_yet(store.graph().name(), time, last));
        }
        Ok(Self { store, time })
    }

    /// The time.
    pub fn time(self) -> i64 {
        self.time
    }

    /// Reads a view as it was then. Whether it has history, and whether the time is forgotten, is said by what is read.
    pub fn view<T: Row, K: IndexKey>(self, view: ViewHandle<T, K>) -> View<'s, S, T, K> {
        View::at(self.store, view, self.time)
    }
}

type NextPage<'s, I> = dyn FnMut() -> Result<Vec<I>, Error> + 's;

/// Items of the past, read lazily in pages. After an error there are no more.
pub struct Pages<'s, I> {
    next: Option<Box<NextPage<'s, I>>>,
    page: VecDeque<I>,
}

impl<I> fmt::Debug for Pages<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").finish_non_exhaustive()
    }
}

impl<'s, I> Pages<'s, I> {
    /// Items that are read by a closure, a page a call; an empty page is the end. For stores.
    pub fn new(next: impl FnMut() -> Result<Vec<I>, Error> + 's) -> Self {
        Self {
            next: Some(Box::new(next)),
            page: VecDeque::new(),
        }
    }
}

impl<I> Iterator for Pages<'_, I> {
    type Item = Result<I, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() {
            match (self.next.as_mut()?)() {
                Ok(page) => self.page = page.into(),
                Err(error) => {
                    self.next = None;
                    return Some(Err(error));
                }
            }
            if self.page.is_empty() {
                self.next = None;
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// The time of a moment, at which a view can be read.
pub(crate) fn readable<S: Store, T: Row, K: IndexKey>(
    store: &S,
    view: ViewHandle<T, K>,
    moment: Moment,
) -> Result<i64, Error> {
    let table = table_with_history(store.graph(), view)?;
    let time = moment.time(store)?;
    check_time(table, time, store.horizon(view)?, store.time()?)?;
    Ok(time)
}

pub(crate) fn deltas<'s, S: Store, T: Row, K: IndexKey>(
    store: &'s S,
    view: ViewHandle<T, K>,
    (after, up_to): (Moment, Moment),
) -> Result<Pages<'s, Delta<T>>, Error> {
    let mut after = readable(store, view, after)?;
    let up_to = readable(store, view, up_to)?;
    let mut size = PageSize::new();
    Ok(Pages::new(move || {
        if after >= up_to {
            return Ok(Vec::new());
        }
        let page = store.deltas_page(view, after, up_to, size.next())?;
        if let Some(last) = page.last() {
            after = last.time();
        }
        Ok(page)
    }))
}

/// What changed between two times, net.
pub(crate) fn between<S: Store, T: Row, K: IndexKey>(
    store: &S,
    view: ViewHandle<T, K>,
    (from, to): (Moment, Moment),
) -> Result<ZSet<T>, Error> {
    let from = readable(store, view, from)?;
    let to = readable(store, view, to)?;
    let (after, up_to) = (from.min(to), from.max(to));
    let mut sum = ZSet::new();
    let overflow = |error: WeightOverflow| -> Error {
        let vertex = match store.graph().view_table(view) {
            Ok(table) => &table.schema().vertex,
            Err(error) => return error.into(),
        };
        TickError::new(store.graph().name(), vertex, error).into()
    };
    for delta in deltas(store, view, (after.into(), up_to.into()))? {
        sum.try_append(delta?.into_rows()).map_err(overflow)?;
    }
    if from > to {
        sum = sum.try_neg().map_err(overflow)?;
    }
    Ok(sum)
}

/// The times at which a view changed, up to a time, the newest first.
pub(crate) fn times<S: Store, T: Row, K: IndexKey>(
    store: &S,
    view: ViewHandle<T, K>,
    up_to: Option<i64>,
) -> Result<Pages<'_, i64>, Error> {
    let up_to = up_to.map_or_else(|| store.time(), Ok)?;
    readable(store, view, up_to.into())?;
    let mut before = up_to.saturating_add(1);
    let mut size = PageSize::new();
    Ok(Pages::new(move || {
        let page = store.times_page(view, before, size.next())?;
        if let Some(last) = page.last() {
            before = *last;
        }
        Ok(page)
    }))
}

/// The versions of the rows of a key as they were known at a time, the newest first.
pub(crate) fn versions<'s, S: Store, T: Row, K: IndexKey>(
    store: &'s S,
    view: ViewHandle<T, K>,
    key: &K,
    at: Option<i64>,
) -> Result<Pages<'s, Version<T>>, Error> {
    let at = at.map_or_else(|| store.time(), Ok)?;
    readable(store, view, at.into())?;
    let key = key.clone();
    let mut ended_before = None;
    let mut size = PageSize::new();
    Ok(Pages::new(move || {
        let page = store.versions_page(view, &key, at, ended_before, size.next())?;
        if let Some(last) = page.last() {
            ended_before = Some(last.until.unwrap_or(i64::MAX));
        }
        Ok(page)
    }))
}
