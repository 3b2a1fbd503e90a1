//! deltaview, in memory.

use deltaview::prelude::*;
use deltaview_benches::meters::{Group, Meter, Meters, Read, User, graph};
use deltaview_peers_frame::{Options, Peer};

struct DeltaviewMemory {
    store: MemoryStore,
    handles: Meters,
}

pub(crate) fn make(_: &Options) -> Box<dyn Peer> {
    let (graph, handles) = graph();
    Box::new(DeltaviewMemory {
        store: MemoryStore::new(&graph),
        handles,
    })
}

impl Peer for DeltaviewMemory {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        let change = self.store.change();
        let change = change.insert(self.handles.users, users);
        let change = change.insert(self.handles.meters, meters);
        change.commit().expect("the rows are right");
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
        row.expect("memory can be read").map(|row| row.value)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let days = (day, 0, 0)..(day + 1, 0, 0);
        let rows = self.store.view(self.handles.sums).range(days);
        let (mut count, mut sum) = (0, 0);
        for row in rows.expect("memory can be read") {
            let (row, _) = row.expect("memory can be read");
            count += 1;
            sum += row.value;
        }
        (count, sum)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let rows = self.store.view(self.handles.sums).iter();
        rows.expect("memory can be read")
            .map(|row| row.expect("memory can be read").0)
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
}
