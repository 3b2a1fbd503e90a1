//! The project's own commands: `cargo xtask <command>`.
//!
//! Each command is a module with one public function, and a line in [`Xtask`] and in [`main`]. To add
//! one, write `src/<command>.rs` with `pub(crate) fn run(...) -> anyhow::Result<()>`, a variant of
//! [`Xtask`] whose doc comment is its help text, and an arm in [`main`]; if every change must pass it,
//! a step in `ci::steps` as well.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks by printing"
)]

use std::process::ExitCode;

use clap::Parser;

mod bench;
mod ci;
mod fuzz;
mod postgres;
mod process;
mod schema;
mod test;
mod tidy;

/// The project's own commands.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Xtask {
    /// What deltaview costs: its benchmarks by criterion, or beside its peers, or counted in instructions.
    Bench(bench::Options),
    /// Everything a change must pass, in order, stopping at the first step that fails.
    Ci,
    /// Run the oracle's random graphs for some minutes, each time others.
    Fuzz(fuzz::Options),
    /// Print the tables of the examples' graphs, or check or refresh their dumps in `schema/`.
    Schema(schema::Options),
    /// Run every test: the doctests, then all others, so that the runner's summary comes last.
    Test {
        /// Leave out the tests that need a Postgres server, instead of starting one for them.
        #[arg(long)]
        skip_postgres: bool,
        /// Arguments for the runner: `cargo nextest run` where it is installed, else `cargo test`.
        #[arg(last = true, value_name = "RUNNER ARGS")]
        runner: Vec<String>,
    },
    /// Check what the compiler does not: the layers, the features' promises, the house rules.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Xtask::parse() {
        Xtask::Bench(options) => bench::run(&options),
        Xtask::Ci => ci::run(),
        Xtask::Fuzz(options) => fuzz::run(options),
        Xtask::Schema(options) => schema::run(&options),
        Xtask::Test {
            skip_postgres,
            runner,
        } => test::run(&runner, test::Postgres::unless(skip_postgres)),
        Xtask::Tidy => tidy::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Xtask::command().debug_assert();
    }

    #[test]
    fn what_follows_the_dashes_goes_to_the_runner() {
        let parsed = Xtask::try_parse_from(["xtask", "test", "--", "--no-fail-fast", "join"]);
        let Ok(Xtask::Test { runner, .. }) = parsed else {
            panic!("`test -- …` did not parse: {parsed:?}");
        };
        assert_eq!(runner, ["--no-fail-fast", "join"]);
    }
}
