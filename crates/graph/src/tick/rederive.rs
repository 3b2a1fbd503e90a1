//! Deriving a view anew from the inputs it comes from, as they are stored now. It owns what must be read for that, and
//! runs the vertices that lead to the view once, from nothing, with all that the inputs have as one change. It changes
//! no state: what it derives is for comparing, and for explaining (`explain.rs`).

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::ZSet;

use super::{Fetch, Slot, Tick};
use crate::delta::Delta;
use crate::error::{RederiveError, TickError};
use crate::handle::ViewHandle;
use crate::operators::StepNeeds;
use crate::plan::{Graph, Plan, TableId, Vertex};
use crate::state::WorkingSet;

/// What must be read to derive a view anew: made by [`Graph::rederive`].
#[derive(Debug)]
pub struct Rederivation<T> {
    graph: Graph,
    /// The position of the view.
    view: usize,
    /// By position, whether the view depends on the vertex.
    upstream: Vec<bool>,
    /// By the table that has its rows, the position of each input.
    sources: BTreeMap<TableId, usize>,
    row: PhantomData<fn() -> T>,
}

/// A view that was derived anew, with all that leads to it.
pub struct Rederived<T> {
    pub(super) graph: Graph,
    pub(super) view: usize,
    /// By position, the contents of each vertex.
    pub(super) slots: Vec<Slot>,
    row: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Rederived<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rederived")
            .field("graph", &self.graph.name())
            .field("view", &self.graph.vertices()[self.view].name())
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// What must be read to derive a view anew. For stores: [`Rederivation::fetches`] is answered from one state of
    /// the database, and handed to [`Rederivation::run`].
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph; an input is stored nowhere; the view depends on its history (`delay`,
    /// `retain_for`, …), and not on its inputs as they are now alone.
    pub fn rederive<T: Row, K: IndexKey>(
        &self,
        view: ViewHandle<T, K>,
    ) -> Result<Rederivation<T>, RederiveError> {
        let id = self.vertex_of(&view)?.id;
        let plan = self.plan();
        let view = plan.positions[id.0].expect("what a handle names is kept in the plan");
        let upstream = upstream(plan, view);
        let mut sources = BTreeMap::new();
        for (position, vertex) in plan.vertices.iter().enumerate() {
            if !upstream[position] {
                continue;
            }
            if vertex.operator.depends_on_history() {
                return Err(RederiveError::History {
                    graph: plan.name.clone(),
                    view: plan.vertices[view].name.clone(),
                    vertex: vertex.name.clone(),
                    kind: vertex.kind.clone(),
                    at: vertex.at,
                });
            }
            if vertex.inputs.is_empty() {
                let table =
                    stored_in(plan, position, view).ok_or_else(|| RederiveError::NotStored {
                        graph: plan.name.clone(),
                        view: plan.vertices[view].name.clone(),
                        input: vertex.name.clone(),
                    })?;
                sources.insert(table, position);
            }
        }
        Ok(Rederivation {
            graph: self.clone(),
            view,
            upstream,
            sources,
            row: PhantomData,
        })
    }
}

/// By position, whether a vertex is the given one or one that it depends on.
fn upstream(plan: &Plan, vertex: usize) -> Vec<bool> {
    let mut upstream = vec![false; plan.vertices.len()];
    upstream[vertex] = true;
    for position in (0..=vertex).rev() {
        if upstream[position] {
            for &input in &plan.vertices[position].inputs {
                upstream[input] = true;
            }
        }
    }
    upstream
}

/// A table that has the rows of a source; that of the view itself only where there is no other.
fn stored_in(plan: &Plan, source: usize, view: usize) -> Option<TableId> {
    let arranged = |vertex: &Vertex| {
        let table = vertex.operator.arranges()?;
        (vertex.inputs == [source]).then_some(table)
    };
    let (mut own, mut other) = (None, None);
    for (position, vertex) in plan.vertices.iter().enumerate() {
        let place = if position == view {
            &mut own
        } else {
            &mut other
        };
        *place = place.or_else(|| arranged(vertex));
    }
    other.or(own)
}

impl<T: Row> Rederivation<T> {
    /// What to read: all rows of each table that has the rows of an input. All must be answered from one state.
    pub fn fetches(&self) -> Vec<Fetch> {
        let plan = self.graph.plan();
        let contents = |table: &TableId| {
            let erased = &plan.tables[table.0];
            let contents = Arc::clone(erased).contents();
            Fetch::new(erased, *table, contents)
        };
        self.sources.keys().map(contents).collect()
    }

    /// Checks that there is something to compare the view with.
    ///
    /// # Errors
    ///
    /// The rows of an input are stored in the view only.
    pub fn check_apart(&self) -> Result<(), RederiveError> {
        let plan = self.graph.plan();
        let view = &plan.vertices[self.view];
        match view.tables.first().and_then(|own| self.sources.get(own)) {
            None => Ok(()),
            Some(&input) => Err(RederiveError::OnlyItself {
                graph: plan.name.clone(),
                view: view.name.clone(),
                input: plan.vertices[input].name.clone(),
            }),
        }
    }

    /// Derives the view from what was read: [`Self::fetches`], answered. The closures of the vertices that lead to it
    /// run again, also those of `inspect`.
    ///
    /// Cost: that of one change with all rows of the inputs. Holds what each vertex puts out in memory.
    ///
    /// # Errors
    ///
    /// As [`Graph::begin`].
    pub fn run(self, fetched: Vec<Fetch>) -> Result<Rederived<T>, TickError> {
        let Self {
            graph,
            view,
            upstream,
            sources,
            ..
        } = self;
        let (mut state, change) = (WorkingSet::complete(&graph), graph.change());
        let mut tick = Tick::new(&graph, &mut state, &change);
        tick.rederives = true;
        for fetch in fetched {
            let table = fetch.table();
            let position = sources[&table];
            tick.slots[position] = fetch.into_contents();
            tick.ran[position] = true;
        }
        let plan = graph.plan();
        let mut needs = StepNeeds::new();
        for (position, vertex) in plan.vertices.iter().enumerate() {
            if upstream[position] && !tick.ran[position] {
                tick.run(plan, position, vertex, &mut needs)?;
                // What would be written is not needed.
                tick.tables.clear();
            }
        }
        debug_assert!(needs.is_empty(), "nothing is missing in a complete state");
        let slots = std::mem::take(&mut tick.slots);
        Ok(Rederived {
            graph,
            view,
            slots,
            row: PhantomData,
        })
    }
}

impl<T: Row> Rederived<T> {
    /// The rows that the view should have.
    ///
    /// # Errors
    ///
    /// A weight overflows.
    pub fn rows(&self) -> Result<ZSet<T>, TickError> {
        let plan = self.graph.plan();
        let view = &plan.vertices[self.view];
        // What flows into the view is not arranged: the type of the view's key need not be known.
        let slot = self.slots[view.inputs[0]].as_ref();
        let rows = slot.map(|slot| {
            let rows: &Delta<T> = slot.downcast_ref().expect("a view has its row type");
            ZSet::from_pairs(rows.iter().cloned())
        });
        rows.unwrap_or_else(|| Ok(ZSet::new()))
            .map_err(|overflow| TickError::new(&plan.name, &view.name, overflow))
    }
}
