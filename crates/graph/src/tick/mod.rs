//! The tick: one iteration of a graph, sans-IO.
//!
//! An operator is two pure functions: `reads` names the keys of the arrangements that it must see, `apply` computes
//! its delta once they are resident. The executor here runs every vertex that can run, gathers what the others must
//! see, and suspends by value:
//!
//! 1. [`Graph::begin`] with a working set and a change.
//! 2. While it answers [`Step::Fetch`]: look every key of every [`Fetch`] up, push the rows, and
//!    [`Tick::resume`] with them. All fetches of one step can go to the database in one round trip; there are at most
//!    as many steps as there are stateful vertices on the longest path of the graph.
//! 3. [`Step::Done`] has the [`Commit`]: write it in one transaction ([`Commit::tables`]), and once that is
//!    committed, [`WorkingSet::absorb`] it. If the transaction fails, drop the commit, and
//!    [`forget`](WorkingSet::forget) what was fetched: nothing else has changed.

mod commit;
mod fetch;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use commit::{Changes, Commit, TableWrites, Write};
pub(crate) use fetch::{ErasedFetch, TypedFetch};
pub use fetch::{Fetch, FetchKeys};

use crate::change::Change;
use crate::error::{TickError, TickErrorKind, panic_message};
use crate::operators::{Apply, Reads};
use crate::plan::{Graph, Plan, TableId, Vertex};
use crate::state::{ErasedDelta, WorkingSet};

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
    kept: Vec<Option<Box<dyn Any + Send>>>,
    tables: BTreeMap<TableId, Box<dyn ErasedDelta>>,
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
        let vertices = plan.vertices.len();
        let tick = Tick {
            graph: self,
            state,
            change,
            slots: vec![None; vertices],
            ran: vec![false; vertices],
            kept: std::iter::repeat_with(|| None).take(vertices).collect(),
            tables: BTreeMap::new(),
        };
        tick.advance()
    }
}

impl<'g> Tick<'g> {
    /// Goes on with the rows that were asked for: the fetches of the last step, filled.
    ///
    /// # Errors
    ///
    /// As for [`Graph::begin`].
    pub fn resume(self, fetched: Vec<Fetch>) -> Result<Step<'g>, TickError> {
        for fetch in fetched {
            let table = fetch.table();
            fetch.finish(self.state.erased_mut(table));
        }
        self.advance()
    }

    /// Runs every vertex that can run. One pass is enough: vertices are in topological order.
    fn advance(mut self) -> Result<Step<'g>, TickError> {
        let plan: &'g Plan = self.graph.plan();
        let mut fetches: BTreeMap<TableId, Box<dyn ErasedFetch>> = BTreeMap::new();
        for (position, vertex) in plan.vertices.iter().enumerate() {
            let ready = !self.ran[position] && vertex.inputs.iter().all(|&input| self.ran[input]);
            if ready {
                self.run(plan, position, vertex, &mut fetches)?;
            }
        }
        if !fetches.is_empty() {
            let fetches = fetches
                .into_iter()
                .map(|(table, keys)| Fetch::new(plan.tables[table.0].schema(), table, keys))
                .collect();
            return Ok(Step::Fetch(fetches, self));
        }
        debug_assert!(
            self.ran.iter().all(|ran| *ran),
            "without fetches every vertex has run"
        );
        Ok(Step::Done(Commit::new(self.graph, self.tables, self.slots)))
    }

    /// Runs a vertex whose inputs have run, unless it must see rows that are not resident.
    fn run(
        &mut self,
        plan: &Plan,
        position: usize,
        vertex: &Vertex,
        fetches: &mut BTreeMap<TableId, Box<dyn ErasedFetch>>,
    ) -> Result<(), TickError> {
        let quiet = vertex
            .inputs
            .iter()
            .all(|&input| self.slots[input].is_none());
        let idle = quiet && !vertex.operator.is_always_active() && !self.change.touches(vertex.id);
        if idle {
            self.ran[position] = true;
            return Ok(());
        }
        let fail = |kind| TickError::new(&plan.name, &vertex.name, kind);
        let inputs = InputSlots {
            slots: &self.slots,
            inputs: &vertex.inputs,
        };
        if self.kept[position].is_none() {
            let mut reads = Reads::new(plan, self.state, self.change, inputs, fetches);
            guarded(|| vertex.operator.reads(&mut reads)).map_err(fail)?;
            let (kept, waits) = reads.finish();
            self.kept[position] = Some(kept);
            if waits {
                return Ok(());
            }
        }
        let kept = self.kept[position].take().expect("`reads` ran");
        let mut apply = Apply::new(plan, self.state, self.change, inputs, kept);
        guarded(|| vertex.operator.apply(&mut apply)).map_err(fail)?;
        let (slot, tables) = apply.finish();
        self.slots[position] = slot;
        self.tables.extend(tables);
        self.ran[position] = true;
        Ok(())
    }
}

/// The deltas of a vertex's inputs.
#[derive(Clone, Copy)]
pub(crate) struct InputSlots<'a> {
    slots: &'a [Slot],
    inputs: &'a [usize],
}

impl<'a> InputSlots<'a> {
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
