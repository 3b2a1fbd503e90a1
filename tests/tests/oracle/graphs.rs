//! Random graphs under random histories. After each change, on every store: each output's delta, each view read whole,
//! by key and by range, and each stored table, are what the naive evaluator says.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestCaseError, TestRunner};

use crate::generate::{plan, turns};
use crate::rig::Rig;

/// The number of random graphs, where nothing else is asked for.
const CASES: u32 = 300;

/// How a property is tested: so many cases, the same ones each time unless the environment asks for others.
pub(crate) fn config(share: u32, regressions: &'static str) -> ProptestConfig {
    let asked = std::env::var("DELTAVIEW_ORACLE_CASES").ok();
    let asked = asked.map(|cases| {
        cases
            .parse::<u32>()
            .expect("DELTAVIEW_ORACLE_CASES is a number")
    });
    ProptestConfig {
        cases: asked.unwrap_or(CASES).div_ceil(share),
        rng_seed: if asked.is_some() {
            RngSeed::Random
        } else {
            RngSeed::Fixed(2203)
        },
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        max_shrink_iters: 4000,
        ..ProptestConfig::default()
    }
}

#[test]
fn every_store_holds_what_is_computed_from_scratch() {
    let regressions = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/oracle/regressions/graphs.txt"
    );
    let (graphs, changes, refused) = (
        AtomicUsize::new(0),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let mut runner = TestRunner::new(config(1, regressions));
    let outcome = runner.run(&(plan(), turns(10)), |(plan, turns)| {
        graphs.fetch_add(1, Ordering::Relaxed);
        let mut rig = Rig::new(&plan);
        for turn in &turns {
            changes.fetch_add(1, Ordering::Relaxed);
            if !rig.turn(turn)? {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok::<(), TestCaseError>(())
    });
    println!("{graphs:?} graphs, {changes:?} changes, of which {refused:?} were refused");
    if let Err(error) = outcome {
        panic!("{error}\n{runner}");
    }
}
