//! The workers: processes that commit the batches whose numbers they are told, what becomes of those that are killed, and
//! who kills them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::ProgressBar;

use super::data::SplitMix;

/// What a worker's answer begins with.
pub(crate) const COMMITTED: &str = "committed ";

/// Processes, and what they have to do.
pub(crate) struct Crew<'c> {
    /// How one is started.
    start: &'c (dyn Fn() -> anyhow::Result<Command> + Sync),
    batches: u32,
    next: AtomicU32,
    killed: AtomicU32,
    processes: Vec<Mutex<Process>>,
    progress: ProgressBar,
}

#[derive(Default)]
struct Process {
    child: Option<Child>,
    killed: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Summary {
    /// Workers that were killed.
    pub(crate) killed: u32,
    /// The batches that they were at work on.
    pub(crate) begun_again: u32,
    /// The longest that such a batch took, from when it was first given to a worker.
    pub(crate) slowest: Duration,
}

/// A worker that can be told a batch.
struct Worker {
    stdin: ChildStdin,
    out: BufReader<ChildStdout>,
}

impl Worker {
    /// `None`: it is gone, and whether it has committed the batch is not known.
    fn commit(&mut self, batch: u32) -> Option<()> {
        writeln!(self.stdin, "{batch}").ok()?;
        let mut line = String::new();
        loop {
            line.clear();
            if self.out.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let answer = line.trim_end().strip_prefix(COMMITTED);
            if answer.is_some_and(|answer| answer == batch.to_string()) {
                return Some(());
            }
        }
    }
}

impl Worker {
    /// It ends when nobody can tell it anything. What it says to its end is heard.
    fn dismiss(self) {
        let Self { stdin, mut out } = self;
        drop(stdin);
        // Where it was killed there is nothing to be heard.
        let _ = std::io::copy(&mut out, &mut std::io::sink());
    }
}

impl<'c> Crew<'c> {
    pub(crate) fn new(
        workers: u32,
        batches: u32,
        start: &'c (dyn Fn() -> anyhow::Result<Command> + Sync),
        progress: ProgressBar,
    ) -> Self {
        Self {
            start,
            batches,
            next: AtomicU32::new(0),
            killed: AtomicU32::new(0),
            processes: (0..workers).map(|_| Mutex::default()).collect(),
            progress,
        }
    }

    /// Has all batches committed, while so many workers a second are killed.
    pub(crate) fn work(&self, kills_a_second: f64) -> anyhow::Result<Summary> {
        let (done, is_done) = channel::<()>();
        let parts = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.processes.len())
                .map(|number| scope.spawn(move || self.employ(number)))
                .collect();
            let killer = scope.spawn(move || self.kill(kills_a_second, &is_done));
            let parts: Vec<anyhow::Result<Summary>> = workers
                .into_iter()
                .map(|worker| worker.join().expect("an employer does not panic"))
                .collect();
            drop(done);
            killer.join().expect("the killer does not panic");
            parts
        });
        let mut all = Summary {
            killed: self.killed.load(Ordering::Relaxed),
            ..Summary::default()
        };
        for part in parts {
            let part = part?;
            all.begun_again += part.begun_again;
            all.slowest = all.slowest.max(part.slowest);
        }
        Ok(all)
    }

    /// Gives batches to one worker, until there are no more. One that was killed is started again, and given the batch
    /// again that it has not answered.
    fn employ(&self, number: usize) -> anyhow::Result<Summary> {
        let mut summary = Summary::default();
        let mut at_work = None;
        loop {
            let batch = self.next.fetch_add(1, Ordering::Relaxed);
            if batch >= self.batches {
                break;
            }
            let (began, mut again) = (Instant::now(), false);
            loop {
                let worker = match &mut at_work {
                    Some(worker) => worker,
                    None => at_work.insert(self.start(number)?),
                };
                if worker.commit(batch).is_some() {
                    break;
                }
                at_work = None;
                self.bury(number)?;
                again = true;
            }
            if again {
                summary.begun_again += 1;
                summary.slowest = summary.slowest.max(began.elapsed());
            }
            self.progress.inc(1);
        }
        if let Some(worker) = at_work {
            worker.dismiss();
        }
        self.bury_quietly(number)?;
        Ok(summary)
    }

    fn start(&self, number: usize) -> anyhow::Result<Worker> {
        let mut command = (self.start)()?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("a worker can't be started")?;
        let (stdin, out) = (child.stdin.take(), child.stdout.take());
        *self.process(number) = Process {
            child: Some(child),
            killed: false,
        };
        Ok(Worker {
            stdin: stdin.expect("it is piped"),
            out: BufReader::new(out.expect("it is piped")),
        })
    }

    /// A worker is gone: killed, or there is something wrong.
    fn bury(&self, number: usize) -> anyhow::Result<()> {
        let Process { child, killed } = std::mem::take(&mut *self.process(number));
        let mut child = child.expect("it was started");
        let status = child.wait()?;
        if !killed {
            bail!("a worker ended by itself, with {status}: what it said is above");
        }
        Ok(())
    }

    fn bury_quietly(&self, number: usize) -> anyhow::Result<()> {
        let child = self.process(number).child.take();
        if let Some(mut child) = child {
            child.wait()?;
        }
        Ok(())
    }

    /// Kills one worker after the other, whichever chance has.
    fn kill(&self, a_second: f64, is_done: &Receiver<()>) {
        // A killer without work waits for the end.
        let pause = if a_second > 0.0 {
            Duration::try_from_secs_f64(1.0 / a_second).unwrap_or(Duration::MAX)
        } else {
            Duration::MAX
        };
        let mut random = SplitMix(7);
        while is_done.recv_timeout(pause.min(Duration::from_secs(1_000_000)))
            == Err(RecvTimeoutError::Timeout)
        {
            let workers = u32::try_from(self.processes.len()).expect("as many as were asked for");
            let mut process = self.process(random.below(workers) as usize);
            let Process { child, killed } = &mut *process;
            // One that is being started is spared.
            if let Some(child) = child.as_mut().filter(|_| !*killed)
                && child.kill().is_ok()
            {
                *killed = true;
                let killed = self.killed.fetch_add(1, Ordering::Relaxed) + 1;
                self.progress.set_message(format!("{killed} killed"));
            }
        }
    }

    fn process(&self, number: usize) -> std::sync::MutexGuard<'_, Process> {
        let process = self.processes[number].lock();
        process.unwrap_or_else(PoisonError::into_inner)
    }
}
