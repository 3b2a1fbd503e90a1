//! The past of views: what a store with history can be asked, and what it is built on.
//!
//! A view that was built [with history](deltaview_graph::Builder::with_history) can be read as it was: a [`Moment`] names
//! a time or an instant, [`AsOf`] reads several views at one, [`Version`] is a row with the times at which it was there.
//! A store has few primitives, in [`Store`](crate::Store): reading as of a time, and pages of deltas, versions and
//! times. All comfort is made of them here and in [`View`](crate::View), once for every store.
//!
//! This module owns that comfort, the errors, the rules by which a store records instants, and the
//! [interval tree](interval) by which versions are found. It never reads a clock, and does no IO.
//!
//! # Times, instants, the horizon
//!
//! Time 0 is before the first iteration: everything is empty then. An iteration's commit *instant* is recorded, in
//! microseconds since 1970, and never runs backwards: it is that of the commit before or the clock's, whichever is
//! later. A view has a *horizon*: the first time that can be read, 0 where nothing is forgotten. The past never changes,
//! it can only be forgotten; whatever reads it looks at the horizon in the state that it reads. So an answer is right, or
//! it is the error [`Forgotten`](ErrorKind::Forgotten), and a reader has to hold nothing open.

mod moment;
mod read;

use std::time::{Duration, SystemTime};

pub use deltaview_graph::Version;
pub use deltaview_graph::interval::{self, Path, fork_node};
use deltaview_graph::{Graph, Table, ViewHandle};
use deltaview_schema::{IndexKey, Row};

pub use moment::Moment;
pub use read::{AsOf, Pages};
pub(crate) use read::{between, deltas, readable, times, versions};

use crate::{Error, ErrorKind};

/// What a step of forgetting has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// The view's horizon: the first time that can be read.
    pub horizon: i64,
    /// How many stored rows are gone.
    pub rows: u64,
    /// Whether nothing before the horizon is left to go.
    pub is_done: bool,
}

/// The table of a view, which has history. For stores.
///
/// # Errors
///
/// The handle belongs to another graph; [`ErrorKind::NoHistory`].
pub fn table_with_history<T: Row, K: IndexKey>(
    graph: &Graph,
    view: ViewHandle<T, K>,
) -> Result<&Table, Error> {
    let table = graph.view_table(view)?;
    if table.schema().history {
        return Ok(table);
    }
    let message = format!(
        "view `{}` of graph `{}` has no history: write `g.with_history(view, Retention::Forever)` where the graph is \
         built, for its past to be kept from then on",
        table.schema().vertex,
        graph.name()
    );
    Err(Error::new(ErrorKind::NoHistory, message))
}

/// Checks that some view of a graph has history, so that instants are recorded. For stores.
///
/// # Errors
///
/// [`ErrorKind::NoHistory`].
pub fn check_graph(graph: &Graph) -> Result<(), Error> {
    if graph.has_history() {
        return Ok(());
    }
    let message = format!(
        "no view of graph `{}` has history, so nothing is known of its past: write `g.with_history(view, \
         Retention::Forever)` where the graph is built",
        graph.name()
    );
    Err(Error::new(ErrorKind::NoHistory, message))
}

/// Checks that a view can be read as of a time: not before its horizon, and not behind the last complete time of the
/// graph, both as they are in the state that is read. For stores.
///
/// # Errors
///
/// [`ErrorKind::Forgotten`], [`ErrorKind::NotYet`].
pub fn check_time(table: &Table, time: i64, horizon: i64, last: i64) -> Result<(), Error> {
    let schema = table.schema();
    if time > last {
        return Err(not_yet(&schema.graph, time, last));
    }
    if time.max(0) >= horizon {
        return Ok(());
    }
    let message = format!(
        "view `{}` of graph `{}` can't be read as of time {time}, which is forgotten: its past begins at time {horizon}. \
         Read it as of that or later, and forget less or give it another `Retention` to keep more",
        schema.vertex, schema.graph
    );
    Err(Error::new(ErrorKind::Forgotten, message))
}

/// The error of a time that has not come. For stores.
pub fn not_yet(graph: &str, time: i64, last: i64) -> Error {
    let message = format!(
        "graph `{graph}` has not come to time {time}: its last one is {last}. Wait for that time with `wait_for`, or read \
         the present"
    );
    Error::new(ErrorKind::NotYet, message)
}

/// The error of an instant, or of a time whose instant is asked for, that is before all that is recorded, in a graph
/// that has forgotten some. For stores.
pub fn forgotten_instant(graph: &str, what: &str, first: i64) -> Error {
    let message = format!(
        "what graph `{graph}` was at {what} is forgotten: the first instant that is known is that of time {first}"
    );
    Error::new(ErrorKind::Forgotten, message)
}

/// The error of a store that does not keep the past yet. For stores.
pub fn not_kept(store: &str, graph: &str) -> Error {
    let message = format!("the past of graph `{graph}` is not kept by {store}");
    Error::new(ErrorKind::NoHistory, message)
}

/// An instant as it is recorded: whole microseconds since 1970, rounded down. What is out of bounds is the nearest that
/// is not.
pub fn to_micros(instant: SystemTime) -> i64 {
    match instant.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(error) => {
            let before = error.duration();
            let up = u128::from(before.subsec_nanos() % 1000 > 0);
            i64::try_from(before.as_micros() + up).map_or(i64::MIN, |micros| -micros)
        }
    }
}

/// An instant that was recorded. One that the system's clock can't say is the beginning of 1970.
pub fn from_micros(micros: i64) -> SystemTime {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let instant = if micros < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    };
    instant.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The instant to record for a commit, in microseconds: the clock's, or that of the commit before where that is later.
pub fn next_instant(last: Option<i64>, clock: SystemTime) -> i64 {
    let now = to_micros(clock);
    last.map_or(now, |last| last.max(now))
}

/// So many rows of the past are swept at most by a commit that wrote so many rows of a view: more than it left behind,
/// so that what is forgotten goes, and no commit pays for all of it.
pub fn sweep_at_most(written: usize) -> usize {
    written.saturating_mul(2).saturating_add(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_microseconds_rounded_down() {
        let epoch = SystemTime::UNIX_EPOCH;
        for micros in [0, 1, -1, 1_700_000_000_000_000, -5_000_001] {
            assert_eq!(to_micros(from_micros(micros)), micros);
        }
        assert_eq!(to_micros(epoch + Duration::from_nanos(1999)), 1);
        assert_eq!(to_micros(epoch - Duration::from_nanos(1)), -1);
        assert_eq!(to_micros(epoch - Duration::from_nanos(2000)), -2);
    }

    #[test]
    fn instants_never_run_backwards() {
        let clock = from_micros(50);
        assert_eq!(next_instant(None, clock), 50);
        assert_eq!(next_instant(Some(49), clock), 50);
        assert_eq!(next_instant(Some(51), clock), 51);
    }
}
