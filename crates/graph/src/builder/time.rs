//! What depends on the time that rows have.

use std::panic::Location;

use deltaview_schema::{Index, Indexable, Row, TimeKey};

use super::scope::Scope;
use super::{Naming, Stream, Work};
use crate::operators::ordered::in_order;
use crate::operators::{Newest, Retain};

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// The rows whose time is at most a span behind the newest time that ever came: all others expire, and those that
    /// come too late are not let in. So what follows has bounded state, however long the input goes on. SQL has no
    /// word for it; a streaming engine calls it a temporal filter, or a retention.
    ///
    /// The time of a row is its key by the index: no clock is read. The newest time is the greatest that a row with a
    /// positive weight has ever had, whether the row is still there or not; inside of
    /// [`per_group`](Self::per_group) each group has its own. In each iteration time goes on first, then rows behind
    /// the horizon (the newest time less the span) are dropped, also those with negative weights.
    ///
    /// What it puts out depends on the order in which rows came, not on the rows alone. It can't be inside of
    /// [`recursive`](Self::recursive).
    ///
    /// State: the rows that are kept, arranged by time, and one time a group. Nothing behind the horizon is kept; but a
    /// group whose rows stop coming keeps what it has. Cost: a change reads the newest time of each group that it
    /// touches, and what expires by it.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (readings, recent)) = Graph::build("weather", |g| {
    ///     let readings = g.input::<(i64, i32)>("readings"); // minute, degrees
    ///     let by_minute = Index::new("minute", |reading: &(i64, i32)| reading.0);
    ///     (readings.handle(), readings.retain_for(by_minute, 60).output("recent"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(readings, [(100, 20), (120, 21)]).commit()?;
    /// let changed = store.change().insert(readings, [(170, 19), (90, 5)]).commit()?;
    /// let changed = changed.get(recent)?;
    /// assert_eq!(changed.weight(&(170, 19)), 1);
    /// assert_eq!(changed.weight(&(100, 20)), -1); // behind 170 - 60
    /// assert_eq!(changed.weight(&(90, 5)), 0); // it came too late
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn retain_for<K: TimeKey + Row>(self, index: Index<T, K>, span: K::Span) -> Self {
        let at = Location::caller();
        let builder = self.builder;
        builder.must_be_outside(self.id, "retain_for", at);
        let group = S::group_index::<T, ()>(Index::unkeyed());
        let naming = Naming::Derived {
            suffix: format!("retain_by_{}", index.name()),
        };
        builder.check_index(&index, at);
        let by_group_and_time = in_order(group, S::on_rows(index));
        let newest = Newest::<S::Group<()>, K>::default_index();
        let newest = builder.table_for(newest, "newest", true);
        let kept = builder.table_for(by_group_and_time.clone(), "kept", false);
        let work = Work::operator(Retain::<S::Group<()>, S::Row<T>, K> {
            index: by_group_and_time,
            span,
            newest,
            kept,
        });
        let work = work.writing(newest).writing(kept);
        let id = builder.draft::<S::Row<T>>(naming, "retain_for", &[self.id], work, at);
        self.at(id)
    }
}
