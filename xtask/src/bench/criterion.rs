//! The benchmarks by criterion: `benches/benches`, all or some.

use anyhow::Result;

use crate::process;

/// Runs them; criterion says how each compares with its last run.
pub(super) fn run(names: &[String], arguments: &[String]) -> Result<()> {
    let mut command = process::cargo(["bench", "-p", "deltaview-benches", "--all-features"]);
    for name in names {
        command.args(["--bench", name]);
    }
    if names.is_empty() {
        // Not the library's and the programs' own tests.
        command.arg("--benches");
    }
    if !arguments.is_empty() {
        command.arg("--").args(arguments);
    }
    process::run(command)
}
