//! Random graphs under random histories. After each change, on every store but Postgres's (which is in [`on_postgres`]): each output's delta, each view read whole,
//! by key and by range, and each stored table, are what the naive evaluator says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deltaview_tests::plan::Plan;
use proptest::prelude::*;
use proptest::test_runner::{FileFailurePersistence, RngSeed, TestCaseError, TestRunner};

use crate::generate::{plan, turns};
use crate::rig::Rig;

/// The number of random graphs, where nothing else is asked for.
const CASES: u32 = 300;

/// The number of random graphs of a seed, where minutes are asked for.
const BATCH: u32 = 200;

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

/// How long to go on, and the first seed, where minutes are asked for.
struct Endless {
    until: Instant,
    seed: u64,
}

impl Endless {
    fn asked() -> Option<Self> {
        let number = |name: &str| -> Option<u64> {
            let asked = std::env::var(name).ok()?;
            let parsed = asked.parse();
            Some(parsed.unwrap_or_else(|_| panic!("{name} is a number")))
        };
        let minutes = number("DELTAVIEW_ORACLE_MINUTES")?;
        Some(Self {
            until: Instant::now() + Duration::from_secs(60 * minutes),
            seed: number("DELTAVIEW_ORACLE_SEED").unwrap_or(0),
        })
    }
}

/// What was tried so far.
#[derive(Default)]
struct Tried {
    graphs: AtomicUsize,
    changes: AtomicUsize,
    refused: AtomicUsize,
}

impl Tried {
    fn run(&self, mut runner: TestRunner, rig: impl Fn(&Plan) -> Rig) {
        let outcome = runner.run(&(plan(), turns(10)), |(plan, turns)| {
            self.graphs.fetch_add(1, Ordering::Relaxed);
            let mut rig = rig(&plan);
            for turn in &turns {
                self.changes.fetch_add(1, Ordering::Relaxed);
                if !rig.turn(turn)? {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
            Ok::<(), TestCaseError>(())
        });
        if let Err(error) = outcome {
            self.print();
            panic!("{error}\n{runner}");
        }
    }

    #[expect(clippy::print_stdout, reason = "the test says what it has tried")]
    fn print(&self) {
        let Self {
            graphs,
            changes,
            refused,
        } = self;
        println!("{graphs:?} graphs, {changes:?} changes, of which {refused:?} were refused");
    }
}

/// Tries random graphs in a rig: so many cases, or as long as the environment says.
#[expect(clippy::print_stdout, reason = "the test says what it tries")]
pub(crate) fn try_graphs(once: ProptestConfig, rig: impl Fn(&Plan) -> Rig) {
    let tried = Tried::default();
    match Endless::asked() {
        None => tried.run(TestRunner::new(once), rig),
        Some(Endless { until, mut seed }) => {
            while Instant::now() < until {
                println!("seed {seed}");
                let batch = ProptestConfig {
                    cases: BATCH,
                    rng_seed: RngSeed::Fixed(seed),
                    ..once.clone()
                };
                tried.run(TestRunner::new(batch), &rig);
                tried.print();
                seed = seed.wrapping_add(1);
            }
        }
    }
    tried.print();
}

/// What once failed, which is tried first.
const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/graphs.txt"
);

#[test]
fn every_store_holds_what_is_computed_from_scratch() {
    try_graphs(config(1, REGRESSIONS), Rig::new);
}
