//! `cargo xtask fuzz`: the oracle's random graphs, for as long as one likes, each time others.
//!
//! The test itself goes on and counts; this module only builds it as fast code and tells it for how long and from
//! which seed. A failure is shrunk and saved by the test, so that every later run of the tests tries it first.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;

use crate::process;

/// The test that is run.
const TEST: &str = "graphs::every_store_holds_what_is_computed_from_scratch";

/// Where the test saves what fails.
const SAVED: &str = "tests/tests/oracle/regressions/graphs.txt";

/// For how long, and from where.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Options {
    /// How many minutes it goes on, once it is built.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The first seed; the seeds after it follow. Without one, a seed that was not used before.
    #[arg(long)]
    seed: Option<u64>,
}

/// Builds the oracle and runs its random graphs.
pub(crate) fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(fresh_seed);
    eprintln!(
        "fuzz: {} minutes from seed {seed}; each seed printed is one that `--seed` takes",
        options.minutes
    );
    let outcome = process::run(command(options.minutes, seed));
    outcome.with_context(|| {
        format!("the case above, which is the smallest one found, is saved in {SAVED}: keep it with the fix")
    })
}

/// The seconds of the clock: a seed that is told apart from yesterday's.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

fn command(minutes: u64, seed: u64) -> Command {
    let mut command = process::cargo(["test", "--profile", "fuzz", "-p", "deltaview-tests"]);
    command
        .args(["--test", "oracle", "--", "--exact", TEST, "--nocapture"])
        .env("DELTAVIEW_ORACLE_MINUTES", minutes.to_string())
        .env("DELTAVIEW_ORACLE_SEED", seed.to_string());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_is_told_for_how_long_and_from_where() {
        assert_eq!(
            process::shown(&command(3, 7)),
            format!(
                "DELTAVIEW_ORACLE_MINUTES=3 DELTAVIEW_ORACLE_SEED=7 cargo test --profile fuzz -p deltaview-tests \
                 --test oracle -- --exact {TEST} --nocapture"
            )
        );
    }

    #[test]
    fn the_test_and_the_file_are_there() {
        let root = process::root();
        let source = std::fs::read_to_string(root.join("tests/tests/oracle/graphs.rs"));
        let source = source.expect("the oracle has random graphs");
        let name = TEST.strip_prefix("graphs::").expect("of that module");
        assert!(source.contains(&format!("fn {name}()")));
        let folder = SAVED.strip_suffix("/graphs.txt").expect("a file of graphs");
        assert!(source.contains("/tests/oracle/regressions/graphs.txt"));
        assert!(root.join(folder).is_dir());
    }
}
