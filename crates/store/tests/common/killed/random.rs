//! Several workers at once, of which one after the other is killed at whatever moment, and begins again where its client
//! was last answered. After each kill the place is compared with the oracle, while the others go on.
//!
//! `DELTAVIEW_KILLS` says how many, where the default is not enough.
#![expect(
    clippy::print_stdout,
    reason = "shown with --nocapture: how long recovering takes"
)]

use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io::BufRead;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deltaview_store::{Flush, Store};

use super::oracle::Oracle;
use super::process::{Orders, What, Worker};
use super::{LONG, Name, Place, begun, flush_of, survive};

const CLIENTS: u32 = 4;

/// A client, whose worker commits one change after the other.
struct Client {
    number: u32,
    worker: Worker,
    /// What its worker says, read as it comes: a pipe holds only so much.
    answers: Option<JoinHandle<Vec<(u32, i64)>>>,
    answered: u32,
}

impl Client {
    fn start(number: u32, answered: u32, address: OsString, lease: Duration, test: &str) -> Self {
        let next = Name::new(number, answered + 1);
        let mut worker = Orders::new(address, lease, What::CommitForEver(next)).start(test);
        let lines = worker.out.take().unwrap();
        let answers = std::thread::spawn(move || {
            let answer = |line: std::io::Result<String>| {
                let line = line.ok()?;
                let (number, time) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
                Some((number.parse().ok()?, time.parse().ok()?))
            };
            lines.lines().filter_map(answer).collect()
        });
        Self {
            number,
            worker,
            answers: Some(answers),
            answered,
        }
    }

    /// Kills its worker, and returns what was answered.
    fn kill(&mut self) -> Vec<(Name, i64)> {
        self.worker.kill();
        let answers = self.answers.take().unwrap().join().unwrap();
        if let Some((last, _)) = answers.last() {
            self.answered = *last;
        }
        let name = |(number, time)| (Name::new(self.number, number), time);
        answers.into_iter().map(name).collect()
    }

    /// Whether a holder is its worker.
    fn is(&self, holder: &str) -> bool {
        let rest = holder.strip_prefix(&format!("process {}", self.worker.id()));
        rest.is_some_and(|rest| !rest.starts_with(|digit: char| digit.is_ascii_digit()))
    }
}

/// Waits until nothing is in flight up to a time.
fn until_complete(store: &impl Store, time: i64) {
    let began = Instant::now();
    loop {
        let status = store.status().unwrap();
        if status.in_flight.iter().all(|left| left.time > time) {
            return;
        }
        assert!(began.elapsed() < LONG, "{status:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The test of that name.
pub(crate) fn killed_at_any_moment<P: Place>(test: &str, usual: u64) {
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<P>();
        return;
    }
    let kills = std::env::var("DELTAVIEW_KILLS").map_or(usual, |kills| kills.parse().unwrap());
    let (seed, lease) = (RandomState::new(), P::LEASE);
    let (place, depot, mut store) = begun::<P>(lease);
    let mut oracle = Oracle::new();
    let start = |number, answered| Client::start(number, answered, place.address(), lease, test);
    let mut clients: Vec<Client> = (1..=CLIENTS).map(|number| start(number, 0)).collect();
    let (mut recoveries, mut answered) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        let random = seed.hash_one(kill);
        std::thread::sleep(Duration::from_micros(random % 60_000));
        let client = &mut clients[(random >> 32) as usize % CLIENTS as usize];
        answered.extend(client.kill());
        let began = Instant::now();
        let status = store.status().unwrap();
        let left = status.in_flight.iter();
        let left = left.filter(|time| client.is(time.holder.as_str()));
        // What it left is finished or removed by those who live: they pass its time.
        if let Some(left) = left.map(|time| time.time).max() {
            until_complete(&store, left);
            recoveries.push(began.elapsed());
        }
        oracle.check(&place, &store, &depot);
        for (name, time) in answered.drain(..) {
            oracle.has(name, time);
        }
        *client = start(client.number, client.answered);
    }
    for client in &mut clients {
        answered.extend(client.kill());
    }
    survive(&mut store, &depot, Name::new(9, 1), Flush::EachTable);
    oracle.check_end(&place, &store, &depot);
    for (name, time) in answered {
        oracle.has(name, time);
    }
    // Each client makes the change again that it was not answered.
    for client in &clients {
        let name = Name::new(client.number, client.answered + 1);
        let time = survive(&mut store, &depot, name, flush_of(name));
        oracle.check_end(&place, &store, &depot);
        oracle.has(name, time);
        let mut of_client: Vec<u32> = oracle
            .committed
            .iter()
            .filter(|(name, _)| name.client == client.number)
            .map(|(name, _)| name.number)
            .collect();
        of_client.sort_unstable();
        assert!(of_client.into_iter().eq(1..=name.number));
    }
    recoveries.sort();
    let interrupted = recoveries.len() as u64;
    let (middle, slowest) = (recoveries.get(recoveries.len() / 2), recoveries.last());
    println!(
        "{kills} kills, {interrupted} in a change; {} changes; recovery {:?} in the middle, {:?} at most",
        oracle.committed.len(),
        middle.copied().unwrap_or_default(),
        slowest.copied().unwrap_or_default(),
    );
    assert!(
        kills < 100 || interrupted > kills / 10,
        "only {interrupted} kills met a change"
    );
    let longest = P::longest_recovery(lease);
    assert!(
        slowest.is_none_or(|slowest| *slowest < longest),
        "{recoveries:?}"
    );
}
