//! `cargo xtask test`: every test of the workspace, with every feature on.
//!
//! Doctests run first and all other tests after them, so that on success the runner's own summary is
//! the last thing written. Both parts run even if the first fails: one run shows all that is broken.
//!
//! Tests that need a Postgres server are in modules named [`ON_POSTGRES`], and find it by the variable
//! `DELTAVIEW_TEST_POSTGRES`. They are left out on demand only, and then the runner counts them as such:
//! no test passes because there was no server. Tests that stop their server are in modules named [`OWN_SERVER`] in
//! there: they make one of their own, and are left out, and counted, where a server is given and its programs are not.

use std::process::Command;

use anyhow::{Result, bail};

use crate::{postgres, process};

/// The part of a test's path by which it says that it needs a server.
const ON_POSTGRES: &str = "on_postgres::";

/// The part of a test's path by which it says that it makes a server of its own.
const OWN_SERVER: &str = "on_postgres::own_server::";

/// By which nextest is told how many tests run at once.
const TEST_THREADS: &str = "NEXTEST_TEST_THREADS";

/// How many tests run at once: more than there are processors, for many wait for a lease to end or for a server.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors + processors.div_ceil(2)
}

/// Runs the doctests, then all other tests, passing `runner_args` on to the latter's runner.
pub(crate) fn run(runner_args: &[String], postgres: Postgres) -> Result<()> {
    let server = match postgres {
        Postgres::Needed => Some(postgres::Server::find_or_start(postgres::Durability::Lost)?),
        Postgres::LeftOut => None,
    };
    let with_server = |mut command: Command| {
        if let Some(server) = &server {
            server.tell(&mut command);
        }
        process::run(command)
    };
    let runner = if process::has_subcommand("nextest") {
        Runner::Nextest
    } else {
        Runner::CargoTest
    };
    let doctests = with_server(doctests());
    let left_out = match &server {
        None => Some(ON_POSTGRES),
        Some(server) => (!server.has_programs()).then_some(OWN_SERVER),
    };
    let mut others = runner.command(runner_args, left_out);
    if std::env::var_os(TEST_THREADS).is_none() {
        others.env(TEST_THREADS, threads().to_string());
    }
    let others = with_server(others);
    match left_out {
        None => {}
        Some(OWN_SERVER) => eprintln!(
            "postgres: the tests that stop a server were left out and did not run: Postgres's programs, initdb among them, \
             are neither on the PATH nor in /usr/lib/postgresql/*/bin"
        ),
        Some(_) => {
            eprintln!("postgres: the tests that need a server were left out and did not run");
        }
    }
    let failures: Vec<String> = [doctests, others]
        .into_iter()
        .filter_map(|outcome| Some(outcome.err()?.to_string()))
        .collect();
    if !failures.is_empty() {
        bail!("{}", failures.join("; "));
    }
    Ok(())
}

/// What becomes of the tests that need a Postgres server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Postgres {
    /// They get one.
    Needed,
    /// They do not run.
    LeftOut,
}

impl Postgres {
    /// Needed, unless somebody said to skip it.
    pub(crate) fn unless(skip: bool) -> Self {
        if skip {
            Postgres::LeftOut
        } else {
            Postgres::Needed
        }
    }
}

/// What runs everything but the doctests. nextest cannot run doctests, and is the better at the rest.
#[derive(Clone, Copy)]
enum Runner {
    Nextest,
    CargoTest,
}

impl Runner {
    fn command(self, args: &[String], left_out: Option<&str>) -> Command {
        let mut command = match self {
            Runner::Nextest => process::cargo(["nextest", "run"]),
            // The targets are spelled out because without them `cargo test` runs the doctests too.
            Runner::CargoTest => {
                process::cargo(["test", "--lib", "--bins", "--tests", "--examples"])
            }
        };
        command.args(["--workspace", "--all-features"]).args(args);
        if let Some(left_out) = left_out {
            // Behind the dashes, both runners take the arguments of a test program.
            if !args.iter().any(|arg| arg == "--") {
                command.arg("--");
            }
            command.args(["--skip", left_out]);
        }
        command
    }
}

fn doctests() -> Command {
    process::cargo(["test", "--doc", "--workspace", "--all-features"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(runner: Runner, args: &[&str], left_out: Option<&str>) -> String {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        process::shown(&runner.command(&args, left_out))
    }

    #[test]
    fn nextest_gets_the_arguments() {
        assert_eq!(
            line(Runner::Nextest, &["--no-fail-fast"], None),
            "cargo nextest run --workspace --all-features --no-fail-fast"
        );
    }

    #[test]
    fn cargo_test_leaves_the_doctests_out() {
        let line = line(Runner::CargoTest, &[], None);
        assert!(line.contains("--lib --bins --tests"), "{line}");
        assert!(!line.contains("--doc"), "{line}");
    }

    #[test]
    fn tests_that_need_a_server_are_left_out_on_demand() {
        for runner in [Runner::Nextest, Runner::CargoTest] {
            let all = line(runner, &[], None);
            assert!(!all.contains("--skip"), "{all}");
            let without = line(runner, &["join"], Some(ON_POSTGRES));
            assert_eq!(without, format!("{all} join -- --skip on_postgres::"));
            let dashed = line(runner, &["--", "--exact", "join"], Some(OWN_SERVER));
            assert_eq!(
                dashed,
                format!("{all} -- --exact join --skip on_postgres::own_server::")
            );
        }
    }
}
