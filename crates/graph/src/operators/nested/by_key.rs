//! Any operator inside of a recursion whose output falls into parts by a key: what it puts out for a key is a function
//! of the rows of that key. It is evaluated from those rows, before and after, at each step where they change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Weight, WeightOverflow};

use super::join::remember;
use super::{ByStep, Due, Nested, Side, StepNumber, by_key, take_due};
use crate::delta::{ArrangedDelta, Delta, consolidate};
use crate::error::TickErrorKind;
use crate::operators::Reads;
use crate::tick::{Explain, InputSlots, Slot};

/// What an operator makes of the rows of a key, those of the left input and those of the right one, each row once, in
/// order.
pub(crate) type Evaluate<K, L, R, U> =
    dyn Fn(&K, &[(L, Weight)], &[(R, Weight)]) -> Result<Delta<U>, TickErrorKind> + Send + Sync;

/// Reads all rows of each key that changed, of all steps, and evaluates them at each step where any of them joins.
pub(crate) struct ByKey<K, L, R, U> {
    pub(crate) left: Side<K, L>,
    /// None where there is one input.
    pub(crate) right: Option<Side<K, R>>,
    pub(crate) evaluate: Arc<Evaluate<K, L, R, U>>,
}

/// What this iteration has changed so far.
pub(crate) struct Changed<K, L, R, U> {
    left: ByStep<K, L>,
    right: ByStep<K, R>,
    /// By key, what the iteration has changed of the output up to the last step at which it was evaluated.
    out: BTreeMap<K, Delta<U>>,
    due: Due<K>,
}

impl<K, L, R, U> Default for Changed<K, L, R, U> {
    fn default() -> Self {
        Self {
            left: ByStep::new(),
            right: ByStep::new(),
            out: BTreeMap::new(),
            due: Due::new(),
        }
    }
}

impl<K: IndexKey, L: Row, R: Row, U: Row> Nested for ByKey<K, L, R, U> {
    type Local = Changed<K, L, R, U>;

    fn reads(&self, inputs: InputSlots<'_>, reads: &mut Reads<'_>) {
        let left = by_key(inputs.get::<ArrangedDelta<K, L>>(0));
        let right = self
            .right
            .as_ref()
            .map(|_| by_key(inputs.get::<ArrangedDelta<K, R>>(1)));
        let keys: Vec<&K> = left
            .keys()
            .chain(right.iter().flat_map(BTreeMap::keys))
            .copied()
            .collect();
        self.left.need(reads, keys.iter().copied());
        if let Some(right) = &self.right {
            right.need(reads, keys.iter().copied());
        }
    }

    fn step(
        &self,
        step: StepNumber,
        inputs: InputSlots<'_>,
        local: &mut Self::Local,
        reads: &Reads<'_>,
    ) -> Result<Slot, TickErrorKind> {
        let mut keys = take_due(&mut local.due, step);
        let lefts = by_key(inputs.get::<ArrangedDelta<K, L>>(0));
        keys.extend(lefts.keys().map(|key| (*key).clone()));
        remember(&mut local.left, lefts, step);
        if self.right.is_some() {
            let rights = by_key(inputs.get::<ArrangedDelta<K, R>>(1));
            keys.extend(rights.keys().map(|key| (*key).clone()));
            remember(&mut local.right, rights, step);
        }

        let mut all: Delta<U> = Vec::new();
        for key in keys {
            let left = self.left.rows(reads, &key);
            let right = self
                .right
                .as_ref()
                .map_or_else(Vec::new, |side| side.rows(reads, &key));
            if !local.out.contains_key(&key) {
                let left_joins = left.iter().map(|(joins, ..)| *joins);
                let joins = left_joins.chain(right.iter().map(|(joins, ..)| *joins));
                for joins in joins.filter(|joins| *joins > step) {
                    local.due.entry(joins).or_default().insert(key.clone());
                }
            }
            let (left_before, left_after) = contents(&left, local.left.get(&key), step)?;
            let (right_before, right_after) = contents(&right, local.right.get(&key), step)?;
            let mut out = (self.evaluate)(&key, &left_after, &right_after)?;
            subtract(
                &mut out,
                &(self.evaluate)(&key, &left_before, &right_before)?,
            )?;
            consolidate(&mut out)?;
            all.extend(out.iter().cloned());
            if let Some(before) = local.out.insert(key, out) {
                subtract(&mut all, &before)?;
            }
        }
        consolidate(&mut all)?;
        Ok((!all.is_empty()).then(|| Arc::new(all) as _))
    }

    fn due(local: &Self::Local) -> Option<StepNumber> {
        local.due.keys().next().copied()
    }

    /// All rows of the keys of which a wanted row is made.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<U>();
        let lefts = explain.arranged::<K, L>(0)?;
        let rights = match &self.right {
            Some(_) => explain.arranged::<K, R>(1)?,
            None => Vec::new(),
        };
        let (lefts, rights) = (by_key(Some(&lefts)), by_key(Some(&rights)));
        let keys: BTreeSet<&K> = lefts.keys().chain(rights.keys()).copied().collect();
        for key in keys {
            let left = rows_of(lefts.get(key).copied());
            let right = rows_of(rights.get(key).copied());
            let out = (self.evaluate)(key, &left, &right)?;
            if out.iter().any(|(row, _)| wanted.contains(row)) {
                explain.want(0, left.into_iter().map(|(row, _)| row));
                if self.right.is_some() {
                    explain.want(1, right.into_iter().map(|(row, _)| row));
                }
            }
        }
        Ok(())
    }
}

/// The rows of a key without it.
fn rows_of<K, T: Clone>(rows: Option<&[(K, T, Weight)]>) -> Delta<T> {
    let rows = rows.into_iter().flatten();
    rows.map(|(_, row, weight)| (row.clone(), *weight))
        .collect()
}

/// The rows of a key up to a step: as they are stored, and with what has changed.
#[allow(clippy::type_complexity, reason = "the same twice")]
fn contents<T: Row>(
    stored: &[(StepNumber, &T, Weight)],
    changed: Option<&Vec<(StepNumber, T, Weight)>>,
    step: StepNumber,
) -> Result<(Delta<T>, Delta<T>), WeightOverflow> {
    let there = stored.iter().filter(|(joins, ..)| *joins <= step);
    let mut before: Delta<T> = there
        .map(|(_, row, weight)| ((*row).clone(), *weight))
        .collect();
    consolidate(&mut before)?;
    let mut after = before.clone();
    let changed = changed.into_iter().flatten();
    after.extend(changed.map(|(_, row, weight)| (row.clone(), *weight)));
    consolidate(&mut after)?;
    Ok((before, after))
}

fn subtract<T: Clone>(from: &mut Delta<T>, rows: &Delta<T>) -> Result<(), WeightOverflow> {
    for (row, weight) in rows {
        from.push((row.clone(), weight.checked_neg().ok_or(WeightOverflow)?));
    }
    Ok(())
}
