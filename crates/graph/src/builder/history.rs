//! Views that remember what they were: [`Builder::with_history`]. What is kept, and where, is the stores' business.

// `core` has no clock.
use core::time::Duration;
use std::panic::Location;

use deltaview_schema::{IndexKey, Row};

use super::Builder;
use crate::error::ProblemKind;
use crate::handle::ViewHandle;
use crate::plan::Retention;

impl Builder {
    /// Keeps what a view was at each time: `store.view(view).as_of(time)` reads it then as it is read now. Returns the
    /// same handle. Further indexes of the view read the past too, whether they are added before or after. A keyed table
    /// has history by a view of it by its key, which is the table itself: its rows are not stored twice.
    ///
    /// State: each version of a row that is not the present one, in a database a row's data once however often it comes
    /// back, and what each iteration changed; as far back as the [`Retention`] says. Cost: a changed row writes two rows
    /// more. Reading the present costs nothing more. Errors: two retentions for one view, a span of zero, a handle of a
    /// further index.
    /// ```
    /// # use deltaview::prelude::*;
    /// # use deltaview::Retention;
    /// let (graph, (prices, all)) = Graph::build("shop", |g| {
    ///     let by_name = || Index::new("name", |price: &(String, i64)| price.0.clone());
    ///     let prices = g.table("prices", by_name());
    ///     (prices.handle(), g.with_history(prices.view_by("all", by_name()), Retention::Forever))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let monday = store.change().insert(prices, [("tv".into(), 3)]).commit()?.time();
    /// store.change().upsert(prices, [("tv".into(), 4)]).commit()?;
    /// assert_eq!(store.view(all).get(&"tv".into())?, Some(("tv".into(), 4)));
    /// assert_eq!(store.view(all).as_of(monday)?.get(&"tv".into())?, Some(("tv".into(), 3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn with_history<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
        retention: Retention,
    ) -> ViewHandle<T, K> {
        let at = Location::caller();
        if view.target.graph != self.id {
            let message = "this view belongs to another graph".to_string();
            self.problem(ProblemKind::ForeignHandle, at, message);
            return view;
        }
        if retention == Retention::Span(Duration::ZERO) {
            let message = "a history that is kept for no time at all is none: give it a span, or leave it out";
            self.problem(ProblemKind::Retention, at, message.to_string());
        }
        if view.index > 0 {
            let message = "the history of a view is kept by all of its indexes: give `with_history` the handle that \
                           `view` or `view_by` returned";
            self.problem(ProblemKind::Retention, at, message.to_string());
            return view;
        }
        let table = self.drafts.borrow()[view.target.vertex.0].work.tables()[0];
        let known = self.tables.borrow_mut()[table.0].keep_history::<K, T>(retention);
        if let Some(known) = known.filter(|known| *known != retention) {
            let message = format!(
                "the history of this view is kept {known} already, and can't be kept {retention} too: decide for one"
            );
            self.problem(ProblemKind::Retention, at, message);
        }
        view
    }
}
