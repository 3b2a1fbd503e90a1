//! deltaview, in Postgres.

use deltaview::Graph;
use deltaview::postgres::deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use deltaview::postgres::tokio_postgres::NoTls;
use deltaview::postgres::{BlockingPostgresStore, PostgresOptions};
use deltaview_benches::meters::graph;
use deltaview_peers_frame::{Deltaview, Opened, Options, Peer};

use crate::server::Server;

struct InPostgres {
    graph: Graph,
    store: BlockingPostgresStore,
    /// Dropped last.
    server: Server,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    let server = Server::new(options);
    let opened = InPostgres {
        store: connect(&server, &graph),
        graph,
        server,
    };
    Box::new(Deltaview { opened, handles })
}

/// A pool of one connection: one client, as all peers.
fn connect(server: &Server, graph: &Graph) -> BlockingPostgresStore {
    let config = server.url.parse().expect("the URL is right");
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = Manager::from_config(config, NoTls, recycling);
    let pool = Pool::builder(manager).max_size(1).build();
    let options = PostgresOptions::new().schema(&server.schema);
    let store = BlockingPostgresStore::connect_with(options, pool.expect("a pool"), graph);
    store.expect("the tables can be made")
}

impl Opened for InPostgres {
    type Store = BlockingPostgresStore;

    fn store(&mut self) -> &mut BlockingPostgresStore {
        &mut self.store
    }

    fn loaded(&mut self) {
        // As for the others: the server knows how many rows there are.
        let analyse = format!(
            "DO $$ DECLARE it record; BEGIN FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = '{}' \
             LOOP EXECUTE format('ANALYZE %I.%I', '{0}', it.tablename); END LOOP; END $$",
            self.server.schema
        );
        let analysed = self.server.connect().batch_execute(&analyse);
        analysed.expect("tables can be analysed");
    }

    fn reopen(&mut self) -> bool {
        // By a pool of its own: so the connection is made anew, as with the others.
        self.store = connect(&self.server, &self.graph);
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        Some(self.server.disk_bytes())
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        self.server.figures()
    }
}
