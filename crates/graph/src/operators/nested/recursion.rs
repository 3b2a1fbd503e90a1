//! The fixed point: runs the operators inside of it step by step, until a step changes nothing and none is due.

use std::any::Any;
use std::marker::PhantomData;

use deltaview_schema::Row;

use super::{ErasedNested, StepNumber};
use crate::delta::{Delta, consolidate};
use crate::error::TickErrorKind;
use crate::operators::{Apply, Operator, Reads};
use crate::tick::{InputSlots, Slot};

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
}
