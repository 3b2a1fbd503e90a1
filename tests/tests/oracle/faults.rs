//! Faults at the driver's seam: a driver that fails at every call in turn, at each fetch, each write and the commit, and
//! tries the same change again, ends where one ends that never fails. Nothing is lost, nothing is doubled.

use deltaview::Change;
use deltaview_graph::{Changes, WorkingSet};
use deltaview_tests::naive::Naive;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::driver::{ByteStore, DriveError, Fuse};
use crate::generate::{plan, turns};
use crate::graphs::config;
use crate::history::Making;
use crate::lower::{Lowered, lower};
use crate::probe::{Returned, failed};

const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/faults.txt"
);

/// What is done with the working set after a fault. All three are allowed to a store that owns its database.
#[derive(Clone, Copy, Debug)]
enum AfterFault {
    Forget,
    Keep,
    Renew,
}

/// Runs a change with a fault at each call in turn, on the same state, until one attempt meets none.
fn sweep(
    lowered: &Lowered,
    store: &mut ByteStore,
    state: &mut WorkingSet,
    change: &Change,
    after: AfterFault,
) -> Result<(Result<Changes, DriveError>, usize), TestCaseError> {
    let before = store.clone();
    for calls in 0.. {
        match store.run(&lowered.graph, state, change, Fuse::after(calls)) {
            Err(DriveError::Fault) => {
                prop_assert_eq!(&*store, &before, "a fault at call {} left something", calls);
                match after {
                    AfterFault::Forget => state.forget(),
                    AfterFault::Keep => {}
                    AfterFault::Renew => *state = WorkingSet::partial(&lowered.graph),
                }
            }
            outcome => return Ok((outcome.map(|(changes, _)| changes), calls)),
        }
    }
    unreachable!("calls are finite")
}

proptest! {
    #![proptest_config(config(3, REGRESSIONS))]

    #[test]
    fn a_driver_that_fails_everywhere_ends_where_one_ends_that_never_does(
        plan in plan(),
        turns in turns(4),
        after in prop::sample::select(vec![AfterFault::Forget, AfterFault::Keep, AfterFault::Renew]),
    ) {
        let lowered = lower(&plan);
        let (mut store, mut state) = (ByteStore::default(), WorkingSet::partial(&lowered.graph));
        let (mut whole, mut faultless) = (ByteStore::default(), WorkingSet::partial(&lowered.graph));
        let mut inputs = Naive::new(&plan);
        for turn in &turns {
            let mut making = Making::new(&lowered, &plan.sources, inputs.contents());
            turn.edits.iter().for_each(|(source, edit)| making.edit(*source, edit));
            let (swept, faults) = sweep(&lowered, &mut store, &mut state, &making.change, after)?;
            let right = whole.run(&lowered.graph, &mut faultless, &making.change, Fuse::NONE);
            prop_assert_eq!(&store, &whole);
            match (swept, right) {
                (Ok(swept), Ok((right, log))) => {
                    prop_assert!(faults > log.writes.len(), "each write failed once, and the commit");
                    for probe in &lowered.probes {
                        let swept = probe.delta(Returned::Changes(&swept));
                        prop_assert_eq!(swept, probe.delta(Returned::Changes(&right)));
                    }
                    inputs.step(making.contents).map_err(failed)?;
                }
                (Err(DriveError::Tick(swept)), Err(DriveError::Tick(right))) => {
                    // Of several things that are wrong, a vertex whose rows are at hand tells its own first.
                    let mut failures = making.failures.iter().flatten();
                    prop_assert!(failures.any(|failure| failure.matches(swept.kind())), "{}", swept);
                    if !matches!(after, AfterFault::Keep) {
                        prop_assert_eq!(swept.to_string(), right.to_string());
                    }
                }
                (swept, right) => prop_assert!(false, "{:?} where {:?} was to be", swept, right),
            }
            // Only a store that owns its database keeps rows from one iteration to the next.
            if !matches!(after, AfterFault::Keep) {
                state.forget();
            }
            faultless.forget();
        }
    }
}
