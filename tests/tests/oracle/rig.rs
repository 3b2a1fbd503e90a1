//! One plan on every store at once, next to the naive evaluator: a change is made of all, and all are compared.

use std::path::PathBuf;

use deltaview::{
    Change, CommitOptions, Committed, Error, Flush, Identity, MemoryStore, SqliteOptions,
    SqliteStore, Store, Synchronous, TableId, TableSchema, TickErrorKind, Time,
};
use deltaview_graph::{Changes, WorkingSet};
use deltaview_tests::item::Item;
use deltaview_tests::naive::{Bag, Naive, add, difference};
use deltaview_tests::plan::Plan;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::driver::{ByteStore, DriveError, Fuse};
use crate::history::{Failure, Making, Turn};
use crate::lower::{Lowered, lower};
use crate::on_postgres::OnPostgres;
use crate::probe::{Expects, Probe, Returned, Shown, failed};
use crate::staged::StagedStore;

/// The stores, and what they must hold.
pub(crate) struct Rig {
    plan: Plan,
    pub(crate) lowered: Lowered,
    pub(crate) naive: Naive,
    memory: MemoryStore,
    /// Forgets all between two iterations.
    cold: (ByteStore, WorkingSet),
    /// Never forgets, as a store may that owns its database.
    hot: (ByteStore, WorkingSet),
    /// Commits stage by stage, by several workers.
    staged: StagedStore,
    sqlite: Option<OnDisk>,
    postgres: Option<OnPostgres>,
    /// How the stores commit: half of the graphs stage by stage.
    flush: Flush,
    /// The time of the last change that was tried, and of the last that succeeded.
    tried: i64,
    complete: i64,
}

struct OnDisk {
    store: SqliteStore,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// What the stores returned for a change.
struct Attempt {
    memory: Result<Committed, Error>,
    sqlite: Option<Result<Committed, Error>>,
    postgres: Option<Result<Committed, Error>>,
    cold: Result<Changes, DriveError>,
    hot: Result<Changes, DriveError>,
    staged: Result<Option<Changes>, DriveError>,
}

fn options() -> SqliteOptions {
    SqliteOptions::new().synchronous(Synchronous::Off)
}

impl Rig {
    /// The stores that need no server.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut rig = Self::in_memory(plan);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("oracle.db");
        let store = options()
            .open(&path, &rig.lowered.graph)
            .expect("a new file opens");
        rig.sqlite = Some(OnDisk {
            store,
            path,
            _folder: folder,
        });
        rig
    }

    /// Postgres, beside the stores that need no file.
    pub(crate) fn on_postgres(plan: &Plan) -> Self {
        let mut rig = Self::in_memory(plan);
        rig.postgres = Some(OnPostgres::new(&rig.lowered.graph));
        rig
    }

    /// The stores that need no file.
    pub(crate) fn in_memory(plan: &Plan) -> Self {
        let lowered = lower(plan);
        let graph = &lowered.graph;
        let flush = if graph.vertices().len().is_multiple_of(2) {
            Flush::EachTable
        } else {
            Flush::AtEnd
        };
        Self {
            flush,
            tried: 0,
            complete: 0,
            plan: plan.clone(),
            naive: Naive::new(plan),
            memory: MemoryStore::new(graph),
            cold: (ByteStore::default(), WorkingSet::partial(graph)),
            hot: (ByteStore::default(), WorkingSet::partial(graph)),
            staged: StagedStore::default(),
            sqlite: None,
            postgres: None,
            lowered,
        }
    }

    /// Makes a change of every store, and compares all that can be seen. Returns whether it succeeded.
    pub(crate) fn turn(&mut self, turn: &Turn) -> Result<bool, TestCaseError> {
        if turn.around == 0 {
            self.reopen()?;
        }
        let mut making = Making::new(&self.lowered, &self.plan.sources, self.naive.contents());
        turn.edits
            .iter()
            .for_each(|(source, edit)| making.edit(*source, edit));
        let Making {
            change,
            contents,
            failures,
            ..
        } = making;
        let mut failures: Vec<Failure> = failures.into_iter().flatten().collect();
        let attempt = self.attempt(&change);
        // A recursion may fail before a source does, if its rows are at hand.
        let stepped = self.naive.step(contents);
        if stepped.is_err() {
            failures.push(Failure::TooManySteps);
        } else if !failures.is_empty() {
            self.naive.step_back();
        }
        if failures.is_empty() {
            self.complete = self.tried;
            self.check_returned(attempt)?;
        } else {
            check_failed(attempt, &failures)?;
        }
        self.check_state(&turn.seeds)?;
        if turn.around == 1 {
            self.check_read_only(&turn.seeds)?;
        }
        Ok(failures.is_empty())
    }

    fn attempt(&mut self, change: &Change) -> Attempt {
        let graph = &self.lowered.graph;
        let drive = |(store, state): &mut (ByteStore, WorkingSet)| {
            store
                .run(graph, state, change, Fuse::NONE)
                .map(|(changes, _)| changes)
        };
        self.cold.1.forget();
        self.tried += 1;
        let when = CommitOptions::new().at(Time::at(self.tried).flush(self.flush));
        Attempt {
            memory: commit(&mut self.memory, change, &when),
            sqlite: self
                .sqlite
                .as_mut()
                .map(|disk| commit(&mut disk.store, change, &when)),
            postgres: self
                .postgres
                .as_mut()
                .map(|postgres| commit(&mut postgres.store, change, &when)),
            cold: drive(&mut self.cold),
            hot: drive(&mut self.hot),
            staged: self.staged.run(graph, change),
        }
    }

    fn check_returned(&self, attempt: Attempt) -> Result<(), TestCaseError> {
        let memory = attempt.memory.map_err(failed)?;
        let sqlite = attempt.sqlite.transpose().map_err(failed)?;
        let postgres = attempt.postgres.transpose().map_err(failed)?;
        let (cold, hot) = (attempt.cold.map_err(failed)?, attempt.hot.map_err(failed)?);
        let staged = attempt.staged.map_err(failed)?;
        let now = self.naive.now();
        for committed in sqlite.iter().chain(&postgres).chain([&memory]) {
            prop_assert_eq!(committed.time(), self.tried);
        }
        for probe in &self.lowered.probes {
            let expects = probe.expects();
            let at = |time| expects.at(&self.naive, time);
            let expected = difference(&at(now), &at(now - 1));
            let check = |returned: Returned<'_>, store: &str| {
                prop_assert_eq!(
                    &probe.delta(returned),
                    &expected,
                    "{} delta of {:?}",
                    store,
                    expects
                );
                Ok(())
            };
            check(Returned::Committed(&memory), "memory")?;
            check(Returned::Changes(&cold), "cold")?;
            check(Returned::Changes(&hot), "hot")?;
            if let Some(staged) = &staged {
                check(Returned::Changes(staged), "staged")?;
            }
            if let Some(sqlite) = &sqlite {
                check(Returned::Committed(sqlite), "sqlite")?;
            }
            if let Some(postgres) = &postgres {
                check(Returned::Committed(postgres), "postgres")?;
            }
        }
        Ok(())
    }

    /// Views and tables, on every store.
    fn check_state(&self, seeds: &[Item]) -> Result<(), TestCaseError> {
        let now = self.naive.now();
        if let Some(postgres) = &self.postgres {
            postgres.begin_snapshot().map_err(failed)?;
        }
        for probe in &self.lowered.probes {
            let expected = probe.expects().at(&self.naive, now);
            probe.read_memory(&self.memory, &expected, seeds)?;
            if let Some(disk) = &self.sqlite {
                probe.read_sqlite(&disk.store, &expected, seeds)?;
            }
            if let Some(postgres) = &self.postgres {
                // By fewer keys than the others, for each is many reads: the reader beside it reads by all of them.
                probe.read_postgres(postgres, &expected, &[])?;
            }
        }
        if let Some(postgres) = &self.postgres {
            postgres.end_snapshot();
            prop_assert_eq!(postgres.store.time().map_err(failed)?, self.complete);
            self.check_tables("postgres", |table, _| Ok(postgres.rows(table)))?;
        }
        if let Some(disk) = &self.sqlite {
            prop_assert_eq!(disk.store.time().map_err(failed)?, self.complete);
            self.check_tables("sqlite", |table, schema| {
                sqlite_rows(&disk.store, table, schema)
            })?;
        }
        self.check_tables("cold", |table, _| Ok(byte_rows(&self.cold.0, table)))?;
        self.check_tables("hot", |table, _| Ok(byte_rows(&self.hot.0, table)))?;
        self.check_tables("staged", |table, _| {
            Ok(byte_rows(&self.staged.bytes, table))
        })
    }

    /// Every stored table is what the naive evaluator says, and canonical.
    fn check_tables(
        &self,
        store: &str,
        rows: impl Fn(TableId, &TableSchema) -> Result<Vec<StoredRow>, rusqlite::Error>,
    ) -> Result<(), TestCaseError> {
        for table in self.lowered.graph.tables() {
            let schema = table.schema();
            let is_of =
                |vertex: &str, role: &str| schema.vertex == vertex && schema.role.starts_with(role);
            let mut checks = self.lowered.tables.iter();
            let check = checks
                .find(|check| is_of(&check.vertex, check.role))
                .ok_or_else(|| TestCaseError::fail(format!("unknown table {schema:?}")))?;
            let mut found: Bag<Shown> = Bag::new();
            for (identity, data, weight) in rows(table.id(), schema).map_err(failed)? {
                let name = schema.name(None);
                prop_assert_ne!(weight, 0, "{} {}: a row with weight zero", store, name);
                let bytes = data.as_ref().unwrap_or(&identity);
                let (shown, again) = (check.decode)(bytes).map_err(failed)?;
                prop_assert_eq!(&again, bytes, "{} {}: not canonical", store, &name);
                if !schema.unique {
                    let right = Identity::of(bytes);
                    prop_assert_eq!(right.as_bytes(), &identity, "{} {}", store, &name);
                    prop_assert_eq!(data.is_none(), right.holds_row());
                }
                if matches!(check.expects, Expects::Anything) {
                    continue;
                }
                prop_assert!(
                    !found.contains_key(&shown),
                    "{} {}: twice {:?}",
                    store,
                    name,
                    shown
                );
                add(&mut found, shown, weight);
            }
            let expected = check.expects.at(&self.naive, self.naive.now());
            prop_assert_eq!(&found, &expected, "{} {}", store, schema.name(None));
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<(), TestCaseError> {
        if let Some(OnDisk {
            store,
            path,
            _folder,
        }) = self.sqlite.take()
        {
            drop(store);
            let store = options().open(&path, &self.lowered.graph).map_err(failed)?;
            self.sqlite = Some(OnDisk {
                store,
                path,
                _folder,
            });
        }
        if let Some(postgres) = &mut self.postgres {
            postgres.reopen(&self.lowered.graph).map_err(failed)?;
        }
        Ok(())
    }

    /// Another store reads the database, next to the one that writes.
    fn check_read_only(&mut self, seeds: &[Item]) -> Result<(), TestCaseError> {
        let graph = &self.lowered.graph;
        let mut refused = Vec::new();
        let expected = |probe: &dyn Probe| probe.expects().at(&self.naive, self.naive.now());
        if let Some(disk) = &self.sqlite {
            let reader = options().open_read_only(&disk.path, graph);
            let mut reader = reader.map_err(failed)?;
            for probe in &self.lowered.probes {
                probe.read_sqlite(&reader, &expected(&**probe), seeds)?;
            }
            refused.push(reader.commit(&graph.change()));
        }
        if let Some(postgres) = &self.postgres {
            let mut reader = postgres.reader(graph).map_err(failed)?;
            for probe in &self.lowered.probes {
                probe.read_postgres(&reader, &expected(&**probe), seeds)?;
            }
            refused.push(reader.store.commit(&graph.change()));
        }
        for refused in refused {
            let kind = refused.err().map(|error| error.kind());
            prop_assert_eq!(kind, Some(deltaview::ErrorKind::ReadOnly));
        }
        Ok(())
    }
}

/// Commits a change. One that fails on its way is taken back.
fn commit<S: Store>(
    store: &mut S,
    change: &Change,
    options: &CommitOptions,
) -> Result<Committed, Error> {
    let result = store.commit_with(change, options);
    if result.is_err()
        && let Some((time, _)) = store.status()?.halted
    {
        store.abandon(time)?;
    }
    result
}

/// Every store refused the change, for one of the reasons that there are.
fn check_failed(attempt: Attempt, failures: &[Failure]) -> Result<(), TestCaseError> {
    let check = |store: &str, kind: Option<&TickErrorKind>| {
        let fits = kind.is_some_and(|kind| failures.iter().any(|failure| failure.matches(kind)));
        prop_assert!(fits, "{}: {:?} where {:?} was to be", store, kind, failures);
        Ok(())
    };
    let of_store =
        |error: &Option<Error>| -> Option<String> { error.as_ref().map(Error::to_string) };
    let memory = attempt.memory.err();
    check(
        "memory",
        memory
            .as_ref()
            .and_then(Error::tick)
            .map(|tick| tick.kind()),
    )?;
    let drives = [
        ("cold", attempt.cold.err()),
        ("hot", attempt.hot.err()),
        ("staged", attempt.staged.err()),
    ];
    for (store, error) in drives {
        match error {
            Some(DriveError::Tick(error)) => check(store, Some(error.kind()))?,
            _ => check(store, None)?,
        }
    }
    for (store, attempt) in [("sqlite", attempt.sqlite), ("postgres", attempt.postgres)] {
        let Some(attempt) = attempt else {
            continue;
        };
        let error = attempt.err();
        let kind = error.as_ref().and_then(Error::tick);
        check(store, kind.map(|tick| tick.kind()))?;
        if failures.len() == 1 {
            prop_assert_eq!(of_store(&error), of_store(&memory));
        }
    }
    Ok(())
}

/// A stored row: identity, data, weight.
pub(crate) type StoredRow = (Vec<u8>, Option<Vec<u8>>, i64);

fn byte_rows(store: &ByteStore, table: TableId) -> Vec<StoredRow> {
    let rows = store.rows(table);
    rows.map(|(identity, data, weight)| (identity.to_vec(), data.map(<[u8]>::to_vec), weight))
        .collect()
}

fn sqlite_rows(
    store: &SqliteStore,
    table: TableId,
    _: &TableSchema,
) -> Result<Vec<StoredRow>, rusqlite::Error> {
    let rows = deltaview::sqlite::testing::Rows::of_graph(store.graph(), table);
    rows.all(store.connection())
}
