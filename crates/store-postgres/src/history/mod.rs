//! The past of views: how it is written, read and forgotten. What a past is, is said by [`deltaview_store::history`].
//!
//! - `ddl.rs` has the tables beside a view's table, and `sql.rs` the statements that write and sweep them;
//! - `write.rs` is what a commit writes of the past, and part of the engine;
//! - `state.rs` is how far a view can be read, in the state that is read, and when times were committed;
//! - `as_of.rs` is what stands in the place of a view's table where it is read as of a time: `scan.rs` does the rest;
//! - `pages.rs` reads deltas, times and versions a page at a time, and holds nothing open between two pages;
//! - `follow.rs` has what a subscription hands out before it follows, `forget.rs` the steps of forgetting;
//! - `view.rs` is what a view and a store can be asked.
//!
//! It never computes what changes, and commits nothing but steps of forgetting.

mod as_of;
mod ddl;
mod follow;
mod forget;
#[cfg(test)]
mod on_postgres;
mod pages;
mod sql;
mod state;
mod view;
mod write;

pub(crate) use as_of::At;
pub(crate) use ddl::{SINCE, objects, shared_objects, shared_sql, tables_sql};
pub(crate) use follow::{Start, Stored};
pub(crate) use sql::{History, since_of};
pub use view::{AsOf, Pages};
pub(crate) use write::Past;
