//! The tests of the SQLite store: one binary, a module a theme.
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

mod common;

mod conformance;
mod crash;
mod damage;
mod ddl;
mod feed;
mod files;
mod hot;
mod key_order;
mod names;
mod pages;
mod processes;
mod shapes;
mod transactions;
mod verify;
