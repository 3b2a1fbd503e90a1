//! The Postgres store on a real server, which `DELTAVIEW_TEST_POSTGRES` names: `cargo xtask test` starts one. Each test
//! has a schema of its own, and they run side by side.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../../../schema/tests/common/keys.rs"]
mod keys;

#[macro_use]
#[path = "../../../schema/tests/common/chrono_keys.rs"]
mod chrono_keys;
#[macro_use]
#[path = "../../../schema/tests/common/decimal_keys.rs"]
mod decimal_keys;
#[macro_use]
#[path = "../../../schema/tests/common/jiff_keys.rs"]
mod jiff_keys;
#[macro_use]
#[path = "../../../schema/tests/common/uuid_keys.rs"]
mod uuid_keys;

mod blocking;
#[allow(dead_code, reason = "other tests use more of it")]
mod common;
mod json_rows;
mod server;
mod shop;
mod wire;
mod words;

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    mod basics;
    mod faults;
    mod feed;
    mod hot;
    mod json;
    mod key_order;
    mod lost;
    mod order;
    mod own_server;
    mod pages;
    mod shared;
    mod verify;
    mod versions;
    mod work;
    mod workers;
}
