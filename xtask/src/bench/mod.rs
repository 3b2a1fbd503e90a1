//! `cargo xtask bench`: what deltaview costs, beside what else there is.
//!
//! Four kinds, each a module: [`peers`] runs the programs of the workspace `benches/peers`, [`workloads`] those of
//! `benches` that have no peers, [`instructions`] counts what a dozen kernels execute, and [`criterion`] runs the
//! benchmarks by that library. This module owns the command line only.

mod criterion;
mod document;
mod instructions;
mod machine;
mod numbers;
mod peers;
mod plot;
mod program;
mod workloads;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// What to measure, and how long.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// deltaview beside its peers: differential-dataflow, dbsp, hand-written maps, statements and triggers. Builds the
    /// workspace `benches/peers`, which takes minutes the first time, and writes `docs/benchmarks.md`.
    #[arg(long, group = "kind")]
    peers: bool,
    /// What has no peers: flights, a fan-out, the top ten of groups, a closure under deletes, a one-row change by the size of the
    /// state. Writes `docs/benchmarks.md` too, and a plot in `target/bench`.
    #[arg(long, group = "kind")]
    workloads: bool,
    /// How many instructions a dozen kernels execute, counted by valgrind's callgrind: repeatable where times are not.
    #[arg(long, group = "kind")]
    instructions: bool,
    /// With `--peers` or `--workloads`: fewer rows and rounds, and no document. Ends within minutes.
    #[arg(long, conflicts_with = "instructions")]
    quick: bool,
    /// With `--peers` or `--workloads`: one store only, and no document.
    #[arg(long, value_enum, conflicts_with = "instructions")]
    only: Option<StoreKind>,
    /// With `--workloads`: the folder of the five tables of nycflights13, each a .csv or .csv.gz. The default is the sample
    /// of the example.
    #[arg(long, value_name = "DIR", requires = "workloads")]
    flights: Option<PathBuf>,
    /// With `--peers`: leave dbsp out, which takes minutes to build, and write no document.
    #[arg(long, requires = "peers")]
    without_dbsp: bool,
    /// With `--instructions`: fail where a kernel executes more than `benches/instructions.toml` allows.
    #[arg(long, requires = "instructions")]
    check: bool,
    /// With `--instructions`: write what was counted to `benches/instructions.toml`.
    #[arg(long, requires = "instructions", conflicts_with = "check")]
    write: bool,
    /// Without the above: the benchmarks of `benches/benches` to run, all if none is named. With `--workloads` and
    /// `--instructions`: which of them.
    #[arg(conflicts_with = "peers")]
    names: Vec<String>,
    /// Arguments for criterion: `-- --save-baseline before`.
    #[arg(last = true, value_name = "CRITERION ARGS", conflicts_with = "kind")]
    criterion: Vec<String>,
}

/// Where the state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum StoreKind {
    Memory,
    Sqlite,
    Postgres,
}

impl StoreKind {
    const ALL: [StoreKind; 3] = [StoreKind::Memory, StoreKind::Sqlite, StoreKind::Postgres];

    fn name(self) -> &'static str {
        match self {
            StoreKind::Memory => "memory",
            StoreKind::Sqlite => "sqlite",
            StoreKind::Postgres => "postgres",
        }
    }

    /// As a sentence has it.
    fn title(self) -> &'static str {
        match self {
            StoreKind::Memory => "In memory",
            StoreKind::Sqlite => "On SQLite",
            StoreKind::Postgres => "On Postgres",
        }
    }

    /// One, or all.
    fn chosen(only: Option<Self>) -> Vec<Self> {
        only.map_or_else(|| Self::ALL.to_vec(), |one| vec![one])
    }
}

/// Measures what the options ask for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.peers {
        let extent = peers::Extent {
            quick: options.quick,
            only: options.only,
            without_dbsp: options.without_dbsp,
        };
        peers::run(extent)
    } else if options.workloads {
        let extent = workloads::Extent {
            quick: options.quick,
            only: options.only,
            flights: options.flights.as_deref(),
        };
        workloads::run(extent, &options.names)
    } else if options.instructions {
        let then = match (options.check, options.write) {
            (true, _) => instructions::Then::Check,
            (_, true) => instructions::Then::Write,
            _ => instructions::Then::Print,
        };
        instructions::run(then, &options.names)
    } else {
        criterion::run(&options.names, &options.criterion)
    }
}
