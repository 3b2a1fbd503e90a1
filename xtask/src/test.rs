//! `cargo xtask test`: every test of the workspace, with every feature on.
//!
//! Doctests run first and all other tests after them, so that on success the runner's own summary is
//! the last thing written. Both parts run even if the first fails: one run shows all that is broken.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Runs the doctests, then all other tests, passing `runner_args` on to the latter's runner.
pub(crate) fn run(runner_args: &[String]) -> Result<()> {
    let runner = if process::has_subcommand("nextest") {
        Runner::Nextest
    } else {
        Runner::CargoTest
    };
    let doctests = process::run(doctests());
    let others = process::run(runner.command(runner_args));
    let failures: Vec<String> = [doctests, others]
        .into_iter()
        .filter_map(|outcome| Some(outcome.err()?.to_string()))
        .collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// What runs everything but the doctests. nextest cannot run doctests, and is the better at the rest.
#[derive(Clone, Copy)]
enum Runner {
    Nextest,
    CargoTest,
}

impl Runner {
    fn command(self, args: &[String]) -> Command {
        let mut command = match self {
            Runner::Nextest => process::cargo(["nextest", "run"]),
            // The targets are spelled out because without them `cargo test` runs the doctests too.
            Runner::CargoTest => {
                process::cargo(["test", "--lib", "--bins", "--tests", "--examples"])
            }
        };
        command.args(["--workspace", "--all-features"]).args(args);
        command
    }
}

fn doctests() -> Command {
    process::cargo(["test", "--doc", "--workspace", "--all-features"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(runner: Runner, args: &[&str]) -> String {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        process::shown(&runner.command(&args))
    }

    #[test]
    fn nextest_gets_the_arguments() {
        assert_eq!(
            line(Runner::Nextest, &["--no-fail-fast"]),
            "cargo nextest run --workspace --all-features --no-fail-fast"
        );
    }

    #[test]
    fn cargo_test_leaves_the_doctests_out() {
        let line = line(Runner::CargoTest, &[]);
        assert!(line.contains("--lib --bins --tests"), "{line}");
        assert!(!line.contains("--doc"), "{line}");
    }
}
