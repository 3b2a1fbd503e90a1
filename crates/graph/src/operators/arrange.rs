//! Arranging a stream by an index: its rows by key, in a table. Joins and views read it. The state is the integral of
//! the stream (DBSP §2.3, `I`).

use deltaview_schema::{Index, IndexKey, Row};

use super::{Apply, Operator};
use crate::delta::{ArrangedDelta, Delta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::Explain;

/// Costs a write for each changed row, and no reads.
pub(crate) struct Arrange<K, T> {
    pub(crate) index: Index<T, K>,
    pub(crate) table: TableId,
}

impl<K: IndexKey, T: Row> Operator for Arrange<K, T> {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let delta = apply.input::<Delta<T>>(0).into_iter().flatten();
        let mut arranged: ArrangedDelta<K, T> = delta
            .map(|(row, weight)| (self.index.key(row), row.clone(), *weight))
            .collect();
        consolidate_arranged(&mut arranged)?;
        apply.emit_arranged(self.table, arranged)
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
