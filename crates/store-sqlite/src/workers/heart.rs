//! The sign of life of a worker that commits stage by stage: a thread with a connection of its own, which renews the
//! leases of the times that the worker holds, also while it computes.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use deltaview_store::Error;
use deltaview_store::protocol::Ticket;
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::{ledger, written_of};
use crate::commit_points::{Moment, Work, reached};
use crate::connection;
use crate::error::Context;
use crate::feed::{millis, now};

/// A thread that beats as long as something is held.
#[derive(Debug)]
pub(crate) struct Heart {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    tickets: Vec<Ticket>,
    is_over: bool,
}

/// Whose leases are renewed, and how.
pub(super) struct Pulse {
    pub(super) path: PathBuf,
    pub(super) graph: String,
    pub(super) stages: usize,
    pub(super) lease: Duration,
}

impl Heart {
    pub(super) fn start(pulse: Pulse) -> Result<Self, Error> {
        let doing = || format!("keeping the changes of graph `{}` alive", pulse.graph);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let conn = connection::open(&pulse.path, flags, pulse.lease / 2).context(doing)?;
        let shared = Arc::<Shared>::default();
        let beating = Arc::clone(&shared);
        let thread = std::thread::spawn(move || beat(&conn, &pulse, &beating));
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// What is held from now on.
    pub(super) fn hold<'t>(&self, tickets: impl Iterator<Item = &'t Ticket>) {
        self.shared.held.lock().tickets = tickets.cloned().collect();
        self.shared.changed.notify_all();
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.shared.held.lock().is_over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A heart that stopped by itself has nothing to say.
            let _ = thread.join();
        }
    }
}

fn beat(conn: &Connection, pulse: &Pulse, shared: &Shared) {
    let mut held = shared.held.lock();
    loop {
        if held.is_over {
            return;
        }
        if held.tickets.is_empty() {
            shared.changed.wait(&mut held);
            continue;
        }
        let before = held.tickets.clone();
        let waited = shared.changed.wait_for(&mut held, pulse.lease / 6);
        if waited.timed_out() && held.tickets == before {
            drop(held);
            // What fails is tried again before the lease is over. A ticket that is lost is the worker's to find out.
            let _ = renew(conn, pulse, &before);
            held = shared.held.lock();
        }
    }
}

fn renew(conn: &Connection, pulse: &Pulse, tickets: &[Ticket]) -> Result<(), Error> {
    let doing = || format!("keeping the changes of graph `{}` alive", pulse.graph);
    reached(Work::Beat, Moment::Before);
    let tx = rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate)
        .context(doing)?;
    let before = ledger::load(&tx, &pulse.graph, pulse.stages)?;
    let mut ledger = before.clone();
    for ticket in tickets {
        // One that is lost is left alone.
        let _ = ledger.renew(ticket, Some(millis(written_of(pulse.lease))), now());
    }
    ledger::store(&tx, &pulse.graph, &before, &ledger)?;
    reached(Work::Beat, Moment::Written);
    tx.commit().context(doing)?;
    reached(Work::Beat, Moment::Committed);
    Ok(())
}
