//! deltaview as a peer, on any store: what its stores differ in is [`Opened`].

use deltaview::prelude::*;
use deltaview_benches::meters::{Group, Meter, Meters, Read, User};

use crate::Peer;

/// A store of [`meters::graph`](deltaview_benches::meters::graph), and what its place can do.
pub trait Opened {
    /// The store.
    type Store: Store;

    /// The store, as it is open now.
    fn store(&mut self) -> &mut Self::Store;

    /// Users and meters are in.
    fn loaded(&mut self) {}

    /// As [`Peer::reopen`].
    fn reopen(&mut self) -> bool {
        false
    }

    /// As [`Peer::disk_bytes`].
    fn disk_bytes(&mut self) -> Option<u64> {
        None
    }

    /// As [`Peer::figures`].
    fn figures(&mut self) -> Vec<(String, f64)> {
        Vec::new()
    }
}

/// deltaview, on a store.
pub struct Deltaview<O> {
    /// The store.
    pub opened: O,
    /// The handles of its graph.
    pub handles: Meters,
}

impl<O: Opened> Peer for Deltaview<O> {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        let change = self.opened.store().change();
        let change = change.insert(self.handles.users, users);
        let change = change.insert(self.handles.meters, meters);
        change.commit().expect("the rows are right");
        self.opened.loaded();
    }

    fn insert(&mut self, reads: &[Read]) {
        let change = self.opened.store().change();
        let change = change.insert(self.handles.reads, reads.iter().copied());
        change.commit().expect("the rows are right");
    }

    fn remove(&mut self, reads: &[Read]) {
        let change = self.opened.store().change();
        let change = change.remove(self.handles.reads, reads.iter().copied());
        change.commit().expect("the rows are there");
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        let row = self.opened.store().view(self.handles.sums).get(&group);
        row.expect("views can be read").map(|row| row.value)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let days = (day, 0, 0)..(day + 1, 0, 0);
        let rows = self.opened.store().view(self.handles.sums).range(days);
        let (mut count, mut sum) = (0, 0);
        for row in rows.expect("views can be read") {
            let (row, _) = row.expect("views can be read");
            count += 1;
            sum += row.value;
        }
        (count, sum)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let rows = self.opened.store().view(self.handles.sums).iter();
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
        let change = self.opened.store().change();
        let change = change.remove(self.handles.users, [user]);
        let change = change.insert(self.handles.users, [renamed]);
        change.commit().expect("the user is there");
    }

    fn reopen(&mut self) -> bool {
        self.opened.reopen()
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        self.opened.disk_bytes()
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        self.opened.figures()
    }
}
