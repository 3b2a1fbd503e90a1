//! The operators. Each is a small typed struct behind [`Operator`]: two pure functions, `reads` and `apply`. None
//! holds state: that is in the arrangements, which an operator names by their table.
//!
//! To add one: write its struct here, in a file of its own, and its method on `Stream` or `Grouped` in `builder`.

mod aggregate;
mod arrange;
mod join;
mod keyed_table;
mod linear;
mod output;
mod present;
mod sets;
mod stateless;
mod streams;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};

#[allow(unreachable_pub, reason = "in the signature of a sealed trait")]
pub use aggregate::Parts;
pub(crate) use aggregate::{Aggregate, GroupState, Linear, Members};
pub(crate) use arrange::Arrange;
pub(crate) use join::Join;
pub(crate) use keyed_table::KeyedTable;
pub(crate) use linear::{Input, Plus};
pub(crate) use output::{Output, OutputDelta};
pub(crate) use present::Present;
pub(crate) use sets::{RowByRow, Weigh};
pub(crate) use stateless::{
    Chain, FilterStage, FlatMapStage, InspectStage, MapStage, NegateStage, Stage,
};
pub(crate) use streams::{Delay, Differentiate, Integrate};

use crate::change::{Change, Edited};
use crate::delta::{ArrangedDelta, Delta};
use crate::error::TickErrorKind;
use crate::plan::{Plan, TableId, VertexId};
use crate::state::{Arrangement, ErasedDelta, TableDelta, TypedTable, WorkingSet};
use crate::tick::{ErasedFetch, InputSlots, Slot, TypedFetch};

/// One operator of a graph.
pub(crate) trait Operator: Any + Send + Sync {
    /// Names the keys that [`Self::apply`] must see.
    fn reads(&self, _reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }

    /// Computes the delta of the output, and those of the operator's own tables.
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind>;

    /// Whether it runs even in an iteration that does not touch its inputs.
    fn is_always_active(&self) -> bool {
        false
    }

    /// Whether its delta is what the user asks for.
    fn is_output(&self) -> bool {
        false
    }
}

/// What an operator has at hand when it names its reads.
pub(crate) struct Reads<'a> {
    plan: &'a Plan,
    state: &'a WorkingSet,
    change: &'a Change,
    inputs: InputSlots<'a>,
    fetches: &'a mut BTreeMap<TableId, Box<dyn ErasedFetch>>,
    kept: Box<dyn Any + Send>,
    waits: bool,
}

impl<'a> Reads<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        state: &'a WorkingSet,
        change: &'a Change,
        inputs: InputSlots<'a>,
        fetches: &'a mut BTreeMap<TableId, Box<dyn ErasedFetch>>,
    ) -> Self {
        Self {
            plan,
            state,
            change,
            inputs,
            fetches,
            kept: Box::new(()),
            waits: false,
        }
    }

    pub(crate) fn finish(self) -> (Box<dyn Any + Send>, bool) {
        (self.kept, self.waits)
    }

    /// The delta of an input; nothing if it is empty.
    pub(crate) fn input<D: 'static>(&self, input: usize) -> Option<&'a D> {
        self.inputs.get(input)
    }

    /// The deltas of the inputs.
    pub(crate) fn inputs(&self) -> InputSlots<'a> {
        self.inputs
    }

    /// What the change asks of a source.
    pub(crate) fn edits<T: Row>(&self, vertex: VertexId) -> &'a [Edited<T>] {
        self.change.edits_of(vertex)
    }

    /// Names rows of a table whose weights `apply` must see.
    pub(crate) fn need_rows<'k, K: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        rows: impl IntoIterator<Item = (&'k K, &'k T)>,
    ) -> Result<(), TickErrorKind> {
        self.need::<K, T>(table, rows.into_iter().map(|(key, _)| key));
        Ok(())
    }

    /// Keeps a value for `apply`.
    pub(crate) fn keep<V: Send + 'static>(&mut self, value: V) {
        self.kept = Box::new(value);
    }

    /// Names keys of a table that `apply` must see.
    pub(crate) fn need<'k, K: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        keys: impl IntoIterator<Item = &'k K>,
    ) {
        let arrangement: &Arrangement<K, T> = self.state.arrangement(table);
        if arrangement.is_all_resident() {
            return;
        }
        for key in keys.into_iter().filter(|key| !arrangement.is_resident(key)) {
            self.waits = true;
            self.fetch::<K, T>(table).ask(key);
        }
    }

    /// Names all rows of a table.
    pub(crate) fn need_all<K: IndexKey, T: Row>(&mut self, table: TableId) {
        let arrangement: &Arrangement<K, T> = self.state.arrangement(table);
        if !arrangement.is_all_resident() {
            self.waits = true;
            self.fetch::<K, T>(table).ask_all();
        }
    }

    fn fetch<K: IndexKey, T: Row>(&mut self, table: TableId) -> &mut TypedFetch<K, T> {
        let plan = self.plan;
        self.fetches
            .entry(table)
            .or_insert_with(|| Box::new(TypedFetch::<K, T>::new(Arc::clone(&plan.tables[table.0]))))
            .as_any_mut()
            .downcast_mut()
            .expect("a table is always read with its types")
    }
}

/// What an operator writes to its tables.
type TableDeltas = Vec<(TableId, Box<dyn ErasedDelta>)>;

/// What an operator has at hand when it computes.
pub(crate) struct Apply<'a> {
    plan: &'a Plan,
    state: &'a WorkingSet,
    change: &'a Change,
    inputs: InputSlots<'a>,
    kept: Box<dyn Any + Send>,
    slot: Slot,
    tables: TableDeltas,
}

impl<'a> Apply<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        state: &'a WorkingSet,
        change: &'a Change,
        inputs: InputSlots<'a>,
        kept: Box<dyn Any + Send>,
    ) -> Self {
        Self {
            plan,
            state,
            change,
            inputs,
            kept,
            slot: None,
            tables: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> (Slot, TableDeltas) {
        (self.slot, self.tables)
    }

    /// The delta of an input; nothing if it is empty.
    pub(crate) fn input<D: 'static>(&self, input: usize) -> Option<&'a D> {
        self.inputs.get(input)
    }

    /// The number of inputs.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// What the change asks of a source.
    pub(crate) fn edits<T: Row>(&self, vertex: VertexId) -> &'a [Edited<T>] {
        self.change.edits_of(vertex)
    }

    /// What `reads` kept.
    pub(crate) fn kept<V: 'static>(&mut self) -> V {
        let kept = std::mem::replace(&mut self.kept, Box::new(()));
        *kept.downcast().expect("`reads` keeps what `apply` takes")
    }

    /// The state of a table as it was before this iteration.
    pub(crate) fn arrangement<K: IndexKey, T: Row>(&self, table: TableId) -> &'a Arrangement<K, T> {
        self.state.arrangement(table)
    }

    /// Puts a delta on the outgoing edges.
    pub(crate) fn emit<T: Row>(&mut self, delta: Delta<T>) {
        if !delta.is_empty() {
            self.slot = Some(Arc::new(delta));
        }
    }

    /// Puts an output's delta where the user finds it.
    pub(crate) fn emit_output<T: Row>(&mut self, delta: OutputDelta<T>) {
        self.slot = Some(Arc::new(delta));
    }

    /// The deltas of the inputs.
    pub(crate) fn input_slots(&self) -> InputSlots<'a> {
        self.inputs
    }

    /// Puts a delta on the outgoing edges that is wrapped already.
    pub(crate) fn emit_slot(&mut self, slot: Slot) {
        self.slot = slot;
    }

    /// Passes the delta of an input on as it is.
    pub(crate) fn pass_on(&mut self, input: usize) {
        self.slot = self.inputs.share(input);
    }

    /// Puts an arranged delta on the outgoing edges, and writes it to the table.
    pub(crate) fn emit_arranged<K: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        delta: ArrangedDelta<K, T>,
    ) -> Result<(), TickErrorKind> {
        if delta.is_empty() {
            return Ok(());
        }
        let delta = Arc::new(delta);
        self.write_shared(table, Arc::clone(&delta))?;
        self.slot = Some(delta);
        Ok(())
    }

    /// Writes a consolidated delta to one of the operator's tables.
    pub(crate) fn write<K: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        delta: ArrangedDelta<K, T>,
    ) -> Result<(), TickErrorKind> {
        if delta.is_empty() {
            return Ok(());
        }
        self.write_shared(table, Arc::new(delta))
    }

    fn write_shared<K: IndexKey, T: Row>(
        &mut self,
        id: TableId,
        delta: Arc<ArrangedDelta<K, T>>,
    ) -> Result<(), TickErrorKind> {
        let table: &TypedTable<K, T> = self.plan.tables[id.0]
            .as_any()
            .downcast_ref()
            .expect("a table is written with its types");
        let prepared = TableDelta::prepare(delta, table, self.arrangement(id))?;
        self.tables.push((id, Box::new(prepared)));
        Ok(())
    }
}
