//! The graphs of the examples that keep one in a database, from the examples' own code.
//!
//! The examples are programs, so nothing can depend on them: their files are modules here. The test that runs the
//! dumps on a database takes this file in the same way.

use deltaview::{BuildError, Graph};

#[path = "../../../crates/deltaview/examples/receipts/query.rs"]
mod receipts;
#[path = "../../../crates/deltaview/examples/flights/tables.rs"]
mod tables;
#[path = "../../../crates/deltaview/examples/flights/views.rs"]
mod views;

/// Each example's graph: the name of a graph is that of its example.
pub(crate) fn graphs() -> Result<Vec<Graph>, BuildError> {
    Ok(vec![receipts::graph()?.0, views::graph()?.0])
}
