//! What is the same for all peers that are written by hand: they differ in what they do with a read.

use deltaview_peers_frame::{Group, Meter, Peer, Read, User};

use crate::file::{Tables, written};

/// How sums are kept.
pub(crate) trait Maintained {
    /// Reads come, in a transaction that is begun.
    fn insert(&self, tables: &Tables, reads: &[Read]);

    /// Reads go, in a transaction that is begun.
    fn remove(&self, tables: &Tables, reads: &[Read]);

    /// The sum of a group.
    fn get(&self, tables: &Tables, group: Group) -> Option<i64> {
        tables.get(group)
    }

    /// What selects the sums of day ?1.
    fn of_day(&self) -> String {
        "SELECT day, user, meter, sum FROM sums WHERE day = ?1".to_string()
    }

    /// What selects all sums in their order.
    fn all(&self) -> String {
        "SELECT day, user, meter, sum FROM sums ORDER BY day, user, meter".to_string()
    }
}

/// A peer that is written by hand.
pub(crate) struct ByHand<M> {
    pub(crate) tables: Tables,
    pub(crate) maintained: M,
}

impl<M: Maintained> Peer for ByHand<M> {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        self.tables.begin();
        self.maintained.insert(&self.tables, reads);
        self.tables.commit();
    }

    fn remove(&mut self, reads: &[Read]) {
        self.tables.begin();
        self.maintained.remove(&self.tables, reads);
        self.tables.commit();
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.maintained.get(&self.tables, group)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        self.tables.day(&self.maintained.of_day(), day)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        self.tables.sums(&self.maintained.all())
    }

    fn rename(&mut self, user: User, name: String) {
        self.tables.rename(&user, &name);
    }

    fn reopen(&mut self) -> bool {
        self.tables.reopen();
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        Some(self.tables.folder.bytes(&self.tables.conn))
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        written()
    }
}
