//! The suite that every store runs, on files that are closed and opened again.

use deltaview_graph::Graph;
use deltaview_store::Error;
use deltaview_store::conformance::Harness;
use deltaview_store_sqlite::{SqliteOptions, SqliteStore, Synchronous};

use crate::common::Temp;

/// A file in a temporary folder.
struct OnDisk(Temp);

impl Harness for OnDisk {
    type Store = SqliteStore;
    const DURABLE: bool = true;

    fn new() -> Self {
        Self(Temp::new())
    }

    fn open(&self, graph: &Graph) -> Result<SqliteStore, Error> {
        // No power is lost here, and the suite commits often.
        SqliteOptions::new()
            .synchronous(Synchronous::Off)
            .open(self.0.db(), graph)
    }
}

deltaview_store::conformance!(OnDisk);
