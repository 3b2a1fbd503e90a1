//! Keeping the rows of a span of time: those of each group whose time is not too far behind the newest one. It owns
//! what is let in and what expires. The time is that of the rows: no clock is read.

use std::ops::{Bound, ControlFlow};

use deltaview_schema::{Index, Row, TimeKey};
use deltaview_zset::{Keyed, WeightOverflow};

use super::ordered::{GroupDelta, by_group};
use super::{Apply, Operator, Reads};
use crate::delta::{ArrangedDelta, Delta, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::plan::TableId;
use crate::state::scan::Order;
use crate::state::{Place, Ranked, Span};
use crate::tick::Explain;

/// The newest time of a group.
pub(crate) type Newest<G, O> = Keyed<G, O>;

/// Reads the newest time of each group that changed, and where that moves the rows that expire by it. Writes what comes
/// in and what expires.
pub(crate) struct Retain<G, R, O: TimeKey> {
    /// The rows by group and time.
    pub(crate) index: Index<R, Ranked<G, O>>,
    pub(crate) span: O::Span,
    /// Holds a [`Newest`] for each group.
    pub(crate) newest: TableId,
    /// Holds the rows that are kept, by group and time.
    pub(crate) kept: TableId,
}

type GroupBatch<G, O, R> = ArrangedDelta<Ranked<G, O>, R>;

impl<G, R, O> Retain<G, R, O>
where
    G: deltaview_schema::IndexKey + Row,
    R: Row,
    O: TimeKey + Row,
{
    fn arranged(&self, delta: Option<&Delta<R>>) -> Result<GroupBatch<G, O, R>, WeightOverflow> {
        let delta = delta.into_iter().flatten();
        let mut arranged: GroupBatch<G, O, R> = delta
            .map(|(row, weight)| (self.index.key(row), row.clone(), *weight))
            .collect();
        consolidate_arranged(&mut arranged)?;
        Ok(arranged)
    }

    /// The newest time of a group once the iteration is done.
    fn newest_after<'a>(
        old: Option<&'a Newest<G, O>>,
        delta: &'a GroupDelta<G, O, R>,
    ) -> Option<&'a O> {
        // They come in the order of time.
        let there = delta.iter().rev().find(|(_, _, weight)| *weight > 0);
        there
            .and_then(|(key, ..)| time(key))
            .max(old.map(|old| &old.value))
    }
}

fn time<G, O>(key: &Ranked<G, O>) -> Option<&O> {
    match &key.place {
        Place::At(time) => Some(time),
        Place::Start | Place::End => None,
    }
}

/// All rows of a group, the oldest first.
fn from_the_oldest<G: Clone, O>(group: &G) -> Span<G, O> {
    Span {
        group: group.clone(),
        from: Bound::Unbounded,
        order: Order::Forward,
    }
}

impl<G, R, O> Operator for Retain<G, R, O>
where
    G: deltaview_schema::IndexKey + Row,
    R: Row,
    O: TimeKey + Row,
{
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let delta: GroupBatch<G, O, R> = match reads.kept() {
            Some(delta) => delta,
            None => self.arranged(reads.input(0))?,
        };
        let groups = by_group(Some(&delta)).map(|(group, _)| group);
        reads.need::<G, Newest<G, O>>(self.newest, groups);
        if reads.waits() {
            reads.again();
        } else {
            let newest = reads.arrangement::<G, Newest<G, O>>(self.newest);
            for (group, delta) in by_group(Some(&delta)) {
                let old = newest.row_of(group);
                let Some(now) = Self::newest_after(old, delta) else {
                    continue;
                };
                if old.is_some_and(|old| old.value == *now) {
                    continue;
                }
                // As much probably goes as comes, and one more row shows that this was all.
                let (horizon, rows) = (now.before(&self.span), delta.len() + 1);
                let span = from_the_oldest(group);
                reads.walk::<G, O, R>(self.kept, &span, rows, |key, _| {
                    if time(key) < Some(&horizon) {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                });
            }
        }
        reads.keep(delta);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let delta: GroupBatch<G, O, R> = apply.kept();
        let newest = apply.arrangement::<G, Newest<G, O>>(self.newest);
        let kept = apply.arrangement::<Ranked<G, O>, R>(self.kept);
        let mut changed: GroupBatch<G, O, R> = Vec::new();
        let mut times: ArrangedDelta<G, Newest<G, O>> = Vec::new();
        for (group, delta) in by_group(Some(&delta)) {
            let old = newest.row_of(group);
            let now = Self::newest_after(old, delta);
            let horizon = now.map(|now| now.before(&self.span));
            let is_behind = |key: &Ranked<G, O>| time(key) < horizon.as_ref();
            if let Some(now) = now.filter(|now| old.is_none_or(|old| old.value != **now)) {
                times.extend(old.map(|old| (group.clone(), old.clone(), -1)));
                times.push((group.clone(), Keyed::new(group.clone(), now.clone()), 1));
                for (key, rows) in kept.walk(&from_the_oldest(group)) {
                    if !is_behind(key) {
                        break;
                    }
                    for (row, weight) in rows.iter() {
                        let weight = weight.checked_neg().ok_or(WeightOverflow)?;
                        changed.push((key.clone(), row.clone(), weight));
                    }
                }
            }
            let accepted = delta.iter().filter(|(key, ..)| !is_behind(key));
            changed.extend(accepted.cloned());
        }
        let rows = changed.iter();
        let out: Delta<R> = rows
            .map(|(_, row, weight)| (row.clone(), *weight))
            .collect();
        // The new time of a group is put after the old one is taken away: in the order of rows.
        consolidate_arranged(&mut times)?;
        apply.write(self.newest, times)?;
        apply.write(self.kept, changed)?;
        apply.emit(out);
        Ok(())
    }

    fn depends_on_history(&self) -> bool {
        true
    }

    fn explain(&self, _: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        Ok(())
    }
}
