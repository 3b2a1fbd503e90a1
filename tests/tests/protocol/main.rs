//! The protocol of many workers, checked in every state of its model: [`deltaview_store::protocol::model`].
//!
//! Owns the search, by `stateright`, and the sizes that are searched. The model, its properties and the rules that can
//! be broken are the store's, so that every store's tests can be held to walks of it.
//!
//! Three workers, three tables, three changes with either flush; what goes wrong does so before, between and after all
//! steps. States are counted up to the order of the workers.
//!
//! | what goes wrong | states | |
//! | --- | --- | --- |
//! | nothing | 398 | |
//! | a worker crashes | 9 304 | |
//! | the same, with times of the clients' clock | 9 304 | |
//! | a worker sleeps beyond its lease, and wakes | 21 782 | |
//! | two stages fail | 7 271 | |
//! | a worker crashes, a stage fails | 61 663 | |
//! | a worker crashes, a deadline passes | 21 629 | |
//! | a crash, a sleep, a failure and a deadline; two workers, tables and changes | 142 199 | |
//! | two workers crash | 121 412 | large |
//! | a worker sleeps, a stage fails | 255 276 | large |
//! | a worker crashes, another sleeps | 570 438 | large |
//!
//! `DELTAVIEW_PROTOCOL=large` adds the large ones, which take some minutes.

use std::num::NonZeroUsize;

use deltaview_store::protocol::model::{
    Action, Bounds, Broken, Model, PROPERTIES, Reference, System, replay,
};
use stateright::{Checker, Expectation, HasDiscoveries, Property};

/// More states than any search has: one that gets here has no end.
const MOST: usize = 40_000_000;

#[test]
fn nothing_goes_wrong() {
    search("nothing", Bounds::three(), 398);
}

#[test]
fn a_worker_crashes() {
    search(
        "a crash",
        Bounds {
            crashes: 1,
            ..Bounds::three()
        },
        9_304,
    );
}

#[test]
fn a_worker_sleeps_beyond_its_lease() {
    search(
        "a sleep",
        Bounds {
            sleeps: 1,
            ..Bounds::three()
        },
        21_782,
    );
}

#[test]
fn stages_fail() {
    search(
        "two failures",
        Bounds {
            failures: 2,
            ..Bounds::three()
        },
        7_271,
    );
}

#[test]
fn a_worker_crashes_and_a_stage_fails() {
    search(
        "a crash, a failure",
        Bounds {
            crashes: 1,
            failures: 1,
            ..Bounds::three()
        },
        61_663,
    );
}

#[test]
fn a_worker_crashes_and_a_deadline_passes() {
    search(
        "a crash, a deadline",
        Bounds {
            crashes: 1,
            deadlines: 1,
            ..Bounds::three()
        },
        21_629,
    );
}

#[test]
fn times_of_a_clock_come_in_any_order() {
    let bounds = Bounds {
        crashes: 1,
        own_times: true,
        ..Bounds::three()
    };
    search("a crash, times of one clock", bounds, 9_304);
}

#[test]
fn much_goes_wrong() {
    if std::env::var("DELTAVIEW_PROTOCOL").as_deref() != Ok("large") {
        // The same in small: fewer tables and changes.
        let bounds = Bounds {
            workers: 2,
            stages: 2,
            changes: 2,
            ..Bounds::three()
        };
        search(
            "2 of all; a crash, a sleep, a failure, a deadline",
            Bounds {
                crashes: 1,
                sleeps: 1,
                failures: 1,
                deadlines: 1,
                ..bounds
            },
            142_199,
        );
        return;
    }
    search(
        "two crashes",
        Bounds {
            crashes: 2,
            ..Bounds::three()
        },
        121_412,
    );
    search(
        "a sleep, a failure",
        Bounds {
            sleeps: 1,
            failures: 1,
            ..Bounds::three()
        },
        255_276,
    );
    search(
        "a crash, a sleep",
        Bounds {
            crashes: 1,
            sleeps: 1,
            ..Bounds::three()
        },
        570_438,
    );
}

/// A proof that can't fail proves nothing.
#[test]
fn each_rule_that_is_broken_is_found_out() {
    for broken in Broken::ALL {
        let bounds = match broken {
            Broken::EnterEarly | Broken::KeepJournal | Broken::ForgetChanges => Bounds::three(),
            Broken::NoFencing => Bounds {
                sleeps: 1,
                ..Bounds::three()
            },
            Broken::DropTheDead | Broken::WaitForTheDead => Bounds {
                crashes: 1,
                ..Bounds::three()
            },
            Broken::RewindUnfenced
            | Broken::RewindFencesWriters
            | Broken::RewindOldestFirst
            | Broken::AnswerEarly
            | Broken::HaltUnheard => Bounds {
                failures: 1,
                ..Bounds::three()
            },
        };
        let (_, found) = states(Model::new(bounds).with(broken));
        let (property, actions, _) = found.unwrap_or_else(|| panic!("{broken:?} is not found out"));
        println!("{broken:?}: after {} steps: {property}", actions.len());
    }
}

/// What every store is held to, held to itself: rows that are loaded and written back come to the same.
#[test]
fn rows_in_memory_go_the_ways_of_the_model() {
    let much = Bounds {
        changes: 6,
        crashes: 2,
        sleeps: 2,
        failures: 3,
        deadlines: 2,
        ..Bounds::three()
    };
    for own_times in [false, true] {
        let model = Model::new(Bounds {
            own_times,
            ..much.clone()
        });
        for seed in 0..300 {
            let walk = replay::walk(&model, seed);
            let mut workers = Reference::new(model.bounds.stages, model.bounds.workers);
            if let Err(difference) = replay::run(&model, &walk, &mut workers) {
                panic!("seed {seed}: {difference}");
            }
        }
    }
}

/// The model as the checker sees it.
struct Searched(Model);

impl stateright::Model for Searched {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        vec![self.0.start()]
    }

    fn actions(&self, state: &System, actions: &mut Vec<Action>) {
        actions.extend(self.0.actions(state));
    }

    fn next_state(&self, state: &System, action: Action) -> Option<System> {
        Some(self.0.step(state, action).0)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        // The checker takes plain functions, which can't know the number of a property.
        macro_rules! all {
            ($($number:literal)*) => {
                [$(|model: &Self, state: &System| (PROPERTIES[$number].holds)(&model.0, state)),*]
            };
        }
        let conditions: [fn(&Self, &System) -> bool; PROPERTIES.len()] = all!(0 1 2 3 4 5 6 7 8);
        let named = PROPERTIES.iter().zip(conditions);
        named
            .map(|(property, condition)| Property {
                expectation: Expectation::Always,
                name: property.name,
                condition,
            })
            .collect()
    }
}

/// A property that does not hold, the steps to where it does not, and that state.
type Found = (&'static str, Vec<Action>, System);

/// Searches all states, and how many there are, until a property does not hold.
fn states(model: Model) -> ((usize, usize, usize), Option<Found>) {
    let checker = stateright::Model::checker(Searched(model))
        .symmetry_fn(System::representative)
        .threads(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
        .target_state_count(MOST)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    let found = checker.discoveries().into_iter().next();
    let found = found.map(|(property, path)| {
        let state = path.last_state().clone();
        (property, path.into_actions(), state)
    });
    let (states, steps) = (checker.unique_state_count(), checker.state_count());
    assert!(
        found.is_some() || steps < MOST,
        "the search does not come to an end"
    );
    ((states, steps, checker.max_depth()), found)
}

/// Searches all states, and counts them: a model that has lost some proves less than it says.
#[expect(
    clippy::print_stdout,
    reason = "shown with --nocapture: the time and depth of a search"
)]
fn search(name: &str, bounds: Bounds, expected: usize) {
    let ((states, steps, depth), found) = states(Model::new(bounds));
    println!("| {name} | {states} | {steps} | {depth} |");
    if let Some((property, actions, state)) = found {
        panic!("{name}: it does not hold that {property}\nafter {actions:#?}\nin {state:#?}");
    }
    assert_eq!(
        states, expected,
        "{name}: another number of states than the docs say"
    );
}
