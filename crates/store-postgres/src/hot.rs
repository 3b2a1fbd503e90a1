//! The hot set: what of the stored state a store keeps in memory from one change to the next, within a budget. It owns when
//! something is kept, and whose change it is of.
//!
//! Each commit of a graph has an id, which the server draws at random. The next one is told the id of the time before its
//! own, behind the lock of the graph: where that is the commit that the hot set is of, nobody has committed in between, and
//! it is what is stored. Otherwise the transaction is taken back, and the change begins anew without it.

use std::fmt;

use deltaview_graph::{Commit, Fetch, FetchKeys, Graph, WorkingSet};
use deltaview_store::{Error, ErrorKind};
use parking_lot::Mutex;

/// For how many changes nothing is kept once others have committed, at least and at most.
const RESTS: (u32, u32) = (4, 1024);

/// The hot set of a store, while no change has it.
pub(crate) struct HotSet {
    budget: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    hot: Option<Hot>,
    /// For so many changes nothing is kept.
    rests: u32,
    /// For how many that was said last.
    rested: u32,
}

/// What is stored after a commit, as far as it was looked at.
pub(crate) struct Hot {
    pub(crate) state: WorkingSet,
    /// The id of the commit; none before the first change.
    pub(crate) of: Option<String>,
    /// Of the rows in memory. It is rather too much than too little.
    pub(crate) bytes: usize,
}

impl Hot {
    /// Nothing that was looked at.
    pub(crate) fn nothing(graph: &Graph) -> Self {
        Self {
            state: WorkingSet::partial(graph),
            of: None,
            bytes: 0,
        }
    }

    /// Counts what the working set is to absorb of a commit.
    pub(crate) fn count(&mut self, graph: &Graph, commit: &Commit) -> Result<(), Error> {
        for writes in commit.tables() {
            let table = writes.table();
            if !self.state.holds(table) {
                continue;
            }
            writes.for_each(|write| {
                if let Some(row) = write.encoded() {
                    let bytes = graph.row_bytes(table, row.len());
                    self.bytes = self.bytes.saturating_add(bytes);
                }
                Ok::<(), Error>(())
            })?;
        }
        Ok(())
    }
}

/// The bytes of what was looked up, in memory. A key without rows is kept as well.
pub(crate) fn fetched(graph: &Graph, fetches: &[Fetch]) -> usize {
    let of_fetch = |fetch: &Fetch| {
        let (table, pushed) = (fetch.table(), fetch.pushed());
        let keys = match fetch.keys() {
            FetchKeys::Some(keys) | FetchKeys::Rows(keys) | FetchKeys::Ranges(keys) => keys,
            _ => 0,
        };
        let place = graph.row_bytes(table, 0);
        let pointed_to = graph.row_bytes(table, pushed.bytes) - place;
        place
            .saturating_mul(pushed.rows + keys)
            .saturating_add(pointed_to)
    };
    fetches.iter().map(of_fetch).fold(0, usize::saturating_add)
}

impl HotSet {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            kept: Mutex::default(),
        }
    }

    /// Takes what is kept for a change.
    pub(crate) fn take(&self) -> Option<Hot> {
        self.kept.lock().hot.take()
    }

    /// Whether anything may be kept.
    pub(crate) fn is_on(&self) -> bool {
        self.budget > 0
    }

    /// Keeps what a change has left, once it is committed and absorbed.
    pub(crate) fn keep(&self, hot: Hot) {
        let mut kept = self.kept.lock();
        if kept.rests > 0 {
            kept.rests -= 1;
        } else if hot.bytes <= self.budget {
            kept.hot = Some(hot);
        }
    }

    /// What was kept was of use.
    pub(crate) fn was_right(&self) {
        self.kept.lock().rested = 0;
    }

    /// Others have committed in between: where they often do, what is kept only costs.
    pub(crate) fn was_stale(&self) {
        let mut kept = self.kept.lock();
        kept.rested = (2 * kept.rested).clamp(RESTS.0, RESTS.1);
        kept.rests = kept.rested;
        kept.hot = None;
    }

    /// The bytes that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.kept.lock().hot.as_ref().map_or(0, |hot| hot.bytes)
    }
}

/// What was kept is of another commit than the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stale;

impl Stale {
    pub(crate) fn error() -> Error {
        Error::new(ErrorKind::Conflict, Self.to_string()).caused_by(Self)
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("others have committed since the rows in memory were read")
    }
}

impl std::error::Error for Stale {}
