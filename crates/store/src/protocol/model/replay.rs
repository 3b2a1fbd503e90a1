//! Walks of the model at random, by a seed, with what each step comes to: a store is held to them through
//! [`Workers`].
//!
//! ```
//! use deltaview_store::protocol::model::{Bounds, Model, Reference, replay};
//!
//! let model = Model::new(Bounds { crashes: 1, sleeps: 1, failures: 1, ..Bounds::three() });
//! for seed in 0..10 {
//!     let walk = replay::walk(&model, seed);
//!     let mut workers = Reference::new(model.bounds.stages, model.bounds.workers);
//!     replay::run(&model, &walk, &mut workers).unwrap_or_else(|difference| panic!("{difference}"));
//! }
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;

use super::workers::{Submitted, Workers};
use super::{Action, Answer, Model, System};
use crate::Time;

/// One step of a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The change of a worker that asks for its time, and that time.
    pub asks: Option<(u8, Time)>,
    /// What comes of it.
    pub answer: Answer,
    /// What is stored then.
    pub seen: Seen,
}

/// What is stored, as far as stores can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The last time that was given.
    pub last: i64,
    /// The newest time that is complete.
    pub complete: i64,
    /// The times in flight, and how many stages each has passed.
    pub in_flight: Vec<(i64, u32)>,
    /// The changes that are in each table, by stage.
    pub tables: Vec<BTreeSet<u8>>,
    /// The times whose inputs are in the journal.
    pub inputs: BTreeSet<i64>,
    /// The times and stages whose deltas are.
    pub deltas: BTreeSet<(i64, u32)>,
}

/// A walk from the start until everything is done. The same seed, model and version give the same walk.
pub fn walk(model: &Model, seed: u64) -> Vec<Step> {
    let mut random = SplitMix(seed);
    let mut state = model.start();
    let mut steps = Vec::new();
    loop {
        let actions = model.actions(&state);
        let Some(last) = actions.len().checked_sub(1) else {
            return steps;
        };
        let action = actions[random.up_to(last)];
        let asks = state.asks(model, action);
        let (next, answer) = model.step(&state, action);
        state = next;
        steps.push(Step {
            action,
            asks,
            answer,
            seen: state.seen(),
        });
    }
}

/// Has workers go a walk, and compares each answer, and all that is stored after each step.
///
/// # Errors
///
/// The first step that comes to something else: what was expected, what there is, and the steps up to it.
pub fn run<W: Workers>(model: &Model, walk: &[Step], workers: &mut W) -> Result<(), String> {
    for (number, step) in walk.iter().enumerate() {
        let submitted = step.asks.map(|(change, time)| Submitted {
            change,
            change_id: model.change_id(change),
            time,
        });
        let answer = workers.act(step.action, submitted);
        let difference = match (answer, workers.seen()) {
            (Ok(answer), Ok(seen)) if answer == step.answer && seen == step.seen => continue,
            (Ok(answer), Ok(seen)) => format!("{answer:?}, {seen:#?}"),
            (Err(error), _) | (_, Err(error)) => format!("{error:?}"),
        };
        let mut message = String::from("the workers have gone another way than the model:\n");
        for (number, step) in walk[..=number].iter().enumerate() {
            // To write to a string can't fail.
            let _ = writeln!(
                message,
                "{number:>4} {:?} -> {:?}",
                step.action, step.answer
            );
        }
        let _ = writeln!(message, "expected: {:#?}\nfound: {difference}", step.seen);
        return Err(message);
    }
    Ok(())
}

impl System {
    fn asks(&self, model: &Model, action: Action) -> Option<(u8, Time)> {
        let (change, flush) = match action {
            Action::Submit { change, flush, .. } => (change, flush),
            Action::Ask(worker) => self.workers[worker].request?,
            _ => return None,
        };
        Some((change, model.time_of(change, flush, self.ledger.last())))
    }

    /// What is stored in this state.
    pub fn seen(&self) -> Seen {
        let changes = |table: &Vec<(i64, u8)>| table.iter().map(|&(_, change)| change).collect();
        let deltas = self.journal.iter().flat_map(|(&time, rows)| {
            let stages = rows.stages.iter();
            stages.map(move |&stage| (time, stage))
        });
        Seen {
            last: self.ledger.last(),
            complete: self.ledger.complete(),
            in_flight: self
                .ledger
                .in_flight()
                .map(|e| (e.time, e.passed))
                .collect(),
            tables: self.tables.iter().map(changes).collect(),
            inputs: self.journal.keys().copied().collect(),
            deltas: deltas.collect(),
        }
    }
}

/// `SplitMix64`: a few lines, and the same numbers wherever the tests run.
struct SplitMix(u64);

impl SplitMix {
    fn up_to(&mut self, last: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (last as u64 + 1)).unwrap_or(0)
    }
}
