//! Operators inside of a recursion. There a stream has two times: the iteration of the graph, and the step of the
//! fixed point within it (DBSP §6, nested streams). What flows along an edge at a step is the change of a change: what
//! this iteration changes of what the step adds to the step before it. So each row that a recursion derives is handled
//! once, at the step where it appears or goes, and not again at all the steps after it.
//!
//! A state is kept by step: a stored row has the step at which it joined the stream's contents. `arrange` keeps it,
//! `join` is bilinear in both times, `by_key` is every other operator, `recursion` runs the steps.

mod arrange;
mod by_key;
mod join;
mod recursion;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Keyed, Weight};

pub(crate) use arrange::NestedArrange;
pub(crate) use by_key::ByKey;
pub(crate) use join::NestedJoin;
pub(crate) use recursion::{InnerVertex, Recursion};

use super::{Apply, Operator, Reads};
use crate::delta::ArrangedDelta;
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::{Explain, InputSlots, Slot};

/// A step of a fixed point, from 0.
pub(crate) type StepNumber = u32;

/// A stored row of a stream inside of a recursion, with the step at which it joins the contents.
pub(crate) type Stepped<T> = Keyed<StepNumber, T>;

/// Rows that this iteration changes, by key, with their steps.
type ByStep<K, T> = BTreeMap<K, Vec<(StepNumber, T, Weight)>>;

/// The keys that must be looked at again at later steps, because rows of the stored state join there.
type Due<K> = BTreeMap<StepNumber, BTreeSet<K>>;

/// An operator inside of a recursion.
pub(crate) trait Nested: Send + Sync + 'static {
    /// What it remembers from step to step, within one iteration.
    type Local: Default + Send + 'static;

    /// Names the keys that [`Self::step`] must see.
    fn reads(&self, inputs: InputSlots<'_>, reads: &mut Reads<'_>);

    /// Runs one step.
    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut Self::Local,
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind>;

    /// The next step at which it must run even where nothing flows into it.
    fn due(local: &Self::Local) -> Option<StepNumber>;

    /// Says where the rows that are wanted of it come from: see [`Operator::explain`].
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind>;

    /// Writes what the iteration changes, once all steps are done.
    fn write(&self, _local: Self::Local, _apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }
}

/// A [`Nested`] without the type of what it remembers.
pub(crate) trait ErasedNested: Send + Sync {
    fn start(&self) -> Box<dyn Any + Send>;
    fn reads(&self, inputs: InputSlots<'_>, reads: &mut Reads<'_>);
    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut dyn Any,
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind>;
    fn due(&self, local: &dyn Any) -> Option<StepNumber>;
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind>;
    fn write(&self, local: Box<dyn Any + Send>, apply: &mut Apply<'_>)
    -> Result<(), TickErrorKind>;
}

const OWN: &str = "an operator gets back what it started";

impl<N: Nested> ErasedNested for N {
    fn start(&self) -> Box<dyn Any + Send> {
        Box::<N::Local>::default()
    }
    fn reads(&self, inputs: InputSlots<'_>, reads: &mut Reads<'_>) {
        Nested::reads(self, inputs, reads);
    }
    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut dyn Any,
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind> {
        Nested::step(self, step, inputs, local.downcast_mut().expect(OWN), reads)
    }
    fn due(&self, local: &dyn Any) -> Option<StepNumber> {
        N::due(local.downcast_ref().expect(OWN))
    }
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Nested::explain(self, explain)
    }
    fn write(
        &self,
        local: Box<dyn Any + Send>,
        apply: &mut Apply<'_>,
    ) -> Result<(), TickErrorKind> {
        Nested::write(self, *local.downcast().expect(OWN), apply)
    }
}

/// A linear operator without state is the same inside of a recursion.
pub(crate) struct Linear(pub(crate) Box<dyn Operator>);

impl Nested for Linear {
    type Local = ();

    fn reads(&self, _: InputSlots<'_>, _: &mut Reads<'_>) {}

    fn step(
        &self,
        _: StepNumber,
        inputs: InputSlots<'_>,
        (): &mut (),
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind> {
        reads.compute(self.0.as_ref(), inputs)
    }

    fn due((): &()) -> Option<StepNumber> {
        None
    }

    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        self.0.explain(explain)
    }
}

/// An input that an operator looks rows up in: the arrangement of a stream inside of the recursion, or of one outside,
/// whose rows are all there at the first step.
pub(crate) struct Side<K, T> {
    pub(crate) table: TableId,
    pub(crate) is_inside: bool,
    rows: PhantomData<fn() -> (K, T)>,
}

impl<K: IndexKey, T: Row> Side<K, T> {
    pub(crate) fn new(table: TableId, is_inside: bool) -> Self {
        Self {
            table,
            is_inside,
            rows: PhantomData,
        }
    }

    fn need<'k>(&self, reads: &mut Reads<'_>, keys: impl IntoIterator<Item = &'k K>) {
        if self.is_inside {
            reads.need::<K, Stepped<T>>(self.table, keys);
        } else {
            reads.need::<K, T>(self.table, keys);
        }
    }

    /// The stored rows of a key with their steps, in the order of the steps.
    fn rows<'a>(&self, reads: &Reads<'a>, key: &K) -> Vec<(StepNumber, &'a T, Weight)> {
        if self.is_inside {
            let rows = reads.arrangement::<K, Stepped<T>>(self.table).rows_of(key);
            rows.map(|(row, weight)| (row.key, &row.value, weight))
                .collect()
        } else {
            let rows = reads.arrangement::<K, T>(self.table).rows_of(key);
            rows.map(|(row, weight)| (0, row, weight)).collect()
        }
    }
}

/// The delta that an arrangement puts on an edge, by key.
fn by_key<K: Ord, T>(delta: Option<&ArrangedDelta<K, T>>) -> BTreeMap<&K, &[(K, T, Weight)]> {
    let delta = delta.map_or(&[][..], Vec::as_slice);
    crate::delta::by_key(delta).collect()
}

/// The keys that are due at a step, which then are no longer.
fn take_due<K: Ord>(due: &mut Due<K>, step: StepNumber) -> BTreeSet<K> {
    due.remove(&step).unwrap_or_default()
}
