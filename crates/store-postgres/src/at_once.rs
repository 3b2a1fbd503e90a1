//! A change that is committed at once, in one transaction; and how it is found out about where its `COMMIT` was lost.

use std::time::Duration;

use deltaview_graph::Change;
use deltaview_store::{CommitOptions, Committed, Error, ErrorKind};
use tokio_postgres::types::{ToSql, Type};

use crate::commit_points::{self, Work};
use crate::ddl::COMMITS;
use crate::error::{Context, is_in_doubt};
use crate::hot::Hot;
use crate::lent::Lent;
use crate::pipeline::in_order;
use crate::scope::{Connection, Kind, Scope};
use crate::store::Inner;
use crate::ticket::Ticket;
use crate::workers::Deadline;
use crate::write::Expected;

/// How long the lock of the graph is waited for at least when it is asked whether a change was committed.
const LOOK: Duration = Duration::from_secs(1);

impl Inner {
    /// One attempt. What is kept of the state is trusted only if nobody else has committed since: otherwise it is [`Stale`],
    /// and gone.
    pub(crate) async fn commit_once(
        &self,
        change: &Change,
        options: &CommitOptions,
        expected: Expected,
        deadline: &Deadline,
    ) -> Result<Committed, Error> {
        commit_points::at(Work::AtOnce);
        let engine = &self.engine;
        // A time of the caller's own need not follow the last one.
        let follows = options.time().input_time.is_none();
        let kept = follows.then(|| self.hot.take()).flatten();
        let was_kept = kept.is_some();
        let mut hot = kept.unwrap_or_else(|| Hot::nothing(&engine.graph));
        let connection = Lent::new(self.connection_within(deadline).await?);
        let scope = Scope::new(&connection, Kind::Write).patient(deadline.patience());
        let mut ticket = None;
        let ran = engine.run(&scope, &mut ticket, &mut hot, change, options);
        let commit = match ran.await {
            Ok(commit) => commit,
            Err(error) => {
                drop(scope);
                let lent = &connection;
                return Err(self.as_timeout(error, deadline, lent.client()).await);
            }
        };
        if self.hot.is_on() {
            hot.count(&engine.graph, &commit)?;
        }
        let of = (options, hot.of.as_deref());
        let written = engine.write(&scope, &mut ticket, of, &commit, expected);
        let written = written.await;
        let is_sent = scope.is_over();
        drop(scope);
        let ticket = ticket.as_ref();
        if let Err(error) = written {
            let Some(ticket) = ticket.filter(|_| is_sent && is_in_doubt(&error)) else {
                let lent = &connection;
                return Err(self.as_timeout(error, deadline, lent.client()).await);
            };
            connection.close();
            if !self.find_out(ticket).await? {
                let message = format!(
                    "committing a change of graph `{}`: the connection was lost, and nothing was committed",
                    engine.graph.name()
                );
                return Err(Error::new(ErrorKind::Disconnected, message).caused_by(error));
            }
        }
        let ticket = ticket.expect("whoever opens gets a ticket");
        let changes = hot.state.absorb(commit);
        if was_kept {
            self.hot.was_right();
        }
        hot.of = Some(ticket.id.clone());
        self.hot.keep(hot);
        Ok(Committed::new(ticket.time, changes))
    }

    /// Whether an iteration was committed whose connection was lost while that was done.
    async fn find_out(&self, ticket: &Ticket) -> Result<bool, Error> {
        let mut pauses = self.pauses();
        loop {
            let error = match self.look_up(ticket).await {
                Ok(Some(is_committed)) => return Ok(is_committed),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            // What is forgotten does not come back.
            if error.is_some() && pauses.wait().await {
                continue;
            }
            let message = format!(
                "the connection was lost while iteration {} of graph `{}` was being committed, and the database could not \
                 say since whether it was: look at what it has before you commit the change again",
                ticket.time,
                self.engine.graph.name()
            );
            let uncertain = Error::new(ErrorKind::Uncertain, message);
            return Err(match error {
                Some(error) => uncertain.caused_by(error),
                None => uncertain,
            });
        }
    }

    /// Nothing, if that was so long ago that it is forgotten.
    async fn look_up(&self, ticket: &Ticket) -> Result<Option<bool>, Error> {
        let doing = || "asking whether a change was committed".to_string();
        // Somebody else may have the lock or the connections.
        let deadline = Deadline::within(LOOK.max(self.retry_for));
        let connection = Lent::new(self.connection_within(&deadline).await?);
        let scope = Scope::new(&connection, Kind::Write).patient(deadline.patience());
        let client = scope.client();
        scope.begin().await.context(doing)?;
        // The server may not know yet that the connection is lost, and wait for the transaction to go on. Other
        // transactions are left alone, also of the same backend: a pooler may have given it to somebody else.
        let stop = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                    WHERE pid = $1 AND backend_xid::text = $2";
        client
            .query_typed(
                stop,
                &[
                    (&ticket.backend, Type::INT4),
                    (&ticket.transaction, Type::TEXT),
                ],
            )
            .await
            .context(doing)?;
        // It has the lock until it has ended: what is read behind it is how it ended.
        in_order(vec![self.engine.lock(&scope)]).await?;
        let commits = self.engine.place(COMMITS);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {commits} WHERE \"graph\" = $1 AND \"t\" = $2 AND \"id\"::text = $3), \
             (SELECT min(\"t\") FROM {commits} WHERE \"graph\" = $1) > $2"
        );
        let values: [(&(dyn ToSql + Sync), Type); 3] = [
            (&self.engine.graph.name(), Type::TEXT),
            (&ticket.time, Type::INT8),
            (&ticket.id, Type::TEXT),
        ];
        let row = client.query_typed_one(&sql, &values).await.context(doing)?;
        let is_committed: bool = row.try_get(0).context(doing)?;
        let is_forgotten: Option<bool> = row.try_get(1).context(doing)?;
        let is_known = is_committed || is_forgotten != Some(true);
        Ok(is_known.then_some(is_committed))
    }
}
