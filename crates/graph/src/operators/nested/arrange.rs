//! The arrangement of a stream inside of a recursion: its rows by key, each with the step at which it joins.

use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Keyed;

use super::{Nested, StepNumber, Stepped};
use crate::delta::{ArrangedDelta, Delta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Reads};
use crate::plan::TableId;
use crate::tick::{Explain, InputSlots, Slot};

/// Costs a write for each row that joins or leaves at a step, and no reads.
pub(crate) struct NestedArrange<K, T> {
    pub(crate) index: Index<T, K>,
    /// Holds `Stepped<T>`.
    pub(crate) table: TableId,
}

impl<K: IndexKey, T: Row> Nested for NestedArrange<K, T> {
    type Local = ArrangedDelta<K, Stepped<T>>;

    fn reads(&self, _: InputSlots<'_>, _: &mut Reads<'_>) {}

    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut Self::Local,
        _: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind> {
        let delta = inputs.get::<Delta<T>>(0).into_iter().flatten();
        let mut arranged: ArrangedDelta<K, T> = delta
            .map(|(row, weight)| (self.index.key(row), row.clone(), *weight))
            .collect();
        consolidate_arranged(&mut arranged)?;
        if arranged.is_empty() {
            return Ok(None);
        }
        for (key, row, weight) in &arranged {
            local.push((key.clone(), Keyed::new(step, row.clone()), *weight));
        }
        Ok(Some(Arc::new(arranged)))
    }

    fn due(_: &Self::Local) -> Option<StepNumber> {
        None
    }

    fn write(&self, mut local: Self::Local, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        consolidate_arranged(&mut local)?;
        apply.write(self.table, local)
    }

    /// The same rows.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<T>();
        explain.want(0, wanted);
        Ok(())
    }
}
