//! The store in memory passes the conformance suite.
#![cfg(feature = "conformance")]

use deltaview_graph::Graph;
use deltaview_store::conformance::Harness;
use deltaview_store::{Error, MemoryStore};

struct InMemory;

impl Harness for InMemory {
    type Store = MemoryStore;
    const DURABLE: bool = false;
    const STAGES_OVERLAP: bool = false;

    fn new() -> Self {
        Self
    }

    fn open(&self, graph: &Graph) -> Result<MemoryStore, Error> {
        Ok(MemoryStore::new(graph))
    }

    fn beside(&self, store: &MemoryStore) -> MemoryStore {
        store.clone()
    }
}

deltaview_store::conformance!(InMemory);
