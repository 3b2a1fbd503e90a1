//! Which rows of the inputs a row of a view comes from. It owns the walk from the view back to the inputs, over what the
//! vertices put out when the view was derived anew; each operator says which rows of its own inputs made the rows that
//! are wanted of it ([`Operator::explain`](crate::operators::Operator::explain)).

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{WeightOverflow, ZSet};

use super::rederive::Rederived;
use super::{Slot, guarded};
use crate::change::Change;
use crate::delta::{ArrangedDelta, Delta, consolidate, consolidate_arranged};
use crate::error::{HandleError, TickError};
use crate::handle::Source;
use crate::plan::{Graph, Plan, VertexId};
use crate::state::WorkingSet;

/// The rows of the inputs that a row of a view comes from.
pub struct Explanation {
    graph: Graph,
    inputs: Inputs,
}

/// By input, the rows that were found.
type Inputs = BTreeMap<VertexId, Box<dyn Found>>;

/// Rows of an input: a `ZSet<T>`.
trait Found: Any + Send + Sync + fmt::Display {
    fn as_any(&self) -> &dyn Any;
}

impl<T: Row> Found for ZSet<T> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Explanation {
    /// The rows of an input or a keyed table, with the weights that they have there.
    ///
    /// # Errors
    ///
    /// The handle belongs to another graph.
    pub fn rows_of<S: Source<Row: Row>>(&self, input: S) -> Result<ZSet<S::Row>, HandleError> {
        let id = self.graph.vertex_of(&input)?.id;
        let found = self.inputs.get(&id).map(|found| {
            found
                .as_any()
                .downcast_ref::<ZSet<S::Row>>()
                .expect("a handle has its input's row type")
                .clone()
        });
        Ok(found.unwrap_or_default())
    }

    /// The names of the inputs that have a part in the row, in the order of the plan.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        self.named().map(|(name, _)| name)
    }

    /// Whether no row was found: the view should not have the row.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty()
    }

    fn named(&self) -> impl Iterator<Item = (&str, &dyn Found)> {
        let vertices = self.graph.vertices().iter();
        vertices.filter_map(|vertex| Some((vertex.name(), self.inputs.get(&vertex.id)?.as_ref())))
    }
}

impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("graph", &self.graph.name())
            .field("inputs", &self.inputs().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A table for each input.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no rows");
        }
        for (place, (name, rows)) in self.named().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{name}\n{rows}")?;
        }
        Ok(())
    }
}

/// The rows that are wanted of a vertex: a `BTreeSet<T>`.
pub(crate) trait ErasedWanted: Any {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// Moves the rows into others of the same type.
    fn merge_into(self: Box<Self>, others: &mut dyn ErasedWanted);
}

/// What is wanted of each vertex.
pub(crate) type Wanted = Vec<Option<Box<dyn ErasedWanted>>>;

const TYPED: &str = "rows are wanted of a vertex with its row type";

impl<T: Row> ErasedWanted for BTreeSet<T> {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn merge_into(self: Box<Self>, others: &mut dyn ErasedWanted) {
        let others: &mut Self = others.as_any_mut().downcast_mut().expect(TYPED);
        others.extend(*self);
    }
}

/// What an operator has at hand when it says where rows come from.
pub(crate) struct Explain<'a> {
    pub(crate) plan: &'a Plan,
    /// Complete, and empty.
    pub(crate) state: &'a WorkingSet,
    /// Empty.
    pub(crate) change: &'a Change,
    /// By position, what the vertices put out: together their contents.
    contents: &'a [Vec<Slot>],
    wanted: &'a mut Wanted,
    own: usize,
    inputs: &'a [usize],
    found: Option<Box<dyn Found>>,
}

impl<'a> Explain<'a> {
    /// For a vertex inside of another one, which has vertices of its own.
    pub(crate) fn inside<'b>(
        &'b self,
        contents: &'b [Vec<Slot>],
        wanted: &'b mut Wanted,
        own: usize,
        inputs: &'b [usize],
    ) -> Explain<'b> {
        Explain {
            plan: self.plan,
            state: self.state,
            change: self.change,
            contents,
            wanted,
            own,
            inputs,
            found: None,
        }
    }

    /// The number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// What an input put out, in one piece.
    pub(crate) fn slot(&self, input: usize) -> Slot {
        self.contents[self.inputs[input]].first().cloned().flatten()
    }

    fn slots<D: 'static>(&self, position: usize) -> impl Iterator<Item = &'a D> {
        let slots = self.contents[position].iter().flatten();
        slots.map(|slot| slot.downcast_ref().expect("an edge carries one type"))
    }

    fn rows_at<T: Row>(&self, position: usize) -> Result<Delta<T>, WeightOverflow> {
        let slots = self.slots::<Delta<T>>(position);
        let mut rows: Delta<T> = slots.flatten().cloned().collect();
        consolidate(&mut rows)?;
        Ok(rows)
    }

    /// All rows of an input, each once, in order.
    pub(crate) fn rows<T: Row>(&self, input: usize) -> Result<Delta<T>, WeightOverflow> {
        self.rows_at(self.inputs[input])
    }

    /// All rows of an arranged input, each once, in order.
    pub(crate) fn arranged<K: IndexKey, T: Row>(
        &self,
        input: usize,
    ) -> Result<ArrangedDelta<K, T>, WeightOverflow> {
        let slots = self.slots::<ArrangedDelta<K, T>>(self.inputs[input]);
        let mut rows: ArrangedDelta<K, T> = slots.flatten().cloned().collect();
        consolidate_arranged(&mut rows)?;
        Ok(rows)
    }

    /// Takes the rows that are wanted of the operator.
    pub(crate) fn wanted<T: Row>(&mut self) -> BTreeSet<T> {
        let wanted = self.wanted[self.own].take();
        let wanted = wanted.map(|wanted| *wanted.into_any().downcast().expect(TYPED));
        wanted.unwrap_or_default()
    }

    /// Wants rows of an input.
    pub(crate) fn want<T: Row>(&mut self, input: usize, rows: impl IntoIterator<Item = T>) {
        let rows: BTreeSet<T> = rows.into_iter().collect();
        if !rows.is_empty() {
            want(self.wanted, self.inputs[input], Box::new(rows));
        }
    }

    /// Wants rows that came from somewhere else, without their type.
    pub(crate) fn want_erased(&mut self, input: usize, rows: Box<dyn ErasedWanted>) {
        want(self.wanted, self.inputs[input], rows);
    }

    /// The operator is an input of the graph: the rows that are wanted of it are found.
    pub(crate) fn find<T: Row>(&mut self) -> Result<(), WeightOverflow> {
        let wanted = self.wanted::<T>();
        let rows = self.rows_at::<T>(self.own)?;
        let rows = rows.into_iter().filter(|(row, _)| wanted.contains(row));
        self.found = Some(Box::new(ZSet::from_pairs(rows)?));
        Ok(())
    }
}

fn want(wanted: &mut Wanted, position: usize, rows: Box<dyn ErasedWanted>) {
    match &mut wanted[position] {
        Some(others) => rows.merge_into(others.as_mut()),
        none => *none = Some(rows),
    }
}

impl<T: Row> Rederived<T> {
    /// The rows of the inputs that a row of the view comes from; none where the view should not have the row.
    ///
    /// Cost: each vertex that has a part in it looks at all that flowed into it once, and computes with it again; inside
    /// of a recursion once for each step back. Closures run again, also those of `inspect`.
    ///
    /// # Errors
    ///
    /// A closure panics, or a weight overflows.
    pub fn explain(&self, row: &T) -> Result<Explanation, TickError> {
        let plan = self.graph.plan();
        let contents: Vec<Vec<Slot>> = self.slots.iter().map(|slot| vec![slot.clone()]).collect();
        let (state, change) = (WorkingSet::complete(&self.graph), self.graph.change());
        let mut wanted: Wanted = std::iter::repeat_with(|| None)
            .take(plan.vertices.len())
            .collect();
        let mut inputs = Inputs::new();
        if self.rows()?.weight(row) != 0 {
            wanted[self.view] = Some(Box::new(BTreeSet::from([row.clone()])));
        }
        for (position, vertex) in plan.vertices.iter().enumerate().rev() {
            if wanted[position].is_none() {
                continue;
            }
            let mut explain = Explain {
                plan,
                state: &state,
                change: &change,
                contents: &contents,
                wanted: &mut wanted,
                own: position,
                inputs: &vertex.inputs,
                found: None,
            };
            guarded(|| vertex.operator.explain(&mut explain))
                .map_err(|kind| TickError::new(&plan.name, &vertex.name, kind))?;
            if let Some(found) = explain.found {
                inputs.insert(vertex.id, found);
            }
        }
        Ok(Explanation {
            graph: self.graph.clone(),
            inputs,
        })
    }
}
