//! deltaview, in Postgres.

use deltaview::postgres::deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use deltaview::postgres::tokio_postgres::NoTls;
use deltaview::postgres::{BlockingPostgresStore, PostgresOptions};
use deltaview::prelude::*;
use deltaview_benches::meters::{Group, Meter, Meters, Read, User, graph};
use deltaview_peers_frame::{Options, Peer};

use crate::server::Server;

struct DeltaviewPostgres {
    graph: Graph,
    handles: Meters,
    store: BlockingPostgresStore,
    /// Dropped last.
    server: Server,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    let server = Server::new(options);
    Box::new(DeltaviewPostgres {
        store: connect(&server, &graph),
        graph,
        handles,
        server,
    })
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

impl Peer for DeltaviewPostgres {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        let change = self.store.change();
        let change = change.insert(self.handles.users, users);
        let change = change.insert(self.handles.meters, meters);
        change.commit().expect("the rows are right");
        // As for the others: the server knows how many there are.
        let analyse = format!(
            "DO $$ DECLARE it record; BEGIN FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = '{}' \
             LOOP EXECUTE format('ANALYZE %I.%I', '{0}', it.tablename); END LOOP; END $$",
            self.server.schema
        );
        let analysed = self.server.connect().batch_execute(&analyse);
        analysed.expect("tables can be analysed");
    }

    fn insert(&mut self, reads: &[Read]) {
        let change = self.store.change();
        let change = change.insert(self.handles.reads, reads.iter().copied());
        change.commit().expect("the rows are right");
    }

    fn remove(&mut self, reads: &[Read]) {
        let change = self.store.change();
        let change = change.remove(self.handles.reads, reads.iter().copied());
        change.commit().expect("the rows are there");
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        let row = self.store.view(self.handles.sums).get(&group);
        row.expect("views can be read").map(|row| row.value)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let days = (day, 0, 0)..(day + 1, 0, 0);
        let rows = self.store.view(self.handles.sums).range(days);
        let (mut count, mut sum) = (0, 0);
        for row in rows.expect("views can be read") {
            let (row, _) = row.expect("views can be read");
            count += 1;
            sum += row.value;
        }
        (count, sum)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let rows = self.store.view(self.handles.sums).iter();
        rows.expect("views can be read")
            .map(|row| row.expect("views can be read").0)
            .map(|row| (row.key, row.value))
            .collect()
    }

    fn rename(&mut self, user: User, name: String) {
        let renamed = User {
            name,
            ..user.clone()
        };
        let change = self.store.change();
        let change = change.remove(self.handles.users, [user]);
        let change = change.insert(self.handles.users, [renamed]);
        change.commit().expect("the user is there");
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
