//! What every store does: [`Store`], the change that is being made of it ([`Pending`]), and what a commit returns.

use std::time::{Duration, SystemTime};

use deltaview_graph::{
    Bounds, Change, Changes, Edit, Explanation, Fetch, Graph, Order, Sink, ViewHandle,
};
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::ZSet;

use crate::protocol::{Dropped, Status};
use crate::verify::compare;
use crate::{
    AsOf, ChangeId, CommitOptions, Delta, Error, ErrorKind, Forgotten, Moment, Rows, Subscription,
    Time, Verified, Version, View,
};

/// The state of one graph, kept somewhere.
pub trait Store: Sized {
    /// The graph.
    fn graph(&self) -> &Graph;

    /// Begins a change: add to it with the methods of [`Edit`], then [`commit`](Pending::commit) it.
    fn change(&mut self) -> Pending<'_, Self> {
        let change = self.graph().change();
        Pending {
            store: self,
            change,
            options: CommitOptions::default(),
        }
    }

    /// Runs a change as one iteration: all of it, or nothing. It can be committed again where it failed for a reason
    /// that passes.
    ///
    /// # Errors
    ///
    /// The change makes no sense, a closure panics, a weight or a sum overflows, the database can't be written. The
    /// state is as it was before, and the store can be used on. Where several things are wrong, any of them is told.
    fn commit(&mut self, change: &Change) -> Result<Committed, Error> {
        self.commit_with(change, &CommitOptions::default())
    }

    /// [`Self::commit`] at a time of one's own, behind a frontier, stage by stage, or under a name.
    ///
    /// # Errors
    ///
    /// As [`Self::commit`]. Besides: [`PastTime`](crate::ErrorKind::PastTime), [`Halted`](crate::ErrorKind::Halted);
    /// [`Timeout`](crate::ErrorKind::Timeout) where others were waited for in vain: it names whom. A change with
    /// [`Flush::EachTable`](crate::Flush::EachTable) that had passed a stage when it timed out happens later, unless
    /// somebody [abandons](Self::abandon) it: make it again under its name to learn what became of it.
    fn commit_with(&mut self, change: &Change, options: &CommitOptions)
    -> Result<Committed, Error>;

    /// How the workers on this store stand: what is in flight, who holds it, who waits for whom, whether it has halted.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn status(&self) -> Result<Status, Error>;

    /// Goes on with an iteration that has halted the graph, from the stage that failed: with a program in which it does
    /// not fail any more. Returns its time.
    ///
    /// # Errors
    ///
    /// [`NotHalted`](crate::ErrorKind::NotHalted); or it fails again, and halts the graph again.
    fn resume(&mut self) -> Result<i64, Error>;

    /// Takes back an iteration that has halted the graph, or that a dead worker has left: as if it had never been. Later
    /// ones that had gone ahead are taken back too and made again by their workers, or by whoever comes next.
    ///
    /// # Errors
    ///
    /// [`NotHalted`](crate::ErrorKind::NotHalted): nothing is in flight at that time, or its worker is alive.
    fn abandon(&mut self, time: i64) -> Result<(), Error>;

    /// The time of the last iteration; 0 before the first.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn time(&self) -> Result<i64, Error>;

    /// Reads a view.
    fn view<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> View<'_, Self, T, K> {
        View::new(self, view)
    }

    /// Reads the rows of a view whose keys are within bounds, in the order of the handle's index, lazily. Rows of one
    /// key come in no particular order. All come from one iteration. [`Self::view`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph, or the database can't be read.
    fn scan<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
    ) -> Result<Rows<'_, T>, Error>;

    /// The row of a key, in a view that has one row a key. Where there are more, any of them. [`View::get`] is the
    /// comfortable way. A store overrides this that has a shorter way to one row than to begin a [scan](Self::scan).
    ///
    /// # Errors
    ///
    /// As [`Self::scan`].
    fn look_up<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
    ) -> Result<Option<T>, Error> {
        let mut rows = self.scan(view, Bounds::one(key.clone()), Order::Forward)?;
        Ok(rows.next().transpose()?.map(|(row, _)| row))
    }

    /// Follows a view: the deltas of all iterations behind the one that is the last now. [`View::subscribe`] is the
    /// comfortable way, and says more.
    ///
    /// # Errors
    ///
    /// As there.
    fn subscribe<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Subscription<T>, Error>;

    /// Follows a view from a cursor with a name. [`View::since`] is the comfortable way, and says more.
    ///
    /// # Errors
    ///
    /// As there.
    fn since<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: &str,
    ) -> Result<Subscription<T>, Error>;

    /// Waits until the iteration of a time is there to be read, whoever has committed it: what is read after it sees that
    /// iteration. So one process can read what another one has written, where it is told the
    /// [time](Committed::time). A duration of zero looks, and does not wait. As long as a [`reading`](Self::reading) or the
    /// rows of a view are being read, the store sees the one state of them: no time comes then.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use deltaview_graph::Graph;
    /// # use deltaview_store::{ErrorKind, MemoryStore, Store};
    /// # let (graph, _) = Graph::build("words", |g| g.input::<String>("words").view("seen"))?;
    /// let mut store = MemoryStore::new(&graph);
    /// let time = store.change().commit()?.time();
    /// store.wait_for(time, Duration::from_secs(5))?;
    /// let error = store.wait_for(time + 1, Duration::from_millis(10)).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Timeout`](crate::ErrorKind::Timeout): the time was not reached within the duration; the message has
    /// the time that was. The memory store says so at once, for nobody can commit to it while it is borrowed to wait. The
    /// database can't be read.
    fn wait_for(&self, time: i64, within: Duration) -> Result<(), Error>;

    /// Begins to read the stored tables. As long as the reading lives, it and every [`scan`](Self::scan) see one state,
    /// whatever others commit.
    ///
    /// # Errors
    ///
    /// The database can't be read.
    fn reading(&self) -> Result<Box<dyn Reading + '_>, Error>;

    /// Everything as it was at a time, or at an instant: several views that are read by it are of one time.
    /// [`View::as_of`] says more.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](ErrorKind::NoHistory) where no view of the graph has history, [`NotYet`](ErrorKind::NotYet); an
    /// instant that is [`Forgotten`](ErrorKind::Forgotten). The database can't be read.
    fn as_of(&self, moment: impl Into<Moment>) -> Result<AsOf<'_, Self>, Error> {
        AsOf::new(self, moment.into())
    }

    /// The newest time whose commit instant is not after an instant; 0 where that was before the first commit.
    ///
    /// Instants are recorded where a view of the graph has history, and forgotten behind the horizons of all of them.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](ErrorKind::NoHistory) where no view of the graph has history; [`Forgotten`](ErrorKind::Forgotten)
    /// where the instant is before all that are recorded, and every view has forgotten some of its past. The database can't be read.
    fn time_at(&self, instant: SystemTime) -> Result<i64, Error>;

    /// The commit instant of a time, in whole microseconds: of the last iteration up to it. Nothing before the first.
    ///
    /// # Errors
    ///
    /// As [`Self::time_at`]; [`NotYet`](ErrorKind::NotYet).
    fn instant_of(&self, time: i64) -> Result<Option<SystemTime>, Error>;

    /// The first time that a view with history can be read as of; 0 where nothing is forgotten.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](ErrorKind::NoHistory); the handle belongs to another graph, or the database can't be read.
    fn horizon<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<i64, Error>;

    /// [`Self::scan`] of a view as it was at a time. Nothing needs to be held open between two pages, as long as each
    /// looks at the horizon in the state that it reads. A time that is not positive is before the first iteration.
    /// [`View::as_of`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// As [`Self::horizon`]; [`Forgotten`](ErrorKind::Forgotten), [`NotYet`](ErrorKind::NotYet), here or from the rows.
    fn scan_as_of<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        bounds: Bounds<K>,
        order: Order,
        time: i64,
    ) -> Result<Rows<'_, T>, Error>;

    /// A page of the deltas of a view behind a time and up to another, in the order of their times, none of them empty:
    /// whole deltas, until there are so many rows. Empty where there are no more. `up_to` is not after the last complete
    /// time. [`View::deltas`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// As [`Self::horizon`]; [`Forgotten`](ErrorKind::Forgotten) where `after` is before the horizon.
    fn deltas_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        after: i64,
        up_to: i64,
        rows: usize,
    ) -> Result<Vec<Delta<T>>, Error>;

    /// A page of the times at which a view changed: those before a time and behind the horizon, the newest first, so many
    /// at most. Empty where there are no more. [`View::times`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// As [`Self::horizon`].
    fn times_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        before: i64,
        times: usize,
    ) -> Result<Vec<i64>, Error>;

    /// A page of the versions of the rows of a key of the handle's index, as they were known at the time `at`: what began
    /// after it is left out, and what ended after it had not ended (`until` is nothing).
    ///
    /// First all that had not ended; then the others that ended behind the horizon, the one that ended last first. Those
    /// that ended at one time come together, in any order: whole such sets, until there are so many versions. With
    /// `ended_before`, only versions that ended by `at` and before that time. Empty where there are no more.
    /// [`View::versions`] is the comfortable way.
    ///
    /// # Errors
    ///
    /// As [`Self::scan_as_of`], for the time `at`.
    fn versions_page<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        key: &K,
        at: i64,
        ended_before: Option<i64>,
        rows: usize,
    ) -> Result<Vec<Version<T>>, Error>;

    /// Follows a view from a past time on, by an anonymous cursor or by one with a name: first the deltas that are stored
    /// of the times behind it, then what is committed, without a gap and nothing twice. A name that has a cursor goes on
    /// where that is, and the time is not looked at. [`View::since_time`] and [`View::since_from`] are the comfortable
    /// ways, and say more.
    ///
    /// # Errors
    ///
    /// As [`Self::since`] and [`Self::scan_as_of`].
    fn follow_from<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        cursor: Option<&str>,
        time: i64,
    ) -> Result<Subscription<T>, Error>;

    /// Forgets what a view was before a time: a time that was [readable](Self::horizon) becomes the first one that is.
    /// What was true at it stays readable, and all that came later. Returns once the space of the rest is free for other
    /// use.
    ///
    /// It goes in [steps](Self::forget_step) of a thousand rows, each a transaction of its own, so that others commit in
    /// between. A time before the horizon changes nothing, but sweeps what is left behind it.
    ///
    /// # Errors
    ///
    /// As [`Self::forget_step`].
    fn forget_before<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        moment: impl Into<Moment>,
    ) -> Result<Forgotten, Error> {
        const STEP: usize = 1000;
        let time = moment.into().time(self)?;
        let mut forgotten = self.forget_step(view, time, STEP)?;
        while !forgotten.is_done {
            let step = self.forget_step(view, time, STEP)?;
            forgotten = Forgotten {
                rows: forgotten.rows + step.rows,
                ..step
            };
        }
        Ok(forgotten)
    }

    /// A step of [`Self::forget_before`], one short transaction: moves the horizon to a time if it is before it, and
    /// sweeps about so many of the rows that nobody can read any more.
    ///
    /// # Errors
    ///
    /// [`NoHistory`](ErrorKind::NoHistory), [`NotYet`](ErrorKind::NotYet); the handle belongs to another graph, or the
    /// database can't be written.
    fn forget_step<T: Row, K: IndexKey>(
        &mut self,
        view: ViewHandle<T, K>,
        time: i64,
        rows: usize,
    ) -> Result<Forgotten, Error>;

    /// Derives a view anew from the inputs as they are stored, and compares it with what the view has. Returns the first
    /// ten rows that differ, and how many there are; see [`Self::verify_up_to`].
    ///
    /// The inputs are taken as they are: keyed tables, and inputs that a join, a view, a sort or a set operator has
    /// arranged directly. What is stored in between is not looked at, so this finds what a disk or another program did
    /// to a view, and what a closure did that was changed without a new name.
    ///
    /// Cost: reads all rows of the inputs and of the view, and computes all that leads to the view as if the inputs were
    /// one change. Holds the inputs, and what each operator on the way puts out, in memory. Closures run again, also
    /// those of `inspect`. Nothing is written; a store in a database lets others write in the meantime.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (sales, totals)) = Graph::build("shop", |g| {
    ///     let sales = g.input::<(String, i64)>("sales");
    ///     sales.view("all sales");
    ///     let totals = sales.group_by(Index::new("shop", |sale: &(String, i64)| sale.0.clone())).sum(|sale| sale.1);
    ///     (sales.handle(), totals.view("totals"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(sales, [("Ulm".into(), 3), ("Bonn".into(), 4)]).commit()?;
    /// let verified = store.verify(totals)?;
    /// assert!(verified.is_right());
    /// assert_eq!(verified.rows(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotRederivable`](crate::ErrorKind::NotRederivable): an input is not stored, or in this view only; or the view
    /// depends on `delay`, `differentiate`, `integrate` or `retain_for`, whose past is not stored. Besides, what reading
    /// and computing may meet.
    fn verify<T: Row, K: IndexKey>(&self, view: ViewHandle<T, K>) -> Result<Verified<T>, Error> {
        self.verify_up_to(view, 10)
    }

    /// [`Self::verify`], which returns at most so many of the rows that differ.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`].
    fn verify_up_to<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        most: usize,
    ) -> Result<Verified<T>, Error> {
        let rederivation = self.graph().rederive(view)?;
        rederivation.check_apart()?;
        let mut reading = self.reading()?;
        let mut fetches = rederivation.fetches();
        reading.answer(&mut fetches)?;
        let derived = rederivation.run(fetches)?.rows()?;
        compare(
            derived,
            self.scan(view, Bounds::all(), Order::Forward)?,
            most,
        )
    }

    /// The rows of the inputs that a row of a view comes from, by input.
    ///
    /// For each operator between the inputs and the view: a map, a filter or a `flat_map` has a row from those that
    /// become it; a join from the rows of both sides that meet; a semi-join from the row, and from all rows of the
    /// other side with its key; an anti-join from the row alone; sets from the row in each stream that has it, also
    /// where it is one that is taken away; an aggregate from all rows of the group; `first_n` and `top_n` from the row
    /// alone; a window from all rows of the partition; a recursion from all rows that have a part in any way to derive
    /// it, however long. Of an operator that more rows take nothing away from (no `except`, no anti-join, no `first_n`),
    /// the rows that are found are enough to make the row again.
    ///
    /// Where the view should not have the row the explanation is [empty](Explanation::is_empty).
    ///
    /// Cost: that of [`Self::verify`], but for reading the view; and then once more, for each operator that has a part
    /// in the row looks at all that flows into it. In a recursion once for each step back. Closures run again, also
    /// those of `inspect`.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (prices, items, totals)) = Graph::build("receipts", |g| {
    ///     let by_product = || Index::new("product", |row: &(String, i64)| row.0.clone());
    ///     let prices = g.table("prices", by_product()); // product, price
    ///     let items = g.input::<(u32, String, i64)>("items"); // basket, product, quantity
    ///     let product_of = Index::new("product", |item: &(u32, String, i64)| item.1.clone());
    ///     let totals = prices
    ///         .join(items, by_product(), product_of)
    ///         .group_by(Index::new("basket", |sold: &Pair<(String, i64), (u32, String, i64)>| sold.right.0))
    ///         .sum(|sold| sold.left.1 * sold.right.2);
    ///     (prices.handle(), items.handle(), totals.view("totals"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store
    ///     .change()
    ///     .insert(prices, [("tv".into(), 300), ("radio".into(), 20), ("lamp".into(), 5)])
    ///     .insert(items, [(1, "tv".into(), 1), (1, "radio".into(), 2), (2, "lamp".into(), 1)])
    ///     .commit()?;
    /// let total = store.view(totals).get(&1)?.expect("basket 1 has items");
    /// assert_eq!(total.value, 340);
    /// let explained = store.explain(totals, &total)?;
    /// assert_eq!(explained.rows_of(prices)?.len(), 2); // the prices of tv and radio
    /// assert_eq!(explained.rows_of(items)?.weight(&(1, "radio".into(), 2)), 1);
    /// assert!(explained.to_string().contains("radio")); // a table for each input
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::verify`], but for a view that is all that is stored of its input.
    fn explain<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        row: &T,
    ) -> Result<Explanation, Error> {
        let rederivation = self.graph().rederive(view)?;
        let mut fetches = rederivation.fetches();
        self.reading()?.answer(&mut fetches)?;
        Ok(rederivation.run(fetches)?.explain(row)?)
    }
}

/// The stored tables, read from one state: made by [`Store::reading`].
pub trait Reading {
    /// Answers fetches that a graph asks for outside of an iteration.
    ///
    /// # Errors
    ///
    /// The database can't be read, or a row does not decode.
    fn answer(&mut self, fetches: &mut [Fetch]) -> Result<(), Error>;
}

/// A change of a store that is not committed yet: made by [`Store::change`], filled by the methods of [`Edit`].
#[must_use = "a change does nothing until it is committed"]
#[derive(Debug)]
pub struct Pending<'s, S> {
    store: &'s mut S,
    change: Change,
    options: CommitOptions,
}

impl<S: Store> Pending<'_, S> {
    /// Commits it at a time of one's own, behind a frontier, or stage by stage.
    pub fn at(mut self, time: impl Into<Time>) -> Self {
        self.options = self.options.at(time);
        self
    }

    /// Commits it under a name: see [`CommitOptions::change_id`].
    pub fn change_id(mut self, id: ChangeId) -> Self {
        self.options = self.options.change_id(id);
        self
    }

    /// Commits it with a deadline of its own: see [`CommitOptions::within`].
    pub fn within(mut self, within: Duration) -> Self {
        self.options = self.options.within(within);
        self
    }

    /// Commits the change as one iteration: in one transaction, unless [`Self::at`] says otherwise.
    ///
    /// # Errors
    ///
    /// As [`Store::commit_with`].
    pub fn commit(self) -> Result<Committed, Error> {
        self.store.commit_with(&self.change, &self.options)
    }
}

impl<S: Store> Edit for Pending<'_, S> {
    fn edited(&mut self) -> &mut Change {
        &mut self.change
    }
}

/// An iteration that was committed: its time, and what it changed.
#[derive(Debug)]
pub struct Committed {
    time: i64,
    /// None where the iteration is known by its name only.
    changes: Option<Changes>,
    dropped: Vec<Dropped>,
}

impl Committed {
    /// A commit at a time. For stores.
    pub fn new(time: i64, changes: Changes) -> Self {
        Self {
            time,
            changes: Some(changes),
            dropped: Vec::new(),
        }
    }

    /// A change that was committed before under the same name, or was brought to its end by another worker. For stores.
    pub fn known_by_name(time: i64) -> Self {
        Self {
            time,
            changes: None,
            dropped: Vec::new(),
        }
    }

    /// The same, on whose way changes of others were dropped. For stores.
    #[must_use]
    pub fn with_dropped(mut self, dropped: Vec<Dropped>) -> Self {
        self.dropped = dropped;
        self
    }

    /// The changes of dead workers that this one has met on its way, and that could not be finished: they did not happen,
    /// and nobody was told that they had. None but after an earlier one was [abandoned](Store::abandon).
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// The time of the iteration: positive, and greater than that of every one before it. It can be
    /// [waited for](Store::wait_for).
    pub fn time(&self) -> i64 {
        self.time
    }

    /// Whether it is known here what the iteration changed: not where the change was committed before under the same
    /// [name](CommitOptions::change_id), or where another worker took this one for dead and finished it.
    pub fn is_known(&self) -> bool {
        self.changes.is_some()
    }

    /// The delta of an output or a view.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph; [`NotKnown`](ErrorKind::NotKnown) where it [is not](Self::is_known).
    pub fn get<S: Sink<Row: Row>>(&self, sink: S) -> Result<ZSet<S::Row>, Error> {
        let Some(changes) = &self.changes else {
            let message = format!(
                "the change of time {} was not computed here, so its deltas are not known: it was committed before \
                 under the same name, or finished by another worker. Read the view, or follow it",
                self.time
            );
            return Err(Error::new(ErrorKind::NotKnown, message));
        };
        Ok(changes.get(sink)?)
    }

    /// The number of rows that were written, over all tables; 0 where it [is not known](Self::is_known).
    pub fn rows_written(&self) -> usize {
        self.changes.as_ref().map_or(0, Changes::rows_written)
    }
}
