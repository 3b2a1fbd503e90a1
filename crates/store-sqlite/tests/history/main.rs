//! Views with history in a file. What every store does is in the conformance suite; here is what is SQLite's: the tables
//! beside the views, what is left of them when all is forgotten, how they are searched, transactions of the application's,
//! readers while others forget, and writers that are killed.
//!
//! A binary of its own: it is built without the conformance suite, which takes long.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod killed;
mod random;
mod tables;
