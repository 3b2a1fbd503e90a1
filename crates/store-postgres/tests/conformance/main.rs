//! The behavioural suite of all stores, on a real server, which `DELTAVIEW_TEST_POSTGRES` names. It is apart from the
//! other tests because it takes long to compile.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use deltaview_graph::Graph;
use deltaview_store::Error;
use deltaview_store::conformance::Harness;
use tokio::runtime::{Builder, Runtime};

use blocking::Blocking;
use common::Place;

#[path = "../postgres/blocking.rs"]
mod blocking;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "../postgres/common.rs"]
mod common;

struct OnPostgres {
    place: Place,
    runtime: Arc<Runtime>,
}

/// One with threads of its own: a worker that is held in a closure holds nobody else's connection.
fn runtime() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

impl Harness for OnPostgres {
    type Store = Blocking;
    const DURABLE: bool = true;
    const NUL_IN_TEXT_KEYS: bool = false;

    fn new() -> Self {
        Self {
            place: Place::new(),
            runtime: Arc::new(runtime()),
        }
    }

    fn open(&self, graph: &Graph) -> Result<Blocking, Error> {
        crate::blocking::connect(&self.runtime, &self.place, graph)
    }
}

/// The tests that need a server: `cargo xtask test` knows them by the name of this module.
mod on_postgres {
    use super::OnPostgres;

    deltaview_store::conformance!(OnPostgres);
}
