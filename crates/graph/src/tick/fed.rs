//! What a vertex puts out by and by, and another sums up: a fan-out to many rows of few groups never has all of them in
//! memory. A fan-out that is stored takes the memory of its rows.

use std::any::Any;

use super::{InputSlots, Slot, guarded};
use crate::change::Change;
use crate::error::TickErrorKind;
use crate::operators::{Apply, Feeds};
use crate::plan::Plan;
use crate::state::WorkingSet;

/// What was made of the rows so far.
#[derive(Default)]
pub(super) struct Fed {
    /// What the vertex that sums them up has of them, for its `reads`.
    pub(super) kept: Option<Box<dyn Any + Send>>,
    /// The position of the vertex that could not take them.
    pub(super) failed_at: Option<usize>,
}

impl Fed {
    /// Hands a chunk of rows on.
    pub(super) fn take(
        &mut self,
        (plan, state, change): (&Plan, &WorkingSet, &Change),
        feeds: Feeds,
        mut chunk: Slot,
    ) -> Result<(), TickErrorKind> {
        if let Some(through) = feeds.through {
            self.failed_at = Some(through);
            let no_inputs = InputSlots::of(&[], &[]);
            let mut apply = Apply::new(plan, state, change, no_inputs, Box::new(()));
            apply = apply.with_edges(plan.vertices[through].edges, chunk.take());
            guarded(|| plan.vertices[through].operator.apply(&mut apply))?;
            chunk = apply.finish().0;
        }
        self.failed_at = Some(feeds.into);
        let into = plan.vertices[feeds.into].operator.chunks();
        let into = into.expect("the plan has found who takes chunks");
        let before = self.kept.take();
        guarded(|| {
            self.kept = Some(into.take_chunk(before, &chunk)?);
            Ok(())
        })?;
        self.failed_at = None;
        Ok(())
    }
}
