//! `verify` and `explain`: a view beside what is derived of its inputs, and the inputs of a row, all read from one
//! snapshot. It derives and compares nothing itself.

use deltaview_graph::{Explanation, ViewHandle};
use deltaview_schema::{IndexKey, Row};
use deltaview_store::{Comparison, Error, Verified};

use crate::PostgresStore;

impl PostgresStore {
    /// Derives a view anew from the inputs as they are stored, and compares it with what the view has, both in one
    /// snapshot. Returns the first ten rows that differ, and how many there are; see [`Self::verify_up_to`].
    ///
    /// It is [`Store::verify`](deltaview_store::Store::verify), and what is said there holds here: the inputs are taken as
    /// they are, and what is stored in between is not looked at.
    ///
    /// Cost: reads all rows of the inputs and of the view, and computes all that leads to the view as if the inputs were
    /// one change, on the thread that polls. Holds the inputs, and what each operator on the way puts out, in memory; the
    /// view is read as a stream. It holds a connection of the pool, with a transaction that reads. Others can write in
    /// the meantime; nothing is written here.
    ///
    /// ```no_run
    /// # use deltaview_graph::Graph;
    /// # use deltaview_schema::Index;
    /// # use deltaview_store_postgres::{PostgresStore, deadpool_postgres::Pool};
    /// # async fn check(pool: Pool) -> Result<(), Box<dyn std::error::Error>> {
    /// # let (graph, lengths) = Graph::build("words", |g| {
    /// #     let words = g.input::<String>("words");
    /// #     words.view("seen");
    /// #     let by_length = Index::new("length", |word: &String| word.len() as i64);
    /// #     words.group_by(by_length).count().view("lengths")
    /// # })?;
    /// let store = PostgresStore::connect(pool, &graph).await?;
    /// let verified = store.verify(lengths).await?;
    /// assert!(verified.is_right(), "{verified}");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotRederivable`](deltaview_store::ErrorKind::NotRederivable): an input is not stored, or in this view only; or
    /// the view depends on `delay`, `differentiate`, `integrate` or `retain_for`, whose past is not stored. Besides, what
    /// reading and computing may meet.
    pub async fn verify<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Verified<T>, Error> {
        self.verify_up_to(view, 10).await
    }

    /// [`Self::verify`], which returns at most so many of the rows that differ.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`].
    pub async fn verify_up_to<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        most: usize,
    ) -> Result<Verified<T>, Error> {
        let rederivation = self.graph().rederive(view)?;
        rederivation.check_apart()?;
        let snapshot = self.snapshot_at_rest().await?;
        let mut fetches = rederivation.fetches();
        snapshot.answer(&mut fetches).await?;
        let derived = rederivation.run(fetches)?.rows()?;
        let mut comparison = Comparison::new(derived, most);
        let mut rows = snapshot.view(view).iter().await?;
        while let Some(row) = rows.next().await {
            let (row, stored) = row?;
            comparison.row(row, stored);
        }
        Ok(comparison.finish())
    }

    /// The rows of the inputs that a row of a view comes from, by input. It is
    /// [`Store::explain`](deltaview_store::Store::explain), over one snapshot: there it says which rows these are. Where
    /// the view should not have the row, the explanation is [empty](Explanation::is_empty).
    ///
    /// Cost: that of [`Self::verify`], but for reading the view; and then once more, for each operator that has a part
    /// in the row looks at all that flows into it.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`], but for a view that is all that is stored of its input.
    pub async fn explain<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        row: &T,
    ) -> Result<Explanation, Error> {
        let rederivation = self.graph().rederive(view)?;
        let mut fetches = rederivation.fetches();
        let snapshot = self.snapshot_at_rest().await?;
        snapshot.answer(&mut fetches).await?;
        Ok(rederivation.run(fetches)?.explain(row)?)
    }
}
