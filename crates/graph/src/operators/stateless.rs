//! Operators that look at one row at a time: map, filter, flat_map, inspect, negate. Linear, without state (DBSP §3).
//!
//! The plan fuses a run of them into one vertex, a [`Chain`] of [`Stage`]s: a row goes through all of them before the
//! next one starts, and nothing is collected in between. The stages keep their closures.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use deltaview_schema::Row;
use deltaview_zset::{Weight, WeightOverflow};

use super::{Apply, Operator};
use crate::delta::Delta;
use crate::error::TickErrorKind;
use crate::tick::{Explain, Slot, owned};

/// Takes rows one at a time.
pub(crate) type Step<T> = Box<dyn FnMut(T, Weight) -> Result<(), WeightOverflow>>;

/// One stateless operator, without its types.
pub(crate) trait Stage: Send + Sync {
    /// Given what takes the stage's output (a `Step<Out>`), makes what takes its input (a `Step<In>`).
    fn link(&self, next: Box<dyn Any>) -> Box<dyn Any>;
    /// A place that collects the stage's output: the `Step<Out>` that fills it, and what takes the result out.
    fn collect(&self) -> (Box<dyn Any>, Box<dyn FnOnce() -> Slot>);
    /// Feeds a delta (of `In`) into a `Step<In>`.
    fn feed(&self, delta: Slot, step: Box<dyn Any>) -> Result<(), WeightOverflow>;
    /// What the stage by itself makes of a delta (of `In`), without a step in between.
    fn alone(&self, delta: Slot) -> Result<Slot, WeightOverflow>;
    /// The `Step<Out>` that notes when a row comes that is wanted of the stage.
    fn notice(&self, explain: &mut Explain<'_>) -> (Box<dyn Any>, Rc<Cell<bool>>);
    /// Feeds each row of the input into a `Step<In>`, and wants those of which something was noticed.
    fn want(
        &self,
        explain: &mut Explain<'_>,
        step: Box<dyn Any>,
        noticed: &Cell<bool>,
    ) -> Result<(), WeightOverflow>;
}

/// A run of stateless operators.
pub(crate) struct Chain {
    /// The first takes the rows of the incoming edge. Never empty.
    pub(crate) stages: Vec<Arc<dyn Stage>>,
}

impl Chain {
    fn ends(&self) -> Option<(&dyn Stage, &dyn Stage)> {
        let (first, last) = (self.stages.first()?, self.stages.last()?);
        Some((first.as_ref(), last.as_ref()))
    }

    /// All stages, one after the other, before a step.
    fn link(&self, last: Box<dyn Any>) -> Box<dyn Any> {
        let stages = self.stages.iter().rev();
        stages.fold(last, |step, stage| stage.link(step))
    }
}

impl Operator for Chain {
    fn apply(&self, apply: &mut Apply<'_>) -> Result<(), TickErrorKind> {
        let delta = apply.take_input();
        if let [only] = self.stages.as_slice() {
            apply.emit_slot(only.alone(delta)?);
        } else if let Some((first, last)) = self.ends() {
            let (step, take) = last.collect();
            first.feed(delta, self.link(step))?;
            apply.emit_slot(take());
        }
        Ok(())
    }

    fn takes_input(&self) -> bool {
        true
    }

    fn is_stateless(&self) -> bool {
        true
    }

    /// The rows of which one becomes a wanted row.
    fn explain(&self, explain: &mut Explain<'_>) -> Result<(), TickErrorKind> {
        if let Some((first, last)) = self.ends() {
            let (step, noticed) = last.notice(explain);
            first.want(explain, self.link(step), &noticed)?;
        }
        Ok(())
    }
}

/// The parts that all stages from `In` to `Out` have in common.
struct Typed<In, Out>(PhantomData<fn(In) -> Out>);

impl<In: Row, Out: Row> Typed<In, Out> {
    fn link(next: Box<dyn Any>, make: impl FnOnce(Step<Out>) -> Step<In>) -> Box<dyn Any> {
        let next: Box<Step<Out>> = next
            .downcast()
            .expect("stages are linked by the builder's types");
        Box::new(make(*next))
    }

    fn collect() -> (Box<dyn Any>, Box<dyn FnOnce() -> Slot>) {
        let rows: Rc<RefCell<Delta<Out>>> = Rc::default();
        let filled = Rc::clone(&rows);
        let step: Step<Out> = Box::new(move |row, weight| {
            filled.borrow_mut().push((row, weight));
            Ok(())
        });
        let take = move || slot(rows.take());
        (Box::new(step), Box::new(take))
    }

    fn notice(explain: &mut Explain<'_>) -> (Box<dyn Any>, Rc<Cell<bool>>) {
        let wanted = explain.wanted::<Out>();
        let noticed: Rc<Cell<bool>> = Rc::default();
        let notice = Rc::clone(&noticed);
        let step: Step<Out> = Box::new(move |row, _| {
            notice.set(notice.get() || wanted.contains(&row));
            Ok(())
        });
        (Box::new(step), noticed)
    }

    fn want(
        explain: &mut Explain<'_>,
        step: Box<dyn Any>,
        noticed: &Cell<bool>,
    ) -> Result<(), WeightOverflow> {
        let mut step: Box<Step<In>> = step
            .downcast()
            .expect("stages are linked by the builder's types");
        let mut wanted = Vec::new();
        for (row, weight) in explain.rows::<In>(0)? {
            step(row.clone(), weight)?;
            if noticed.take() {
                wanted.push(row);
            }
        }
        explain.want(0, wanted);
        Ok(())
    }

    fn feed(delta: Slot, step: Box<dyn Any>) -> Result<(), WeightOverflow> {
        let mut step: Box<Step<In>> = step
            .downcast()
            .expect("stages are linked by the builder's types");
        let mut rows = owned::<Delta<In>>(delta).into_iter();
        rows.try_for_each(|(row, weight)| step(row, weight))
    }
}

fn slot<T: Row>(delta: Delta<T>) -> Slot {
    (!delta.is_empty()).then(|| Arc::new(delta) as _)
}

/// A step over rows of a known type.
fn step<T, S: FnMut(T, Weight) -> Result<(), WeightOverflow>>(step: S) -> S {
    step
}

macro_rules! stage {
    ($(#[$doc:meta])* $name:ident<$in:ident, $out:ty $(, $more:ident)?> { $f:ident: $function:ty } |$next:ident| $make:expr) => {
        $(#[$doc])*
        pub(crate) struct $name<$in $(, $more)?> {
            pub(crate) $f: Arc<$function>,
        }

        impl<$in: Row $(, $more: Row)?> Stage for $name<$in $(, $more)?> {
            fn link(&self, next: Box<dyn Any>) -> Box<dyn Any> {
                let $f = Arc::clone(&self.$f);
                Typed::<$in, $out>::link(next, move |mut $next| Box::new($make))
            }
            fn collect(&self) -> (Box<dyn Any>, Box<dyn FnOnce() -> Slot>) {
                Typed::<$in, $out>::collect()
            }
            fn feed(&self, delta: Slot, step: Box<dyn Any>) -> Result<(), WeightOverflow> {
                Typed::<$in, $out>::feed(delta, step)
            }
            fn alone(&self, delta: Slot) -> Result<Slot, WeightOverflow> {
                let rows = owned::<Delta<$in>>(delta);
                let mut out: Delta<$out> = Vec::with_capacity(rows.len());
                let $f = &self.$f;
                let mut $next = |row: $out, weight: Weight| {
                    out.push((row, weight));
                    Ok::<(), WeightOverflow>(())
                };
                let mut step = step::<$in, _>($make);
                rows.into_iter().try_for_each(|(row, weight)| step(row, weight))?;
                Ok(slot(out))
            }
            fn notice(&self, explain: &mut Explain<'_>) -> (Box<dyn Any>, Rc<Cell<bool>>) {
                Typed::<$in, $out>::notice(explain)
            }
            fn want(
                &self,
                explain: &mut Explain<'_>,
                step: Box<dyn Any>,
                noticed: &Cell<bool>,
            ) -> Result<(), WeightOverflow> {
                Typed::<$in, $out>::want(explain, step, noticed)
            }
        }
    };
}

stage! {
    /// Each row becomes one other.
    MapStage<T, U, U> { map: dyn Fn(T) -> U + Send + Sync }
    |next| move |row, weight| next(map(row), weight)
}

stage! {
    /// Each row stays or goes.
    FilterStage<T, T> { keep: dyn Fn(&T) -> bool + Send + Sync }
    |next| move |row, weight| if keep(&row) { next(row, weight) } else { Ok(()) }
}

/// What a flat_map hands its rows to.
type Take<'a, U> = &'a mut dyn FnMut(U);

stage! {
    /// Each row becomes any number of others.
    FlatMapStage<T, U, U> { flat_map: dyn Fn(T, Take<'_, U>) + Send + Sync }
    |next| move |row, weight| {
        let mut result = Ok(());
        flat_map(row, &mut |made| {
            if result.is_ok() {
                result = next(made, weight);
            }
        });
        result
    }
}

stage! {
    /// Each row is shown, and stays as it is.
    InspectStage<T, T> { inspect: dyn Fn(&T, Weight) + Send + Sync }
    |next| move |row, weight| {
        inspect(&row, weight);
        next(row, weight)
    }
}

stage! {
    /// Each weight changes its sign.
    NegateStage<T, T> { negate: dyn Fn(&T, Weight) -> Option<Weight> + Send + Sync }
    |next| move |row, weight| {
        let negated = negate(&row, weight).ok_or(WeightOverflow)?;
        next(row, negated)
    }
}
