//! deltaview, in memory.

use deltaview::MemoryStore;
use deltaview_benches::meters::graph;
use deltaview_peers_frame::{Deltaview, Opened, Options, Peer};

struct InMemory(MemoryStore);

impl Opened for InMemory {
    type Store = MemoryStore;

    fn store(&mut self) -> &mut MemoryStore {
        &mut self.0
    }
}

pub(crate) fn make(_: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    let opened = InMemory(MemoryStore::new(&graph));
    Box::new(Deltaview { opened, handles })
}
