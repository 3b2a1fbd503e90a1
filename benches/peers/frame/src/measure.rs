//! Measures a peer.

use std::hint::black_box;
use std::time::Instant;

use deltaview_benches::meters::{BEGIN, DAYS, Numbers, meter_of, meters, reads, users};

use crate::{Group, Make, Options, Peer, Quantiles, Read, Report, User};

const PRELOAD_BATCH: u64 = 10_000;

/// Runs the workload on a new peer.
pub fn run(options: &Options, make: Make) -> Report {
    let mut peer = make(options);
    let peer = peer.as_mut();
    peer.load(
        users(options.users).collect(),
        meters(options.users).collect(),
    );
    let mut source = Source::new(options);
    for done in (0..options.preload).step_by(PRELOAD_BATCH as usize) {
        peer.insert(&source.take(PRELOAD_BATCH.min(options.preload - done)));
    }

    let size = options.batch as u64;
    let mut changes = Vec::new();
    for done in (0..options.reads).step_by(options.batch) {
        let batch = source.take(size.min(options.reads - done));
        changes.push(timed(|| peer.insert(&batch)));
    }
    let nanoseconds: u64 = changes.iter().sum();
    let reads_a_second = options.reads as f64 * 1e9 / nanoseconds as f64;

    let (mut inserts, mut removals) = (Vec::new(), Vec::new());
    // The oldest reads go: the first ones of the same sequence.
    let mut oldest = reads(options.users, options.seed);
    for _ in 0..options.updates / 2 {
        let comes = source.take(1);
        inserts.push(timed(|| peer.insert(&comes)));
        let goes: Vec<Read> = oldest.by_ref().take(1).collect();
        removals.push(timed(|| peer.remove(&goes)));
    }

    let get = lookups(options, peer);
    let mut rows_read = 0;
    let days = timed(|| {
        for day in 0..DAYS {
            let (rows, sum) = peer.day(day);
            rows_read += rows;
            black_box(sum);
        }
    });
    let user = User {
        id: 0,
        name: "user 0".to_string(),
    };
    let rename = timed(|| peer.rename(user, "another name".to_string()));
    let peak_rss_kib = peak_rss_kib();
    let mut has_reopened = false;
    let reopen = timed(|| has_reopened = peer.reopen());
    let sums = peer.sums();
    Report {
        peer: options.peer.clone(),
        users: options.users,
        preload: options.preload,
        batch: options.batch,
        reads_a_second,
        change: Quantiles::of(changes),
        insert_one: Quantiles::of(inserts),
        remove_one: Quantiles::of(removals),
        get,
        day_rows_a_second: rows_read as f64 * 1e9 / days as f64,
        rename,
        reopen: has_reopened.then_some(reopen),
        peak_rss_kib,
        disk_bytes: peer.disk_bytes(),
        rows: sums.len() as u64,
        checksum: checksum(&sums),
        figures: peer.figures().into_iter().collect(),
    }
}

/// The reads, one batch after the other: made outside of what is timed.
struct Source(Box<dyn Iterator<Item = Read>>);

impl Source {
    fn new(options: &Options) -> Self {
        Self(Box::new(reads(options.users, options.seed)))
    }

    fn take(&mut self, count: u64) -> Vec<Read> {
        let count = usize::try_from(count).expect("a batch is in memory");
        self.0.by_ref().take(count).collect()
    }
}

/// Looks up groups at random, of which most are there where there are many reads.
fn lookups(options: &Options, peer: &mut dyn Peer) -> Option<Quantiles> {
    let mut numbers = Numbers::new(options.seed + 1);
    let mut times = Vec::new();
    for _ in 0..options.lookups {
        let user = numbers.below(options.users);
        let day = numbers.below(u64::from(DAYS)) as u32;
        let group: Group = (day, user, meter_of(user));
        times.push(timed(|| {
            black_box(peer.get(group));
        }));
    }
    Quantiles::of(times)
}

fn timed(work: impl FnOnce()) -> u64 {
    let begin = Instant::now();
    work();
    begin.elapsed().as_nanos() as u64
}

/// The peak of the resident memory, as Linux tells it.
fn peak_rss_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// FNV-1a over all groups and sums, in order.
fn checksum(sums: &[(Group, i64)]) -> String {
    assert!(
        sums.is_sorted_by(|one, next| one.0 < next.0),
        "the groups are in order, each once"
    );
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for ((day, user, meter), sum) in sums {
        let bytes = (i64::from(*day) + BEGIN)
            .to_le_bytes()
            .into_iter()
            .chain(user.to_le_bytes())
            .chain(meter.to_le_bytes())
            .chain(sum.to_le_bytes());
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}
