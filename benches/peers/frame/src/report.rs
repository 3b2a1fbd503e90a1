//! The report of one run, as it is printed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    /// Half of all took at most so long.
    pub p50: u64,
    /// Ninety-nine of a hundred took at most so long.
    pub p99: u64,
}

impl Quantiles {
    /// Those of some times. None of nothing.
    pub fn of(mut nanoseconds: Vec<u64>) -> Option<Self> {
        nanoseconds.sort_unstable();
        let at = |percent: usize| nanoseconds.get(nanoseconds.len() * percent / 100).copied();
        Some(Self {
            p50: at(50)?,
            p99: at(99)?,
        })
    }
}

/// What was measured of a peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Its name.
    pub peer: String,
    /// How many users there were.
    pub users: u64,
    /// How many reads were there before.
    pub preload: u64,
    /// How many reads a change had.
    pub batch: usize,
    /// How many reads were measured; less than asked for where the time was up.
    pub timed_reads: u64,
    /// How many reads a second were taken in, in changes of that size.
    pub reads_a_second: f64,
    /// For how long all threads of the process ran for a read, in nanoseconds: what other processes do to a measurement is
    /// not in there. None where the system does not tell.
    pub cpu_ns_a_read: Option<f64>,
    /// What one change of that size took.
    pub change: Option<Quantiles>,
    /// What one inserted read took, at full state.
    pub insert_one: Option<Quantiles>,
    /// What one removed read took.
    pub remove_one: Option<Quantiles>,
    /// What one look-up by key took.
    pub get: Option<Quantiles>,
    /// How many rows a second were read, day by day.
    pub day_rows_a_second: f64,
    /// How long it took to rename a user, in nanoseconds.
    pub rename: u64,
    /// How long it took to open what was stored, in nanoseconds.
    pub reopen: Option<u64>,
    /// The peak of the resident memory of the process, in KiB; none where the system does not tell.
    pub peak_rss_kib: Option<u64>,
    /// The bytes on disk.
    pub disk_bytes: Option<u64>,
    /// How many rows the view has at the end.
    pub rows: u64,
    /// Of all sums at the end: the same for all that are right.
    pub checksum: String,
    /// Further figures of the peer.
    pub figures: BTreeMap<String, f64>,
}
