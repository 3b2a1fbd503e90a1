//! What all peers but deltaview share: loading, reading, and writing the raw rows. The sums are the database's matter here:
//! nobody's, or triggers', or recomputed.

use std::collections::BTreeMap;

use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};
use postgres::{Client, Statement, Transaction};
use uuid::Uuid;

use crate::server::Server;
use crate::sql;

/// The tables, and statements over them.
pub(crate) struct Tables {
    pub(crate) client: Client,
    statements: Statements,
    /// Dropped last.
    server: Server,
}

struct Statements {
    insert: Statement,
    delete: Statement,
    subtract: Statement,
    get: Statement,
    day: Statement,
}

impl Statements {
    fn new(client: &mut Client) -> Self {
        let mut prepare = |sql: &str| client.prepare(sql).expect("the statement is right");
        Self {
            insert: prepare(sql::INSERT),
            delete: prepare(sql::DELETE),
            subtract: prepare(sql::SUBTRACT),
            get: prepare("SELECT sum FROM sums WHERE day = $1 AND user_id = $2 AND meter = $3"),
            day: prepare(
                "SELECT day, user_id, meter, sum FROM sums WHERE day = $1 ORDER BY user_id, meter",
            ),
        }
    }
}

/// Reads as columns: each once and in the order of the table, with how many there are of it.
pub(crate) struct Columns {
    meters: Vec<Uuid>,
    times: Vec<i64>,
    values: Vec<i64>,
    counts: Vec<i64>,
}

impl Columns {
    pub(crate) fn of(reads: &[Read]) -> Self {
        let mut counts = BTreeMap::new();
        for read in reads {
            *counts.entry((read.meter, read.at, read.value)).or_default() += 1;
        }
        Self {
            meters: counts.keys().map(|key| Uuid::from_u128(key.0)).collect(),
            times: counts.keys().map(|key| key.1).collect(),
            values: counts.keys().map(|key| key.2).collect(),
            counts: counts.into_values().collect(),
        }
    }
}

impl Tables {
    /// Makes the inputs, and the sums as told.
    pub(crate) fn new(options: &Options, sums: &str) -> Self {
        let server = Server::new(options);
        let mut client = server.connect();
        let create = format!("{}{sums}", sql::INPUTS);
        client
            .batch_execute(&create)
            .expect("the tables can be made");
        let statements = Statements::new(&mut client);
        Self {
            client,
            statements,
            server,
        }
    }

    pub(crate) fn load(&mut self, users: &[User], meters: &[Meter]) {
        let ids: Vec<i64> = users.iter().map(|user| number(user.id)).collect();
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        let insert = "INSERT INTO users SELECT * FROM unnest($1::bigint[], $2::text[])";
        let done = self.client.execute(insert, &[&ids, &names]);
        done.expect("the users are right");
        let ids: Vec<Uuid> = meters
            .iter()
            .map(|meter| Uuid::from_u128(meter.id))
            .collect();
        let owners: Vec<i64> = meters.iter().map(|meter| number(meter.user)).collect();
        let insert = "INSERT INTO meters SELECT * FROM unnest($1::uuid[], $2::bigint[])";
        let done = self.client.execute(insert, &[&ids, &owners]);
        done.expect("the meters are right");
        self.client
            .batch_execute("ANALYZE users, meters")
            .expect("tables can be analysed");
    }

    /// Adds the raw rows, in a transaction of their own.
    pub(crate) fn insert(&mut self, reads: &[Read]) {
        let columns = Columns::of(reads);
        let Columns {
            meters,
            times,
            values,
            counts,
        } = &columns;
        let insert = &self.statements.insert;
        let done = self
            .client
            .execute(insert, &[meters, times, values, counts]);
        done.expect("the reads are right");
    }

    /// Begins a transaction, and hands out what writes the raw rows in it.
    pub(crate) fn begin(&mut self) -> (Transaction<'_>, Raw<'_>) {
        let begun = self.client.transaction();
        let raw = Raw(&self.statements);
        (begun.expect("a transaction can begin"), raw)
    }

    pub(crate) fn get(&mut self, (day, user, meter): Group) -> Option<i64> {
        let (day, user, meter) = (i64::from(day), number(user), Uuid::from_u128(meter));
        let get = &self.statements.get;
        let row = self.client.query_opt(get, &[&day, &user, &meter]);
        row.expect("sums can be read").map(|row| row.get(0))
    }

    pub(crate) fn day(&mut self, day: u32) -> (u64, i64) {
        let rows = self.client.query(&self.statements.day, &[&i64::from(day)]);
        let rows = rows.expect("sums can be read");
        let sums = rows.iter().map(|row| sum_of(row).1);
        (rows.len() as u64, sums.sum())
    }

    pub(crate) fn sums(&mut self) -> Vec<(Group, i64)> {
        let all = "SELECT day, user_id, meter, sum FROM sums ORDER BY day, user_id, meter";
        let rows = self.client.query(all, &[]).expect("sums can be read");
        rows.iter().map(sum_of).collect()
    }

    pub(crate) fn rename(&mut self, user: &User, name: &str) {
        let update = "UPDATE users SET name = $2 WHERE id = $1";
        let done = self.client.execute(update, &[&number(user.id), &name]);
        assert_eq!(done.expect("a user can be renamed"), 1);
    }

    pub(crate) fn reopen(&mut self) {
        self.client = self.server.connect();
        self.statements = Statements::new(&mut self.client);
    }

    pub(crate) fn disk_bytes(&self) -> u64 {
        self.server.disk_bytes()
    }

    pub(crate) fn figures(&self) -> Vec<(String, f64)> {
        self.server.figures()
    }
}

/// What writes the raw rows in a transaction.
pub(crate) struct Raw<'a>(&'a Statements);

impl Raw<'_> {
    pub(crate) fn insert(&self, transaction: &mut Transaction<'_>, reads: &[Read]) {
        let columns = Columns::of(reads);
        let Columns {
            meters,
            times,
            values,
            counts,
        } = &columns;
        let insert = &self.0.insert;
        let done = transaction.execute(insert, &[meters, times, values, counts]);
        done.expect("the reads are right");
    }

    pub(crate) fn remove(&self, transaction: &mut Transaction<'_>, reads: &[Read]) {
        let columns = Columns::of(reads);
        let Columns {
            meters,
            times,
            values,
            counts,
        } = &columns;
        let delete = &self.0.delete;
        let gone = transaction.execute(delete, &[meters, times, values, counts]);
        if gone.expect("the reads are there") < meters.len() as u64 {
            // What is gone is not there to be subtracted from.
            let subtract = &self.0.subtract;
            let done = transaction.execute(subtract, &[meters, times, values, counts]);
            done.expect("the reads are there");
        }
    }
}

/// A row of the sums.
fn sum_of(row: &postgres::Row) -> (Group, i64) {
    let (day, user, meter): (i64, i64, Uuid) = (row.get(0), row.get(1), row.get(2));
    let group = (
        u32::try_from(day).expect("reads are of a month"),
        u64::try_from(user).expect("users are numbered from 0"),
        meter.as_u128(),
    );
    (group, row.get(3))
}

/// A number of a user's, as the database has it.
fn number(user: u64) -> i64 {
    i64::try_from(user).expect("there are fewer users")
}

/// The raw rows alone: the limit. The sums are computed when they are asked for.
pub(crate) fn raw(options: &Options) -> Box<dyn Peer> {
    ByDatabase::new(options, &sql::computed_sums(), None)
}

/// A trigger in PL/pgSQL for each row.
pub(crate) fn row_triggers(options: &Options) -> Box<dyn Peer> {
    ByDatabase::new(options, &sql::row_triggers(), None)
}

/// A trigger in PL/pgSQL for each statement, with transition tables.
pub(crate) fn statement_triggers(options: &Options) -> Box<dyn Peer> {
    ByDatabase::new(options, &sql::statement_triggers(), None)
}

/// A materialised view that is refreshed with each change.
pub(crate) fn recompute(options: &Options) -> Box<dyn Peer> {
    let refresh = "REFRESH MATERIALIZED VIEW sums";
    ByDatabase::new(options, &sql::materialized_sums(), Some(refresh))
}

/// A peer whose sums are the database's matter.
struct ByDatabase {
    tables: Tables,
    /// What is done behind each change, in its transaction.
    behind: Option<&'static str>,
}

impl ByDatabase {
    fn new(options: &Options, sums: &str, behind: Option<&'static str>) -> Box<dyn Peer> {
        Box::new(Self {
            tables: Tables::new(options, sums),
            behind,
        })
    }
}

impl Peer for ByDatabase {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.tables.load(&users, &meters);
    }

    fn insert(&mut self, reads: &[Read]) {
        let Some(behind) = self.behind else {
            return self.tables.insert(reads);
        };
        let (mut transaction, raw) = self.tables.begin();
        raw.insert(&mut transaction, reads);
        let done = transaction.batch_execute(behind);
        done.expect("the sums can be recomputed");
        transaction.commit().expect("a change can be committed");
    }

    fn remove(&mut self, reads: &[Read]) {
        let (mut transaction, raw) = self.tables.begin();
        raw.remove(&mut transaction, reads);
        if let Some(behind) = self.behind {
            let done = transaction.batch_execute(behind);
            done.expect("the sums can be recomputed");
        }
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
        true
    }

    fn disk_bytes(&mut self) -> Option<u64> {
        Some(self.tables.disk_bytes())
    }

    fn figures(&mut self) -> Vec<(String, f64)> {
        self.tables.figures()
    }
}
