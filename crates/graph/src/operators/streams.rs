//! The operators of DBSP on streams as such (DBSP §2): integrate `I`, differentiate `D`, delay `z⁻¹`. The value of a
//! stream at an iteration is the Z-set on its edge; these see every iteration, also one that changes nothing.

use std::marker::PhantomData;

use deltaview_schema::Row;
use deltaview_zset::WeightOverflow;

use super::{Apply, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta, consolidate, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::state::Arrangement;
use crate::tick::Explain;

macro_rules! remembers {
    ($(#[$doc:meta])* $name:ident, |$input:ident, $stored:ident| -> ($out:expr, $write:expr)) => {
        $(#[$doc])*
        pub(crate) struct $name<T> {
            pub(crate) table: TableId,
            pub(crate) row: PhantomData<fn() -> T>,
        }

        impl<T: Row> Operator for $name<T> {
            fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
                reads.need_all::<(), T>(self.table);
                Ok(())
            }

            fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
                let $input: Delta<T> = apply.input::<Delta<T>>(0).cloned().unwrap_or_default();
                let $stored: Delta<T> = all_rows(apply.arrangement::<(), T>(self.table));
                let (mut out, written): (Delta<T>, Delta<T>) = ($out, $write);
                let mut arranged: ArrangedDelta<(), T> =
                    written.into_iter().map(|(row, weight)| ((), row, weight)).collect();
                consolidate_arranged(&mut arranged)?;
                consolidate(&mut out)?;
                apply.write(self.table, arranged)?;
                apply.emit(out);
                Ok(())
            }

            fn is_always_active(&self) -> bool {
                true
            }

            fn depends_on_history(&self) -> bool {
                true
            }

            fn explain(&self, _: &mut Explain<'_>) -> Result<(), TickErrorKind> {
                Ok(())
            }
        }
    };
}

remembers! {
    /// Puts out the sum of all that came so far. Its table holds that sum; reads all of it each iteration.
    Integrate, |input, stored| -> (plus(&stored, &input), input.clone())
}

remembers! {
    /// Puts out what came in the iteration before. Its table holds the last delta.
    Delay, |input, stored| -> (stored.clone(), minus(&input, &stored)?)
}

remembers! {
    /// Puts out what came, less what came in the iteration before. Its table holds the last delta.
    Differentiate, |input, stored| -> (minus(&input, &stored)?, minus(&input, &stored)?)
}

fn all_rows<T: Row>(arrangement: &Arrangement<(), T>) -> Delta<T> {
    arrangement
        .all_rows()
        .map(|(row, weight)| (row.clone(), weight))
        .collect()
}

fn plus<T: Row>(left: &Delta<T>, right: &Delta<T>) -> Delta<T> {
    left.iter().chain(right).cloned().collect()
}

fn minus<T: Row>(left: &Delta<T>, right: &Delta<T>) -> Result<Delta<T>, WeightOverflow> {
    let mut difference = left.clone();
    for (row, weight) in right {
        difference.push((row.clone(), weight.checked_neg().ok_or(WeightOverflow)?));
    }
    Ok(difference)
}
