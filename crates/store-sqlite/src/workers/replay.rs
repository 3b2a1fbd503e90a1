//! Walks of the model of many workers, gone by this store on a real file.

use std::collections::BTreeSet;

use deltaview_graph::{Change, Commit, Graph, JournalEntry, Stages, WorkingSet};
use deltaview_store::protocol::model::{Driven, Rows, Transition, go_walks};
use deltaview_store::{ChangeId, Error};
use rusqlite::Connection;

use super::{journal, ledger, transact};
use crate::SqliteStore;
use crate::commit_points::Work;
use crate::engine::Engine;
use crate::statements::{DATA, Part, STATE};

struct OnFile(SqliteStore);

/// A transaction.
struct Open<'c>(&'c Connection, &'c Engine);

impl Rows for Open<'_> {
    fn committed(&mut self, id: &ChangeId) -> Result<Option<i64>, Error> {
        ledger::committed(self.0, self.1.graph.name(), id)
    }

    fn note(&mut self, id: &ChangeId, time: i64) -> Result<(), Error> {
        ledger::note(self.0, self.1.graph.name(), id, time)
    }

    fn journal(&mut self, time: i64) -> Result<Vec<JournalEntry>, Error> {
        journal::read(self.0, self.1.graph.name(), time)
    }

    fn write_journal(&mut self, time: i64, stage: u32, of: &[JournalEntry]) -> Result<(), Error> {
        journal::write(self.0, self.1.graph.name(), time, stage, of)
    }

    fn stage(&mut self, stages: &Stages<'_>) -> Result<Commit, Error> {
        let mut state = WorkingSet::partial(&self.1.graph);
        self.1.compute(self.0, stages.begin(&mut state)?)
    }

    fn whole(&mut self, change: &Change) -> Result<Commit, Error> {
        let mut state = WorkingSet::partial(&self.1.graph);
        let step = self.1.graph.begin(&mut state, change)?;
        self.1.compute(self.0, step)
    }

    fn write(&mut self, commit: &Commit, stage: Option<u32>, time: i64) -> Result<(), Error> {
        self.1.write(self.0, commit, Some(time))?;
        let stages = u32::try_from(self.1.graph.stage_count()).expect("few");
        for written in (0..stages).filter(|written| stage.is_none_or(|stage| stage == *written)) {
            self.1.stage_is_at(self.0, written, time)?;
        }
        Ok(())
    }
}

impl Driven for OnFile {
    fn graph(&self) -> &Graph {
        &self.0.engine.graph
    }

    fn transact(&mut self, run: Transition<'_>) -> Result<(), Error> {
        let engine = &self.0.engine;
        transact(&self.0.conn, engine, Work::Turn, |tx, ledger, now| {
            run(&mut Open(tx, engine), ledger, now)
        })
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.0.abandon_time(time)
    }

    fn expire(&mut self, time: i64) -> Result<(), Error> {
        let sql = "UPDATE \"deltaview_times\" SET \"lease_until\" = 0 WHERE \"t\" = ?1";
        let expired = self.0.conn.execute(sql, [time]);
        assert_eq!(expired.expect("the file can be written"), 1);
        Ok(())
    }

    fn keys(&mut self, stage: usize) -> Result<BTreeSet<i64>, Error> {
        let graph = &self.0.engine.graph;
        let mut of_stage: Option<BTreeSet<i64>> = None;
        for table in graph.tables() {
            if graph.stage_of(table.id()) == stage {
                // The key comes first.
                let kept_in = self.0.engine.table(table.id());
                let mut sql = format!("SELECT * FROM \"{}\"", kept_in.name);
                if table.schema().unique {
                    // A shared table has a part of a row where the other one is not written yet.
                    let part = match kept_in.part {
                        Part::Data => DATA,
                        Part::State => STATE,
                    };
                    sql.push_str(&format!(" WHERE \"{part}\" IS NOT NULL"));
                }
                let keys: BTreeSet<(i64, i64)> = self.numbers(&sql, |row| Ok((row.get(0)?, 0)));
                let keys: BTreeSet<i64> = keys.into_iter().map(|(key, _)| key).collect();
                assert!(of_stage.is_none_or(|before| before == keys), "{sql}");
                of_stage = Some(keys);
            }
        }
        Ok(of_stage.expect("each stage has a table"))
    }

    fn journaled(&mut self) -> Result<BTreeSet<(i64, Option<u32>)>, Error> {
        let sql = "SELECT \"t\", \"stage\" FROM \"deltaview_journal\"";
        let journaled = self.numbers(sql, |row| Ok((row.get(0)?, row.get(1)?)));
        let stage = |(time, stage): (i64, i64)| (time, u32::try_from(stage).ok());
        Ok(journaled.into_iter().map(stage).collect())
    }
}

impl OnFile {
    fn numbers(
        &self,
        sql: &str,
        row: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<(i64, i64)>,
    ) -> BTreeSet<(i64, i64)> {
        let mut statement = self.0.conn.prepare(sql).expect("the SQL is right");
        let rows = statement.query_map([], row).expect("the file can be read");
        rows.collect::<Result<_, _>>()
            .expect("the file can be read")
    }
}

#[test]
fn the_file_goes_the_ways_of_the_model() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = 0..;
    let went = go_walks(150, |it| {
        let path = folder.path().join(format!("{:?}.db", files.next()));
        let options = crate::SqliteOptions::new().synchronous(crate::Synchronous::Off);
        Ok(OnFile(options.open(path, &it.graph)?))
    });
    went.unwrap_or_else(|difference| panic!("{difference}"));
}
