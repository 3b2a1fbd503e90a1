//! The oracle: whatever is maintained equals what is computed from scratch.
//!
//! | module | what it holds against what |
//! | --- | --- |
//! | [`graphs`] | random graphs under random histories, on every store, and the naive evaluator |
//! | [`staged`] | the same graphs, committed stage by stage by several workers |
//! | [`algebra`] | each operator alone, and the laws that its definition implies |
//! | [`bank`] | totals on the way, and zero |
//! | [`sql`] | queries that SQL can say, and SQLite's own answers |
//! | [`on_postgres`] | the random graphs, and the queries with Postgres's own answers, on a Postgres server |
//! | [`overflow`] | sums and weights at the edge of their types |
//! | [`work`] | the keys and rows that a change touches, and how large the state is |
//! | [`bounded`] | each operator's work over few rows, and over many |
//! | [`faults`] | a driver that fails at every call in turn, and one that never fails |
//!
//! `DELTAVIEW_ORACLE_CASES` sets the number of random graphs, which are then others at each run. With
//! `DELTAVIEW_ORACLE_MINUTES` the random graphs go on for so long, from the seed `DELTAVIEW_ORACLE_SEED`:
//! `cargo xtask fuzz` sets both.

#![expect(
    clippy::unwrap_used,
    reason = "where a test has no more to say, the panic says it"
)]

#[path = "../../../crates/store-postgres/tests/postgres/blocking.rs"]
mod blocking;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../../../crates/store-postgres/tests/postgres/common.rs"]
mod common;

mod algebra;
mod bank;
mod bounded;
mod driver;
mod faults;
mod generate;
mod graphs;
mod history;
mod lower;
mod on_postgres;
mod overflow;
mod probe;
mod rig;
mod sql;
mod staged;
mod work;
