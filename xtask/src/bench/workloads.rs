//! `cargo xtask bench --workloads`: what has no peers, on the three stores, and what a one-row change costs by the size of the
//! state.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::{StoreKind, document, machine, numbers, plot, program};
use crate::postgres::{Durability, Server};

/// The workload whose cost is drawn by the size of the state.
const BY_SIZE: &str = "one-row";

/// What the program prints: times in nanoseconds, counts a change.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Report {
    workload: String,
    #[serde(default)]
    store: String,
    rows: u64,
    load_rows_a_second: f64,
    changes: u64,
    p50: f64,
    p99: f64,
    asked_a_change: Option<f64>,
    written_a_change: f64,
    peak_rss_kib: Option<f64>,
    disk_bytes: Option<f64>,
}

/// The rows that a workload has before it is measured.
fn sizes(workload: &str, store: StoreKind, quick: bool) -> Vec<u64> {
    let largest: u64 = match (store, quick) {
        (_, true) => 10_000,
        (StoreKind::Postgres, false) if workload != BY_SIZE => 100_000,
        (_, false) => 1_000_000,
    };
    match workload {
        BY_SIZE => [1_000, 10_000, 100_000, 1_000_000]
            .into_iter()
            .filter(|rows| *rows <= largest)
            .collect(),
        "closure" => vec![largest.min(15_000)],
        "top-10" | "history" | "no-history" => vec![largest.min(100_000)],
        _ => vec![largest],
    }
}

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent<'a> {
    /// Fewer rows.
    pub(super) quick: bool,
    /// One store.
    pub(super) only: Option<StoreKind>,
    /// The folder of the flights.
    pub(super) flights: Option<&'a Path>,
}

/// Builds, measures, prints, and writes the document unless only a part was measured.
pub(super) fn run(extent: Extent<'_>, names: &[String]) -> Result<()> {
    let Extent { quick, only, .. } = extent;
    let stores = StoreKind::chosen(only);
    let mut features = "workloads".to_owned();
    let server = if stores.contains(&StoreKind::Postgres) {
        features += ",postgres";
        Some(Server::find_or_start(Durability::Kept)?)
    } else {
        None
    };
    let of = [
        "-p",
        "deltaview-benches",
        "--bin",
        "workloads",
        "--no-default-features",
        "--features",
        &features,
    ];
    let programs = program::build(&of)?;
    let program = programs.get("workloads").context("there is no program")?;
    let mut reports = Vec::new();
    let listed = program::output(program, &["--workload".to_owned(), "list".to_owned()])?;
    let chosen = |name: &&str| names.is_empty() || names.iter().any(|one| one == name);
    for workload in listed.lines().filter(chosen) {
        for store in &stores {
            for rows in sizes(workload, *store, quick) {
                reports.push(measure(
                    program,
                    workload,
                    *store,
                    rows,
                    extent,
                    server.as_ref(),
                )?);
            }
        }
    }
    let text = text(&reports);
    println!("{text}");
    let picture = draw(&reports)?;
    let raw = serde_json::to_string_pretty(&reports).context("a report is plain data")?;
    std::fs::write(document::in_target("workloads.json")?, raw)?;
    eprintln!(
        "bench: the numbers are in target/bench/workloads.json, a plot in {}",
        picture.display()
    );
    if quick || only.is_some() || !names.is_empty() {
        eprintln!(
            "bench: {} stays as it is: this was a part",
            document::DOCUMENT
        );
        return Ok(());
    }
    document::replace("workloads", &text)
}

fn measure(
    program: &Path,
    workload: &str,
    store: StoreKind,
    rows: u64,
    extent: Extent<'_>,
    server: Option<&Server>,
) -> Result<Report> {
    let seconds = if extent.quick { "1" } else { "5" };
    let rows = rows.to_string();
    let given = [
        ["--workload", workload],
        ["--store", store.name()],
        ["--rows", &rows],
        ["--seconds", seconds],
    ];
    let mut arguments: Vec<String> = given.concat().into_iter().map(str::to_owned).collect();
    if let Some(folder) = extent.flights {
        // The program runs elsewhere.
        let folder = std::path::absolute(folder).context("the folder of the flights")?;
        arguments.extend(["--flights".to_owned(), folder.display().to_string()]);
    }
    if let Some(server) = server.filter(|_| store == StoreKind::Postgres) {
        arguments.extend(["--url".to_owned(), server.url()?]);
    }
    let reports: Vec<Report> = program::measured(program, &arguments)?;
    let mut report = reports.into_iter().next().context("it printed nothing")?;
    store.name().clone_into(&mut report.store);
    eprintln!(
        "{workload} on {}, {rows} rows: {} a change",
        store.name(),
        numbers::time(report.p50)
    );
    Ok(report)
}

fn text(reports: &[Report]) -> String {
    let mut text = String::new();
    for line in machine::described() {
        text += &format!("- {line}\n");
    }
    let head = [
        "workload",
        "store",
        "rows",
        "loaded, rows/s",
        "p50",
        "p99",
        "keys fetched a change",
        "rows written a change",
        "peak memory",
        "bytes on disk a row",
    ];
    let rows = reports.iter().map(|report| {
        let count = |count: f64| format!("{count:.1}");
        let disk = report.disk_bytes.map(|bytes| bytes / report.rows as f64);
        vec![
            report.workload.clone(),
            report.store.clone(),
            numbers::grouped(report.rows),
            numbers::rate(report.load_rows_a_second),
            numbers::time(report.p50),
            numbers::time(report.p99),
            report.asked_a_change.map_or_else(String::new, count),
            count(report.written_a_change),
            report
                .peak_rss_kib
                .map_or_else(String::new, |kib| numbers::bytes(kib * 1024.0)),
            disk.map_or_else(String::new, |bytes| format!("{bytes:.0}")),
        ]
    });
    let rows: Vec<_> = rows.collect();
    text += "\n";
    text += &document::table(&head.map(str::to_owned), &rows);
    if let Some(growth) = growth(reports) {
        text += "\nA one-row change at the largest state beside one at the smallest, p50:\n\n";
        text += &growth;
    }
    if let Some(history) = history(reports) {
        text += "\nA one-row change with history beside one without, p50:\n\n";
        text += &history;
    }
    text
}

/// How many times as much a one-row change costs with history as without.
fn history(reports: &[Report]) -> Option<String> {
    let p50_of = |workload: &str, store: StoreKind| {
        let mut reports = reports.iter();
        let found = reports.find(|one| one.workload == workload && one.store == store.name());
        found.map(|report| report.p50)
    };
    let rows = StoreKind::ALL.into_iter().filter_map(|store| {
        let with = p50_of("history", store)?;
        let without = p50_of("no-history", store)?;
        Some(vec![
            store.name().to_owned(),
            numbers::ratio(with / without),
            "must ≤ 2".to_owned(),
        ])
    });
    let rows: Vec<_> = rows.collect();
    let head = ["store", "ratio", "target"].map(str::to_owned);
    (!rows.is_empty()).then(|| document::table(&head, &rows))
}

/// How many times as much a one-row change costs at the largest state as at the smallest.
fn growth(reports: &[Report]) -> Option<String> {
    let rows = StoreKind::ALL.into_iter().filter_map(|store| {
        let by_size = |report: &&Report| report.workload == BY_SIZE && report.store == store.name();
        let of_store: Vec<&Report> = reports.iter().filter(by_size).collect();
        let (first, last) = (of_store.first()?, of_store.last()?);
        let most = match store {
            StoreKind::Memory => "must ≤ 2",
            StoreKind::Sqlite => "must ≤ 3",
            StoreKind::Postgres => "",
        };
        Some(vec![
            store.name().to_owned(),
            numbers::grouped(first.rows),
            numbers::grouped(last.rows),
            numbers::ratio(last.p50 / first.p50),
            most.to_owned(),
        ])
    });
    let rows: Vec<_> = rows.collect();
    let head = ["store", "from rows", "to rows", "ratio", "target"].map(str::to_owned);
    (!rows.is_empty()).then(|| document::table(&head, &rows))
}

fn draw(reports: &[Report]) -> Result<PathBuf> {
    let title = "A one-row change, p50, by the size of the state";
    let mut panel = plot::Panel::new(title, "rows", "nanoseconds");
    for report in reports.iter().filter(|report| report.workload == BY_SIZE) {
        panel.add(&report.store, report.rows as f64, report.p50);
    }
    let path = document::in_target("state-size.svg")?;
    plot::draw(&path, &[panel])?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(store: &str, rows: u64, p50: f64) -> Report {
        Report {
            workload: BY_SIZE.to_owned(),
            store: store.to_owned(),
            rows,
            load_rows_a_second: 1e6,
            changes: 10,
            p50,
            p99: 2.0 * p50,
            asked_a_change: Some(2.5),
            written_a_change: 3.0,
            peak_rss_kib: None,
            disk_bytes: Some(100.0 * rows as f64),
        }
    }

    #[test]
    fn growth_is_from_the_smallest_state_to_the_largest() {
        let reports = [
            report("sqlite", 1_000, 10.0),
            report("sqlite", 1_000_000, 25.0),
        ];
        let text = text(&reports);
        assert!(
            text.contains("| sqlite | 1,000 | 1,000,000 | 2.50× | must ≤ 3 |"),
            "{text}"
        );
        assert!(
            text.contains("| one-row | sqlite | 1,000 | 1.00M |"),
            "{text}"
        );
    }

    #[test]
    fn history_is_beside_none_of_the_same_store() {
        let of = |workload: &str, store, p50| Report {
            workload: workload.to_owned(),
            ..report(store, 100_000, p50)
        };
        let reports = [
            of("history", "memory", 30.0),
            of("history", "sqlite", 45.0),
            of("no-history", "sqlite", 20.0),
        ];
        let text = text(&reports);
        assert!(text.contains("| sqlite | 2.25× | must ≤ 2 |"), "{text}");
        assert_eq!(text.matches("must ≤ 2").count(), 1, "{text}");
    }

    #[test]
    fn the_largest_state_is_a_million_rows() {
        for store in StoreKind::ALL {
            assert_eq!(
                sizes(BY_SIZE, store, false),
                [1_000, 10_000, 100_000, 1_000_000]
            );
            assert!(sizes("fan-out", store, true) == [10_000]);
        }
    }
}
