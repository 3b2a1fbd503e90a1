//! Walks of the model of many workers, gone by this store on a real server.

use std::collections::BTreeSet;

use deadpool_postgres::{Manager, Pool};
use deltaview_graph::{Change, Commit, Graph, JournalEntry, Stages, WorkingSet};
use deltaview_store::protocol::Ledger;
use deltaview_store::protocol::model::{Driven, Rows, Transition, go_walks};
use deltaview_store::{ChangeId, Error};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};

use super::journal::chunks;
use crate::ddl::{JOURNAL, TIMES};
use crate::engine::Engine;
use crate::pipeline::{Link, Request, in_order};
use crate::scope::{Kind, Scope};
use crate::write::Expected;
use crate::{PostgresOptions, PostgresStore};

struct OnServer<'r> {
    store: PostgresStore,
    runtime: &'r Runtime,
}

/// A transaction.
struct Open<'r> {
    engine: &'r Engine,
    runtime: &'r Runtime,
    scope: &'r Scope<&'r Client>,
}

impl Open<'_> {
    fn send(&self, requests: Vec<Request<'_, ()>>) -> Result<(), Error> {
        self.runtime.block_on(in_order(requests)).map(|_| ())
    }
}

impl Rows for Open<'_> {
    fn committed(&mut self, id: &ChangeId) -> Result<Option<i64>, Error> {
        let stored = self.engine.stored(self.scope.client(), Some(id));
        let stored = self.runtime.block_on(stored);
        Ok(stored.map_err(|failure| failure.error)?.committed)
    }

    fn note(&mut self, id: &ChangeId, time: i64) -> Result<(), Error> {
        self.send(self.engine.note_complete(self.scope.client(), time, id))
    }

    fn journal(&mut self, time: i64) -> Result<Vec<JournalEntry>, Error> {
        let journal = self.engine.journal(self.scope.client(), time, None);
        self.runtime.block_on(journal)
    }

    fn write_journal(&mut self, time: i64, stage: u32, of: &[JournalEntry]) -> Result<(), Error> {
        let chunks = chunks(stage, of, true);
        self.send(
            self.engine
                .write_journal(self.scope.client(), time, &chunks),
        )
    }

    fn stage(&mut self, stages: &Stages<'_>) -> Result<Commit, Error> {
        let mut state = WorkingSet::partial(&self.engine.graph);
        let step = stages.begin(&mut state)?;
        let computed = self.engine.compute(self.scope, true, step);
        self.runtime.block_on(computed)
    }

    fn whole(&mut self, change: &Change) -> Result<Commit, Error> {
        let mut state = WorkingSet::partial(&self.engine.graph);
        let step = self.engine.graph.begin(&mut state, change)?;
        let computed = self.engine.compute(self.scope, true, step);
        self.runtime.block_on(computed)
    }

    fn write(&mut self, commit: &Commit, stage: Option<u32>, time: i64) -> Result<(), Error> {
        let client = self.scope.client();
        let encoded = self.engine.encoded(commit, Expected::Anything)?;
        let mut requests: Vec<Request<'_, ()>> = encoded
            .iter()
            .map(|(table, batch)| batch.write(Link::unprepared(client), table))
            .collect();
        let is_written = |of: u32| stage.is_none_or(|stage| stage == of).then_some(time);
        requests.push(self.engine.note_written(client, is_written));
        self.send(requests)
    }
}

impl Driven for OnServer<'_> {
    fn graph(&self) -> &Graph {
        self.store.graph()
    }

    fn transact(&mut self, run: Transition<'_>) -> Result<(), Error> {
        let (inner, runtime) = (&self.store.inner, self.runtime);
        let engine = &inner.engine;
        let connection = runtime.block_on(inner.connection())?;
        let client: &Client = &connection;
        let scope = Scope::new(client, Kind::Write);
        let open = Open {
            engine,
            runtime,
            scope: &scope,
        };
        open.send(vec![engine.begin(&scope), engine.lock(&scope)])?;
        let stored = runtime.block_on(engine.stored(client, None));
        let stored = stored.map_err(|failure| failure.error)?;
        let mut ledger: Ledger = stored.ledger.clone();
        {
            let mut rows = open;
            run(&mut rows, &mut ledger, stored.now)?;
            rows.send(engine.write_ledger(client, &ledger, &stored.ledger))?;
        }
        let kept = runtime.block_on(scope.keep());
        kept.map_err(|error| engine.failed(error, "committing a change").error)
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        self.runtime.block_on(self.store.abandon(time))
    }

    fn expire(&mut self, time: i64) -> Result<(), Error> {
        let times = self.store.inner.engine.place(TIMES);
        let sql = format!("UPDATE {times} SET \"lease_until\" = 0 WHERE \"t\" = {time}");
        self.numbers(&format!("{sql} RETURNING 0::bigint, 0::bigint"));
        Ok(())
    }

    fn keys(&mut self, stage: usize) -> Result<BTreeSet<i64>, Error> {
        let engine = &self.store.inner.engine;
        let mut of_stage: Option<BTreeSet<i64>> = None;
        for (id, table) in &engine.tables {
            if engine.graph.stage_of(*id) == stage {
                let key = table.schema.primary.sql_names().next();
                let key = key.expect("the change is the key");
                let sql = format!("SELECT \"{key}\", 0::bigint FROM {}", table.from);
                let keys: BTreeSet<i64> = self.numbers(&sql).into_iter().map(|it| it.0).collect();
                assert!(of_stage.is_none_or(|before| before == keys), "{sql}");
                of_stage = Some(keys);
            }
        }
        Ok(of_stage.expect("each stage has a table"))
    }

    fn journaled(&mut self) -> Result<BTreeSet<(i64, Option<u32>)>, Error> {
        let journal = self.store.inner.engine.place(JOURNAL);
        let journaled = self.numbers(&format!("SELECT \"t\", \"stage\" FROM {journal}"));
        let stage = |(time, stage): (i64, i64)| (time, u32::try_from(stage).ok());
        Ok(journaled.into_iter().map(stage).collect())
    }
}

impl OnServer<'_> {
    fn numbers(&self, sql: &str) -> BTreeSet<(i64, i64)> {
        self.runtime.block_on(async {
            let connection = self.store.inner.connection().await;
            let connection = connection.expect("the server is there");
            let rows = connection.query_typed(sql, &[]).await;
            let rows = rows.expect("it can be asked");
            rows.iter().map(|row| (row.get(0), row.get(1))).collect()
        })
    }
}

/// The test that needs a server: `cargo xtask test` knows it by the name of this module.
mod on_postgres {
    use super::*;

    #[test]
    fn the_database_goes_the_ways_of_the_model() {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let url = std::env::var("DELTAVIEW_TEST_POSTGRES").expect(
            "DELTAVIEW_TEST_POSTGRES must be the URL of a Postgres server: `cargo xtask test` starts one",
        );
        let manager = Manager::new(url.parse().expect("a URL"), NoTls);
        let pool = Pool::builder(manager).max_size(4).build().expect("a pool");
        let schema = format!("deltaview_walks_{}", std::process::id());
        let went = go_walks(8, |it| {
            // Each walk begins with nothing.
            runtime.block_on(async {
                let client = pool.get().await.expect("the server is there");
                let sql = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
                client.batch_execute(&sql).await.expect("it is ours");
                drop(client);
                let options = PostgresOptions::new().schema(&schema);
                let store = options.connect(pool.clone(), &it.graph).await?;
                Ok(OnServer {
                    store,
                    runtime: &runtime,
                })
            })
        });
        runtime.block_on(async {
            let client = pool.get().await.expect("the server is there");
            let sql = format!("DROP SCHEMA IF EXISTS \"{schema}\" CASCADE");
            client.batch_execute(&sql).await.expect("it is ours");
        });
        went.unwrap_or_else(|difference| panic!("{difference}"));
    }
}
