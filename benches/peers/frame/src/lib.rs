//! What is the same for all peers: the contract of a peer ([`Peer`]), what is measured of it ([`run`]), and the report.
//!
//! A program of this workspace runs one peer in one process, so that its peak memory is its own, and prints one line of
//! JSON. `cargo xtask bench --peers` runs the programs in turns, compares their checksums and makes the table.

mod deltaview;
mod measure;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
pub use deltaview_benches::meters::{Group, Meter, Read, User};

pub use deltaview::{Deltaview, Opened};
pub use measure::run;
pub use report::{Quantiles, Report};

/// Something that maintains the sums of the workload "meter reads".
pub trait Peer {
    /// Takes in the users and their meters, before anything else.
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>);

    /// One change: these reads come. When it returns the sums are right, and stored as durably as the peer's options say.
    fn insert(&mut self, reads: &[Read]);

    /// One change: these reads go. Each has come before.
    fn remove(&mut self, reads: &[Read]);

    /// The sum of a group.
    fn get(&mut self, group: Group) -> Option<i64>;

    /// All sums of a day; returns how many there are and their sum, so that each row is looked at.
    fn day(&mut self, day: u32) -> (u64, i64);

    /// All groups that have reads, with their sums, in the order of the groups.
    fn sums(&mut self) -> Vec<(Group, i64)>;

    /// A user gets another name. None of the sums changes.
    fn rename(&mut self, user: User, name: String);

    /// Closes what is stored and opens it again, where anything is; says whether it did.
    fn reopen(&mut self) -> bool {
        false
    }

    /// The bytes on disk, all files of the peer counted, where there are any. Whatever is in a write-ahead log is written
    /// back first.
    fn disk_bytes(&mut self) -> Option<u64> {
        None
    }

    /// Further figures: a name with its unit, and the number.
    fn figures(&mut self) -> Vec<(String, f64)> {
        Vec::new()
    }
}

/// What to measure.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// Which peer; `list` prints their names.
    #[arg(long)]
    pub peer: String,
    /// How many users, each with a meter.
    #[arg(long, default_value_t = 1_000)]
    pub users: u64,
    /// How many reads are there before anything is measured: they come in batches of 10,000.
    #[arg(long, default_value_t = 0)]
    pub preload: u64,
    /// How many reads are measured.
    #[arg(long, default_value_t = 100_000)]
    pub reads: u64,
    /// How many reads a change has.
    #[arg(long, default_value_t = 10_000)]
    pub batch: usize,
    /// How many changes of one read, inserts and removals in turns, are measured one by one afterwards.
    #[arg(long, default_value_t = 1_000)]
    pub updates: u64,
    /// How many look-ups by key are measured.
    #[arg(long, default_value_t = 1_000)]
    pub lookups: u64,
    /// For how many seconds at most changes are measured, and as long updates, look-ups and range reads each. What there is
    /// no time for comes unmeasured, so that all peers end with the same sums.
    #[arg(long, default_value_t = 20.0)]
    pub seconds: f64,
    /// The seed of the reads.
    #[arg(long, default_value_t = 42)]
    pub seed: u64,
    /// The folder for files, where there are any: a new one within it is made and removed.
    #[arg(long)]
    pub folder: Option<PathBuf>,
    /// The server, where there is one: `postgres://…`. The peer makes a schema of its own and drops it.
    #[arg(long)]
    pub url: Option<String>,
}

impl Options {
    fn budget(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

/// How a peer is made.
pub type Make = fn(&Options) -> Box<dyn Peer>;

/// The whole of a program: measures the peer that the command line asks for, and prints the report.
pub fn main(peers: &[(&str, Make)]) {
    let options = Options::parse();
    if options.peer == "list" {
        for (name, _) in peers {
            println!("{name}");
        }
        return;
    }
    let (_, make) = peers
        .iter()
        .find(|(name, _)| *name == options.peer)
        .unwrap_or_else(|| panic!("there is no peer `{}`: try `--peer list`", options.peer));
    let report = run(&options, *make);
    println!(
        "{}",
        serde_json::to_string(&report).expect("a report is plain data")
    );
}
