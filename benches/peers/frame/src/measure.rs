//! Measures a peer.

use std::hint::black_box;
use std::time::{Duration, Instant};

use deltaview_benches::meters::{BEGIN, DAYS, Numbers, meter_of, meters, reads, users};

use crate::{Group, Make, Options, Peer, Quantiles, Read, Report, User};

const BULK: u64 = 10_000;

/// Runs the workload on a new peer.
pub fn run(options: &Options, make: Make) -> Report {
    let mut peer = make(options);
    let peer = peer.as_mut();
    peer.load(
        users(options.users).collect(),
        meters(options.users).collect(),
    );
    let mut source = Source::new(options);
    source.bulk(peer, options.preload);
    let changes = changes(options, peer, &mut source);
    let (inserts, removals) = updates(options, peer, &mut source);

    let get = lookups(options, peer);
    let day_rows_a_second = days(options, peer);
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
        timed_reads: changes.reads,
        reads_a_second: changes.reads as f64 / changes.wall.as_secs_f64(),
        cpu_ns_a_read: changes.cpu_ns.map(|cpu| cpu as f64 / changes.reads as f64),
        change: Quantiles::of(changes.times),
        insert_one: Quantiles::of(inserts),
        remove_one: Quantiles::of(removals),
        get,
        day_rows_a_second,
        rename,
        reopen: has_reopened.then_some(reopen),
        peak_rss_kib,
        disk_bytes: peer.disk_bytes(),
        rows: sums.len() as u64,
        checksum: checksum(&sums),
        figures: peer.figures().into_iter().collect(),
    }
}

/// What the changes that are measured took.
#[derive(Default)]
struct Changes {
    reads: u64,
    wall: Duration,
    cpu_ns: Option<u64>,
    times: Vec<u64>,
}

/// The changes that are measured. Where they use their time up, the reads that are left come unmeasured, so that the sums
/// are those of every other peer at the end.
fn changes(options: &Options, peer: &mut dyn Peer, source: &mut Source) -> Changes {
    let mut changes = Changes::default();
    let size = options.batch as u64;
    let mut cpu = Some(0);
    while changes.reads < options.reads && changes.wall < options.budget() {
        let batch = source.take(size.min(options.reads - changes.reads));
        let before = cpu_ns();
        let took = timed(|| peer.insert(&batch));
        let spent = before.zip(cpu_ns());
        let spent = spent.map(|(before, after)| after.saturating_sub(before));
        cpu = cpu.zip(spent).map(|(sum, spent)| sum + spent);
        changes.reads += batch.len() as u64;
        changes.wall += Duration::from_nanos(took);
        changes.times.push(took);
    }
    changes.cpu_ns = cpu;
    source.bulk(peer, options.reads - changes.reads);
    changes
}

/// Inserts and removals of one read, in turns. Those that there is no time for are made as one change each.
fn updates(options: &Options, peer: &mut dyn Peer, source: &mut Source) -> (Vec<u64>, Vec<u64>) {
    let (mut inserts, mut removals) = (Vec::new(), Vec::new());
    // The oldest reads go: the first ones of the same sequence.
    let mut oldest = Source::new(options);
    let mut left = options.updates / 2;
    let began = Instant::now();
    while left > 0 && began.elapsed() < options.budget() {
        let comes = source.take(1);
        inserts.push(timed(|| peer.insert(&comes)));
        let goes = oldest.take(1);
        removals.push(timed(|| peer.remove(&goes)));
        left -= 1;
    }
    if left > 0 {
        peer.insert(&source.take(left));
        peer.remove(&oldest.take(left));
    }
    (inserts, removals)
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

    /// So many reads come unmeasured.
    fn bulk(&mut self, peer: &mut dyn Peer, count: u64) {
        for done in (0..count).step_by(BULK as usize) {
            peer.insert(&self.take(BULK.min(count - done)));
        }
    }
}

/// Looks up groups at random, of which most are there where there are many reads.
fn lookups(options: &Options, peer: &mut dyn Peer) -> Option<Quantiles> {
    let mut numbers = Numbers::new(options.seed + 1);
    let mut times = Vec::new();
    let began = Instant::now();
    for _ in 0..options.lookups {
        let user = numbers.below(options.users);
        let day = numbers.below(u64::from(DAYS)) as u32;
        let group: Group = (day, user, meter_of(user));
        times.push(timed(|| {
            black_box(peer.get(group));
        }));
        if began.elapsed() > options.budget() {
            break;
        }
    }
    Quantiles::of(times)
}

/// How many rows a second are read, day by day.
fn days(options: &Options, peer: &mut dyn Peer) -> f64 {
    let mut rows_read = 0;
    let began = Instant::now();
    for day in 0..DAYS {
        let (rows, sum) = peer.day(day);
        rows_read += rows;
        black_box(sum);
        if began.elapsed() > options.budget() {
            break;
        }
    }
    rows_read as f64 / began.elapsed().as_secs_f64()
}

/// For how long the threads of this process have run, in nanoseconds: what other processes do to a measurement is not in
/// there.
fn cpu_ns() -> Option<u64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).ok()
    }
    #[cfg(not(unix))]
    None
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
