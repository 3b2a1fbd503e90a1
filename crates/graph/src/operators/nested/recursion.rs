//! The fixed point: runs the operators inside of it step by step, until a step changes nothing and none is due.

use std::any::Any;
use std::collections::BTreeSet;
use std::marker::PhantomData;

use deltaview_schema::Row;

use super::{ErasedNested, StepNumber};
use crate::delta::{Delta, consolidate};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Operator, Reads, StepNeeds};
use crate::tick::{Explain, InputSlots, Slot, Wanted};

/// A vertex inside of a recursion.
pub(crate) struct InnerVertex {
    pub(crate) operator: Box<dyn ErasedNested>,
    /// Positions in the slots of a step: the inputs from outside come first, then what is fed back, then the vertices.
    pub(crate) inputs: Vec<usize>,
}

/// The fixed point `x = distinct(seed + body(x))`, from the empty set upwards. Its cost is that of the operators inside
/// for the rows that join or leave at each step: what this iteration does not change is not looked at.
pub(crate) struct Recursion<T> {
    /// In topological order. The last one puts out what is fed back.
    pub(crate) vertices: Vec<InnerVertex>,
    /// The number of inputs from outside.
    pub(crate) outside: usize,
    pub(crate) most_steps: StepNumber,
    pub(crate) row: PhantomData<fn() -> T>,
}

/// A fixed point on its way.
struct Run<T> {
    step: StepNumber,
    /// The vertex to run next.
    next: usize,
    slots: Vec<Slot>,
    locals: Vec<Box<dyn Any + Send>>,
    /// What all steps so far have put out.
    out: Delta<T>,
    /// By position, what the steps have put there, where that is to be kept.
    kept: Option<Vec<Vec<Slot>>>,
}

impl<T: Row> Recursion<T> {
    fn start(&self, inputs: InputSlots<'_>) -> Run<T> {
        let mut slots: Vec<Slot> = (0..self.outside).map(|input| inputs.share(input)).collect();
        slots.resize(self.outside + 1 + self.vertices.len(), None);
        Run {
            step: 0,
            next: 0,
            slots,
            locals: self
                .vertices
                .iter()
                .map(|vertex| vertex.operator.start())
                .collect(),
            out: Vec::new(),
            kept: None,
        }
    }

    /// Goes on until rows must be seen that are not there, which is `false`, or to the end.
    fn advance(&self, run: &mut Run<T>, reads: &mut Reads<'_>) -> Result<bool, TickErrorKind> {
        loop {
            while let Some(vertex) = self.vertices.get(run.next) {
                let inputs = InputSlots::of(&run.slots, &vertex.inputs);
                let local = &mut run.locals[run.next];
                let is_due = vertex.operator.due(local.as_ref()) == Some(run.step);
                if is_due || !inputs.are_empty() {
                    vertex.operator.reads(inputs, reads);
                    if reads.waits() {
                        return Ok(false);
                    }
                    let slot = vertex
                        .operator
                        .step(run.step, inputs, local.as_mut(), reads)?;
                    run.slots[self.outside + 1 + run.next] = slot;
                }
                run.next += 1;
            }
            if let Some(kept) = &mut run.kept {
                for (kept, slot) in kept.iter_mut().zip(&run.slots) {
                    kept.extend(slot.is_some().then(|| slot.clone()));
                }
            }
            let fed_back = run.slots.last_mut().and_then(Option::take);
            if let Some(delta) = fed_back
                .as_ref()
                .and_then(|slot| slot.downcast_ref::<Delta<T>>())
            {
                run.out.extend(delta.iter().cloned());
                consolidate(&mut run.out)?;
            }
            let due = self.vertices.iter().zip(&run.locals);
            let due = due
                .filter_map(|(vertex, local)| vertex.operator.due(local.as_ref()))
                .min();
            let next = if fed_back.is_some() {
                Some(run.step + 1)
            } else {
                due
            };
            let Some(next) = next else {
                return Ok(true);
            };
            if next > self.most_steps {
                return Err(TickErrorKind::TooManySteps {
                    steps: self.most_steps,
                });
            }
            run.slots.iter_mut().for_each(|slot| *slot = None);
            run.slots[self.outside] = fed_back;
            run.step = next;
            run.next = 0;
        }
    }
}

impl<T: Row> Recursion<T> {
    /// What flows inside at all steps, for inputs from nothing.
    fn contents(&self, explain: &Explain<'_>) -> Result<Vec<Vec<Slot>>, TickErrorKind> {
        let slots: Vec<Slot> = (0..self.outside).map(|input| explain.slot(input)).collect();
        let positions: Vec<usize> = (0..self.outside).collect();
        let inputs = InputSlots::of(&slots, &positions);
        let mut run = self.start(inputs);
        run.kept = Some(vec![Vec::new(); run.slots.len()]);
        let (mut needs, none) = (StepNeeds::new(), Box::new(()));
        let (plan, state, change) = (explain.plan, explain.state, explain.change);
        let mut reads = Reads::new(plan, state, change, inputs, &mut needs, none);
        let ended = self.advance(&mut run, &mut reads)?;
        debug_assert!(ended, "nothing is missing in a complete state");
        Ok(run.kept.unwrap_or_default())
    }
}

impl<T: Row> Operator for Recursion<T> {
    fn reads(&self, reads: &mut Reads<'_>) -> Result<(), TickErrorKind> {
        let mut run = reads
            .kept::<Run<T>>()
            .unwrap_or_else(|| self.start(reads.inputs()));
        if !self.advance(&mut run, reads)? {
            reads.again();
        }
        reads.keep(run);
        Ok(())
    }

    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let run: Run<T> = apply.kept();
        for (vertex, local) in self.vertices.iter().zip(run.locals) {
            vertex.operator.write(local, apply)?;
        }
        apply.emit(run.out);
        Ok(())
    }

    /// All rows from outside that have a part in any way to derive the rows, however long.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        let contents = self.contents(explain)?;
        let mut wanted: Wanted = std::iter::repeat_with(|| None)
            .take(contents.len())
            .collect();
        let (feedback, last) = (self.outside, contents.len() - 1);
        let mut next = explain.wanted::<T>();
        let mut known = BTreeSet::new();
        while !next.is_empty() {
            known.extend(next.iter().cloned());
            wanted[last] = Some(Box::new(next));
            for (vertex, position) in self.vertices.iter().zip(feedback + 1..last + 1).rev() {
                if wanted[position].is_some() {
                    let mut inside =
                        explain.inside(&contents, &mut wanted, position, &vertex.inputs);
                    vertex.operator.explain(&mut inside)?;
                }
            }
            let mut fed_back = explain.inside(&contents, &mut wanted, feedback, &[]);
            next = fed_back.wanted::<T>();
            next.retain(|row| !known.contains(row));
        }
        for (input, wanted) in wanted.into_iter().take(self.outside).enumerate() {
            if let Some(wanted) = wanted {
                explain.want_erased(input, wanted);
            }
        }
        Ok(())
    }
}
