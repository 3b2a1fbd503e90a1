//! The state of a graph in memory: an arrangement a table, typed. A [`WorkingSet`] has them all, completely (the
//! memory store) or only what was fetched (a database): whole keys, stretches of the index, single rows. It changes in
//! two ways only: fetched rows come in, and a commit is absorbed.

mod arrangement;
mod bucket;
mod groups;
mod groups_delta;
pub(crate) mod history;
mod intervals;
mod keyed_rows;
mod lazy_order;
mod map;
mod places;
pub(crate) mod ranked;
pub(crate) mod scan;
mod secondary;
mod sort;
mod sorted_places;
mod table_delta;
mod walk;
mod whole;

use std::any::Any;

pub(crate) use arrangement::{Arrangement, TypedTable};
pub(crate) use bucket::Bucket;
pub(crate) use groups::{NewGroups, new_groups};
pub(crate) use groups_delta::{GroupChange, GroupsDelta, rows_of};
pub(crate) use history::ErasedHistory;
pub(crate) use intervals::{Cut, Side};
pub(crate) use places::{Places, hash_of};
pub(crate) use ranked::{Place, Ranked, Span};
pub(crate) use scan::{Bounds, Order, Page, page};
pub(crate) use secondary::{Secondary, SecondaryIndex};
pub(crate) use table_delta::{ErasedDelta, TableDelta, Visit, hex_text, key_text};

pub(crate) use whole::Whole;

use crate::plan::{Graph, TableId};
use crate::tick::{Changes, Commit};

/// An arrangement behind its table, without its types.
pub(crate) trait ErasedArrangement: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    /// Forgets all that was fetched. Does nothing to a complete arrangement.
    fn forget(&mut self);
    /// The number of rows that are held.
    fn rows(&self) -> usize;
    /// Whether nothing is known of the stored state.
    fn is_unknown(&self) -> bool;
}

/// The arrangements of a graph that are held in memory.
pub struct WorkingSet {
    arrangements: Vec<Box<dyn ErasedArrangement>>,
    /// By table, whether it is read from another one.
    shown: Vec<bool>,
    /// Of tables with history, in a complete set.
    histories: Vec<Option<Box<dyn ErasedHistory>>>,
}

impl WorkingSet {
    /// A working set that is the state itself, empty at first: nothing is ever fetched.
    pub fn complete(graph: &Graph) -> Self {
        Self::with(graph, true)
    }

    /// A working set for state that is stored elsewhere: what a tick must see is fetched.
    pub fn partial(graph: &Graph) -> Self {
        Self::with(graph, false)
    }

    fn with(graph: &Graph, complete: bool) -> Self {
        let arrangements = graph
            .plan()
            .tables
            .iter()
            .map(|table| table.new_arrangement(complete))
            .collect();
        let tables = graph.plan().tables.iter();
        let histories = tables
            .map(|table| table.new_history().filter(|_| complete))
            .collect();
        let ids = (0..graph.plan().tables.len()).map(TableId);
        let shown = ids.map(|id| graph.plan().shown.contains_key(&id)).collect();
        Self {
            arrangements,
            shown,
            histories,
        }
    }

    /// Forgets all fetched rows, as one must when somebody else may have changed the stored state. A complete
    /// working set forgets nothing.
    pub fn forget(&mut self) {
        self.arrangements
            .iter_mut()
            .for_each(|arrangement| arrangement.forget());
    }

    /// The number of rows that are held, over all arrangements.
    pub fn rows(&self) -> usize {
        self.arrangements
            .iter()
            .map(|arrangement| arrangement.rows())
            .sum()
    }

    /// Whether anything of a table is held, be it only that a key has no rows. What is written to a table of which
    /// nothing is held takes no memory here.
    pub fn holds(&self, table: TableId) -> bool {
        !self.arrangements[table.0].is_unknown()
    }

    /// Takes over a commit that is stored, and returns what changed. Call it once the transaction has committed, and
    /// never otherwise.
    pub fn absorb(&mut self, commit: Commit) -> Changes {
        self.absorb_stage(&commit);
        commit.into_changes()
    }

    /// Takes over a commit of one [stage](crate::Stages), or one that takes stages back, once it is stored.
    pub fn absorb_stage(&mut self, commit: &Commit) {
        for (table, delta) in commit.tables.iter() {
            if !self.shown[table.0] {
                delta.absorb(self.arrangements[table.0].as_mut());
            }
        }
    }

    pub(crate) fn arrangement<A: 'static>(&self, table: TableId) -> &A {
        self.arrangements[table.0]
            .as_any()
            .downcast_ref()
            .expect("a table's arrangement has the types that the plan gave it")
    }

    pub(crate) fn erased(&self, table: TableId) -> &dyn ErasedArrangement {
        self.arrangements[table.0].as_ref()
    }

    pub(crate) fn erased_mut(&mut self, table: TableId) -> &mut dyn ErasedArrangement {
        self.arrangements[table.0].as_mut()
    }
}
