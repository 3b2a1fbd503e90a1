//! Outputs: the delta that an iteration returns.

use std::marker::PhantomData;

use deltaview_schema::Row;
use deltaview_zset::ZSet;

use super::{Apply, Operator};
use crate::delta::Delta;
use crate::error::TickErrorKind;
use crate::tick::Explain;

/// The delta of an output, as the user gets it.
pub(crate) struct OutputDelta<T>(pub(crate) ZSet<T>);

/// Has no state and reads nothing.
pub(crate) struct Output<T>(pub(crate) PhantomData<fn() -> T>);

impl<T: Row> Operator for Output<T> {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        if let Some(delta) = apply.input::<Delta<T>>(0) {
            apply.emit_output(OutputDelta(ZSet::from_pairs(delta.iter().cloned())?));
        }
        Ok(())
    }

    fn is_output(&self) -> bool {
        true
    }

    fn explain(&self, _: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }
}
