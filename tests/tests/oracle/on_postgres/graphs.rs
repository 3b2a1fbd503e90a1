//! The random graphs of [`crate::graphs`] on a server.

use crate::graphs::{REGRESSIONS, config, try_graphs};
use crate::rig::Rig;

/// One of so many of the graphs that the other stores are tried with: a read of a server takes
/// long, and there are thousands for each graph.
const SHARE: u32 = 25;

#[test]
fn postgres_holds_what_is_computed_from_scratch() {
    try_graphs(config(SHARE, REGRESSIONS), Rig::on_postgres);
}
