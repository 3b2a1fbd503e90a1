//! Several workers at once, of which one after the other is killed at whatever moment, and begins again where its client
//! was last answered. After each kill the file is compared with the oracle, while the others go on.
//!
//! `DELTAVIEW_KILLS` says how many, where the default is not enough.

use std::hash::{BuildHasher, RandomState};
use std::io::BufRead;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deltaview_store::{Flush, Store};

use super::{MARGIN, Name, Oracle, Orders, What, Worker, begun, flush_of, survive};

const LEASE: Duration = Duration::from_millis(150);
const CLIENTS: u32 = 4;
const KILLS: u64 = 150;
const TEST: &str = "random::killed_at_any_moment";

/// A client, whose worker commits one change after the other.
struct Client {
    number: u32,
    worker: Worker,
    /// What its worker says, read as it comes: a pipe holds only so much.
    answers: Option<JoinHandle<Vec<(u32, i64)>>>,
    answered: u32,
}

impl Client {
    fn start(number: u32, answered: u32, file: &std::path::Path) -> Self {
        let next = Name::new(number, answered + 1);
        let orders = Orders::new(file, LEASE, What::CommitForEver(next));
        let mut worker = orders.start(TEST);
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
}

#[test]
fn killed_at_any_moment() {
    if let Some(orders) = Orders::of_this_process() {
        orders.follow();
        return;
    }
    let kills = std::env::var("DELTAVIEW_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = RandomState::new();
    let (temp, depot, mut store) = begun(LEASE);
    let (mut oracle, file) = (Oracle::new(), temp.db());
    let start = |number| Client::start(number, 0, &file);
    let mut clients: Vec<Client> = (1..=CLIENTS).map(start).collect();
    let (mut recoveries, mut answered) = (Vec::new(), Vec::new());
    for kill in 0..kills {
        let random = seed.hash_one(kill);
        std::thread::sleep(Duration::from_micros(random % 60_000));
        let client = &mut clients[(random >> 32) as usize % CLIENTS as usize];
        let pid = format!("process {},", client.worker.child.id());
        answered.extend(client.kill());
        let began = Instant::now();
        let status = store.status().unwrap();
        let left = status.in_flight.iter();
        let left = left.filter(|time| time.holder.as_str().starts_with(&pid));
        // What it left is finished or removed by those who live: they pass its time.
        if let Some(left) = left.map(|time| time.time).max() {
            store.wait_for(left, LEASE + MARGIN).unwrap();
            recoveries.push(began.elapsed());
        }
        oracle.check(&store, &depot);
        for (name, time) in answered.drain(..) {
            oracle.has(name, time);
        }
        *client = Client::start(client.number, client.answered, &file);
    }
    for client in &mut clients {
        answered.extend(client.kill());
    }
    survive(&mut store, &depot, Name::new(9, 1), Flush::EachTable);
    oracle.check_end(&store, &depot);
    for (name, time) in answered {
        oracle.has(name, time);
    }
    // Each client makes the change again that it was not answered.
    for client in &clients {
        let name = Name::new(client.number, client.answered + 1);
        let time = survive(&mut store, &depot, name, flush_of(name));
        oracle.check_end(&store, &depot);
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
    let middle = recoveries.get(recoveries.len() / 2).copied();
    println!(
        "{kills} kills, {interrupted} in a change; {} changes; recovery {:?} in the middle, {:?} at most; the lease {LEASE:?}",
        oracle.committed.len(),
        middle.unwrap_or_default(),
        recoveries.last().copied().unwrap_or_default(),
    );
    assert!(
        kills < 100 || interrupted > kills / 10,
        "only {interrupted} kills met a change"
    );
    // The slowest have waited for the processor; that of the middle has waited for the lease alone.
    assert!(middle.is_none_or(|middle| middle < 2 * LEASE), "{middle:?}");
}
