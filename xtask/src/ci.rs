//! `cargo xtask ci`: everything a change must pass, in order, stopping at the first step that fails.
//!
//! Needs a toolchain and a C compiler. Components of the toolchain that are missing are installed;
//! other programs never are: a step that wants one says that it is skipped.

use std::fmt::{self, Display};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::{process, test, tidy};

/// Runs all [`steps`].
pub(crate) fn run() -> Result<()> {
    run_steps(steps(), |line| eprintln!("{line}"))
}

/// The steps, cheap ones first, tests last so that the output ends with the runner's own summary.
fn steps() -> Vec<Step> {
    vec![
        Step::new("format", "cargo fmt --all --check", || {
            process::ensure_component("fmt", "rustfmt")?;
            done(process::cargo(["fmt", "--all", "--check"]))
        }),
        Step::new("clippy", process::shown(&clippy()), || {
            process::ensure_component("clippy", "clippy")?;
            done(clippy())
        }),
        Step::new("tidy", "cargo xtask tidy", || {
            tidy::run().map(|()| Outcome::Done)
        }),
        Step::new("schema", "cargo xtask schema --check", || done(schema()?)),
        Step::new("docs", process::shown(&docs()), || done(docs())),
        Step::new("deny", process::shown(&deny()), || {
            if process::has_subcommand("deny") {
                done(deny())
            } else {
                Ok(Outcome::Skipped("cargo-deny is not installed"))
            }
        }),
        Step::new("test", "cargo xtask test", || {
            // One run shows all that is broken.
            test::run(&["--no-fail-fast".to_owned()], test::Postgres::Needed)
                .map(|()| Outcome::Done)
        }),
    ]
}

fn clippy() -> Command {
    process::cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ])
}

/// This very program again: by cargo it would only be checked for changes once more.
fn schema() -> Result<Command> {
    let xtask = std::env::current_exe().context("this program does not find itself")?;
    let mut command = Command::new(xtask);
    command
        .args(["schema", "--check"])
        .current_dir(process::root());
    Ok(command)
}

fn docs() -> Command {
    let mut command = process::cargo(["doc", "--no-deps", "--workspace", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

/// The advisories are left out: they need a database from the network, and change without the code.
fn deny() -> Command {
    process::cargo(["deny", "check", "bans", "licenses", "sources"])
}

fn done(command: Command) -> Result<Outcome> {
    process::run(command).map(|()| Outcome::Done)
}

/// One thing that must pass.
struct Step {
    name: &'static str,
    /// What a person types to run this step alone.
    rerun: String,
    run: Box<dyn FnOnce() -> Result<Outcome>>,
}

impl Step {
    fn new(
        name: &'static str,
        rerun: impl Into<String>,
        run: impl FnOnce() -> Result<Outcome> + 'static,
    ) -> Self {
        Step {
            name,
            rerun: rerun.into(),
            run: Box::new(run),
        }
    }
}

/// How a step ended that did not fail.
#[derive(Clone, Copy)]
enum Outcome {
    Done,
    /// Not run, and why.
    Skipped(&'static str),
}

/// Announces and runs each step. Says nothing after the last one has passed: its output ends ours.
fn run_steps(steps: Vec<Step>, mut say: impl FnMut(&str)) -> Result<()> {
    let count = steps.len();
    let began = Instant::now();
    for (number, step) in (1..).zip(steps) {
        let at = Seconds(began.elapsed());
        say(&format!("\n=== {number}/{count} {} (at {at})", step.name));
        let step_began = Instant::now();
        let outcome = (step.run)();
        let took = Seconds(step_began.elapsed());
        match outcome {
            Ok(Outcome::Done) if number == count => {}
            Ok(Outcome::Done) => say(&format!("=== {}: passed in {took}", step.name)),
            Ok(Outcome::Skipped(why)) => say(&format!("=== {}: skipped: {why}", step.name)),
            Err(error) => {
                return Err(anyhow!(
                    "step {number}/{count}, {}, failed after {took}: {error:#}\nRun it again with: {}",
                    step.name,
                    step.rerun
                ));
            }
        }
    }
    Ok(())
}

/// A duration in seconds, to the tenth.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    fn passing(name: &'static str) -> Step {
        Step::new(name, name, || Ok(Outcome::Done))
    }

    #[test]
    fn the_first_failure_ends_the_run_and_says_how_to_repeat_it() {
        let reached = Rc::new(Cell::new(false));
        let seen = Rc::clone(&reached);
        let steps = vec![
            passing("one"),
            Step::new("two", "cargo xtask two", || Err(anyhow!("two is broken"))),
            Step::new("three", "", move || {
                seen.set(true);
                Ok(Outcome::Done)
            }),
        ];
        let error = run_steps(steps, |_| {}).unwrap_err().to_string();
        assert!(error.starts_with("step 2/3, two, failed after"), "{error}");
        assert!(error.contains("two is broken"), "{error}");
        assert!(
            error.ends_with("Run it again with: cargo xtask two"),
            "{error}"
        );
        assert!(!reached.get(), "a step ran after the one that failed");
    }

    #[test]
    fn every_step_is_announced_and_nothing_follows_the_last() {
        let mut said = Vec::new();
        let skipped = Step::new("two", "", || Ok(Outcome::Skipped("no tool")));
        let steps = vec![passing("one"), skipped, passing("three")];
        run_steps(steps, |line| said.push(line.to_owned())).unwrap();
        assert_eq!(said.len(), 5, "{said:#?}");
        assert!(said[1].starts_with("=== one: passed in"), "{said:#?}");
        assert_eq!(said[3], "=== two: skipped: no tool");
        assert!(said[4].starts_with("\n=== 3/3 three (at"), "{said:#?}");
    }

    #[test]
    fn tests_come_last() {
        let names: Vec<_> = steps().iter().map(|step| step.name).collect();
        assert_eq!(
            names,
            ["format", "clippy", "tidy", "schema", "docs", "deny", "test"]
        );
    }
}
