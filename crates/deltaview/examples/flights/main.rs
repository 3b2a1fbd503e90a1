//! The flights that left New York in 2013, as views that keep themselves up to date.
//!
//! ```text
//! cargo run --release --example flights -- --verify --amend
//! ```
//!
//! Loads the five tables of nycflights13 in batches, and shows the views: delays by carrier and day, traffic by pair
//! of airports, flights by the planes' manufacturer, delays by visibility. `--verify` computes each view anew by SQL
//! and compares every row; `--amend` changes some of what was loaded; `--as-of N` does the same as `--verify` for the
//! views as they were at time N, when a part of the files was loaded. The data in the repository is a sample: see the
//! README beside it for the whole.
//!
//! Read `views.rs` first: it is the query. `tables.rs` has the rows, `data.rs` reads the files, `load.rs`, `amend.rs`
//! and `verify.rs` do as they say.

mod amend;
mod data;
mod load;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod verify;
mod views;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use deltaview::prelude::*;
use deltaview::{Row, Synchronous, View, render_table};
use indicatif::{DecimalBytes, HumanCount};

use self::amend::{amend, amendment};
use self::load::Loader;
use self::support::{Kept, Place};
use self::verify::Raw;
use self::views::{Amendment, Inputs, Views, graph};

/// The flights that left New York in 2013, as views that keep themselves up to date.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// The folder of the five tables, each a .csv or .csv.gz [default: a sample].
    #[arg(long, value_name = "DIR", default_value = SAMPLE, hide_default_value = true)]
    data: PathBuf,
    /// Rows a change.
    #[arg(long, value_name = "N", default_value = "10000")]
    batch: NonZeroUsize,
    #[command(flatten)]
    place: Place,
    /// How sure a commit of SQLite is to outlast a power cut.
    #[arg(long, value_enum, default_value = "full")]
    synchronous: Sync,
    /// Compute each view anew by SQL over the raw rows, and compare every row.
    #[arg(long)]
    verify: bool,
    /// Cancel a day's flights and rename a carrier, in one change.
    #[arg(long)]
    amend: bool,
    /// Verify the views as of time N too, over the raw rows that were loaded by then: each change is a time. Can be given
    /// more than once.
    #[arg(long, value_name = "N")]
    as_of: Vec<i64>,
}

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/flights/data");

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Sync {
    /// Every commit is on the disk when it returns.
    Full,
    /// A power cut may take back the last commits.
    Normal,
    /// A power cut may damage the file.
    Off,
}

impl From<Sync> for Synchronous {
    fn from(sync: Sync) -> Self {
        match sync {
            Sync::Full => Self::Full,
            Sync::Normal => Self::Normal,
            Sync::Off => Self::Off,
        }
    }
}

fn main() -> anyhow::Result<()> {
    run(&Options::parse(), &mut io::stdout().lock())
}

pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let (graph, inputs, views) = graph()?;
    match options.place.kept("flights")? {
        Kept::Memory => work(&mut MemoryStore::new(&graph), options, inputs, views, out),
        Kept::Sqlite(file) => {
            let name = file.display();
            writeln!(out, "The views are kept in {name}")?;
            let mut store = SqliteOptions::new()
                .synchronous(options.synchronous.into())
                .open(&file, &graph)?;
            work(&mut store, options, inputs, views, out)?;
            drop(store);
            let size = DecimalBytes(fs::metadata(&file)?.len());
            writeln!(out, "\n{name} has {size}")?;
            Ok(())
        }
        #[cfg(feature = "postgres")]
        Kept::Postgres(database) => {
            writeln!(out, "The views are kept in {database}")?;
            work(&mut database.connect(&graph)?, options, inputs, views, out)
        }
    }
}

/// All that there is to do, on any store.
fn work<S: Store>(
    store: &mut S,
    options: &Options,
    inputs: Inputs,
    views: Views,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    load_and_amend(store, options, inputs, views, out)?;
    for &time in &options.as_of {
        verify_as_of(store, time, options, views, out)?;
    }
    Ok(())
}

fn load_and_amend<S: Store>(
    store: &mut S,
    options: &Options,
    inputs: Inputs,
    views: Views,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let loader = Loader {
        data: &options.data,
        batch: options.batch,
        inputs,
        views,
    };
    writeln!(
        out,
        "\nLoading, {} rows a change:",
        HumanCount(options.batch.get() as u64)
    )?;
    writeln!(out, "{}", loader.load(store, "airlines", inputs.airlines)?)?;
    writeln!(out, "{}", loader.load(store, "airports", inputs.airports)?)?;
    writeln!(out, "{}", loader.load(store, "planes", inputs.planes)?)?;
    writeln!(out, "{}", loader.load(store, "weather", inputs.weather)?)?;
    writeln!(out, "{}", loader.load(store, "flights", inputs.flights)?)?;
    show(store, views, out)?;

    let raw = if options.verify {
        Some(Raw::load(&options.data)?)
    } else {
        None
    };
    if let Some(raw) = &raw {
        for earlier in store.view(views.amendments).iter()? {
            raw.amend(&earlier?.0)?;
        }
        verify(store, raw, views, None, out)?;
    }
    if !options.amend {
        return Ok(());
    }
    let amendment = amendment();
    if store
        .view(views.amendments)
        .get(&(amendment.month, amendment.day))?
        .is_some()
    {
        writeln!(out, "\nAmended already, by an earlier run")?;
        return Ok(());
    }
    let (committed, took) = amend(store, &options.data, inputs, &amendment)?;
    let took = took.as_millis();
    let Amendment {
        month,
        day,
        carrier,
        new_name,
    } = &amendment;
    writeln!(
        out,
        "\nAmended in {took} ms: no flight left on 2013-{month:02}-{day:02}, and {carrier} is {new_name} now."
    )?;
    writeln!(out, "Rows that this took out of each view, and put in:")?;
    let taken_and_put = [
        (
            "carrier_days",
            taken_and_put(&committed.get(views.carrier_days)?),
        ),
        ("routes", taken_and_put(&committed.get(views.routes)?)),
        (
            "manufacturers",
            taken_and_put(&committed.get(views.manufacturers)?),
        ),
        (
            "visibility",
            taken_and_put(&committed.get(views.visibility)?),
        ),
    ];
    for (view, (taken, put)) in taken_and_put {
        writeln!(out, "  {view:<13} {taken:>6} {put:>6}")?;
    }
    if let Some(raw) = &raw {
        raw.amend(&amendment)?;
        verify(store, raw, views, None, out)?;
    }
    Ok(())
}

/// How many rows of a delta go, and how many come.
fn taken_and_put<T>(delta: &ZSet<T>) -> (usize, usize) {
    let put = delta.iter().filter(|(_, weight)| *weight > 0).count();
    (delta.len() - put, put)
}

/// A little of each view.
fn show<S: Store>(store: &S, views: Views, out: &mut impl Write) -> anyhow::Result<()> {
    let worst = first_rows(store.view(views.worst_days))?;
    writeln!(
        out,
        "\nThe days on which a carrier lost the most time:\n{worst}"
    )?;
    let busiest = first_rows(store.view(views.busiest_routes))?;
    writeln!(out, "\nThe busiest routes:\n{busiest}")?;
    let makers = first_rows(store.view(views.busiest_manufacturers))?;
    writeln!(out, "\nWho made the planes (—: not known):\n{makers}")?;
    let poor = store.view(views.visibility).range(..5)?.into_zset()?;
    writeln!(out, "\nFlights in hours of poor visibility:\n{poor}")?;
    Ok(())
}

/// The first rows of a view in the order of its index: no more than these are read.
fn first_rows<S: Store, T: Row, K: IndexKey>(view: View<'_, S, T, K>) -> anyhow::Result<String> {
    let rows = view.iter()?.take(5).collect::<Result<Vec<_>, _>>()?;
    Ok(render_table(rows))
}

/// Verifies the views as they were at a time, over the rows that were loaded by then and as they were amended by then.
fn verify_as_of<S: Store>(
    store: &S,
    time: i64,
    options: &Options,
    views: Views,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let then = store.as_of(time)?;
    let loaded = then.view(views.loaded).iter()?;
    let loaded: BTreeMap<String, u64> = loaded
        .map(|row| row.map(|(file, _)| (file.table, file.rows)))
        .collect::<Result<_, _>>()?;
    let rows = HumanCount(loaded.values().sum());
    writeln!(
        out,
        "\nThe views as of time {time}, when {rows} raw rows were loaded:"
    )?;
    let raw = Raw::load_first(&options.data, |table| {
        let rows = loaded.get(table).copied().unwrap_or(0);
        usize::try_from(rows).unwrap_or(usize::MAX)
    })?;
    for earlier in then.view(views.amendments).iter()? {
        raw.amend(&earlier?.0)?;
    }
    verify(store, &raw, views, Some(time), out)
}

fn verify<S: Store>(
    store: &S,
    raw: &Raw,
    views: Views,
    at: Option<i64>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let compared = raw.verify(store, views, at)?;
    let took = begun.elapsed().as_secs_f64();
    writeln!(
        out,
        "\nVerified in {took:.2} s: every row equals what SQL computes from the raw rows:"
    )?;
    for (view, rows) in compared {
        writeln!(
            out,
            "  {view:<13} {:>6} rows",
            HumanCount(rows as u64).to_string()
        )?;
    }
    Ok(())
}
