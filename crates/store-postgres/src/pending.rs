//! [`Pending`]: a change that is being made of a store.

use std::time::Duration;

use deltaview_graph::{Change, Edit};
use deltaview_store::{ChangeId, CommitOptions, Committed, Error, Time};

use crate::PostgresStore;

/// A change of a store that is not committed yet: made by [`PostgresStore::change`], filled by the methods of [`Edit`].
#[must_use = "a change does nothing until it is committed"]
#[derive(Debug)]
pub struct Pending<'s> {
    pub(crate) store: &'s PostgresStore,
    pub(crate) change: Change,
    pub(crate) options: CommitOptions,
}

impl Pending<'_> {
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
    /// As [`PostgresStore::commit_with`].
    pub async fn commit(self) -> Result<Committed, Error> {
        self.store.commit_with(&self.change, &self.options).await
    }
}

impl Edit for Pending<'_> {
    fn edited(&mut self) -> &mut Change {
        &mut self.change
    }
}
