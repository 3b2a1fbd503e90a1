//! Views with history on a real server, which `DELTAVIEW_TEST_POSTGRES` names. It is apart from the other tests because it
//! takes long to compile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../postgres/common.rs"]
mod common;
mod shelf;

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres;
