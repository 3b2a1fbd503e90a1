//! The store behind the contract of stores that block.

use std::sync::Arc;

use deltaview_graph::Graph;
use deltaview_store::Error;
pub(crate) use deltaview_store_postgres::BlockingPostgresStore as Blocking;
use tokio::runtime::Runtime;

use crate::common::Place;

/// Connects to a place, and makes the tables where there are none.
pub(crate) fn connect(
    runtime: &Arc<Runtime>,
    place: &Place,
    graph: &Graph,
) -> Result<Blocking, Error> {
    let store = runtime.block_on(place.try_connect(graph))?;
    Ok(Blocking::new(store, Arc::clone(runtime)))
}
