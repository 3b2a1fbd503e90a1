//! The equi-join: bilinear, so its delta is `ΔL ⋈ R + L ⋈ ΔR + ΔL ⋈ ΔR`, with `L` and `R` as they were before the
//! iteration (DBSP §3, Theorem 3.4 on bilinear operators).

use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};

use super::{Apply, CHUNK, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta, by_key, in_order, product};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::tick::Explain;

/// What a join makes of a key and the two rows that meet on it.
pub(crate) type JoinMap<K, L, R, U> = dyn Fn(&K, &L, &R) -> U + Send + Sync;

/// Reads, for each key that changed on one side, the rows of the other side; has no table of its own.
pub(crate) struct Join<K, L, R, U> {
    pub(crate) left: TableId,
    pub(crate) right: TableId,
    pub(crate) map: Arc<JoinMap<K, L, R, U>>,
}

impl<K: IndexKey, L: Row, R: Row, U: Row> Operator for Join<K, L, R, U> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        if let Some(left) = reads.input::<ArrangedDelta<K, L>>(0) {
            reads.need::<K, R>(self.right, by_key(left).map(|(key, _)| key));
        }
        if let Some(right) = reads.input::<ArrangedDelta<K, R>>(1) {
            reads.need::<K, L>(self.left, by_key(right).map(|(key, _)| key));
        }
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let left_delta = apply
            .input::<ArrangedDelta<K, L>>(0)
            .map_or(&[][..], Vec::as_slice);
        let right_delta = apply
            .input::<ArrangedDelta<K, R>>(1)
            .map_or(&[][..], Vec::as_slice);
        let (lefts, rights);
        let (left_delta, right_delta) = if left_delta.is_empty() || right_delta.is_empty() {
            (left_delta, right_delta)
        } else {
            // What changes on both sides is gone through in one order.
            (lefts, rights) = (in_order(left_delta)?, in_order(right_delta)?);
            (lefts.as_ref(), rights.as_ref())
        };
        let at_least = left_delta.len().max(right_delta.len());
        let mut out: Delta<U> = Vec::with_capacity(at_least.min(CHUNK));
        let (left_state, right_state) = (
            apply.arrangement::<K, L>(self.left),
            apply.arrangement::<K, R>(self.right),
        );
        let mut meet = |key: &K, left: &L, left_weight, right: &R, right_weight| {
            let weight = product(left_weight, right_weight)?;
            out.push(((self.map)(key, left, right), weight));
            if out.len() < CHUNK {
                return Ok(());
            }
            apply.hand_on(&mut out)
        };

        if !left_delta.is_empty() {
            let mut changed_right = by_key(right_delta).peekable();
            let spots = right_state.spots(by_key(left_delta).map(|(key, _)| key));
            for ((key, lefts), spot) in by_key(left_delta).zip(spots) {
                while changed_right.next_if(|(other, _)| *other < key).is_some() {}
                let also_changed = changed_right
                    .peek()
                    .filter(|(other, _)| *other == key)
                    .map(|(_, rows)| *rows);
                for (_, left, left_weight) in lefts {
                    for (right, right_weight) in right_state.rows_at(spot) {
                        meet(key, left, *left_weight, right, right_weight)?;
                    }
                    for (_, right, right_weight) in also_changed.into_iter().flatten() {
                        meet(key, left, *left_weight, right, *right_weight)?;
                    }
                }
            }
        }
        if !right_delta.is_empty() {
            let spots = left_state.spots(by_key(right_delta).map(|(key, _)| key));
            for ((key, rights), spot) in by_key(right_delta).zip(spots) {
                for (left, left_weight) in left_state.rows_at(spot) {
                    for (_, right, right_weight) in rights {
                        meet(key, left, left_weight, right, *right_weight)?;
                    }
                }
            }
        }
        apply.emit(out);
        Ok(())
    }

    fn takes_any_order(&self) -> bool {
        true
    }

    fn puts_out_chunks(&self) -> bool {
        true
    }

    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        explain_join(self.map.as_ref(), explain)
    }
}

/// The rows of both sides that meet and make a wanted row.
pub(crate) fn explain_join<K: IndexKey, L: Row, R: Row, U: Row>(
    map: &JoinMap<K, L, R, U>,
    explain: &mut Explain<'_>,
) -> Result<(), TickErrorKind> {
    let wanted = explain.wanted::<U>();
    let (lefts, rights) = (explain.arranged::<K, L>(0)?, explain.arranged::<K, R>(1)?);
    let (mut from_left, mut from_right) = (Vec::new(), Vec::new());
    let mut by_right = by_key(&rights).peekable();
    for (key, lefts) in by_key(&lefts) {
        while by_right.next_if(|(other, _)| *other < key).is_some() {}
        let Some((_, rights)) = by_right.next_if(|(other, _)| *other == key) else {
            continue;
        };
        for (_, left, _) in lefts {
            for (_, right, _) in rights {
                if wanted.contains(&map(key, left, right)) {
                    from_left.push(left.clone());
                    from_right.push(right.clone());
                }
            }
        }
    }
    explain.want(0, from_left);
    explain.want(1, from_right);
    Ok(())
}
