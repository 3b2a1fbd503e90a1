//! The document's part about peers: targets and what was measured, then the numbers themselves, a store at a time.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::document::table;
use super::outcome::{OfPeer, Outcome, Quantiles, Report};
use super::targets::TARGETS;
use super::{StoreKind, cells, numbers};

/// The whole part.
pub(super) fn text(
    outcomes: &[Outcome],
    versions: &BTreeMap<String, String>,
    machine: &[String],
    quick: bool,
) -> String {
    let mut text = String::new();
    for line in machine {
        let _ = writeln!(text, "- {line}");
    }
    let packages: Vec<_> = versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    let _ = writeln!(text, "- packages: {}", packages.join(", "));
    let rounds = cells::rounds(quick);
    let _ = writeln!(
        text,
        "- medians of {rounds} {}; all peers of a column ended with the same sums\n",
        if rounds == 1 {
            "round"
        } else {
            "rounds, in turns"
        }
    );
    for store in StoreKind::ALL {
        let of_store: Vec<&Outcome> = outcomes.iter().filter(|one| one.store == store).collect();
        if !of_store.is_empty() {
            text += &store_text(store, &of_store);
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn store_text(store: StoreKind, outcomes: &[&Outcome]) -> String {
    let mut text = format!("### {}\n\n", store.title());
    text += "Targets: deltaview's figure divided by the peer's.\n\n";
    text += &targets(store, outcomes);
    text += "\nReads a second; in brackets how many times as many deltaview takes in.\n\n";
    text += &speeds(outcomes);
    for outcome in outcomes.iter().filter(|outcome| outcome.cell.batch == 1) {
        let users = numbers::grouped(outcome.cell.users);
        let rows = numbers::grouped(outcome.cell.rows());
        let _ = write!(
            text,
            "\nAt full state, {users} users and {rows} reads: p50 / p99 of one.\n\n"
        );
        text += &single(outcome);
    }
    text += "\nMemory";
    text += if store == StoreKind::Memory {
        ""
    } else {
        " and disk"
    };
    text += " after changes of 10,000 reads";
    text += if store == StoreKind::Memory {
        ".\n\n"
    } else {
        ", and opening again.\n\n"
    };
    text += &space(outcomes);
    if let Some(forms) = forms(outcomes) {
        text += "\nForms of the same query, reads a second; above is the best of each column.\n\n";
        text += &forms;
    }
    text + "\n"
}

/// `1,000 users, 10,000 a change` for each column.
fn columns(first: &str, outcomes: &[&Outcome]) -> Vec<String> {
    let cells = outcomes.iter().map(|outcome| {
        let (users, batch) = (outcome.cell.users, outcome.cell.batch as u64);
        let (users, batch) = (numbers::grouped(users), numbers::grouped(batch));
        format!("{users} users, by {batch}")
    });
    std::iter::once(first.to_owned()).chain(cells).collect()
}

fn targets(store: StoreKind, outcomes: &[&Outcome]) -> String {
    let rows = TARGETS.iter().filter(|target| target.store == store);
    let rows = rows.map(|target| {
        let kind = if target.must.is_aim() { "aim" } else { "must" };
        let what = format!(
            "{} beside {}: {kind} {}",
            target.figure.name(),
            target.peer,
            target.must.shown()
        );
        let cells = outcomes.iter().map(|outcome| {
            if !target.is_of(outcome) {
                return String::new();
            }
            match target.measured(outcome) {
                None => "not measured".to_owned(),
                Some(ratio) => {
                    let mark = if target.must.is_met(ratio) {
                        "✓"
                    } else {
                        "✗"
                    };
                    format!("{mark} {}", precise(ratio))
                }
            }
        });
        std::iter::once(what).chain(cells).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    table(&columns("target", outcomes), &rows)
}

/// A ratio, also one far below one.
fn precise(ratio: f64) -> String {
    if ratio < 0.1 {
        return format!("{ratio:.4}");
    }
    format!("{ratio:.2}")
}

/// The names of all peers, in the order of the last cell, which has the largest changes.
fn names(outcomes: &[&Outcome]) -> Vec<String> {
    let last = outcomes.last().map(|outcome| outcome.shown());
    last.into_iter().flatten().map(|(name, _)| name).collect()
}

fn speeds(outcomes: &[&Outcome]) -> String {
    let rows = names(outcomes).into_iter().map(|name| {
        let cells = outcomes.iter().map(|outcome| {
            let Some(peer) = outcome.peer(&name) else {
                return String::new();
            };
            let speed = peer.reads_a_second();
            let ours = outcome.peer("deltaview").map(OfPeer::reads_a_second);
            match ours {
                Some(ours) if name != "deltaview" && speed > 0.0 => {
                    format!(
                        "{} ({})",
                        numbers::rate(speed),
                        numbers::ratio(ours / speed)
                    )
                }
                _ => numbers::rate(speed),
            }
        });
        std::iter::once(name.clone()).chain(cells).collect()
    });
    table(
        &columns("peer", outcomes),
        &rows.collect::<Vec<Vec<String>>>(),
    )
}

fn single(outcome: &Outcome) -> String {
    let head = [
        "peer",
        "insert",
        "remove",
        "look-up",
        "rows a second, by day",
        "rename a user",
    ];
    let rows = outcome.shown().into_iter().map(|(name, peer)| {
        let median = |figure: fn(&Report) -> Option<f64>| peer.median(figure);
        vec![
            name,
            quantiles(peer, |report| report.insert_one),
            quantiles(peer, |report| report.remove_one),
            quantiles(peer, |report| report.get),
            shown(
                median(|report| Some(report.day_rows_a_second)),
                numbers::rate,
            ),
            shown(median(|report| Some(report.rename)), numbers::time),
        ]
    });
    table(&head.map(str::to_owned), &rows.collect::<Vec<_>>())
}

fn space(outcomes: &[&Outcome]) -> String {
    let large: Vec<&&Outcome> = outcomes
        .iter()
        .filter(|outcome| outcome.cell.batch == 10_000)
        .collect();
    let has_disk = large.iter().any(|outcome| {
        let ours = outcome.peer("deltaview");
        ours.is_some_and(|ours| ours.median(|report| report.disk_bytes).is_some())
    });
    let mut head = vec!["peer".to_owned()];
    for outcome in &large {
        let users = numbers::grouped(outcome.cell.users);
        head.push(format!("peak memory, {users} users"));
        if has_disk {
            head.push(format!("bytes on disk a read, {users} users"));
            head.push(format!("opening again, {users} users"));
        }
    }
    let rows = names(outcomes).into_iter().map(|name| {
        let mut row = vec![name.clone()];
        for outcome in &large {
            let peer = outcome.peer(&name);
            let median =
                |figure: fn(&Report) -> Option<f64>| peer.and_then(|peer| peer.median(figure));
            let peak = median(|report| report.peak_rss_kib).map(|kib| kib * 1024.0);
            row.push(shown(peak, numbers::bytes));
            if has_disk {
                let rows = outcome.cell.rows() as f64;
                let disk = median(|report| report.disk_bytes).map(|bytes| bytes / rows);
                row.push(shown(disk, |bytes| format!("{bytes:.0}")));
                row.push(shown(median(|report| report.reopen), numbers::time));
            }
        }
        row
    });
    table(&head, &rows.collect::<Vec<_>>())
}

/// Reads a second of every form of those that have several; none where nobody has.
fn forms(outcomes: &[&Outcome]) -> Option<String> {
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for outcome in outcomes {
        for (name, speed) in outcome.forms() {
            rows.entry(name).or_default().push(numbers::rate(speed));
        }
    }
    let rows = rows.into_iter().map(|(name, cells)| {
        let name = std::iter::once(name.to_owned());
        name.chain(cells).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    (!rows.is_empty()).then(|| table(&columns("form", outcomes), &rows))
}

fn quantiles(peer: &OfPeer, figure: impl Fn(&Report) -> Option<Quantiles>) -> String {
    let half = peer.median(|report| Some(figure(report)?.p50));
    let most = peer.median(|report| Some(figure(report)?.p99));
    match half.zip(most) {
        Some((half, most)) => format!("{} / {}", numbers::time(half), numbers::time(most)),
        None => String::new(),
    }
}

fn shown(figure: Option<f64>, how: impl Fn(f64) -> String) -> String {
    figure.map_or_else(String::new, how)
}
