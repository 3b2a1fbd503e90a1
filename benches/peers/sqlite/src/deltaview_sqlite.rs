//! deltaview, on SQLite.

use deltaview::prelude::*;
use deltaview::{Synchronous, sqlite::rusqlite::Connection};
use deltaview_benches::meters::{Group, Meter, Meters, Read, User, graph};
use deltaview_peers_frame::{Options, Peer};

use crate::file::{Folder, written};

struct DeltaviewSqlite {
    graph: Graph,
    handles: Meters,
    store: Option<SqliteStore>,
    folder: Folder,
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    let folder = Folder::new(options);
    Box::new(DeltaviewSqlite {
        store: Some(open(&folder, &graph)),
        graph,
        handles,
        folder,
    })
}

fn open(folder: &Folder, graph: &Graph) -> SqliteStore {
    SqliteOptions::new()
        .synchronous(Synchronous::Normal)
        .cache_kib(64 * 1024)
        .open(folder.path(), graph)
        .expect("the file can be opened")
}

impl DeltaviewSqlite {
    fn store(&mut self) -> &mut SqliteStore {
        self.store.as_mut().expect("the store is open")
    }
}

impl Peer for DeltaviewSqlite {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        let handles = self.handles;
        let change = self.store().change();
        let change = change.insert(handles.users, users);
        let change = change.insert(handles.meters, meters);
        change.commit().expect("the rows are right");
    }

    fn insert(&mut self, reads: &[Read]) {
        let handles = self.handles;
        let change = self.store().change();
        let change = change.insert(handles.reads, reads.iter().copied());
        change.commit().expect("the rows are right");
    }

    fn remove(&mut self, reads: &[Read]) {
        let handles = self.handles;
        let change = self.store().change();
        let change = change.remove(handles.reads, reads.iter().copied());
        change.commit().expect("the rows are there");
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        let sums = self.handles.sums;
        let row = self.store().view(sums).get(&group);
        row.expect("it can be read").map(|row| row.value)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let sums = self.handles.sums;
        let days = (day, 0, 0)..(day + 1, 0, 0);
        let rows = self.store().view(sums).range(days);
        let (mut count, mut sum) = (0, 0);
        for row in rows.expect("it can be read") {
            let (row, _) = row.expect("it can be read");
            count += 1;
            sum += row.value;
        }
        (count, sum)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let sums = self.handles.sums;
        let rows = self.store().view(sums).iter();
        rows.expect("it can be read")
            .map(|row| row.expect("it can be read").0)
            .map(|row| (row.key, row.value))
            .collect()
    }

    fn rename(&mut self, user: User, name: String) {
        let renamed = User {
            name,
            ..user.clone()
        };
        let handles = self.handles;
        let change = self.store().change();
        let change = change.remove(handles.users, [user]);
        let change = change.insert(handles.users, [renamed]);
        change.commit().expect("the user is there");
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
