//! Arranging a stream by an index: its rows by key, in a table. Joins and views read it. The state is the integral of
//! the stream (DBSP §2.3, `I`).

use deltaview_schema::{Index, IndexKey, Row};

use super::{Apply, Operator};
use crate::delta::{ArrangedDelta, Delta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::{Explain, owned};

/// Costs a write for each changed row, and no reads.
pub(crate) struct Arrange<K, T> {
    pub(crate) index: Index<T, K>,
    pub(crate) table: TableId,
}

impl<K: IndexKey, T: Row> Operator for Arrange<K, T> {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let delta = owned::<Delta<T>>(apply.take_input()).into_iter();
        let mut arranged: ArrangedDelta<K, T> = delta
            .map(|(row, weight)| (self.index.key(&row), row, weight))
            .collect();
        if !self.may_stay_as_it_is(apply, &arranged) {
            consolidate_arranged(&mut arranged)?;
        }
        apply.emit_arranged(self.table, arranged)
    }

    fn takes_input(&self) -> bool {
        true
    }

    fn arranges(&self) -> Option<TableId> {
        Some(self.table)
    }

    /// The same rows.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<T>();
        explain.want(0, wanted);
        Ok(())
    }
}

impl<K: IndexKey, T: Row> Arrange<K, T> {
    /// Whether nobody needs the order of a batch, nor that rows are there once. Where a row comes and goes it must be
    /// found out that it did neither, for the closures of those who read it must not see it.
    fn may_stay_as_it_is(&self, apply: &Apply<'_>, arranged: &ArrangedDelta<K, T>) -> bool {
        let (mut sum, mut least, mut greatest) = (0_u64, 0, 0);
        for (_, _, weight) in arranged {
            sum = sum.saturating_add(weight.unsigned_abs());
            least = least.min(*weight);
            greatest = greatest.max(*weight);
        }
        let is_one_way = least == 0 || greatest == 0;
        (is_one_way || apply.has_rows_once())
            && apply.is_read_in_any_order()
            && apply.arrangement::<K, T>(self.table).has_room_for(sum)
    }
}
