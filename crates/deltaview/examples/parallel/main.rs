//! Many workers on one store: processes that load meter reads side by side, and are killed while they do.
//!
//! ```text
//! cargo run --release --example parallel -- --flush each-table --kill 5 --verify
//! ```
//!
//! Each worker is a process of its own, and commits batches as changes with a name. Where a worker is killed, another one
//! is started and told its batch again: nobody knows whether it was committed, and nobody has to. `--verify` shows that
//! no read is lost and none is there twice.
//!
//! Read `query.rs` first: it has the rows and the query. `data.rs` makes the rows, `crew.rs` starts and kills.

mod crew;
mod data;
mod query;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use deltaview::prelude::*;
use deltaview::{ChangeId, Flush, Synchronous};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use self::crew::{COMMITTED, Crew};
use self::query::{Meters, Used, day_of, graph};
use self::support::{Kept, Place};

/// How long a worker may say nothing before it is taken for dead. The default is a few times longer; here one dies often.
const LEASE: Duration = Duration::from_millis(500);
/// How long a change waits for those before it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Many workers on one store: processes that load meter reads side by side, and are killed while they do.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// How many processes commit changes.
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// How many changes they commit, all together.
    #[arg(long, value_name = "N", default_value = "300")]
    batches: u32,
    /// Reads a change.
    #[arg(long, value_name = "N", default_value = "100")]
    reads: u32,
    /// How a change is committed: all tables in one transaction, or table by table.
    #[arg(long, value_enum, default_value = "each-table")]
    flush: How,
    /// How many workers are killed a second, at any moment.
    #[arg(long, value_name = "RATE", default_value = "0")]
    kill: f64,
    /// Compute the view anew from the reads, and compare every row; and have the store do the same from its tables.
    #[arg(long)]
    verify: bool,
    /// Be one of the workers.
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    AtEnd,
    EachTable,
}

impl From<How> for Flush {
    fn from(how: How) -> Self {
        match how {
            How::AtEnd => Self::AtEnd,
            How::EachTable => Self::EachTable,
        }
    }
}

fn main() -> anyhow::Result<()> {
    let worker = |arguments: &[OsString]| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Ok(command)
    };
    run(&Options::parse(), &worker, &mut io::stdout())
}

/// `worker`: the command that starts this program with other arguments.
pub(crate) fn run(
    options: &Options,
    worker: &(dyn Fn(&[OsString]) -> anyhow::Result<Command> + Sync),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (graph, meters) = graph()?;
    let kept = options.place.kept("meters")?;
    let place = options.place.arguments(&kept);
    let start = || {
        let mut arguments = place.clone();
        let flush = options.flush.to_possible_value().expect("none is skipped");
        arguments.extend(["--worker".into(), "--flush".into(), flush.get_name().into()]);
        arguments.extend(["--reads".into(), options.reads.to_string().into()]);
        worker(&arguments)
    };
    match kept {
        Kept::Memory => {
            bail!("processes can't share memory: leave --store out, or name a database")
        }
        Kept::Sqlite(file) => {
            let mut store = SqliteOptions::new()
                .synchronous(Synchronous::Normal)
                .busy_timeout(PATIENCE)
                .worker_lease(LEASE)
                .open(&file, &graph)?;
            if !options.worker {
                writeln!(out, "The view is kept in {}", file.display())?;
            }
            work(&mut store, meters, options, &start, out)
        }
        #[cfg(feature = "postgres")]
        Kept::Postgres(database) => {
            if !options.worker {
                writeln!(out, "The view is kept in {database}")?;
            }
            work(&mut database.connect(&graph)?, meters, options, &start, out)
        }
    }
}

fn work<S: Store>(
    store: &mut S,
    meters: Meters,
    options: &Options,
    start: &(dyn Fn() -> anyhow::Result<Command> + Sync),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if options.worker {
        commit_what_is_told(store, meters, options, out)
    } else {
        lead(store, meters, options, start, out)
    }
}

/// A worker: commits each batch whose number comes in, and says so.
fn commit_what_is_told<S: Store>(
    store: &mut S,
    meters: Meters,
    options: &Options,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    for line in io::stdin().lock().lines() {
        let batch: u32 = line?.parse().context("a worker is told numbers")?;
        store
            .change()
            .insert(meters.reads, data::reads(batch, options.reads))
            .at(Flush::from(options.flush))
            // If it is killed before it has answered, the same change is made again, under the same name.
            .change_id(name(&format!("batch {batch}")))
            .within(PATIENCE)
            .commit()?;
        // On a line of its own, whatever else the process has printed.
        writeln!(out, "\n{COMMITTED}{batch}")?;
        out.flush()?;
    }
    Ok(())
}

fn name(name: &str) -> ChangeId {
    ChangeId::new(name).expect("a short name")
}

/// The one who starts the workers, and looks at what they have done.
fn lead<S: Store>(
    store: &mut S,
    meters: Meters,
    options: &Options,
    start: &(dyn Fn() -> anyhow::Result<Command> + Sync),
    out: &mut impl Write,
) -> anyhow::Result<()> {
    store
        .change()
        .insert(meters.users, data::users())
        .insert(meters.meters, data::meters())
        .change_id(name("users and meters"))
        .commit()?;

    let progress =
        ProgressBar::new(options.batches.into()).with_style(ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {pos}/{len} batches, {per_sec} {msg}",
        )?);
    let began = Instant::now();
    let crew = Crew::new(options.workers, options.batches, start, progress.clone());
    let summary = crew.work(options.kill)?;
    progress.finish_and_clear();
    let took = began.elapsed();

    let reads = u64::from(options.batches) * u64::from(options.reads);
    writeln!(
        out,
        "{} reads in {} batches by {} workers in {:.2} s: {} reads a second",
        HumanCount(reads),
        options.batches,
        options.workers,
        took.as_secs_f64(),
        HumanCount((reads as f64 / took.as_secs_f64()) as u64),
    )?;
    if summary.killed > 0 {
        writeln!(
            out,
            "{} workers were killed, {} of them at work; the batch that took longest for it was done after {:.2} s",
            summary.killed,
            summary.begun_again,
            summary.slowest.as_secs_f64(),
        )?;
    }
    let status = store.status()?;
    ensure!(
        status.in_flight.is_empty(),
        "something is left in flight: {status:?}"
    );
    writeln!(
        out,
        "The last time is {}, and nothing is in flight",
        status.complete
    )?;
    if options.verify {
        verify(store, meters, options, out)?;
    }
    Ok(())
}

/// Computes the view from the reads, and has the store compute it from its tables.
fn verify<S: Store>(
    store: &S,
    meters: Meters,
    options: &Options,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let users: BTreeMap<u128, String> = data::meters()
        .zip(data::users())
        .map(|(meter, user)| (meter.id, user.name))
        .collect();
    let mut sums = BTreeMap::new();
    for batch in 0..options.batches {
        for read in data::reads(batch, options.reads) {
            *sums.entry((day_of(read.at), read.meter)).or_insert(0) += read.value;
        }
    }
    let expected: BTreeMap<Used, Weight> = sums
        .into_iter()
        .map(|((day, meter), sum)| {
            let user = users[&meter].clone();
            (
                Used {
                    day,
                    user,
                    meter,
                    sum,
                },
                1,
            )
        })
        .collect();
    let rows = store.view(meters.used).iter()?;
    let found = rows.collect::<Result<BTreeMap<Used, Weight>, _>>()?;
    if found != expected {
        let lost = expected.iter().filter(|(row, _)| !found.contains_key(row));
        let lost = lost.count();
        bail!(
            "the view has other rows than the reads say: {lost} of {} are missing",
            expected.len()
        );
    }
    let verified = store.verify(meters.used)?;
    ensure!(
        verified.is_right(),
        "the store's own tables say something else: {verified:?}"
    );
    let rows = HumanCount(found.len() as u64);
    writeln!(
        out,
        "Verified: all {rows} rows of the view are what the reads say, and what the store's tables say"
    )?;
    Ok(())
}
