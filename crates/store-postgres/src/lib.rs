//! The Postgres store: a graph's state as tables of a Postgres database, which may be the application's own. Any stock
//! server from version 13 up: no extension, no superuser.
//!
//! It drives the tick of [`deltaview_graph`] over [`tokio_postgres`], on connections of a [`deadpool_postgres`] pool that
//! you build: TLS, time-outs and sizes are yours. It never computes anything of the graph itself, and knows no other
//! database.
//!
//! ```no_run
//! use deltaview_graph::{Edit, Graph};
//! use deltaview_schema::Index;
//! use deltaview_store_postgres::PostgresStore;
//! use deltaview_store_postgres::deadpool_postgres::{Manager, Pool};
//! use deltaview_store_postgres::tokio_postgres::NoTls;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let (graph, (words, lengths)) = Graph::build("words", |g| {
//!     let words = g.input::<String>("words");
//!     let by_length = Index::new("length", |word: &String| word.len() as i64);
//!     (words.handle(), words.group_by(by_length).count().view("lengths"))
//! })?;
//! let config = "postgres://app@localhost/app".parse()?;
//! let pool = Pool::builder(Manager::new(config, NoTls)).max_size(16).build()?;
//!
//! let store = PostgresStore::connect(pool, &graph).await?;
//! let changed = store.change().insert(words, ["one".to_string(), "two".to_string()]).commit().await?;
//! assert_eq!(changed.get(lengths)?.len(), 1);
//!
//! // In any process, while others write:
//! assert_eq!(store.view(lengths).get(&3).await?.map(|group| group.value), Some(2));
//!
//! // Several views of one iteration, as streams:
//! let snapshot = store.snapshot().await?;
//! let mut rows = snapshot.view(lengths).range(2..).await?;
//! while let Some(row) = rows.next().await {
//!     let (group, count) = row?;
//!     println!("{group:?} x {count}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! In a transaction of your own, your rows and your views are committed together: [`PostgresStore::commit_in`].
//!
//! # Tables
//!
//! In the schema `deltaview`, or in the one that [`PostgresOptions::schema`] names:
//!
//! | table | what it has |
//! | --- | --- |
//! | `<graph>__<vertex>__<role>` | the state of a vertex: the columns of its index, `identity`, `data`, `c` |
//! | `deltaview_catalog` | what each of those tables is, with its shape and the format's version |
//! | `deltaview_last_update` | how far each table is ahead: it is written up to the greater of `t` here and the time that is complete (`deltaview_clock`) |
//! | `deltaview_clock` | the last time that was given out (`t`) and the newest that is complete in every table, by graph |
//! | `deltaview_commits` | the time and a random id of each commit of the last hour: how a lost `COMMIT` is found out about |
//! | `deltaview_times` | the times in flight: how far each has come, who holds it, why it halted |
//! | `deltaview_journal` | of the times in flight that go stage by stage: what came in, and what each stage has done |
//! | `deltaview_changes` | the names of the last day's changes: of those that were given one, and of those that had to wait or went stage by stage |
//! | `deltaview_cursors` | who follows which view, up to which time it has consumed it, and for how long it is waited for |
//! | `deltaview_feed` | what iterations changed of the views that are followed |
//!
//! and where a view of a graph has history ([`with_history`](deltaview_graph::Builder::with_history)):
//!
//! | table | what it has |
//! | --- | --- |
//! | `<view's table>__versions` | rows as they were for `since <= t < until`, with the `node` of the interval tree that they are filed at |
//! | `<view's table>__rows` | the data of the rows that have versions, once, and how many versions (`n`) each has |
//! | `<view's table>__log` | what each time `t` added (`w`) to the weight of a row |
//! | `deltaview_instants` | when each time was committed (`at`, microseconds since 1970), and how many there were up to it (`n`) |
//! | `deltaview_history` | the horizon of each table: the first time that can be read |
//! | `deltaview_past_cursors` | up to which time named cursors read the history that were made at a past time |
//!
//! `data` is the row in CBOR, and NULL where `identity` is the row itself (up to 64 bytes); `c` is the weight. A table with
//! one row a key has neither `identity` nor `c`. Columns of an index can be queried by name, `ixd__<index>__<field>`, and
//! are native types: `bigint`, `boolean`, `uuid`, `bytea`, and `text COLLATE "C"`, which is ordered by bytes whatever the
//! locale of the database. `None` is NULL. Names are cut to the 63 bytes that Postgres holds.
//!
//! A unique index takes NULLs as distinct, so a row with a `None` could be there twice. The index is therefore not on
//! such a column itself, but on whether it is there (`IS NOT NULL`, which puts `None` first) and on its value or, for
//! `None`, a value of the same type in its place (`COALESCE`).
//!
//! # Change feeds
//!
//! [`View::subscribe`] is a stream of a view's deltas as they commit, from any process. They are read from the log
//! `deltaview_feed`, by connections of the pool that are given back at once. A commit of a graph that is followed also
//! notifies the channel `deltaview_` with the graph's [lock key](PostgresStore::lock_key) as 16 hexadecimal digits; the
//! payload is the time. With [`PostgresOptions::listen`] the store listens to it, by one connection of its own for all its
//! subscriptions. A notification says no more than that it is worth looking: the log is read every few seconds anyway,
//! and after each reconnect, so nothing is missed. Without it, or behind a pooler that can't pass `LISTEN` on,
//! subscriptions look into the log with pauses that grow to half a second.
//!
//! # The past
//!
//! A view with history has one more column in its table, `since`: the time from which the row is there with its weight.
//! A commit captures the rows that it is about to change, by one statement a view, before it writes them; reads of the
//! present never touch what was. [`View::as_of`] reads the view as it was at a time or an instant. Instants are those of
//! the server's clock, which all who write share, at which an iteration was written, in the order of times; a commit
//! inside of [your transaction](PostgresStore::commit_in) is visible later than its instant says.
//!
//! The space of what is forgotten is free for new rows once the server has vacuumed the tables, as it does by itself.
//!
//! # Many workers
//!
//! Any number of processes may commit to one graph. A change with [`Flush::AtEnd`](deltaview_store::Flush::AtEnd) is one
//! transaction; one with [`Flush::EachTable`](deltaview_store::Flush::EachTable)
//! ([`commit_with`](PostgresStore::commit_with)) is one for each stage of the graph, so that the next change enters the
//! first stage while this one is in the second. The rules are those of [`deltaview_store::protocol`].
//!
//! Each transaction that moves a time on holds the graph's [lock](PostgresStore::lock_key). A worker that has a time in
//! flight keeps one connection of the pool for it, whose session has an advisory lock for that time: `deltaview`, the
//! schema, the graph's name and the time, hashed as the graph's lock is. Whoever waits looks at `deltaview_times` every 1
//! to 20 milliseconds, and whether that lock is free: then the session of the holder has ended, and its change is
//! finished from the journal, or removed where nothing of it is journaled. Such sessions must be the server's own: a
//! pooler between may pool sessions, and not transactions, as soon as one worker commits stage by stage.
//!
//! # Rows as JSON
//!
//! [`PostgresOptions::json`] makes a view of SQL's for each view, `<table of the view>__json`, for whoever reads by SQL
//! alone: the columns of its indexes, the weight `c`, and `row`, a `jsonb` with the fields by name. It decodes nothing
//! that is not selected, and searches the table by its indexes.
//!
//! ```sql
//! SELECT ixd__basket_id__basket_id, "row" ->> 'text' FROM deltaview.receipts__receipts__view__json;
//! ```
//!
//! A row is what `serde_json` makes of it, but for:
//!
//! | in the row | in `row` |
//! | --- | --- |
//! | a field that serde renames | its name in Rust |
//! | a struct of which serde skips fields, or whose type is not `Indexable`; an enum's struct variant | an array of its fields |
//! | a byte string | text, `\x` and hexadecimal digits, as Postgres writes a `bytea`; a `Uuid` is as usual |
//! | an IP address | its bytes, by the name of its kind: `{"V4": [127, 0, 0, 1]}` |
//! | NaN and the infinities | the strings `"NaN"`, `"Infinity"`, `"-Infinity"`, as Postgres has them |
//! | integers beyond 64 bits | the whole number |
//! | a NUL in text, which Postgres can't hold | its symbol, ␀ (U+2400) |
//! | a key of a map that is no string | text: its JSON |
//!
//! Numbers are Postgres's `numeric`, in which a float of 1.0 is 1. Whoever has `USAGE` of the schema and `SELECT` on the
//! view can read it.
//!
//! # What Postgres can't hold
//!
//! Text with a NUL can't be a key, and neither can a key of more than about 2,700 bytes: both are an
//! [`UnsupportedKey`](deltaview_store::ErrorKind::UnsupportedKey), and nothing is written. In rows, which are bytes, there
//! may be both.

mod at_once;
mod blocking;
mod catalog;
#[cfg(not(feature = "commit-points"))]
mod commit_points;
#[cfg(feature = "commit-points")]
#[doc(hidden)]
pub mod commit_points;
mod cursor;
mod ddl;
mod engine;
mod error;
mod feed;
mod fetch;
mod follow;
mod history;
mod hot;
mod json;
mod lent;
mod listen;
mod names;
#[cfg(test)]
mod on_postgres;
mod options;
mod pending;
mod pipeline;
mod ranges;
mod reader;
mod retry;
mod scan;
mod scope;
mod shared;
mod statements;
mod store;
mod subscription;
mod table;
mod ticket;
mod values;
mod verify;
mod versions;
mod view;
mod workers;
mod write;

pub use blocking::BlockingPostgresStore;
pub use ddl::{PostgresDialect, schema_sql};
pub use history::{AsOf, Pages};
pub use json::json_sql;
pub use options::PostgresOptions;
pub use pending::Pending;
pub use store::PostgresStore;
pub use subscription::Subscription;
pub use versions::{BlockingPostgresVersions, PostgresVersions};
pub use view::{Rows, Snapshot, View};

pub use {deadpool_postgres, tokio_postgres};
