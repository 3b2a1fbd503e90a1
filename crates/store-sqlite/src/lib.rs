//! The SQLite store: a graph's state as tables of a SQLite file, which may be the application's own.
//!
//! It drives the tick of [`deltaview_graph`] over [`rusqlite`]: keys are looked up by prepared statements, and a commit
//! is one transaction. It never computes anything of the graph itself, and knows no other database.
//!
//! ```
//! use deltaview_graph::{Edit, Graph};
//! use deltaview_schema::Index;
//! use deltaview_store::Store;
//! use deltaview_store_sqlite::SqliteStore;
//!
//! let (graph, (words, lengths)) = Graph::build("words", |g| {
//!     let words = g.input::<String>("words");
//!     let by_length = Index::new("length", |word: &String| word.len() as i64);
//!     (words.handle(), words.group_by(by_length).count().view("lengths"))
//! })?;
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("words.db");
//!
//! let mut store = SqliteStore::open(&path, &graph)?;
//! store.change().insert(words, ["one".to_string(), "two".to_string()]).commit()?;
//!
//! // Another process, while this one goes on writing:
//! let reader = SqliteStore::open_read_only(&path, &graph)?;
//! assert_eq!(reader.view(lengths).get(&3)?.map(|group| group.value), Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Tables
//!
//! | table | what it has |
//! | --- | --- |
//! | `<graph>__<vertex>__<role>` | the state of a vertex: the columns of its index, `identity`, `data`, `c` |
//! | `deltaview_catalog` | what each of those tables is, with its shape and the format's version |
//! | `deltaview_last_update` | the time up to which each table is written: a view of the clock and of `deltaview_written`, which has what is written stage by stage |
//! | `deltaview_clock` | the last time that was given out, by graph |
//! | `deltaview_cursors` | who follows which view, up to which time it has consumed it, and for how long it is waited for |
//! | `deltaview_feed` | what iterations changed of the views that are followed |
//!
//! And where a view has history:
//!
//! | table | what it has |
//! | --- | --- |
//! | `<view>__versions` | what a row was before, valid for `since <= t < until`: its key, `until`, `identity`, `since`, `c`, `node` |
//! | `<view>__rows` | the data of those rows, once each, and how many versions have it |
//! | `<view>__log` | what each time `t` has added to the weight of a row, `w`; and `since` and `c` of the version that ended so, until it is put among the others |
//! | `deltaview_instants` | when each time was committed: `at`, in microseconds since 1970, and the number of the commit |
//! | `deltaview_history` | the first time that each view can be read as of, its horizon; and up to when its versions are `filed` |
//!
//! A state table is clustered by its index columns and the row's identity. `data` is the row in CBOR, and NULL where
//! `identity` is the row itself (up to 64 bytes); `c` is the weight. A table with one row a key has neither `identity`
//! nor `c`. Index columns can be queried by name, `ixd__<index>__<field>`, and `None` is NULL in them.
//!
//! A view of an aggregate by the key of its groups is one table with the aggregate's state, which is in `state`; `data` is
//! NULL in a group that is not put out. Of a row that is stored beside its key, what repeats the key is left out: the first
//! byte of `identity` and of `data` says where that was.
//!
//! A number of 64 bits without sign is an integer in a column of a key as long as SQLite has it, and behind that 8 bytes,
//! which SQLite orders after all integers.
//!
//! A key of a WITHOUT ROWID table can't be NULL. So a column that can hold `None` is stored as `ixk__<index>__<field>`,
//! which has a value of a lesser type in the place of NULL (−∞ before integers, 0 before text and bytes), and
//! `ixd__…` is a generated column beside it that takes no space.
//!
//! # History
//!
//! The present of a view with history is its own table, with a column `since`; reading it costs nothing more. Writing a
//! changed row enters what it was as a version, which is clustered by its key and `until`, and has for each index of the
//! view an index that begins with its [`node`](deltaview_store::history::fork_node). Reading the past merges the rows of
//! about log2 of the last time nodes and those present rows that were there already, lazily, in the order of the index; of
//! one key in a view with one row a key it is a single search. The past by a further index has no shorter way to
//! [`versions`](deltaview_store::View::versions) than to look at each node. Forgetting follows the log, by key.
//!
//! # Change feeds
//!
//! [`View::subscribe`](deltaview_store::View::subscribe) follows a view by a connection of its own, from this process or
//! another one than writes. It asks the file whether something was committed (`PRAGMA data_version`, a few microseconds)
//! with pauses that grow to [`SqliteOptions::longest_pause`], and holds no transaction in between. Its cursor moves once a
//! second while there is something to consume, which is a small transaction.
//! SQL alone sees no more of a row than that: a function that decodes `data` can't be stored in a file. For JSON, read the
//! view and serialise its rows.

mod catalog;
#[cfg(not(feature = "commit-points"))]
mod commit_points;
#[cfg(feature = "commit-points")]
#[doc(hidden)]
pub mod commit_points;
mod connection;
mod ddl;
mod engine;
mod error;
mod feed;
mod fetch;
mod follow;
mod history;
mod hot;
mod options;
mod packed;
mod ranges;
mod scan;
mod shared;
mod statements;
mod store;
#[doc(hidden)]
pub mod testing;
mod transaction;
mod values;
mod versions;
mod workers;
mod write;

pub use ddl::{SqliteDialect, schema_sql};
pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;
pub use versions::SqliteVersions;

pub use rusqlite;
