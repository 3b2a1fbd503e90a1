//! Windows: each copy of a row with what its place among the rows of its partition says. A change is worked out from
//! the first place that it touches onwards, as long as anything is other than before.
//!
//! Besides the rows in order, a table has for each place of the order how many copies, places and what sum there are up
//! to it, so that work can begin in the middle of a partition.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight, WeightOverflow};

use super::{GroupDelta, by_group, copies, sorted};
use crate::delta::{ArrangedDelta, Delta, consolidate, consolidate_arranged};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Operator, Reads};
use crate::plan::TableId;
use crate::state::key_text;
use crate::state::ranked::{Ranked, Span};
use crate::state::scan::Order;
use crate::tick::Explain;

pub(crate) use crate::state::ranked::Place;

/// So many copies of rows are numbered in one change at most: what asks for more is a mistake in a weight.
const MOST_COPIES: u64 = 1 << 24;

/// What there is up to a place, itself included: copies, places, and the sum.
pub(crate) type Prefix<A> = (Weight, Weight, A);

/// A stored prefix, with its place.
pub(crate) type PrefixRow<G, O, A> = Keyed<(G, O), Prefix<A>>;

/// How far a window function looks around, in copies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    pub(crate) back: u64,
    pub(crate) ahead: u64,
    /// Whether the copies of a row have values of their own.
    pub(crate) by_copy: bool,
}

/// The place of a copy.
pub(crate) struct WindowPlace<'a, R> {
    /// Its number in the partition, from 1.
    pub(crate) number: Weight,
    /// One more than the copies with a lesser key.
    pub(crate) rank: Weight,
    /// One more than the lesser keys.
    pub(crate) dense_rank: Weight,
    /// The row of the copy so many further on; negative is back.
    pub(crate) neighbour: &'a dyn Fn(i64) -> Option<&'a R>,
}

/// What is computed of each place, `V`, with a running sum `A`.
pub(crate) trait Windowed<R, A, V>: Send + Sync {
    fn reach(&self) -> Reach;
    fn zero(&self) -> A;
    /// So many copies of a row, added to a sum; nothing if it overflows.
    fn add(&self, sum: &A, row: &R, copies: Weight) -> Option<A>;
    /// The sum is that up to the end of the place.
    fn value(&self, place: &WindowPlace<'_, R>, sum: &A) -> V;
}

/// Makes a row of what is put out.
pub(crate) type WindowFunction<R, V, U> = dyn Fn(&R, V) -> U + Send + Sync;

/// Reads and writes the rows and prefixes of each partition that changed, from the first changed place on.
pub(crate) struct Window<G, R, O, A, V, U> {
    pub(crate) rows: TableId,
    pub(crate) prefixes: TableId,
    pub(crate) functions: Arc<dyn Windowed<R, A, V>>,
    pub(crate) make: Arc<WindowFunction<R, V, U>>,
    pub(crate) types: PhantomData<fn() -> (G, O)>,
}

/// Copies of a row, one after the other.
struct Run<'a, R> {
    row: &'a R,
    copies: Weight,
    /// The number of copies before it in the partition.
    start: Weight,
    /// The position of its place among the places.
    place: usize,
}

/// The rows of a part of a partition, one after the other.
struct Sequence<'a, O, R, A> {
    runs: Vec<Run<'a, R>>,
    /// By place: its key, what there is before it, and what there is up to its end.
    places: Vec<(&'a O, Prefix<A>, Prefix<A>)>,
    now: Prefix<A>,
}

impl<'a, O, R, A: Clone> Sequence<'a, O, R, A> {
    fn new(now: Prefix<A>) -> Self {
        Self {
            runs: Vec::new(),
            places: Vec::new(),
            now,
        }
    }

    fn push<V>(
        &mut self,
        functions: &dyn Windowed<R, A, V>,
        key: &'a O,
        rows: &[(&'a R, Weight)],
    ) -> Result<(), Overflow> {
        if rows.is_empty() {
            return Ok(());
        }
        let before = self.now.clone();
        for (row, copies) in rows {
            self.runs.push(Run {
                row,
                copies: *copies,
                start: self.now.0,
                place: self.places.len(),
            });
            self.now.0 = self.now.0.checked_add(*copies).ok_or(Overflow::Weight)?;
            let sum = functions.add(&self.now.2, row, *copies);
            self.now.2 = sum.ok_or(Overflow::Sum)?;
        }
        self.now.1 = self.now.1.checked_add(1).ok_or(Overflow::Weight)?;
        self.places.push((key, before, self.now.clone()));
        Ok(())
    }

    /// The row of a copy by its number, from 0.
    fn copy(&self, number: i128) -> Option<&'a R> {
        let after = self
            .runs
            .partition_point(|run| i128::from(run.start) <= number);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let within = number - i128::from(run.start) < i128::from(run.copies);
        within.then_some(run.row)
    }
}

/// What does not fit its type.
enum Overflow {
    Weight,
    Sum,
}

impl Overflow {
    fn of_group<G: IndexKey>(self, group: &G) -> TickErrorKind {
        match self {
            Self::Weight => WeightOverflow.into(),
            Self::Sum => TickErrorKind::AggregateOverflow {
                key: key_text(group),
            },
        }
    }
}

/// A part of a partition, as it was and as it is now, while it is walked.
struct Part<'f, 'a, G, O, R, A, V> {
    functions: &'f dyn Windowed<R, A, V>,
    reach: Reach,
    /// What changes, and is not there yet.
    delta: VecDeque<&'a (Ranked<G, O>, R, Weight)>,
    before: Sequence<'a, O, R, A>,
    after: Sequence<'a, O, R, A>,
    /// The number of copies before the first one that is worked out.
    from: i128,
    /// By sequence, the number of the first copy that is not worked out any more, once that is known.
    until: Option<(i128, i128)>,
    /// The copies since the last change.
    unchanged: u64,
}

impl<'a, G: IndexKey, O: IndexKey, R: Row, A: Row, V> Part<'_, 'a, G, O, R, A, V> {
    /// Adds a stored place, and the changed ones before it. Returns whether it is done.
    fn feed(&mut self, key: &'a Ranked<G, O>, rows: &[(&'a R, Weight)]) -> Result<bool, Overflow> {
        while let Some((next, ..)) = self.delta.front().filter(|(next, ..)| next < key) {
            if self.place(next, &[])? {
                return Ok(true);
            }
        }
        self.place(key, rows)
    }

    /// Adds what changes after all stored places.
    fn finish(&mut self) -> Result<(), Overflow> {
        while let Some((next, ..)) = self.delta.front() {
            if self.place(next, &[])? {
                break;
            }
        }
        Ok(())
    }

    fn place(&mut self, key: &'a Ranked<G, O>, rows: &[(&'a R, Weight)]) -> Result<bool, Overflow> {
        let Place::At(order) = &key.place else {
            return Ok(false);
        };
        let mut changed = false;
        let mut after: Vec<(&'a R, Weight)> = rows.to_vec();
        while let Some((_, row, weight)) = self.delta.front().filter(|(next, ..)| next == key) {
            self.delta.pop_front();
            changed = true;
            match after.binary_search_by(|(other, _)| (*other).cmp(row)) {
                Ok(at) => {
                    let sum = after[at].1.checked_add(*weight);
                    after[at].1 = sum.ok_or(Overflow::Weight)?;
                }
                Err(at) => after.insert(at, (row, *weight)),
            }
        }
        let there = |rows: &[(&'a R, Weight)]| -> Vec<(&'a R, Weight)> {
            rows.iter().copied().filter(|row| row.1 > 0).collect()
        };
        let (before, after) = (there(rows), there(&after));
        self.before.push(self.functions, order, &before)?;
        self.after.push(self.functions, order, &after)?;
        let added: u64 = after.iter().map(|(_, copies)| copies.unsigned_abs()).sum();
        self.unchanged = if changed {
            0
        } else {
            self.unchanged.saturating_add(added)
        };
        let same = self.delta.is_empty() && self.before.now == self.after.now;
        if self.until.is_none() && same && self.unchanged >= self.reach.back {
            self.until = Some((self.before.now.0.into(), self.after.now.0.into()));
            self.unchanged = 0;
            return Ok(self.reach.ahead == 0);
        }
        Ok(self.until.is_some() && self.unchanged >= self.reach.ahead)
    }

    /// What each place that is worked out puts out.
    fn values<U>(
        &self,
        sequence: &Sequence<'a, O, R, A>,
        until: Option<i128>,
        sign: Weight,
        make: &WindowFunction<R, V, U>,
        out: &mut Delta<U>,
    ) -> Result<(), TickErrorKind> {
        let mut worked_out = 0_u64;
        for run in &sequence.runs {
            let start = i128::from(run.start).max(self.from);
            let end = i128::from(run.start) + i128::from(run.copies);
            let end = end.min(until.unwrap_or(end));
            if start >= end {
                continue;
            }
            let (_, before, through) = &sequence.places[run.place];
            let mut put_out = |number: i128, weight: Weight| {
                let neighbour = |distance: i64| sequence.copy(number + i128::from(distance));
                let place = WindowPlace {
                    number: Weight::try_from(number + 1).map_err(|_| WeightOverflow)?,
                    rank: before.0.checked_add(1).ok_or(WeightOverflow)?,
                    dense_rank: through.1,
                    neighbour: &neighbour,
                };
                let value = self.functions.value(&place, &through.2);
                out.push((make(run.row, value), weight * sign));
                Ok::<(), TickErrorKind>(())
            };
            if self.reach.by_copy {
                worked_out = worked_out.saturating_add((end - start).unsigned_abs() as u64);
                if worked_out > MOST_COPIES {
                    return Err(TickErrorKind::TooManyCopies { most: MOST_COPIES });
                }
                (start..end).try_for_each(|number| put_out(number, 1))?;
            } else {
                let weight = Weight::try_from(end - start).map_err(|_| WeightOverflow)?;
                put_out(start, weight)?;
            }
        }
        Ok(())
    }

    /// What changes of the output.
    fn out<U: Ord>(&self, make: &WindowFunction<R, V, U>) -> Result<Delta<U>, TickErrorKind> {
        let mut out = Vec::new();
        let (before, after) = self.until.unzip();
        self.values(&self.before, before, -1, make, &mut out)?;
        self.values(&self.after, after, 1, make, &mut out)?;
        consolidate(&mut out)?;
        Ok(out)
    }
}

/// What `reads` has worked out.
struct WorkedOut<G, O, A, U> {
    out: Delta<U>,
    prefixes: ArrangedDelta<Ranked<G, O>, PrefixRow<G, O, A>>,
}

impl<G, R, O, A, V, U> Window<G, R, O, A, V, U>
where
    G: IndexKey + Row,
    R: Row,
    O: IndexKey + Row,
    A: Row,
    V: Row,
    U: Row,
{
    /// Works one partition out. Returns whether all that must be seen is there.
    fn partition<'a>(
        &self,
        reads: &mut Reads<'a>,
        group: &'a G,
        delta: &'a GroupDelta<G, O, R>,
        worked_out: &mut WorkedOut<G, O, A, U>,
    ) -> Result<bool, TickErrorKind> {
        let Place::At(first) = &delta[0].0.place else {
            return Ok(true);
        };
        let reach = self.functions.reach();
        let span = |from, order| Span {
            group: group.clone(),
            from,
            order,
        };
        // What comes before: rows that look ahead, and those that they look back at.
        let wanted = reach.back.saturating_add(reach.ahead);
        let mut earlier: Vec<(&'a O, Vec<(&'a R, Weight)>)> = Vec::new();
        let mut found = 0_u64;
        let backwards = span(Bound::Excluded(first.clone()), Order::Backward);
        let seen = wanted == 0
            || reads.walk::<G, O, R>(self.rows, &backwards, hint(wanted), |key, rows| {
                if let (Place::At(order), rows) = (&key.place, there(rows.iter()))
                    && !rows.is_empty()
                {
                    let copies = rows.iter().map(|(_, copies)| copies.unsigned_abs());
                    found = copies.fold(found, u64::saturating_add);
                    earlier.push((order, rows));
                }
                if found >= wanted {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            });
        let mut skipped = earlier.len();
        let mut prefix: Option<&Prefix<A>> = None;
        let rows = earlier.len() + 1;
        let seen = seen
            & reads.walk::<G, O, PrefixRow<G, O, A>>(self.prefixes, &backwards, rows, |_, rows| {
                match skipped.checked_sub(1) {
                    Some(left) => {
                        skipped = left;
                        ControlFlow::Continue(())
                    }
                    None => {
                        prefix = rows.iter().next().map(|(row, _)| &row.value);
                        ControlFlow::Break(())
                    }
                }
            });
        if !seen {
            return Ok(false);
        }
        let prefix = prefix
            .cloned()
            .unwrap_or_else(|| (0, 0, self.functions.zero()));
        let skip = if found >= wanted { reach.back } else { 0 };
        let mut part = Part {
            functions: self.functions.as_ref(),
            reach,
            delta: delta.iter().collect(),
            from: i128::from(prefix.0) + i128::from(skip),
            before: Sequence::new(prefix.clone()),
            after: Sequence::new(prefix),
            until: None,
            unchanged: 0,
        };
        let overflow = |overflow: Overflow| overflow.of_group(group);
        for (order, rows) in earlier.iter().rev() {
            part.before
                .push(self.functions.as_ref(), order, rows)
                .map_err(overflow)?;
            part.after
                .push(self.functions.as_ref(), order, rows)
                .map_err(overflow)?;
        }
        let mut failed = None;
        let mut stopped = false;
        let forwards = span(Bound::Included(first.clone()), Order::Forward);
        let seen = reads.walk::<G, O, R>(self.rows, &forwards, 16, |key, rows| {
            let rows: Vec<(&'a R, Weight)> = rows.iter().collect();
            match part.feed(key, &rows) {
                Ok(false) => ControlFlow::Continue(()),
                Ok(true) => {
                    stopped = true;
                    ControlFlow::Break(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
        if let Some(error) = failed {
            return Err(overflow(error));
        }
        if !seen {
            return Ok(false);
        }
        if !stopped {
            part.finish().map_err(overflow)?;
        }
        worked_out.out.extend(part.out(self.make.as_ref())?);
        for (sequence, weight) in [(&part.before, -1), (&part.after, 1)] {
            for (order, _, through) in &sequence.places {
                let key = Ranked::at(group.clone(), (*order).clone());
                let row = Keyed::new((group.clone(), (*order).clone()), through.clone());
                worked_out.prefixes.push((key, row, weight));
            }
        }
        Ok(true)
    }
}

fn hint(copies: u64) -> usize {
    usize::try_from(copies).unwrap_or(usize::MAX)
}

/// The rows of which there are copies.
fn there<'a, R>(rows: impl Iterator<Item = (&'a R, Weight)>) -> Vec<(&'a R, Weight)> {
    rows.filter(|(_, weight)| copies(*weight) > 0).collect()
}

impl<G, R, O, A, V, U> Operator for Window<G, R, O, A, V, U>
where
    G: IndexKey + Row,
    R: Row,
    O: IndexKey + Row,
    A: Row,
    V: Row,
    U: Row,
{
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let mut worked_out = WorkedOut {
            out: Vec::new(),
            prefixes: Vec::new(),
        };
        for (group, delta) in by_group(reads.input::<ArrangedDelta<Ranked<G, O>, R>>(0)) {
            self.partition(reads, group, delta, &mut worked_out)?;
        }
        reads.keep(worked_out);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let WorkedOut { out, mut prefixes } = apply.kept::<WorkedOut<G, O, A, U>>();
        consolidate_arranged(&mut prefixes)?;
        apply.write(self.prefixes, prefixes)?;
        apply.emit(out);
        Ok(())
    }

    /// All rows of the partitions.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let wanted = explain.wanted::<U>();
        let rows = explain.arranged::<Ranked<G, O>, R>(0)?;
        for (group, rows) in by_group(Some(&rows)) {
            let placed = rows
                .iter()
                .filter_map(|(key, row, weight)| match &key.place {
                    Place::At(order) => Some((order.clone(), row, *weight)),
                    Place::Start | Place::End => None,
                });
            let placed: Vec<(O, &R, Weight)> = placed.collect();
            let functions = self.functions.as_ref();
            let out = window_of_sorted(functions, self.make.as_ref(), group, &placed)?;
            if out.iter().any(|(row, _)| wanted.contains(row)) {
                explain.want(0, rows.iter().map(|(_, row, _)| row.clone()));
            }
        }
        Ok(())
    }
}

/// All that a window puts out for the rows of a partition.
pub(crate) fn window_of_rows<G: IndexKey, R: Row, O: IndexKey, A: Row, V, U: Ord>(
    functions: &dyn Windowed<R, A, V>,
    make: &WindowFunction<R, V, U>,
    order: &Index<R, O>,
    group: &G,
    rows: &[(R, Weight)],
) -> Result<Delta<U>, TickErrorKind> {
    window_of_sorted(functions, make, group, &sorted(order, rows))
}

/// All that a window puts out for the rows of a partition, which are in order.
fn window_of_sorted<G: IndexKey, R: Row, O: IndexKey, A: Row, V, U: Ord>(
    functions: &dyn Windowed<R, A, V>,
    make: &WindowFunction<R, V, U>,
    group: &G,
    sorted: &[(O, &R, Weight)],
) -> Result<Delta<U>, TickErrorKind> {
    let start = || Sequence::new((0, 0, functions.zero()));
    let mut part: Part<'_, '_, G, O, R, A, V> = Part {
        functions,
        reach: functions.reach(),
        delta: VecDeque::new(),
        before: start(),
        after: start(),
        from: 0,
        until: None,
        unchanged: 0,
    };
    for run in sorted.chunk_by(|one, next| one.0 == next.0) {
        let rows = there(run.iter().map(|(_, row, weight)| (*row, *weight)));
        let pushed = part.after.push(functions, &run[0].0, &rows);
        pushed.map_err(|overflow| overflow.of_group(group))?;
    }
    part.out(make)
}
