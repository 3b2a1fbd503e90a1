//! `cargo xtask bench --peers`: deltaview beside what else there is, over the same rows in the same order.
//!
//! The programs of the workspace `benches/peers` each measure one peer in one process and print a report. This module runs
//! them in turns, for what happens on the machine meanwhile to meet all alike; holds their results to be equal; takes
//! medians; and writes the document. How much is measured is in [`cells`], what is hoped for in [`targets`].

mod cells;
mod outcome;
mod tables;
mod targets;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::{StoreKind, document, machine, numbers, plot, program};
use crate::postgres::{Durability, Server};
use crate::process;
use cells::Cell;
use outcome::{Outcome, Report};

/// The packages whose versions are told beside the numbers.
const VERSIONS: [&str; 9] = [
    "dbsp",
    "differential-dataflow",
    "libsqlite3-sys",
    "postgres",
    "rusqlite",
    "timely",
    "tokio-postgres",
    "deadpool-postgres",
    "deltaview",
];

/// The package that can be left out.
const DBSP: &str = "deltaview-peers-dbsp";

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Fewer rows, one round.
    pub(super) quick: bool,
    /// One store.
    pub(super) only: Option<StoreKind>,
    /// All but dbsp.
    pub(super) without_dbsp: bool,
}

/// Builds, measures, prints, and writes the document unless only a part was measured.
pub(super) fn run(extent: Extent) -> Result<()> {
    let stores = StoreKind::chosen(extent.only);
    let manifest = process::root().join("benches/peers/Cargo.toml");
    let peers = build(&manifest, &stores, extent)?;
    let versions = program::versions(&manifest, &VERSIONS)?;
    let server = if stores.contains(&StoreKind::Postgres) {
        Some(Server::find_or_start(Durability::Kept)?)
    } else {
        None
    };
    let mut outcomes = Vec::new();
    let raw = document::in_target("peers.json")?;
    for store in stores {
        let of_store: Vec<&Peer> = peers.iter().filter(|peer| peer.store == store).collect();
        for cell in cells::cells(store, extent.quick) {
            outcomes.push(measure(
                store,
                &cell,
                &of_store,
                extent.quick,
                server.as_ref(),
            )?);
            // After each, so that what was measured is there should a later one fail.
            let text = serde_json::to_string_pretty(&outcomes);
            std::fs::write(&raw, text.context("an outcome is plain data")?)?;
        }
    }
    let text = tables::text(&outcomes, &versions, &machine::described(), extent.quick);
    println!("{text}");
    let picture = draw(&outcomes)?;
    eprintln!(
        "bench: every run is in target/bench/peers.json, a plot in {}",
        picture.display()
    );
    if extent.quick || extent.only.is_some() || extent.without_dbsp {
        eprintln!(
            "bench: {} stays as it is: this was a part",
            document::DOCUMENT
        );
        return Ok(());
    }
    document::replace("peers", &text)
}

/// One of those that are measured.
struct Peer {
    store: StoreKind,
    name: String,
    program: PathBuf,
}

/// Builds the programs, and asks each for its peers.
fn build(manifest: &Path, stores: &[StoreKind], extent: Extent) -> Result<Vec<Peer>> {
    let manifest = manifest.to_string_lossy();
    let mut arguments = vec!["--manifest-path", &manifest];
    let packages = stores.iter().flat_map(|store| packages(*store));
    let is_wanted = |package: &str| package != DBSP || !extent.without_dbsp;
    let packages: Vec<_> = packages.filter(|(package, _)| is_wanted(package)).collect();
    for (package, _) in &packages {
        arguments.extend(["-p", package]);
    }
    let programs = program::build(&arguments)?;
    let mut peers = Vec::new();
    for (package, store) in packages {
        let program = programs.get(package);
        let program = program.with_context(|| format!("{package} has no program"))?;
        let names = program::output(program, &["--peer".to_owned(), "list".to_owned()])?;
        peers.extend(names.lines().map(|name| Peer {
            store,
            name: name.to_owned(),
            program: program.clone(),
        }));
    }
    Ok(peers)
}

fn packages(store: StoreKind) -> Vec<(&'static str, StoreKind)> {
    let packages: &[&str] = match store {
        StoreKind::Memory => &["deltaview-peers-memory", DBSP],
        StoreKind::Sqlite => &["deltaview-peers-sqlite"],
        StoreKind::Postgres => &["deltaview-peers-postgres"],
    };
    packages.iter().map(|package| (*package, store)).collect()
}

/// Runs all peers of a cell in turns, each round from another one on.
fn measure(
    store: StoreKind,
    cell: &Cell,
    peers: &[&Peer],
    quick: bool,
    server: Option<&Server>,
) -> Result<Outcome> {
    eprintln!("\n=== {}, {cell}", store.name());
    let mut outcome = Outcome::new(store, cell);
    let mut wanted: Vec<String> = peers.iter().map(|peer| peer.name.clone()).collect();
    let rounds = cells::rounds(quick);
    for round in 0..rounds {
        let first = round * peers.len() / rounds;
        let (before, from) = peers.split_at(first);
        let turn = from.iter().chain(before);
        for peer in turn.filter(|peer| wanted.contains(&peer.name)) {
            let report = run_once(peer, cell, quick, server)?;
            eprintln!(
                "{}/{rounds} {:<32} {:>8} reads/s, one row {:>8}, peak {}",
                round + 1,
                peer.name,
                numbers::rate(report.reads_a_second),
                numbers::time(report.insert_one.map_or(0.0, |one| one.p50)),
                numbers::bytes(report.peak_rss_kib.unwrap_or(0.0) * 1024.0),
            );
            outcome.add(&peer.name, report);
        }
        if round == 0 {
            wanted = outcome.again();
        }
    }
    let wrong = outcome.disagreeing();
    if !wrong.is_empty() {
        bail!(
            "{}, {cell}: these do not have the sums that most have: {}",
            store.name(),
            wrong.join(", ")
        );
    }
    Ok(outcome)
}

fn run_once(peer: &Peer, cell: &Cell, quick: bool, server: Option<&Server>) -> Result<Report> {
    let mut arguments = vec!["--peer".to_owned(), peer.name.clone()];
    arguments.extend(cell.arguments(&peer.name, quick));
    if let Some(server) = server.filter(|_| peer.store == StoreKind::Postgres) {
        arguments.extend(["--url".to_owned(), server.url()?]);
    }
    let reports = program::measured(&peer.program, &arguments)?;
    let report = reports.into_iter().next_back();
    report.with_context(|| format!("{} printed nothing", peer.name))
}

/// Reads a second by the size of a change, a line for each peer, a panel for each store and number of users.
fn draw(outcomes: &[Outcome]) -> Result<PathBuf> {
    let mut panels: Vec<plot::Panel> = Vec::new();
    for outcome in outcomes {
        let users = numbers::grouped(outcome.cell.users);
        let title = format!("{}, {users} users", outcome.store.title());
        if panels.last().is_none_or(|panel| panel.title != title) {
            panels.push(plot::Panel::new(
                &title,
                "reads in a change",
                "reads a second",
            ));
        }
        if let Some(panel) = panels.last_mut() {
            for (peer, of_peer) in outcome.shown() {
                panel.add(&peer, outcome.cell.batch as f64, of_peer.reads_a_second());
            }
        }
    }
    let path = document::in_target("peers.svg")?;
    plot::draw(&path, &panels)?;
    Ok(path)
}
