//! What was measured of the peers of a cell: every report, medians of them, and whether all have the same sums.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cells::Cell;
use super::{StoreKind, numbers};

/// What a program prints: as much of it as is shown. Times are in nanoseconds.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Report {
    pub(super) timed_reads: u64,
    pub(super) reads_a_second: f64,
    pub(super) cpu_ns_a_read: Option<f64>,
    pub(super) change: Option<Quantiles>,
    pub(super) insert_one: Option<Quantiles>,
    pub(super) remove_one: Option<Quantiles>,
    pub(super) get: Option<Quantiles>,
    pub(super) day_rows_a_second: f64,
    pub(super) rename: f64,
    pub(super) reopen: Option<f64>,
    pub(super) peak_rss_kib: Option<f64>,
    pub(super) disk_bytes: Option<f64>,
    pub(super) rows: u64,
    pub(super) checksum: String,
    pub(super) figures: BTreeMap<String, f64>,
}

/// Half of all, and ninety-nine of a hundred, took at most so long.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// All that was measured of a cell.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    #[serde(serialize_with = "by_name")]
    pub(super) store: StoreKind,
    pub(super) cell: Cell,
    /// By peer, in the order of the names.
    peers: BTreeMap<String, OfPeer>,
}

fn by_name<S: serde::Serializer>(store: &StoreKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(store.name())
}

/// What was measured of a peer, in all rounds.
#[derive(Debug, Serialize)]
pub(super) struct OfPeer(Vec<Report>);

impl OfPeer {
    /// The median of a figure; none where a run has none.
    pub(super) fn median(&self, figure: impl Fn(&Report) -> Option<f64>) -> Option<f64> {
        let figures: Option<Vec<f64>> = self.0.iter().map(figure).collect();
        numbers::median(figures?)
    }

    pub(super) fn reads_a_second(&self) -> f64 {
        self.median(|report| Some(report.reads_a_second))
            .unwrap_or_default()
    }
}

impl Outcome {
    pub(super) fn new(store: StoreKind, cell: &Cell) -> Self {
        Self {
            store,
            cell: cell.clone(),
            peers: BTreeMap::new(),
        }
    }

    /// Another run of a peer.
    pub(super) fn add(&mut self, peer: &str, report: Report) {
        let of_peer = self.peers.entry(peer.to_owned());
        of_peer.or_insert_with(|| OfPeer(Vec::new())).0.push(report);
    }

    /// The peers with a run whose sums are not those that most runs have.
    pub(super) fn disagreeing(&self) -> Vec<String> {
        let mut votes: BTreeMap<(&str, u64), usize> = BTreeMap::new();
        for run in self.peers.values().flat_map(|peer| &peer.0) {
            *votes.entry((&run.checksum, run.rows)).or_default() += 1;
        }
        let most = votes.iter().max_by_key(|(_, votes)| **votes);
        let Some((most, _)) = most else {
            return Vec::new();
        };
        let wrong = self.peers.iter().filter(|(_, peer)| {
            let mut runs = peer.0.iter();
            runs.any(|run| (run.checksum.as_str(), run.rows) != *most)
        });
        wrong.map(|(name, _)| name.clone()).collect()
    }

    /// The peers that are measured again in another round: of several forms of one the fastest so far.
    pub(super) fn again(&self) -> Vec<String> {
        let fastest = self.shown();
        let is_fastest = |name: &str| {
            let mut all = fastest.iter();
            let of_peer = self.peers.get(name);
            all.any(|(_, peer)| of_peer.is_some_and(|found| std::ptr::eq(found, *peer)))
        };
        let names = self.peers.keys().filter(|name| is_fastest(name));
        let names = names.filter(|name| !super::cells::is_once(name));
        names.cloned().collect()
    }

    /// Every peer by the name that the tables have: of several forms of one, the fastest of this cell, by the name before
    /// the stroke. deltaview first, the others in the order of their speed.
    pub(super) fn shown(&self) -> Vec<(String, &OfPeer)> {
        let mut best: BTreeMap<&str, &OfPeer> = BTreeMap::new();
        for (name, peer) in &self.peers {
            let family = family(name);
            let found = best.entry(family).or_insert(peer);
            if peer.reads_a_second() > found.reads_a_second() {
                *found = peer;
            }
        }
        let mut best: Vec<_> = best.into_iter().collect();
        best.sort_by(|(one, of_one), (next, of_next)| {
            let ours = |name: &str| name == "deltaview";
            let speed = |peer: &OfPeer| peer.reads_a_second();
            let by_speed = || speed(of_next).total_cmp(&speed(of_one));
            ours(next).cmp(&ours(one)).then_with(by_speed)
        });
        let best = best.into_iter();
        best.map(|(name, peer)| (name.to_owned(), peer)).collect()
    }

    /// A peer by the name that the tables have.
    pub(super) fn peer(&self, name: &str) -> Option<&OfPeer> {
        let mut shown = self.shown().into_iter();
        Some(shown.find(|(other, _)| other == name)?.1)
    }

    /// The forms of peers that have several: names, and reads a second.
    pub(super) fn forms(&self) -> Vec<(&str, f64)> {
        let forms = self.peers.iter().filter(|(name, _)| name.contains('/'));
        forms
            .map(|(name, peer)| (name.as_str(), peer.reads_a_second()))
            .collect()
    }
}

/// What a form is a form of.
fn family(name: &str) -> &str {
    name.split_once('/').map_or(name, |(family, _)| family)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reads_a_second: f64, checksum: &str) -> Report {
        Report {
            timed_reads: 1,
            reads_a_second,
            cpu_ns_a_read: None,
            change: None,
            insert_one: None,
            remove_one: None,
            get: None,
            day_rows_a_second: 1.0,
            rename: 1.0,
            reopen: None,
            peak_rss_kib: None,
            disk_bytes: None,
            rows: 1,
            checksum: checksum.to_owned(),
            figures: BTreeMap::new(),
        }
    }

    fn outcome(runs: &[(&str, f64, &str)]) -> Outcome {
        let cell = super::super::cells::cells(StoreKind::Memory, true).remove(0);
        let mut outcome = Outcome::new(StoreKind::Memory, &cell);
        for (name, speed, checksum) in runs {
            outcome.add(name, report(*speed, checksum));
        }
        outcome
    }

    #[test]
    fn whoever_has_other_sums_is_named() {
        let outcome = outcome(&[
            ("a", 1.0, "x"),
            ("b", 1.0, "x"),
            ("b", 1.0, "y"),
            ("c", 1.0, "x"),
        ]);
        assert_eq!(outcome.disagreeing(), ["b"]);
    }

    #[test]
    fn the_best_form_stands_for_all() {
        let outcome = outcome(&[
            ("dd/count", 2.0, "x"),
            ("dd/weights", 3.0, "x"),
            ("deltaview", 1.0, "x"),
        ]);
        let shown = outcome.shown();
        let shown: Vec<_> = shown
            .iter()
            .map(|(name, peer)| (name.as_str(), peer.reads_a_second()))
            .collect();
        assert_eq!(shown, [("deltaview", 1.0), ("dd", 3.0)]);
        assert_eq!(outcome.forms().len(), 2);
        assert_eq!(outcome.again(), ["dd/weights", "deltaview"]);
    }
}
