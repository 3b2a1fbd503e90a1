//! The map, on every store.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod common;
mod files;
mod model;
mod processes;
mod questions;

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    mod asynchronous;
    mod maps;
}
