//! Sources of raw changes, and the sum of streams: linear operators without state (DBSP §3).

use std::marker::PhantomData;

use deltaview_schema::Row;
use deltaview_zset::Weight;

use super::{Apply, Operator};
use crate::change::{Edited, RowEdit};
use crate::delta::{Delta, consolidate};
use crate::error::TickErrorKind;
use crate::plan::VertexId;
use crate::tick::Explain;

/// An input: puts the rows of the change on its edges, as they are.
pub(crate) struct Input<T> {
    pub(crate) vertex: VertexId,
    pub(crate) row: PhantomData<fn() -> T>,
}

impl<T: Row> Operator for Input<T> {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let edits = apply.edits::<T>(self.vertex);
        let mut delta: Delta<T> = Vec::with_capacity(edits.len());
        for edit in edits {
            delta.push(match edit {
                Edited::Row(RowEdit::Weigh(row, weight)) => (row.clone(), *weight),
                Edited::Row(RowEdit::Insert(row) | RowEdit::Upsert(row)) => (row.clone(), 1),
                Edited::Row(RowEdit::Remove(row)) => (row.clone(), -1),
                Edited::Key(_) => unreachable!("steps by key take the handle of a keyed table"),
            });
        }
        // What comes and goes in one change is no change. Where rows only come, or only go, there is none of that, and
        // copies are added up where rows are stored.
        let is_one_way = |unit: Weight| delta.iter().all(|(_, weight)| *weight == unit);
        if !is_one_way(1) && !is_one_way(-1) {
            consolidate(&mut delta)?;
        }
        apply.emit(delta);
        Ok(())
    }

    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Ok(explain.find::<T>()?)
    }
}

/// The sum of two or more streams: UNION ALL.
pub(crate) struct Plus<T>(pub(crate) PhantomData<fn() -> T>);

impl<T: Row> Operator for Plus<T> {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let deltas: Vec<(usize, &Delta<T>)> = (0..apply.inputs())
            .filter_map(|input| Some((input, apply.input::<Delta<T>>(input)?)))
            .collect();
        if let [(only, _)] = deltas.as_slice() {
            apply.pass_on(*only);
        } else {
            apply.emit(
                deltas
                    .into_iter()
                    .flat_map(|(_, delta)| delta.iter().cloned())
                    .collect(),
            );
        }
        Ok(())
    }

    /// The row in each input that has it.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<T>();
        for input in 0..explain.inputs() {
            let rows = explain.rows::<T>(input)?.into_iter().map(|(row, _)| row);
            explain.want(input, rows.filter(|row| wanted.contains(row)));
        }
        Ok(())
    }
}
