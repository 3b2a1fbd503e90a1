//! The whole maintenance written by hand in Rust, over set-based SQL: raw rows, the users of their meters, the sums. What
//! somebody writes who knows what they do, for this one query.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};
use postgres::{Statement, Transaction};
use uuid::Uuid;

use crate::sql;
use crate::tables::Tables;

struct ByHand {
    tables: Tables,
    statements: Statements,
}

struct Statements {
    owners: Statement,
    add: Statement,
    sweep: Statement,
}

impl Statements {
    fn new(tables: &mut Tables) -> Self {
        let mut prepare = |sql: &str| tables.client.prepare(sql).expect("the statement is right");
        Self {
            owners: prepare(
                "SELECT m.id, u.id FROM meters AS m JOIN users AS u ON u.id = m.user_id WHERE m.id = ANY ($1)",
            ),
            add: prepare(sql::ADD_SUMS),
            sweep: prepare(sql::SWEEP_SUMS),
        }
    }

    /// Adds what reads add to the sums of their groups, so many times each.
    fn sum(&self, transaction: &mut Transaction<'_>, reads: &[Read], times: i64) {
        let meters: BTreeSet<Uuid> = reads
            .iter()
            .map(|read| Uuid::from_u128(read.meter))
            .collect();
        let meters: Vec<Uuid> = meters.into_iter().collect();
        let owners = transaction.query(&self.owners, &[&meters]);
        let owners = owners.expect("owners can be read");
        let owners: HashMap<Uuid, i64> =
            owners.iter().map(|row| (row.get(0), row.get(1))).collect();

        let mut sums: BTreeMap<(i64, i64, Uuid), (i64, i64)> = BTreeMap::new();
        for read in reads {
            let meter = Uuid::from_u128(read.meter);
            if let Some(owner) = owners.get(&meter) {
                let (sum, count) = sums
                    .entry((i64::from(read.day()), *owner, meter))
                    .or_default();
                *sum = sum.checked_add(read.value * times).expect("sums fit");
                *count += times;
            }
        }
        let days: Vec<i64> = sums.keys().map(|group| group.0).collect();
        let users: Vec<i64> = sums.keys().map(|group| group.1).collect();
        let meters: Vec<Uuid> = sums.keys().map(|group| group.2).collect();
        let totals: Vec<i64> = sums.values().map(|sum| sum.0).collect();
        let counts: Vec<i64> = sums.values().map(|sum| sum.1).collect();
        let done = transaction.execute(&self.add, &[&days, &users, &meters, &totals, &counts]);
        done.expect("the sums are right");
        if times < 0 {
            let done = transaction.execute(&self.sweep, &[&days, &users, &meters]);
            done.expect("sums can be deleted");
        }
    }
}

pub(crate) fn make(options: &Options) -> Box<dyn Peer> {
    let mut tables = Tables::new(options, sql::SUMS);
    Box::new(ByHand {
        statements: Statements::new(&mut tables),
        tables,
    })
}

impl Peer for ByHand {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        let (mut transaction, raw) = self.tables.begin();
        raw.insert(&mut transaction, reads);
        self.statements.sum(&mut transaction, reads, 1);
        transaction.commit().expect("a change can be committed");
    }

    fn remove(&mut self, reads: &[Read]) {
        let (mut transaction, raw) = self.tables.begin();
        raw.remove(&mut transaction, reads);
        self.statements.sum(&mut transaction, reads, -1);
        transaction.commit().expect("a change can be committed");
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.tables.get(group)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        self.tables.day(day)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        self.tables.sums()
    }

    fn rename(&mut self, user: User, name: String) {
        self.tables.rename(&user, &name);
    }

    fn reopen(&mut self) -> bool {
        self.tables.reopen();
        self.statements = Statements::new(&mut self.tables);
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        Some(self.tables.disk_bytes())
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        self.tables.figures()
    }
}
