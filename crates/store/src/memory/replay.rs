//! Walks of the model of many workers, gone by the store in memory.

use std::collections::BTreeSet;

use deltaview_graph::Graph;
use deltaview_graph::{
    Bounds, Change, Commit, Edit, JournalEntry, JournalKind, Order, Stages, Step, WorkingSet,
};

use super::super::{MemoryStore, State};
use super::forget_journals;
use crate::protocol::Ledger;
use crate::protocol::model::{Counted, Driven, Rows, Transition, go_walks};
use crate::{ChangeId, Error, Store};

struct InMemory(MemoryStore, Counted);

fn done(step: Step<'_>) -> Commit {
    match step {
        Step::Done(commit) => commit,
        Step::Fetch(..) => unreachable!("a complete working set has nothing to fetch"),
    }
}

/// What is journaled of a change before a stage, where there was nothing before it.
fn journal_of(graph: &Graph, change: &Change, stage: usize) -> Result<Vec<JournalEntry>, Error> {
    let mut tables = WorkingSet::complete(graph);
    let mut stages = graph.stages(change)?;
    let mut entries = Vec::new();
    for passed in 0..=stage {
        let commit = done(stages.begin(&mut tables)?);
        let of_stage = commit.journal()?.into_iter();
        // Of the stage itself the inputs, if it is the first.
        entries.extend(of_stage.filter(|it| passed < stage || it.kind == JournalKind::Input));
        tables.absorb_stage(&commit);
        stages.pass(commit);
    }
    Ok(entries)
}

impl Rows for (&Graph, &mut State) {
    fn committed(&mut self, id: &ChangeId) -> Result<Option<i64>, Error> {
        Ok(self.1.names.committed.get(id).copied())
    }

    fn note(&mut self, id: &ChangeId, time: i64) -> Result<(), Error> {
        self.1.names.note(id.clone(), time);
        Ok(())
    }

    fn journal(&mut self, time: i64) -> Result<Vec<JournalEntry>, Error> {
        let journal = &self.1.journal[&time];
        let stages = journal.stages.iter().flatten();
        Ok(journal.inputs.iter().chain(stages).cloned().collect())
    }

    fn write_journal(&mut self, time: i64, stage: u32, of: &[JournalEntry]) -> Result<(), Error> {
        let journal = self.1.journal.entry(time).or_default();
        if of.iter().all(|entry| entry.kind == JournalKind::Input) {
            journal.inputs = of.to_vec();
            return Ok(());
        }
        assert_eq!(journal.stages.len(), stage as usize);
        journal.stages.push(of.to_vec());
        Ok(())
    }

    fn stage(&mut self, stages: &Stages<'_>) -> Result<Commit, Error> {
        Ok(done(stages.begin(&mut self.1.tables)?))
    }

    fn whole(&mut self, change: &Change) -> Result<Commit, Error> {
        Ok(done(self.0.begin(&mut self.1.tables, change)?))
    }

    fn write(&mut self, commit: &Commit, _: Option<u32>, _: i64) -> Result<(), Error> {
        self.1.tables.absorb_stage(commit);
        Ok(())
    }
}

impl Driven for InMemory {
    fn graph(&self) -> &Graph {
        &self.0.shared.graph
    }

    fn transact(&mut self, run: Transition<'_>) -> Result<(), Error> {
        let now = self.0.now();
        let mut state = self.0.shared.state.write();
        let mut ledger = state.ledger.clone();
        // A transition that is refused has written nothing.
        run(&mut (&self.0.shared.graph, &mut *state), &mut ledger, now)?;
        state.ledger = ledger;
        forget_journals(&mut state);
        Ok(())
    }

    fn abandon(&mut self, time: i64) -> Result<(), Error> {
        Store::abandon(&mut self.0, time)
    }

    fn expire(&mut self, time: i64) -> Result<(), Error> {
        let mut state = self.0.shared.state.write();
        let ledger = &state.ledger;
        let mut entries: Vec<_> = ledger.in_flight().cloned().collect();
        for entry in entries.iter_mut().filter(|entry| entry.time == time) {
            entry.lease_until = Some(-1);
        }
        let (last, complete) = (ledger.last(), ledger.complete());
        state.ledger = Ledger::load(ledger.stages(), last, complete, entries)?;
        Ok(())
    }

    /// What a change would make of a table says whether its row is there: a count is replaced, or comes.
    fn keys(&mut self, stage: usize) -> Result<BTreeSet<i64>, Error> {
        let Counted {
            graph,
            changes,
            view,
        } = self.1.clone();
        let mut state = self.0.shared.state.write();
        if stage + 1 == graph.stage_count() {
            let (rows, _) =
                state
                    .tables
                    .page(&graph, view, &Bounds::all(), Order::Forward, 1000)?;
            return Ok(rows.into_iter().map(|(row, _)| row.key).collect());
        }
        let mut there = BTreeSet::new();
        // The model has a few changes.
        for change in 0..10 {
            let made = graph.change().insert(changes, [change]);
            let before = journal_of(&graph, &made, stage)?;
            let stages = graph.stages_from_journal(stage, &before)?;
            if done(stages.begin(&mut state.tables)?).rows() == 2 {
                there.insert(change);
            }
        }
        Ok(there)
    }

    fn journaled(&mut self) -> Result<BTreeSet<(i64, Option<u32>)>, Error> {
        let state = self.0.shared.state.read();
        let of = |(time, journal): (&i64, &super::Journal)| {
            let stages = (0..).zip(&journal.stages).map(|(stage, _)| Some(stage));
            let all: Vec<_> = stages.chain([None]).map(|stage| (*time, stage)).collect();
            all
        };
        Ok(state.journal.iter().flat_map(of).collect())
    }
}

#[test]
fn the_store_in_memory_goes_the_ways_of_the_model() {
    let went = go_walks(60, |it| {
        Ok(InMemory(MemoryStore::new(&it.graph), it.clone()))
    });
    went.unwrap_or_else(|difference| panic!("{difference}"));
}
