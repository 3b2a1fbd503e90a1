//! Processes of this program, which do what they are told by a variable. It owns their orders and what they say.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use deltaview_store::{CommitOptions, Flush, Store};

use super::{Name, Place, depot, flush_of};

/// What a process does.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) address: OsString,
    pub(crate) lease: Duration,
    pub(crate) what: What,
    pub(crate) stop: Stop,
    pub(crate) fails: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Commits one change, and waits so long for others.
    Commit(Name, Flush, Duration),
    /// Commits change after change of a client, from a number on.
    CommitForEver(Name),
    Resume,
    Abandon(i64),
}

/// Where it stops, and waits to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Never,
    /// At so many points, counted from 1: signs of life do not count.
    Point(u64),
    /// At a sign of life, so counted. Until then it waits in each of its stages, as if they took long.
    Beat(u64),
    /// Where the first stage is committed.
    Stage,
}

/// The variable that has the orders, and the one that has the address.
const ORDERS: &str = "DELTAVIEW_TEST_WORKER";
const ADDRESS: &str = "DELTAVIEW_TEST_WORKER_AT";

impl Orders {
    pub(crate) fn new(address: OsString, lease: Duration, what: What) -> Self {
        Self {
            address,
            lease,
            what,
            stop: Stop::Never,
            fails: false,
        }
    }

    pub(crate) fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    pub(crate) fn fails(mut self, fails: bool) -> Self {
        self.fails = fails;
        self
    }

    fn to_words(&self) -> String {
        let flush = |flush| match flush {
            Flush::AtEnd => 0,
            Flush::EachTable => 1,
        };
        let (what, one, two, three, four) = match self.what {
            What::Commit(name, how, within) => (
                "commit",
                i64::from(name.client),
                name.number,
                flush(how),
                within.as_millis(),
            ),
            What::CommitForEver(name) => ("for ever", i64::from(name.client), name.number, 0, 0),
            What::Resume => ("resume", 0, 0, 0, 0),
            What::Abandon(time) => ("abandon", time, 0, 0, 0),
        };
        let (stop, at) = match self.stop {
            Stop::Never => ("never", 0),
            Stop::Point(point) => ("point", point),
            Stop::Beat(beat) => ("beat", beat),
            Stop::Stage => ("stage", 0),
        };
        let lease = self.lease.as_millis();
        format!(
            "{what},{one},{two},{three},{four},{lease},{at},{stop},{}",
            self.fails
        )
    }

    /// What this process was told to do; `None` where it is the test itself.
    pub(crate) fn of_this_process() -> Option<Self> {
        let words = std::env::var(ORDERS).ok()?;
        let mut words = words.split(',');
        let mut next = || words.next().unwrap();
        let what = next().to_string();
        let [one, two, three, four, lease, at]: [i64; 6] =
            std::array::from_fn(|_| next().parse().unwrap());
        let name = || Name::new(one as u32, two as u32);
        let flush = if three == 0 {
            Flush::AtEnd
        } else {
            Flush::EachTable
        };
        Some(Self {
            address: std::env::var_os(ADDRESS).unwrap(),
            lease: Duration::from_millis(lease as u64),
            what: match what.as_str() {
                "commit" => What::Commit(name(), flush, Duration::from_millis(four as u64)),
                "for ever" => What::CommitForEver(name()),
                "resume" => What::Resume,
                "abandon" => What::Abandon(one),
                other => panic!("{other:?} is no order"),
            },
            stop: match next() {
                "never" => Stop::Never,
                "point" => Stop::Point(at as u64),
                "beat" => Stop::Beat(at as u64),
                "stage" => Stop::Stage,
                other => panic!("{other:?} is no place to stop"),
            },
            fails: next() == "true",
        })
    }

    /// Starts this program again, to do it.
    pub(crate) fn start(&self, test: &str) -> Worker {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.stdout(Stdio::piped());
        command.env(ORDERS, self.to_words());
        command.env(ADDRESS, &self.address);
        if self.fails {
            // A panic that is expected.
            command.stderr(Stdio::null());
        }
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Worker {
            child,
            stdin,
            out: Some(BufReader::new(stdout)),
        }
    }

    /// Does it, in this process.
    pub(crate) fn follow<P: Place>(&self) {
        let depot = depot(self.fails);
        let mut store = P::open(&self.address, self.lease, &depot.graph);
        self.stop_there::<P>();
        match self.what {
            What::Commit(name, flush, within) => {
                let options = CommitOptions::new().at(flush).change_id(name.id());
                let committed = store.commit_with(&name.change(&depot), &options.within(within));
                match committed {
                    Ok(committed) => acknowledge(name, committed.time()),
                    Err(error) => say(&format!("failed {:?}", error.kind())),
                }
            }
            What::CommitForEver(from) => {
                for number in from.number.. {
                    let name = Name { number, ..from };
                    let committed = name.commit(&mut store, &depot, flush_of(name)).unwrap();
                    acknowledge(name, committed.time());
                }
            }
            What::Resume => match store.resume() {
                Ok(time) => say(&format!("resumed {time}")),
                Err(error) => say(&format!("failed {:?}", error.kind())),
            },
            What::Abandon(time) => match store.abandon(time) {
                Ok(()) => say("abandoned"),
                Err(error) => say(&format!("failed {:?}", error.kind())),
            },
        }
    }

    fn stop_there<P: Place>(&self) {
        let (stop, reached) = (self.stop, AtomicU64::new(0));
        let count = move || reached.fetch_add(1, Ordering::Relaxed) + 1;
        if stop == Stop::Never {
            return;
        }
        P::at_each_point(move |point| {
            let is_beat = point.starts_with("Beat ");
            let is_there = match stop {
                Stop::Never => false,
                Stop::Point(at) => !is_beat && count() == at,
                Stop::Beat(at) => is_beat && count() == at,
                Stop::Stage => point == P::STAGE_COMMITTED && count() == 1,
            };
            if is_there {
                say(&format!("stopped {point}"));
                wait_to_be_told();
            } else if matches!(stop, Stop::Beat(_)) && point.starts_with("OneStage ") {
                // Its heart beats while it computes, or whatever takes it so long.
                wait_to_be_told();
            }
        });
    }
}

fn acknowledge(name: Name, time: i64) {
    say(&format!("acknowledged {} {time}", name.number));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

fn wait_to_be_told() {
    let mut line = [0];
    std::io::stdin().read_exact(&mut line).unwrap();
}

/// A process that follows its orders.
pub(crate) struct Worker {
    child: Child,
    stdin: ChildStdin,
    /// None where it is read elsewhere.
    pub(crate) out: Option<BufReader<ChildStdout>>,
}

impl Worker {
    /// Its number among the processes.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The rest of the next line that begins with a word; `None` where the process ends before.
    pub(crate) fn next(&mut self, word: &str) -> Option<String> {
        let out = self.out.as_mut().unwrap();
        let mut line = String::new();
        loop {
            line.clear();
            if out.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(rest) = line.strip_prefix(word) {
                return Some(rest.trim().to_string());
            }
        }
    }

    /// Where it has stopped; `None` where it came to its end.
    pub(crate) fn stopped(&mut self) -> Option<String> {
        self.next("stopped ")
    }

    pub(crate) fn go_on(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As whoever presses Ctrl-Z, or lets a laptop sleep.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Also where the test fails: a process that waits would wait for ever.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
