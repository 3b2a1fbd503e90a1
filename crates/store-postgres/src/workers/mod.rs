//! Many workers on one database: changes that wait for each other, or are committed stage by stage. What a change that
//! finds nothing in flight does is in `engine.rs`, and needs none of this.
//!
//! The rules are those of [`deltaview_store::protocol`]; here is how they are kept on Postgres:
//!
//! - a transition is a transaction that has the graph's lock, and reads and writes the ledger (`ledger.rs`) and the
//!   journal (`journal.rs`);
//! - a worker lives as long as its session, which has an advisory lock for each time that it holds (`session.rs`);
//! - whoever waits looks at the ledger with short pauses, and whether that lock is free (`way.rs`);
//! - a stage is computed outside of the transaction that writes it (`stage.rs`);
//! - what has halted is taken up again, or back (`halt.rs`);
//! - inside of the caller's transaction nothing of this can be done (`inside.rs`).

mod halt;
mod inside;
mod journal;
mod ledger;
#[cfg(test)]
mod replay;
mod session;
mod stage;
mod way;

use std::sync::atomic::{AtomicU64, Ordering};

use deltaview_graph::Change;
use deltaview_store::protocol::{Course, Status, WorkerId};
use deltaview_store::{ChangeId, CommitOptions, Committed, Error};
use tokio::sync::OnceCell;
use tokio_postgres::Client;

use crate::error::Context;
use crate::scope::Connection;
use crate::store::Inner;
use session::Session;
use way::Way;

pub(crate) use way::{Deadline, hints};

/// The names that a store gives to its workers, and to changes that have none.
#[derive(Default)]
pub(crate) struct Names {
    drawn: AtomicU64,
    identity: OnceCell<Identity>,
}

struct Identity {
    id: String,
    address: String,
}

impl Inner {
    /// A name for a worker, and one for a change.
    async fn draw_names(&self, client: &Client) -> Result<(WorkerId, ChangeId), Error> {
        let identity = self.names.identity.get_or_try_init(|| async {
            let doing = || "asking for a name".to_string();
            let sql = "SELECT pg_catalog.gen_random_uuid()::text, \
                       COALESCE(pg_catalog.host(pg_catalog.inet_client_addr()), 'this host')";
            let row = client.query_typed_one(sql, &[]).await.context(doing)?;
            Ok::<_, Error>(Identity {
                id: row.try_get(0).context(doing)?,
                address: row.try_get(1).context(doing)?,
            })
        });
        let Identity { id, address } = identity.await?;
        let number = self.names.drawn.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let change = ChangeId::new(format!("{id} {number}"));
        Ok((
            WorkerId::new(format!("process {process} at {address}, {id} {number}")),
            change.expect("a short name without a NUL"),
        ))
    }

    /// A session, and the names for what is done with it.
    async fn worker(&self, deadline: &Deadline) -> Result<(Session, WorkerId, ChangeId), Error> {
        let mut pauses = self.pauses();
        loop {
            let begun = async {
                let session = Session::begin(self, deadline).await?;
                let connection = session.connection()?;
                let (worker, change) = self.draw_names(connection.client()).await?;
                Ok((session, worker, change))
            };
            match begun.await {
                Ok(begun) => return Ok(begun),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    /// Commits a change that has to wait for others, or goes stage by stage.
    pub(crate) async fn commit_in_turn(
        &self,
        change: &Change,
        options: &CommitOptions,
        deadline: Deadline,
    ) -> Result<Committed, Error> {
        // What is of another graph has no stages either.
        self.engine.graph.stages(change)?;
        let (session, worker, drawn) = self.worker(&deadline).await?;
        let id = options.id().cloned().unwrap_or(drawn);
        let course = Course::new(*options.time(), id, worker, None);
        let way = Way::new(self, session, course, Some(change), deadline);
        way.go().await
    }

    pub(crate) async fn status(&self) -> Result<Status, Error> {
        let mut pauses = self.pauses();
        loop {
            let read = async {
                let connection = self.connection().await?;
                let stored = self.engine.stored(&connection, None).await;
                stored.map_err(|failure| failure.error)
            };
            match read.await {
                Ok(stored) => return Ok(stored.ledger.status(stored.now)),
                Err(error) => pauses.after(error).await?,
            }
        }
    }

    /// Takes the first time that has halted, and brings it to its end.
    pub(crate) async fn resume_halted(&self) -> Result<i64, Error> {
        let deadline = Deadline::within(self.deadline);
        let (session, worker, _) = self.worker(&deadline).await?;
        let course = Course::without_change(worker, None);
        let mut way = Way::new(self, session, course, None, deadline);
        match way.take_halted().await {
            Ok(time) => {
                way.resumed = Some(time);
                way.go().await?;
                Ok(time)
            }
            Err(error) => {
                way.session.end(&self.engine);
                Err(error)
            }
        }
    }

    /// Takes a time back: as if it had never been.
    pub(crate) async fn abandon(&self, time: i64) -> Result<(), Error> {
        let deadline = Deadline::within(self.deadline);
        let (session, worker, _) = self.worker(&deadline).await?;
        let course = Course::without_change(worker, None);
        let mut way = Way::new(self, session, course, None, deadline);
        let abandoned = way.abandon(time).await;
        way.session.end(&self.engine);
        abandoned
    }
}
