//! An iteration in stages: each stage is computed, written and committed by itself, so that the next iteration can
//! enter it while this one is further on. It owns what was computed so far; the tables and the journal are the store's.
//!
//! 1. [`Graph::stages`] for a change, or [`Graph::stages_from_journal`] for one that somebody else has begun.
//! 2. While [`Stages::next`] is a stage, and all earlier iterations have passed it: [`Stages::begin`] gives a
//!    [`Step`], as [`Graph::begin`] does. In one transaction, answer its fetches, write the [`Commit`] and its
//!    [journal](Commit::journal).
//! 3. Once that is committed, [`Stages::pass`]. If it fails, begin the stage again, with a working set that has
//!    forgotten.
//! 4. [`Stages::finish`] gives what changed.
//!
//! What is journaled is enough to go on from any stage or to begin anew ([`Graph::stages_from_journal`]), and to take
//! back what was done to the tables ([`Graph::undo`]).

use std::sync::Arc;

use super::journal::{JournalEntry, JournalKind, encode_delta};
use super::{Changes, Commit, Slot, Step, TableDeltas, Tick};
use crate::change::Change;
use crate::error::{TickError, TickErrorKind};
use crate::plan::{Graph, TableId, Vertex};
use crate::state::{ErasedDelta, WorkingSet};

/// An iteration in stages, between two of them.
pub struct Stages<'c> {
    graph: Graph,
    change: Asked<'c>,
    slots: Vec<Slot>,
    ran: Vec<bool>,
    tables: TableDeltas,
    next: usize,
}

/// What the iteration was asked to do.
enum Asked<'c> {
    Change(&'c Change),
    /// What is in the journal, or nothing where it is in the journal what came of it.
    Journaled(Change),
}

impl Asked<'_> {
    fn change(&self) -> &Change {
        match self {
            Self::Change(change) => change,
            Self::Journaled(change) => change,
        }
    }
}

impl std::fmt::Debug for Stages<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stages")
            .field("graph", &self.graph.name())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// The number of stages: at least one.
    pub fn stage_count(&self) -> usize {
        let stages = self.plan().vertices.iter().map(|vertex| vertex.stage + 1);
        stages.max().unwrap_or(1)
    }

    /// The stage that a table is committed with.
    ///
    /// # Panics
    ///
    /// The id is of another graph.
    pub fn stage_of(&self, table: TableId) -> usize {
        let vertices = self.plan().vertices.iter();
        let mut owners = vertices.filter(|vertex| vertex.tables.contains(&table));
        owners.next().expect("the table id is of this graph").stage
    }

    /// An iteration in stages. Nothing is computed yet.
    ///
    /// # Errors
    ///
    /// The change is of another graph, or has a handle of another one.
    pub fn stages<'c>(&self, change: &'c Change) -> Result<Stages<'c>, TickError> {
        let plan = self.plan();
        change
            .check(plan.id)
            .map_err(|kind| TickError::new(&plan.name, "change", kind))?;
        Ok(self.stages_of(Asked::Change(change)))
    }

    fn stages_of<'c>(&self, change: Asked<'c>) -> Stages<'c> {
        let vertices = self.vertices().len();
        Stages {
            graph: self.clone(),
            change,
            slots: vec![None; vertices],
            ran: vec![false; vertices],
            tables: TableDeltas::default(),
            next: 0,
        }
    }

    /// An iteration that has passed all stages before `next`, from what was journaled of it. The deltas of outputs of
    /// those stages are not known any more. Where it has passed none, it is begun anew from what came in: in a keyed
    /// table a row that goes must be there, as it is in the journal, and the key of one that comes must be free.
    ///
    /// # Errors
    ///
    /// An entry is of no vertex or table of this graph, or does not decode.
    pub fn stages_from_journal<'j>(
        &self,
        next: usize,
        journal: impl IntoIterator<Item = &'j JournalEntry>,
    ) -> Result<Stages<'static>, TickError> {
        let journal: Vec<&JournalEntry> = journal.into_iter().collect();
        if next == 0 {
            return Ok(self.stages_of(Asked::Journaled(self.replay(&journal)?)));
        }
        let mut stages = self.stages_of(Asked::Journaled(self.change()));
        stages.next = next;
        for (ran, vertex) in stages.ran.iter_mut().zip(self.vertices()) {
            *ran = vertex.stage < next;
        }
        for entry in journal {
            match entry.kind {
                JournalKind::Input => {}
                JournalKind::Edge => {
                    let position = self.position_of(entry)?;
                    let slot = (self.vertices()[position].codec.decode)(&entry.rows);
                    stages.slots[position] = slot.map_err(|kind| self.damaged(entry, kind))?;
                }
                JournalKind::Table => {
                    let (table, owner) = self.table_of(entry)?;
                    let delta = self.delta_of(table, entry, false)?;
                    if self.vertices()[owner].operator.arranges() == Some(table) {
                        stages.slots[owner] = delta.slot();
                    }
                    stages.tables.insert(table, delta);
                }
            }
        }
        Ok(stages)
    }

    /// What takes back what was done to tables: each row with its weight negated. It is written as any other commit.
    ///
    /// # Errors
    ///
    /// As [`Self::stages_from_journal`].
    pub fn undo<'j>(
        &self,
        journal: impl IntoIterator<Item = &'j JournalEntry>,
    ) -> Result<Commit, TickError> {
        let mut tables = TableDeltas::default();
        for entry in journal {
            if entry.kind == JournalKind::Table {
                let (table, _) = self.table_of(entry)?;
                tables.insert(table, self.delta_of(table, entry, true)?);
            }
        }
        Ok(Commit::of_tables(self, tables))
    }

    /// The change that came in.
    fn replay(&self, journal: &[&JournalEntry]) -> Result<Change, TickError> {
        let mut change = self.change();
        for entry in journal {
            if entry.kind == JournalKind::Input {
                let vertex = &self.vertices()[self.position_of(entry)?];
                let edits = (vertex.codec.edits)(&entry.rows, vertex.is_keyed);
                let edits = edits.map_err(|kind| self.damaged(entry, kind))?;
                change.set_edits(vertex.id, edits);
            }
        }
        Ok(change)
    }

    fn position_of(&self, entry: &JournalEntry) -> Result<usize, TickError> {
        let named = |vertex: &Vertex| vertex.name == entry.name;
        let position = self.vertices().iter().position(named);
        position.ok_or_else(|| self.unknown(entry))
    }

    /// A table, and the position of the vertex that writes it.
    fn table_of(&self, entry: &JournalEntry) -> Result<(TableId, usize), TickError> {
        let named = |table: TableId| self.table(table).schema().name(None) == entry.name;
        for (position, vertex) in self.vertices().iter().enumerate() {
            if let Some(table) = vertex.tables.iter().find(|table| named(**table)) {
                return Ok((*table, position));
            }
        }
        Err(self.unknown(entry))
    }

    fn delta_of(
        &self,
        table: TableId,
        entry: &JournalEntry,
        negated: bool,
    ) -> Result<Box<dyn ErasedDelta>, TickError> {
        let typed = &self.plan().tables[table.0];
        let delta = typed.delta_from_journal(&entry.rows, negated);
        delta.map_err(|kind| self.damaged(entry, kind))
    }

    fn unknown(&self, entry: &JournalEntry) -> TickError {
        let reason = "the graph has nothing of this name".to_string();
        self.damaged(entry, TickErrorKind::DamagedJournal { reason })
    }

    fn damaged(&self, entry: &JournalEntry, kind: TickErrorKind) -> TickError {
        TickError::new(self.name(), &entry.name, kind)
    }
}

impl Stages<'_> {
    /// The next stage, until all are passed.
    pub fn next(&self) -> Option<usize> {
        (self.next < self.graph.stage_count()).then_some(self.next)
    }

    /// Begins the next stage: as [`Graph::begin`], but that the commit is one of this stage. It can be begun again, until
    /// it is [passed](Self::pass).
    ///
    /// # Errors
    ///
    /// As [`Graph::begin`].
    ///
    /// # Panics
    ///
    /// All stages are passed.
    pub fn begin<'g>(&'g self, state: &'g mut WorkingSet) -> Result<Step<'g>, TickError> {
        let stage = self.next().expect("there is a stage to begin");
        let mut tick = Tick::new(&self.graph, state, self.change.change());
        tick.slots.clone_from(&self.slots);
        tick.ran.clone_from(&self.ran);
        tick.stage = Some(stage);
        tick.advance()
    }

    /// Goes on to the next stage, once the commit of this one is committed.
    ///
    /// # Panics
    ///
    /// The commit is none of this iteration's stage.
    pub fn pass(&mut self, commit: Commit) {
        let stage = commit.stage.expect("the commit is one of a stage");
        assert_eq!(stage.number, self.next, "stages are passed in their order");
        self.next += 1;
        self.ran = stage.ran;
        self.slots = commit.slots;
        self.tables.extend(commit.tables);
        let needed = read_later(self.graph.vertices(), self.next);
        for ((slot, vertex), needed) in self.slots.iter_mut().zip(self.graph.vertices()).zip(needed)
        {
            if !needed && !vertex.operator.is_output() {
                *slot = None;
            }
        }
    }

    /// What changed, once all stages are passed.
    pub fn finish(self) -> Changes {
        Commit::new(&self.graph, self.tables, self.slots).into_changes()
    }
}

impl Commit {
    /// What is to be journaled of a stage, in the order of the plan. Of a commit that is none of a stage: nothing.
    ///
    /// # Errors
    ///
    /// A row that can't be encoded.
    pub fn journal(&self) -> Result<Vec<JournalEntry>, TickError> {
        let Some(stage) = &self.stage else {
            return Ok(Vec::new());
        };
        let plan = self.graph.plan();
        let needed = read_later(&plan.vertices, stage.number + 1);
        let mut journal = Vec::new();
        for (position, vertex) in plan.vertices.iter().enumerate() {
            let fail =
                |error| TickError::new(&plan.name, &vertex.name, TickErrorKind::Encode(error));
            if vertex.stage != stage.number {
                continue;
            }
            for table in &vertex.tables {
                if let Some(delta) = self.tables.get(table).filter(|delta| delta.len() > 0) {
                    journal.push(JournalEntry {
                        kind: JournalKind::Table,
                        name: plan.tables[table.0].schema().name(None),
                        rows: encode_delta(delta).map_err(fail)?,
                    });
                }
            }
            let Some(slot) = &self.slots[position] else {
                continue;
            };
            let encode = || (vertex.codec.encode)(slot.as_ref()).map_err(fail);
            if vertex.inputs.is_empty() {
                journal.push(JournalEntry {
                    kind: JournalKind::Input,
                    name: vertex.name.clone(),
                    rows: encode()?,
                });
            }
            if needed[position] && vertex.operator.arranges().is_none() {
                journal.push(JournalEntry {
                    kind: JournalKind::Edge,
                    name: vertex.name.clone(),
                    rows: encode()?,
                });
            }
        }
        Ok(journal)
    }
}

/// By position, whether a vertex of the stage or a later one reads what a vertex puts out.
fn read_later(vertices: &[Vertex], stage: usize) -> Vec<bool> {
    let mut read = vec![false; vertices.len()];
    for vertex in vertices.iter().filter(|vertex| vertex.stage >= stage) {
        vertex.inputs.iter().for_each(|&input| read[input] = true);
    }
    read
}

/// What a commit knows of the stage that it is of.
pub(crate) struct StageRun {
    pub(crate) number: usize,
    /// By position, whether the vertex has run.
    pub(crate) ran: Vec<bool>,
}

/// An edge's value that was put there by nobody else, to be shared.
pub(crate) fn shared<D: std::any::Any + Send + Sync>(delta: &Arc<D>) -> Slot {
    Some(Arc::clone(delta) as Arc<dyn std::any::Any + Send + Sync>)
}
