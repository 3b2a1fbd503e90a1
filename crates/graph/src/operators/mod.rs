//! The operators. Each is a small typed struct behind [`Operator`]: two pure functions, `reads` and `apply`. None
//! holds state: that is in the arrangements, which an operator names by their table.
//!
//! To add one: write its struct here, in a file of its own, and its method on `Stream` or `Grouped` in `builder`.

mod aggregate;
mod arrange;
mod join;
mod keyed_table;
mod linear;
pub(crate) mod nested;
pub(crate) mod ordered;
mod output;
mod present;
mod retain;
mod sets;
mod shown;
mod stateless;
mod streams;

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Keyed;

#[allow(unreachable_pub, reason = "in the signature of a sealed trait")]
pub use aggregate::Parts;
pub(crate) use aggregate::{Aggregate, GroupState, Linear, Members, SpareGroups};
pub(crate) use arrange::Arrange;
pub(crate) use join::{Join, JoinMap};
pub(crate) use keyed_table::KeyedTable;
pub(crate) use linear::{Input, Plus};
pub(crate) use output::{Output, OutputDelta};
pub(crate) use present::Present;
pub(crate) use retain::{Newest, Retain};
pub(crate) use sets::{RowByRow, Weigh};
pub(crate) use shown::{ErasedShown, ShowsGroups};
pub(crate) use stateless::{
    Chain, FilterStage, FlatMapStage, InspectStage, MapStage, NegateStage, Stage,
};
pub(crate) use streams::{Delay, Differentiate, Integrate};

use crate::change::{Change, Edited};
use crate::delta::{ArrangedDelta, Delta};
use crate::error::TickErrorKind;
use crate::plan::{Plan, TableId, VertexId};
use crate::spare::Spare;
use crate::state::{
    Arrangement, Bucket, ErasedDelta, GroupChange, GroupsDelta, Place, Ranked, Span, TableDelta,
    TypedTable, WorkingSet, rows_of,
};
use crate::tick::{ErasedNeeds, Explain, InputSlots, Needs, RangeNeed, Slot};

/// One operator of a graph.
pub(crate) trait Operator: Any + Send + Sync {
    /// Names what [`Self::apply`] must see. It runs again, after what it named was fetched, as long as a
    /// [walk](Reads::walk) did not get to its end.
    fn reads(&self, _reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }

    /// Computes the delta of the output, and those of the operator's own tables.
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind>;

    /// Says which rows of the inputs made the rows that are wanted of it: enough of them that they make those again,
    /// where more rows can't take any away. Never asked of operators that [depend on
    /// history](Self::depends_on_history), nor of outputs.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind>;

    /// Whether it runs even in an iteration that does not touch its inputs.
    fn is_always_active(&self) -> bool {
        false
    }

    /// Whether what it has put out depends on more than what came in in sum.
    fn depends_on_history(&self) -> bool {
        false
    }

    /// Whether it can do more with its first input where nobody else reads that.
    fn takes_input(&self) -> bool {
        false
    }

    /// Whether it takes what an arrangement puts out in any order, and a row several times.
    fn takes_any_order(&self) -> bool {
        false
    }

    /// The table that has the rows of its input as they are, where it keeps them.
    fn arranges(&self) -> Option<TableId> {
        None
    }

    /// Whether it looks at one row at a time, and at nothing else.
    fn is_stateless(&self) -> bool {
        false
    }

    /// Whether it puts out rows by and by, where somebody takes them so.
    fn puts_out_chunks(&self) -> bool {
        false
    }

    /// How it takes rows by and by, if it does.
    fn chunks(&self) -> Option<&dyn TakesChunks> {
        None
    }

    /// How its rows are read from its table, where that has all that they are made of.
    fn shown(&self) -> Option<Box<dyn ErasedShown>> {
        None
    }

    /// Whether its delta is what the user asks for.
    fn is_output(&self) -> bool {
        false
    }
}

/// An operator that sums up what comes in, so that it need not be there at once.
pub(crate) trait TakesChunks {
    /// Adds a part of the first input to what was made of the parts before, which its `reads` finds kept.
    fn take_chunk(
        &self,
        before: Option<Box<dyn Any + Send>>,
        chunk: &Slot,
    ) -> Result<Box<dyn Any + Send>, TickErrorKind>;
}

/// So many rows are put out at once, where they can be taken by and by.
pub(crate) const CHUNK: usize = 4096;

/// What an operator has at hand when it names its reads.
pub(crate) struct Reads<'a> {
    plan: &'a Plan,
    state: &'a WorkingSet,
    change: &'a Change,
    inputs: InputSlots<'a>,
    needs: &'a mut StepNeeds,
    kept: Box<dyn Any + Send>,
    waits: bool,
    again: bool,
}

/// What the operators of one step must see, by table.
pub(crate) type StepNeeds = BTreeMap<TableId, Box<dyn ErasedNeeds>>;

/// What comes after an operator has named its reads.
pub(crate) enum AfterReads {
    /// `apply`, with what was kept.
    Apply(Box<dyn Any + Send>),
    /// Once what was named is resident, `apply`, with what was kept.
    FetchAndApply(Box<dyn Any + Send>),
    /// Once what was named is resident, `reads` again, with what was kept.
    FetchAndReadAgain(Box<dyn Any + Send>),
}

impl<'a> Reads<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        state: &'a WorkingSet,
        change: &'a Change,
        inputs: InputSlots<'a>,
        needs: &'a mut StepNeeds,
        kept: Box<dyn Any + Send>,
    ) -> Self {
        Self {
            plan,
            state,
            change,
            inputs,
            needs,
            kept,
            waits: false,
            again: false,
        }
    }

    pub(crate) fn finish(self) -> AfterReads {
        match (self.waits, self.again) {
            (_, true) => AfterReads::FetchAndReadAgain(self.kept),
            (true, false) => AfterReads::FetchAndApply(self.kept),
            (false, false) => AfterReads::Apply(self.kept),
        }
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

    /// Keeps a value for `apply`.
    pub(crate) fn keep<V: Send + 'static>(&mut self, value: V) {
        self.kept = Box::new(value);
    }

    /// What `reads` kept when it ran before in this iteration, if it did and kept that.
    pub(crate) fn kept<V: 'static>(&mut self) -> Option<V> {
        let kept = std::mem::replace(&mut self.kept, Box::new(()));
        kept.downcast().ok().map(|kept| *kept)
    }

    /// Has `reads` run again, once what it named was fetched.
    pub(crate) fn again(&mut self) {
        self.again = true;
    }

    /// Whether anything was named that is not resident.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// The state of a table as it was before this iteration: what of it is resident.
    pub(crate) fn arrangement<K: IndexKey, T: Row>(&self, table: TableId) -> &'a Arrangement<K, T> {
        self.state.arrangement(table)
    }

    /// What an operator without state or tables puts out for some inputs.
    pub(crate) fn compute(
        &self,
        operator: &dyn Operator,
        inputs: InputSlots<'_>,
    ) -> Result<Slot, TickErrorKind> {
        let mut apply = Apply::new(self.plan, self.state, self.change, inputs, Box::new(()));
        operator.apply(&mut apply)?;
        Ok(apply.finish().0)
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
            self.needs::<K, T>(table).key(key);
        }
    }

    /// Names single rows of a table whose weights `apply` must see. In a table with one row a key that is their key.
    pub(crate) fn need_rows<'k, K: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        rows: impl IntoIterator<Item = (&'k K, &'k T)>,
    ) -> Result<(), TickErrorKind> {
        if self.plan.tables[table.0].schema().unique {
            self.need::<K, T>(table, rows.into_iter().map(|(key, _)| key));
            return Ok(());
        }
        let arrangement: &Arrangement<K, T> = self.state.arrangement(table);
        for (key, row) in rows {
            if arrangement.known_weight(key, row).is_none() {
                self.waits = true;
                self.needs::<K, T>(table).row(key, row)?;
            }
        }
        Ok(())
    }

    /// Names all rows of a table.
    pub(crate) fn need_all<K: IndexKey, T: Row>(&mut self, table: TableId) {
        let arrangement: &Arrangement<K, T> = self.state.arrangement(table);
        if !arrangement.is_all_resident() {
            self.waits = true;
            self.needs::<K, T>(table).all();
        }
    }

    /// Walks the keys of a span that have rows, in its order, until the visitor breaks or the group ends. Returns
    /// whether it got there.
    ///
    /// Where it did not, because what is resident ends before, the rest is named, and once it was fetched `reads` runs
    /// again from its beginning. `rows` is how many rows the walk probably still needs; it is doubled as the walk goes
    /// on. `apply` can then walk as far: [`Arrangement::walk`].
    pub(crate) fn walk<G: IndexKey, O: IndexKey, T: Row>(
        &mut self,
        table: TableId,
        span: &Span<G, O>,
        rows: usize,
        mut visit: impl FnMut(&'a Ranked<G, O>, &'a Bucket<T>) -> ControlFlow<()>,
    ) -> bool {
        let arrangement: &'a Arrangement<Ranked<G, O>, T> = self.state.arrangement(table);
        let mut walk = arrangement.walk(span);
        let mut visited = 0_usize;
        while let Some((key, bucket)) = walk.next_known() {
            if visit(key, bucket).is_break() {
                return true;
            }
            visited += bucket.len();
        }
        let Some(from) = walk.into_unknown() else {
            return true;
        };
        self.waits = true;
        self.again = true;
        self.needs::<Ranked<G, O>, T>(table).range(RangeNeed {
            is_within: matches!(from.key.place, Place::At(_)),
            from,
            end: span.end(),
            order: span.order,
            group_columns: G::columns().len(),
            // As many as there were so far: a long walk takes few rounds, and reads at most twice what it needs.
            rows: rows.max(visited).max(1),
        });
        false
    }

    fn needs<K: IndexKey, T: Row>(&mut self, table: TableId) -> &mut Needs<K, T> {
        let plan = self.plan;
        self.needs
            .entry(table)
            .or_insert_with(|| Box::new(Needs::<K, T>::new(Arc::clone(&plan.tables[table.0]))))
            .as_any_mut()
            .downcast_mut()
            .expect("a table is always read with its types")
    }
}

/// What an operator writes to its tables.
type TableDeltas = Vec<(TableId, Box<dyn ErasedDelta>)>;

/// What a plan knows of the edges of a vertex.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Edges {
    /// Whether all that read it take what it puts out in any order, and a row several times.
    pub(crate) are_read_in_any_order: bool,
    /// Whether what comes in has each row once.
    pub(crate) have_rows_once: bool,
    /// Whether the operator takes its first input, which nobody else reads.
    pub(crate) can_be_taken: bool,
    /// Who takes what it puts out by and by, and nobody else reads it.
    pub(crate) feeds: Option<Feeds>,
    /// Whether what it puts out is nothing but its groups, which a complete working set is read from.
    pub(crate) are_groups_shown: bool,
}

/// Who takes rows by and by: positions in the plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feeds {
    /// The stateless operators on the way, if any.
    pub(crate) through: Option<usize>,
    /// Who sums them up.
    pub(crate) into: usize,
}

/// What takes rows that an operator puts out by and by.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Slot) -> Result<(), TickErrorKind>;

/// What an operator has at hand when it computes.
pub(crate) struct Apply<'a> {
    plan: &'a Plan,
    state: &'a WorkingSet,
    change: &'a Change,
    inputs: InputSlots<'a>,
    kept: Box<dyn Any + Send>,
    slot: Slot,
    tables: TableDeltas,
    /// What is known of the vertex's edges.
    edges: Edges,
    /// The first input, where nobody else reads it.
    taken: Slot,
    /// Who takes rows by and by.
    sink: Option<Sink<'a>>,
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
            edges: Edges::default(),
            taken: None,
            sink: None,
        }
    }

    /// With what is known of the vertex's edges; and with its first input, where that was taken out of the others.
    pub(crate) fn with_edges(mut self, edges: Edges, taken: Slot) -> Self {
        self.edges = edges;
        self.taken = taken;
        self
    }

    /// With somebody who takes rows by and by.
    pub(crate) fn with_sink(mut self, sink: Option<Sink<'a>>) -> Self {
        self.sink = sink;
        self
    }

    /// The delta of the first input, to be had whole where nobody else reads it.
    pub(crate) fn take_input(&mut self) -> Slot {
        self.taken.take().or_else(|| self.inputs.share(0))
    }

    /// Whether all that read what is put out take it in any order, and a row several times.
    pub(crate) fn is_read_in_any_order(&self) -> bool {
        self.edges.are_read_in_any_order
    }

    /// Whether the first input has each row once.
    pub(crate) fn has_rows_once(&self) -> bool {
        self.edges.have_rows_once
    }

    /// Whether nobody looks at what is put out, as long as all groups are resident: it is made of them when asked for.
    pub(crate) fn are_groups_shown(&self) -> bool {
        self.edges.are_groups_shown
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

    /// Hands rows on that somebody takes by and by; otherwise they stay, to be [put out](Self::emit) at the end.
    pub(crate) fn hand_on<T: Row>(&mut self, delta: &mut Delta<T>) -> Result<(), TickErrorKind> {
        let Some(sink) = &mut self.sink else {
            return Ok(());
        };
        let chunk = std::mem::replace(delta, Vec::with_capacity(CHUNK));
        sink(Some(Arc::new(chunk)))
    }

    /// Puts an output's delta where the user finds it.
    pub(crate) fn emit_output<T: Row>(&mut self, delta: OutputDelta<T>) {
        self.slot = Some(Arc::new(delta));
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

    /// Writes a change of groups, each once, to the table of an aggregate. The buffer is put back.
    pub(crate) fn write_groups<G: IndexKey + Row, S: Row>(
        &mut self,
        id: TableId,
        groups: Vec<GroupChange<G, S>>,
        spare: &Arc<Spare<GroupChange<G, S>>>,
    ) -> Result<(), TickErrorKind> {
        let is_complete = self.arrangement::<G, Keyed<G, S>>(id).is_complete();
        if groups.is_empty() || !is_complete {
            let rows = rows_of(&groups);
            spare.put_back(groups);
            return self.write(id, rows);
        }
        let delta = GroupsDelta::new(groups, Arc::clone(spare));
        self.tables.push((id, Box::new(delta)));
        Ok(())
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
