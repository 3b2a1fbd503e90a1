//! The contract of a store, and the store in memory.
//!
//! A [`Store`] keeps the state of one graph. It commits [`Change`](deltaview_graph::Change)s, each as one iteration,
//! and reads views: by key, by keys, by range, in the order of an index, lazily. This crate owns that contract, the
//! errors and the catalog that every store has, the [`MemoryStore`], and the conformance suite behind the feature
//! `conformance`. It never names a driver.
//!
//! ```
//! use deltaview_graph::{Edit, Graph};
//! use deltaview_schema::Index;
//! use deltaview_store::{MemoryStore, Store};
//!
//! let (graph, (words, lengths)) = Graph::build("words", |g| {
//!     let words = g.input::<String>("words");
//!     let by_length = Index::new("length", |word: &String| word.len() as i64);
//!     (words.handle(), words.group_by(by_length).count().view("lengths"))
//! })?;
//! let mut store = MemoryStore::new(&graph);
//! store.change().insert(words, ["one".to_string(), "two".to_string()]).commit()?;
//! assert_eq!(store.view(lengths).get(&3)?.map(|group| group.value), Some(2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
mod error;
pub mod feed;
pub mod history;
mod memory;
pub mod observe;
pub mod protocol;
#[cfg(feature = "schema-command")]
pub mod schema_command;
mod time;
mod verify;
pub mod versions;
mod view;

pub use contract::{Committed, Pending, Reading, Store};
pub use error::{Error, ErrorKind};
pub use feed::{Delta, Subscription};
pub use history::{AsOf, Forgotten, Moment, Pages, Version};
pub use memory::MemoryStore;
pub use time::{ChangeId, CommitOptions, Flush, Time};
pub use verify::{Comparison, RowDifference, Verified};
pub use view::{Rows, View};
