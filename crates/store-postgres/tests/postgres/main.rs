//! The Postgres store on a real server, which `DELTAVIEW_TEST_POSTGRES` names: `cargo xtask test` starts one. Each test
//! has a schema of its own, and they run side by side.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;
mod shop;
mod wire;

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    mod basics;
    mod faults;
    mod order;
    mod work;
}
