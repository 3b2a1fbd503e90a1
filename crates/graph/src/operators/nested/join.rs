//! The join inside of a recursion: bilinear in both times. Where `l` and `r` are what flows in at a step, `L` and `R`
//! the stored rows that join up to the step, `L′` and `R′` those that join just at it, and `p` and `q` what this
//! iteration has changed at earlier steps on the left and the right, the change is
//! `l ⋈ (R + q + r) + (L + p) ⋈ r + p ⋈ R′ + L′ ⋈ q` (DBSP §6, the product rule taken twice).

use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::Weight;

use super::{ByStep, Due, Nested, Side, StepNumber, by_key, take_due};
use crate::delta::{ArrangedDelta, Delta, product};
use crate::error::TickErrorKind;
use crate::operators::Reads;
use crate::operators::join::{JoinMap, explain_join};
use crate::tick::{Explain, InputSlots, Slot};

/// Reads, for each key that changed on one side, the rows of the other side, of all steps.
pub(crate) struct NestedJoin<K, L, R, U> {
    pub(crate) left: Side<K, L>,
    pub(crate) right: Side<K, R>,
    pub(crate) map: Arc<JoinMap<K, L, R, U>>,
}

/// What this iteration has changed so far, on each side.
pub(crate) struct Changed<K, L, R> {
    left: ByStep<K, L>,
    right: ByStep<K, R>,
    due: Due<K>,
}

impl<K, L, R> Default for Changed<K, L, R> {
    fn default() -> Self {
        Self {
            left: ByStep::new(),
            right: ByStep::new(),
            due: Due::new(),
        }
    }
}

impl<K: IndexKey, L: Row, R: Row, U: Row> Nested for NestedJoin<K, L, R, U> {
    type Local = Changed<K, L, R>;

    fn reads(&self, inputs: InputSlots<'_>, reads: &mut Reads<'_>) {
        let left = by_key(inputs.get::<ArrangedDelta<K, L>>(0));
        self.right.need(reads, left.into_keys());
        let right = by_key(inputs.get::<ArrangedDelta<K, R>>(1));
        self.left.need(reads, right.into_keys());
    }

    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut Self::Local,
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind> {
        let lefts = by_key(inputs.get::<ArrangedDelta<K, L>>(0));
        let rights = by_key(inputs.get::<ArrangedDelta<K, R>>(1));
        let due = take_due(&mut local.due, step);
        let mut keys: Vec<&K> = lefts.keys().chain(rights.keys()).copied().collect();
        keys.extend(&due);
        keys.sort();
        keys.dedup();

        let mut out: Delta<U> = Vec::new();
        for key in keys {
            let mut meet = |left: &L, left_weight: Weight, right: &R, right_weight: Weight| {
                let weight = product(left_weight, right_weight)?;
                out.push(((self.map)(key, left, right), weight));
                Ok::<(), TickErrorKind>(())
            };
            let now_left = lefts.get(key).copied().unwrap_or(&[]);
            let now_right = rights.get(key).copied().unwrap_or(&[]);
            let before_left = local.left.get(key).map_or(&[][..], Vec::as_slice);
            let before_right = local.right.get(key).map_or(&[][..], Vec::as_slice);

            if !now_left.is_empty() || !before_left.is_empty() {
                let stored = self.right.rows(reads, key);
                for (joins, right, right_weight) in &stored {
                    if *joins <= step {
                        for (_, left, weight) in now_left {
                            meet(left, *weight, right, *right_weight)?;
                        }
                    }
                    if *joins == step {
                        for (_, left, weight) in before_left {
                            meet(left, *weight, right, *right_weight)?;
                        }
                    }
                    if *joins > step && !now_left.is_empty() {
                        local.due.entry(*joins).or_default().insert(key.clone());
                    }
                }
            }
            if !now_right.is_empty() || !before_right.is_empty() {
                let stored = self.left.rows(reads, key);
                for (joins, left, left_weight) in &stored {
                    if *joins <= step {
                        for (_, right, weight) in now_right {
                            meet(left, *left_weight, right, *weight)?;
                        }
                    }
                    if *joins == step {
                        for (_, right, weight) in before_right {
                            meet(left, *left_weight, right, *weight)?;
                        }
                    }
                    if *joins > step && !now_right.is_empty() {
                        local.due.entry(*joins).or_default().insert(key.clone());
                    }
                }
            }
            for (_, left, left_weight) in now_left {
                for (_, right, weight) in before_right {
                    meet(left, *left_weight, right, *weight)?;
                }
                for (_, right, weight) in now_right {
                    meet(left, *left_weight, right, *weight)?;
                }
            }
            for (_, right, right_weight) in now_right {
                for (_, left, weight) in before_left {
                    meet(left, *weight, right, *right_weight)?;
                }
            }
        }
        remember(&mut local.left, lefts, step);
        remember(&mut local.right, rights, step);
        Ok((!out.is_empty()).then(|| Arc::new(out) as _))
    }

    fn due(local: &Self::Local) -> Option<StepNumber> {
        local.due.keys().next().copied()
    }

    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        explain_join(self.map.as_ref(), explain)
    }
}

/// Adds what flowed in at a step to what has changed.
pub(super) fn remember<K: Ord + Clone, T: Clone>(
    changed: &mut ByStep<K, T>,
    delta: std::collections::BTreeMap<&K, &[(K, T, Weight)]>,
    step: StepNumber,
) {
    for (key, rows) in delta {
        let rows = rows
            .iter()
            .map(|(_, row, weight)| (step, row.clone(), *weight));
        changed.entry(key.clone()).or_default().extend(rows);
    }
}
