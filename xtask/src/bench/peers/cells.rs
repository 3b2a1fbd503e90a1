//! How much is measured: a cell is a store, a number of users and a size of changes.

use std::fmt::{self, Display};

use serde::Serialize;

use super::StoreKind;

/// What all peers of a store are given alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Cell {
    pub(super) users: u64,
    /// How many reads a change has.
    pub(super) batch: usize,
    /// How many reads are there before anything is measured.
    pub(super) preload: u64,
    /// How many reads are measured.
    pub(super) reads: u64,
    /// How many changes of one read are measured at full state, inserts and removals.
    pub(super) updates: u64,
}

/// Users, each with a meter.
const USERS: [u64; 2] = [1_000, 100_000];

/// The sizes for a store: reads in a change, reads before, reads measured. In all, three rounds of all peers take about
/// 25 minutes on two cores.
fn sizes(store: StoreKind) -> [(usize, u64, u64); 3] {
    match store {
        StoreKind::Memory => [
            (1, 300_000, 20_000),
            (100, 0, 300_000),
            (10_000, 0, 1_000_000),
        ],
        StoreKind::Sqlite => [
            (1, 100_000, 10_000),
            (100, 50_000, 60_000),
            (10_000, 0, 200_000),
        ],
        StoreKind::Postgres => [
            (1, 50_000, 2_000),
            (100, 30_000, 30_000),
            (10_000, 0, 100_000),
        ],
    }
}

/// The same for `--quick`: about four minutes in one round.
fn quick_sizes(store: StoreKind) -> [(usize, u64, u64); 3] {
    match store {
        StoreKind::Memory => [(1, 50_000, 5_000), (100, 0, 100_000), (10_000, 0, 300_000)],
        StoreKind::Sqlite => [
            (1, 20_000, 2_000),
            (100, 20_000, 10_000),
            (10_000, 0, 60_000),
        ],
        StoreKind::Postgres => [(1, 10_000, 500), (100, 10_000, 5_000), (10_000, 0, 40_000)],
    }
}

/// How often each peer is measured.
pub(super) fn rounds(quick: bool) -> usize {
    if quick { 1 } else { 3 }
}

/// Whether a peer is measured in the first round only, and in little time: whatever its median, nobody will choose it.
pub(super) fn is_once(peer: &str) -> bool {
    peer == "recompute"
}

/// The cells of a store.
pub(super) fn cells(store: StoreKind, quick: bool) -> Vec<Cell> {
    let sizes = if quick {
        quick_sizes(store)
    } else {
        sizes(store)
    };
    let cells = USERS.into_iter().flat_map(|users| {
        sizes.map(|(batch, preload, reads)| Cell {
            users,
            batch,
            preload,
            reads,
            // Where changes are of one row, they are what is measured.
            updates: if quick { 400 } else { 2_000 },
        })
    });
    cells.collect()
}

impl Cell {
    /// All reads that are there at the end, but for what the updates add and remove.
    pub(super) fn rows(&self) -> u64 {
        self.preload + self.reads
    }

    /// As the programs take it.
    pub(super) fn arguments(&self, peer: &str, quick: bool) -> Vec<String> {
        // What a peer has no time for comes unmeasured: plain recompute would take hours.
        let seconds = if quick || is_once(peer) { 1.5 } else { 5.0 };
        let pairs = [
            ("--users", self.users.to_string()),
            ("--batch", self.batch.to_string()),
            ("--preload", self.preload.to_string()),
            ("--reads", self.reads.to_string()),
            ("--updates", self.updates.to_string()),
            ("--seconds", seconds.to_string()),
        ];
        let pairs = pairs.into_iter();
        pairs
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect()
    }
}

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cell { users, batch, .. } = self;
        write!(f, "{users} users, {batch} reads a change")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_store_has_every_cell() {
        for store in StoreKind::ALL {
            for quick in [false, true] {
                let cells = cells(store, quick);
                let batches: Vec<_> = cells.iter().map(|cell| (cell.users, cell.batch)).collect();
                assert_eq!(
                    batches,
                    [1_000, 100_000]
                        .into_iter()
                        .flat_map(|users| [1, 100, 10_000].map(|batch| (users, batch)))
                        .collect::<Vec<_>>()
                );
            }
        }
    }

    #[test]
    fn a_program_is_told_the_cell() {
        let cell = cells(StoreKind::Memory, true).remove(0);
        let told = cell.arguments("maps", true).join(" ");
        assert!(
            told.starts_with("--users 1000 --batch 1 --preload 50000"),
            "{told}"
        );
    }
}
