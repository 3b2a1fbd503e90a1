//! deltaview, on SQLite.

use deltaview::{Graph, SqliteOptions, SqliteStore, Synchronous, sqlite::rusqlite::Connection};
use deltaview_benches::meters::graph;
use deltaview_peers_frame::{Deltaview, Opened, Options, Peer};

use crate::file::{Folder, written};

struct InFile {
    graph: Graph,
    store: Option<SqliteStore>,
    folder: Folder,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    let folder = Folder::new(options);
    let opened = InFile {
        store: Some(open(&folder, &graph)),
        graph,
        folder,
    };
    Box::new(Deltaview { opened, handles })
}

fn open(folder: &Folder, graph: &Graph) -> SqliteStore {
    SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .cache_kib(64 * 1024)
        .open(folder.path(), graph)
        .expect("the file can be opened")
}

impl Opened for InFile {
    type Store = SqliteStore;

    fn store(&mut self) -> &mut SqliteStore {
        self.store.as_mut().expect("the store is open")
    }

    fn reopen(&mut self) -> bool {
        drop(self.store.take());
        self.store = Some(open(&self.folder, &self.graph));
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        // The store's own connection may not be the only one that is needed to write the log back.
        drop(self.store.take());
        let conn = Connection::open(self.folder.path()).expect("the file can be opened");
        let bytes = self.folder.bytes(&conn);
        drop(conn);
        self.store = Some(open(&self.folder, &self.graph));
        Some(bytes)
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        written()
    }
}
