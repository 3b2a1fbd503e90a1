//! The tick: one iteration of a graph, sans-IO.
//!
//! An operator is two pure functions: `reads` names what of the arrangements it must see, `apply` computes its delta
//! once that is resident. The executor here runs every vertex that can run, gathers what the others must see, and
//! suspends by value:
//!
//! 1. [`Graph::begin`] with a working set and a change.
//! 2. While it answers [`Step::Fetch`]: answer every [`Fetch`], and [`Tick::resume`] with all of them.
//! 3. [`Step::Done`] has the [`Commit`]: write it in one transaction ([`Commit::tables`]), and once that is
//!    committed, [`WorkingSet::absorb`] it. If the transaction fails, drop the commit, and
//!    [`forget`](WorkingSet::forget) what was fetched: nothing else has changed.
//!
//! # Fetches
//!
//! A [`Fetch`] has questions of one kind about one table ([`FetchKeys`]): whole keys, single rows, ranges of the
//! primary index, or simply all rows. A step has at most one fetch of a kind for each table, and no fetch depends on
//! the answer to another one. So a driver can make each fetch one statement over a set of keys, and send all of a step
//! in one round trip; or look up one question after the other. All answers of an iteration must be read from the same
//! state of the database, the one that the commit is written to.
//!
//! Most operators know at once what they must see: they take one step, so there are as many steps as there are such
//! vertices on the longest path of the graph. One that reads in order (the least row of a group, the next rows after
//! those) may find that the rows of a range were not enough. It asks for twice as many then, so the number of its steps
//! is logarithmic in the rows that it reads.

mod answers;
mod commit;
mod explain;
mod fed;
mod fetch;
mod journal;
mod needs;
mod rederive;
mod stages;
mod table_deltas;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub(crate) use answers::Contents;
pub use commit::{Changes, Commit, RowChange, TableWrites, Write};
pub use explain::Explanation;
pub(crate) use explain::{Explain, Wanted};
use fed::Fed;
pub(crate) use fetch::ErasedFetch;
pub use fetch::{Fetch, FetchKeys, FetchRange, Pushed, RangeStart};
pub use journal::{JournalEntry, JournalKind};
pub(crate) use journal::{RowCodec, decode_rows};
pub(crate) use needs::{ErasedNeeds, Needs, RangeNeed};
pub use rederive::{Rederivation, Rederived};
pub use stages::Stages;
pub(crate) use stages::{StageRun, shared};
pub(crate) use table_deltas::TableDeltas;

use tracing::{Level, enabled, trace};

use crate::change::Change;
use crate::error::{TickError, TickErrorKind, panic_message};
use crate::operators::{AfterReads, Apply, Reads, StepNeeds};
use crate::plan::{Graph, Plan, TableId, Vertex};
use crate::state::WorkingSet;

/// What an iteration needs next.
pub enum Step<'g> {
    /// These rows must be looked up, and the tick resumed with them.
    Fetch(Vec<Fetch>, Tick<'g>),
    /// The iteration is computed: write the commit.
    Done(Commit),
}

impl std::fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fetch(fetches, _) => f.debug_tuple("Fetch").field(&fetches.len()).finish(),
            Self::Done(_) => f.write_str("Done"),
        }
    }
}

/// What a vertex put on its outgoing edges: a delta, shared by all that read it.
pub(crate) type Slot = Option<Arc<dyn Any + Send + Sync>>;

/// The value of an edge, whole: without a copy where nobody else has it. Of nothing its default.
pub(crate) fn owned<D: Any + Send + Sync + Clone + Default>(slot: Slot) -> D {
    let delta = slot.map(|slot| slot.downcast::<D>());
    delta.map_or_else(D::default, |delta| {
        let delta = delta.ok();
        Arc::unwrap_or_clone(delta.expect("an edge carries the type that the builder gave it"))
    })
}

/// An iteration that waits for rows. Drop it to give the iteration up.
pub struct Tick<'g> {
    graph: &'g Graph,
    state: &'g mut WorkingSet,
    change: &'g Change,
    /// By vertex: its delta, once it ran.
    slots: Vec<Slot>,
    /// By vertex: whether it ran.
    ran: Vec<bool>,
    /// By vertex: what its `reads` kept for its `apply`.
    kept: Vec<Option<Kept>>,
    tables: TableDeltas,
    /// The tables of the fetches that are not answered yet.
    asked: Vec<TableId>,
    /// Where only the vertices up to a stage run: that stage.
    stage: Option<usize>,
    /// Whether all slots are the result.
    rederives: bool,
}

impl std::fmt::Debug for Tick<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tick")
            .field("graph", &self.graph.name())
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// Begins one iteration: see the [module](self). Nothing is changed but that fetched rows come into `state`.
    ///
    /// # Errors
    ///
    /// [`TickError`]: the change doesn't fit this graph or its tables, a weight or an aggregate overflows, a closure
    /// panics.
    pub fn begin<'g>(
        &'g self,
        state: &'g mut WorkingSet,
        change: &'g Change,
    ) -> Result<Step<'g>, TickError> {
        let plan = self.plan();
        change
            .check(plan.id)
            .map_err(|kind| TickError::new(&plan.name, "change", kind))?;
        Tick::new(self, state, change).advance()
    }
}

impl<'g> Tick<'g> {
    fn new(graph: &'g Graph, state: &'g mut WorkingSet, change: &'g Change) -> Self {
        let vertices = graph.plan().vertices.len();
        Self {
            graph,
            state,
            change,
            slots: vec![None; vertices],
            ran: vec![false; vertices],
            kept: std::iter::repeat_with(|| None).take(vertices).collect(),
            tables: TableDeltas::default(),
            asked: Vec::new(),
            stage: None,
            rederives: false,
        }
    }

    /// Goes on with the rows that were asked for: the fetches of the last step, filled.
    ///
    /// # Errors
    ///
    /// As for [`Graph::begin`]; and [`TickErrorKind::Unanswered`] where a fetch is missing, or a range was not ended.
    pub fn resume(mut self, fetched: Vec<Fetch>) -> Result<Step<'g>, TickError> {
        self.check_answered(&fetched)?;
        for fetch in fetched {
            let table = fetch.table();
            fetch.finish(self.state.erased_mut(table));
        }
        self.advance()
    }

    /// An operator that walks asks until it has got all: without an answer it would ask for ever.
    fn check_answered(&mut self, fetched: &[Fetch]) -> Result<(), TickError> {
        let graph = self.graph;
        let fail = |table: TableId, kind| {
            TickError::new(graph.name(), &graph.table(table).schema().vertex, kind)
        };
        for fetch in fetched {
            let table = fetch.table();
            fetch.check_answered().map_err(|kind| fail(table, kind))?;
            if let Some(position) = self.asked.iter().position(|asked| *asked == table) {
                self.asked.swap_remove(position);
            }
        }
        match self.asked.pop() {
            None => Ok(()),
            Some(missing) => {
                let table = graph.table(missing).schema().name(None);
                Err(fail(missing, TickErrorKind::Unanswered { table }))
            }
        }
    }

    /// Runs every vertex that can run. One pass is enough: vertices are in topological order.
    fn advance(mut self) -> Result<Step<'g>, TickError> {
        let plan: &'g Plan = self.graph.plan();
        let mut needs = StepNeeds::new();
        for (position, vertex) in plan.vertices.iter().enumerate() {
            let ready = !self.ran[position] && vertex.inputs.iter().all(|&input| self.ran[input]);
            if ready && self.is_due(vertex) {
                self.run(plan, position, vertex, &mut needs)?;
            }
        }
        if !needs.is_empty() {
            let fetches: Vec<Fetch> = needs
                .into_iter()
                .flat_map(|(table, needs)| {
                    let described = &plan.tables[table.0];
                    let fetches = needs.into_fetches().into_iter();
                    fetches.map(move |keys| Fetch::new(described, table, keys))
                })
                .collect();
            self.asked = fetches.iter().map(Fetch::table).collect();
            return Ok(Step::Fetch(fetches, self));
        }
        debug_assert!(
            plan.vertices
                .iter()
                .zip(&self.ran)
                .all(|(vertex, ran)| *ran || !self.is_due(vertex)),
            "without fetches every vertex has run"
        );
        Ok(Step::Done(match self.stage {
            None => Commit::new(self.graph, self.tables, self.slots),
            Some(number) => {
                let run = StageRun {
                    number,
                    ran: self.ran,
                };
                Commit::of_stage(self.graph, self.tables, self.slots, run)
            }
        }))
    }

    /// Whether a vertex is of a stage that runs.
    fn is_due(&self, vertex: &Vertex) -> bool {
        self.stage.is_none_or(|stage| vertex.stage <= stage)
    }

    /// Runs a vertex whose inputs have run, unless it must see rows that are not resident.
    fn run(
        &mut self,
        plan: &Plan,
        position: usize,
        vertex: &Vertex,
        needs: &mut StepNeeds,
    ) -> Result<(), TickError> {
        let quiet = vertex
            .inputs
            .iter()
            .all(|&input| self.slots[input].is_none());
        let is_fed = self.kept[position].is_some();
        let idle = quiet
            && !is_fed
            && !vertex.operator.is_always_active()
            && !self.change.touches(vertex.id);
        if idle {
            self.ran[position] = true;
            return Ok(());
        }
        let fail = |kind| TickError::new(&plan.name, &vertex.name, kind);
        let inputs = InputSlots {
            slots: &self.slots,
            inputs: &vertex.inputs,
        };
        let kept = match self.kept[position].take() {
            Some(Kept::ForApply(kept)) => kept,
            before => {
                let before = match before {
                    Some(Kept::ForReads(kept)) => kept,
                    _ => Box::new(()),
                };
                let mut reads = Reads::new(plan, self.state, self.change, inputs, needs, before);
                guarded(|| vertex.operator.reads(&mut reads)).map_err(fail)?;
                match reads.finish() {
                    AfterReads::Apply(kept) => kept,
                    AfterReads::FetchAndApply(kept) => {
                        self.kept[position] = Some(Kept::ForApply(kept));
                        return Ok(());
                    }
                    AfterReads::FetchAndReadAgain(kept) => {
                        self.kept[position] = Some(Kept::ForReads(kept));
                        return Ok(());
                    }
                }
            }
        };
        let taken = if vertex.edges.can_be_taken && !self.keeps_slots() {
            self.slots[vertex.inputs[0]].take()
        } else {
            None
        };
        let inputs = InputSlots {
            slots: &self.slots,
            inputs: &vertex.inputs,
        };
        let feeds = vertex.edges.feeds.filter(|_| !self.keeps_slots());
        let mut fed = Fed::default();
        let (state, change) = (&*self.state, self.change);
        let at_hand = (plan, state, change);
        let mut sink = |chunk| feeds.map_or(Ok(()), |feeds| fed.take(at_hand, feeds, chunk));
        let mut edges = vertex.edges;
        edges.are_groups_shown &= !self.keeps_slots();
        let apply = Apply::new(plan, state, change, inputs, kept).with_edges(edges, taken);
        let mut apply = apply.with_sink(if feeds.is_some() {
            Some(&mut sink)
        } else {
            None
        });
        let applied = guarded(|| vertex.operator.apply(&mut apply));
        let (slot, tables) = apply.finish();
        applied.map_err(|kind| {
            let failed = fed.failed_at.map_or(vertex, |at| &plan.vertices[at]);
            TickError::new(&plan.name, &failed.name, kind)
        })?;
        if let (Some(feeds), Some(kept)) = (feeds, fed.kept) {
            self.kept[feeds.into] = Some(Kept::ForReads(kept));
        }
        self.slots[position] = slot;
        self.tables.extend(tables);
        self.ran[position] = true;
        if enabled!(target: "deltaview", Level::TRACE) {
            let rows_in: usize = vertex.inputs.iter().map(|&input| self.rows(input)).sum();
            let rows_out = self.rows(position);
            trace!(target: "deltaview", graph = plan.name, vertex = vertex.name, rows_in, rows_out, "vertex");
        }
        Ok(())
    }

    /// Whether what has run is looked at again: by whom a stage is journaled for, by who derives anew, by who listens.
    fn keeps_slots(&self) -> bool {
        self.stage.is_some() || self.rederives || enabled!(target: "deltaview", Level::TRACE)
    }

    /// The number of rows that a vertex has put out.
    fn rows(&self, position: usize) -> usize {
        let vertex = &self.graph.vertices()[position];
        let written = vertex.operator.arranges();
        let written = written.and_then(|table| self.tables.get(&table));
        let slot = self.slots[position].as_deref();
        let put_out = slot.and_then(|slot| (vertex.codec.len)(slot));
        written.map_or(put_out.unwrap_or(0), |delta| delta.len())
    }
}

/// What a vertex kept while it waits for rows.
enum Kept {
    /// For `reads`, which runs again.
    ForReads(Box<dyn Any + Send>),
    ForApply(Box<dyn Any + Send>),
}

/// The deltas of a vertex's inputs.
#[derive(Clone, Copy)]
pub(crate) struct InputSlots<'a> {
    slots: &'a [Slot],
    inputs: &'a [usize],
}

impl<'a> InputSlots<'a> {
    /// The slots at some positions.
    pub(crate) fn of(slots: &'a [Slot], inputs: &'a [usize]) -> Self {
        Self { slots, inputs }
    }

    /// Whether nothing flows in.
    pub(crate) fn are_empty(self) -> bool {
        self.inputs.iter().all(|&input| self.slots[input].is_none())
    }

    /// The delta of an input; nothing if it is empty.
    pub(crate) fn get<D: 'static>(self, input: usize) -> Option<&'a D> {
        let slot = self.slots[self.inputs[input]].as_ref()?;
        Some(
            slot.downcast_ref()
                .expect("an edge carries the type that the builder gave it"),
        )
    }

    /// The delta of an input, to be passed on as it is.
    pub(crate) fn share(self, input: usize) -> Slot {
        self.slots[self.inputs[input]].clone()
    }

    pub(crate) fn len(self) -> usize {
        self.inputs.len()
    }
}

/// Runs a part of an operator, and turns a panic of the user's closure into an error. An operator changes nothing but
/// what it is computing, which is dropped.
fn guarded(run: impl FnOnce() -> Result<(), TickErrorKind>) -> Result<(), TickErrorKind> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        Err(TickErrorKind::Panicked {
            message: panic_message(panic.as_ref()),
        })
    })
}
