//! The random graphs of [`crate::graphs`] on a server.

use crate::graphs::{config, try_graphs};
use crate::rig::Rig;

/// One of so many of the graphs that the other stores are tried with: a read of a server takes
/// long, and there are thousands for each graph.
const SHARE: u32 = 6;

/// What once failed here. What failed elsewhere is tried there: to try all of it would take most of the time.
const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/postgres.txt"
);

#[test]
fn postgres_holds_what_is_computed_from_scratch() {
    try_graphs(config(SHARE, REGRESSIONS), Rig::on_postgres);
}
