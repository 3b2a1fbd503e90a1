//! How an iteration begins: it is given a time, with what tells it from all others, and who follows is known then.
//!
//! [`Ledger::commit_at_once`](deltaview_store::protocol::Ledger::commit_at_once) as a statement.

use std::fmt;

use deltaview_store::{ChangeId, CommitOptions, Error, ErrorKind};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::catalog;
use crate::ddl::{CHANGES, CLOCK, COMMITS, CURSORS, TIMES};
use crate::engine::Engine;
use crate::feed::Followers;
use crate::hot::Stale;
use crate::pipeline::{Failure, Link, Request, execute};
use crate::scope::{Connection, Kind, OFF, Scope};

/// Old commits are forgotten by one of so many commits.
pub(crate) const FORGETS_ONE_OF: i64 = 64;

/// What an iteration is told apart by, from when it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) time: i64,
    /// Drawn at random, by the server.
    pub(crate) id: String,
    /// The id of the time before it, if that was committed at once and is not forgotten.
    pub(crate) before: Option<String>,
    /// The backend that it runs in, and its transaction.
    pub(crate) backend: i32,
    pub(crate) transaction: String,
    pub(crate) followers: Followers,
    /// The caller's settings, in a transaction of the caller's, which are other ones while an iteration is made.
    pub(crate) settings: Vec<String>,
}

impl Ticket {
    /// Whether this commit forgets old ones: by its id, which is drawn at random, so whatever times and processes there are.
    pub(crate) fn forgets(&self) -> bool {
        let first = self.id.get(..2);
        let first = first.and_then(|digits| i64::from_str_radix(digits, 16).ok());
        first.is_some_and(|first| first < 256 / FORGETS_ONE_OF)
    }
}

/// A change that can't be committed at once: something is in flight, or it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAtOnce;

impl fmt::Display for NotAtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the change can't be committed at once")
    }
}

impl std::error::Error for NotAtOnce {}

impl Engine {
    /// What goes before everything else: nothing, if the iteration has its ticket already. [`Stale`] where the rows in
    /// memory are `of` a commit, and that is not the one before.
    pub(crate) fn opening<'a, C: Connection + Sync>(
        &'a self,
        scope: &'a Scope<C>,
        ticket: &'a mut Option<Ticket>,
        (options, of): (&'a CommitOptions, Option<&'a str>),
        reads: bool,
    ) -> Vec<Request<'a, ()>> {
        if ticket.is_some() {
            return Vec::new();
        }
        let client = scope.client();
        let mut requests = Vec::from(self.begin_for_few(scope));
        if scope.kind == Kind::Savepoint {
            requests.push(Box::pin(async move {
                let stored = catalog::stored_entries(client, &self.graph, &self.namespace).await;
                let stored = stored.map_err(|error| self.failed(error, "reading the catalog"))?;
                Ok(catalog::compare_stored(&self.graph, &stored)?)
            }));
        }
        requests.push(Box::pin(async move {
            // All are sent at once.
            let drawing = self.draw_ticket(self.link(scope), options, scope.kind);
            let (drawn, settings) = futures::join!(drawing, async {
                if reads && scope.kind == Kind::Savepoint {
                    self.change_settings(client).await
                } else {
                    Ok(Vec::new())
                }
            });
            let ticket = ticket.insert(drawn?);
            ticket.settings = settings?;
            if of.is_some_and(|of| ticket.before.as_deref() != Some(of)) {
                return Err(Stale::error().into());
            }
            Ok(())
        }));
        requests
    }

    /// Draws a time and completes it at once, where nothing is in flight and nothing else is against it; otherwise fails
    /// with [`NotAtOnce`]. In a transaction that sees an older state than the last one, this is a serialisation failure:
    /// so what is read after it is never out of date.
    async fn draw_ticket(
        &self,
        link: Link<'_>,
        options: &CommitOptions,
        kind: Kind,
    ) -> Result<Ticket, Failure> {
        let with_options: String;
        let sql = if options.is_default() {
            &self.draw
        } else {
            with_options = self.sql_draw(options);
            &with_options
        };
        let graph = self.graph.name();
        let name = options.id().map(ChangeId::as_str);
        let time = options.time();
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&graph, Type::TEXT)];
        if !options.is_default() {
            values.push((&time.input_time, Type::INT8));
            values.push((&time.frontier, Type::INT8));
            values.push((&name, Type::TEXT));
        }
        let doing = "writing the time";
        let row = link
            .query_opt(sql, &values)
            .await
            .map_err(|error| self.failed(error, doing))?
            .ok_or_else(|| {
                Error::new(ErrorKind::Busy, NotAtOnce.to_string()).caused_by(NotAtOnce)
            })?;
        let ticket = || -> Result<Ticket, tokio_postgres::Error> {
            Ok(Ticket {
                time: row.try_get(0)?,
                id: row.try_get(1)?,
                backend: row.try_get(2)?,
                transaction: row.try_get(3)?,
                followers: Followers::of(row.try_get(4)?, row.try_get(5)?, kind),
                before: row.try_get(6)?,
                settings: Vec::new(),
            })
        };
        ticket().map_err(|error| self.failed(error, doing))
    }

    /// Turns settings off in the caller's transaction, and says what they were. A transaction of ours begins like that.
    async fn change_settings(&self, client: &Client) -> Result<Vec<String>, Failure> {
        let before = OFF.map(|name| format!("pg_catalog.current_setting('{name}')"));
        let after = OFF.map(|name| format!("pg_catalog.set_config('{name}', 'off', true)"));
        let doing = "reading the settings for a change";
        let sql = format!("SELECT {}, {}", before.join(", "), after.join(", "));
        let row = client.query_typed_one(&sql, &[]).await;
        let row = row.map_err(|error| self.failed(error, doing))?;
        let settings = (0..OFF.len()).map(|column| row.try_get(column));
        let settings: Result<Vec<String>, tokio_postgres::Error> = settings.collect();
        settings.map_err(|error| self.failed(error, doing))
    }

    /// Gives the caller's transaction the settings back that it had. Where the change fails, the server does.
    pub(crate) fn give_back<'a>(
        &'a self,
        client: &'a Client,
        settings: &'a [String],
    ) -> Request<'a, ()> {
        Box::pin(async move {
            let set = OFF.iter().zip(1..);
            let set: Vec<String> = set
                .map(|(name, place)| format!("pg_catalog.set_config('{name}', ${place}, true)"))
                .collect();
            let values: Vec<(&(dyn ToSql + Sync), Type)> = settings
                .iter()
                .map(|setting| (setting as &(dyn ToSql + Sync), Type::TEXT))
                .collect();
            let sql = format!("SELECT {}", set.join(", "));
            let done = execute(client, &sql, &values).await;
            done.map_err(|error| self.failed(error, "giving the settings back after a change"))
        })
    }

    /// [`Ledger::commit_at_once`](deltaview_store::protocol::Ledger::commit_at_once) as a statement. What it refuses, it
    /// does not tell apart: it gives no row then.
    ///
    /// Where the last time was abandoned, the clock is not at the time that is complete, and nothing is in flight.
    pub(crate) fn sql_draw(&self, options: &CommitOptions) -> String {
        let [clock, times, cursors, commits] =
            [CLOCK, TIMES, CURSORS, COMMITS].map(|it| self.place(it));
        let (next, only, named) = if options.is_default() {
            let only = format!("\"t\" < {}", i64::MAX);
            ("\"t\" + 1", only, String::new())
        } else {
            let changes = self.place(CHANGES);
            let only = format!(
                "CASE WHEN $2 IS NULL THEN \"t\" < {} ELSE $2 > \"t\" AND $2 > COALESCE($3, 0) END \
                 AND COALESCE($3, 0) <= \"t\" AND NOT EXISTS \
                 (SELECT 1 FROM {changes} WHERE \"graph\" = $1 AND \"change_id\" = $4)",
                i64::MAX
            );
            let named = format!(
                ", named AS (INSERT INTO {changes} (\"graph\", \"change_id\", \"t\", \"at\") \
                 SELECT $1, $4, \"t\", pg_catalog.now() FROM tick WHERE $4 IS NOT NULL)"
            );
            ("COALESCE($2, \"t\" + 1)", only, named)
        };
        format!(
            "WITH tick AS (UPDATE {clock} SET \"t\" = {next}, \"complete\" = {next} WHERE \"graph\" = $1 AND {only} \
             AND (\"t\" = \"complete\" OR NOT EXISTS (SELECT 1 FROM {times} WHERE \"graph\" = $1)) \
             RETURNING \"t\"){named} \
             INSERT INTO {commits} AS made (\"graph\", \"t\", \"id\", \"at\") SELECT $1, \"t\", pg_catalog.gen_random_uuid(), \
             pg_catalog.now() FROM tick RETURNING \"t\", \"id\"::text, pg_catalog.pg_backend_pid(), \
             pg_catalog.pg_current_xact_id()::xid::text, \
             ARRAY(SELECT \"vertex\" FROM {cursors} WHERE \"graph\" = $1 \
             AND (\"until\" IS NULL OR \"until\" > '-infinity')), \
             ARRAY(SELECT \"vertex\" FROM {cursors} WHERE \"graph\" = $1 AND \"until\" <= pg_catalog.now()), \
             (SELECT last.\"id\"::text FROM {commits} AS last \
             WHERE last.\"graph\" = $1 AND last.\"t\" = made.\"t\" - 1)"
        )
    }

    /// Forgets commits that nobody can be in doubt about any more, so many at most. Each commit forgets two, or some of
    /// them more: so there is an end to it.
    pub(crate) fn sql_forget(&self, most: i64) -> String {
        let commits = self.place(COMMITS);
        format!(
            "DELETE FROM {commits} WHERE \"graph\" = $1 AND \"t\" IN \
             (SELECT \"t\" FROM {commits} WHERE \"graph\" = $1 ORDER BY \"t\" LIMIT {most}) \
             AND \"at\" < pg_catalog.now() - interval '1 hour'"
        )
    }

    /// Forgets the names of changes that nobody will make again any more, two for each that comes.
    pub(crate) fn sql_forget_names(&self) -> String {
        let changes = self.place(CHANGES);
        format!(
            "DELETE FROM {changes} WHERE \"graph\" = $1 AND \"t\" IN \
             (SELECT \"t\" FROM {changes} WHERE \"graph\" = $1 ORDER BY \"t\" LIMIT 2) \
             AND \"at\" < pg_catalog.now() - interval '1 day'"
        )
    }
}
