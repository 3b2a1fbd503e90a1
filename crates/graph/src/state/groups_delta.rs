//! The change of the groups of an aggregate in a complete working set: the state of each group before and after. Rows are
//! made of it only where somebody asks for them.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use deltaview_schema::codec::CodecError;
use deltaview_schema::{IndexKey, Row};
use deltaview_zset::{Keyed, Weight};

use super::keyed_rows::Spot;
use super::{Arrangement, ErasedArrangement, ErasedDelta, TableDelta, Visit};
use crate::delta::ArrangedDelta;
use crate::spare::Spare;
use crate::tick::{RowChange, Slot, Write};

/// The change of one group. `G` is its key, `S` its state.
pub(crate) struct GroupChange<G, S> {
    pub(crate) key: G,
    /// Where the group was found, or that it was not.
    pub(crate) spot: Spot,
    /// None where the group was not there.
    pub(crate) before: Option<S>,
    /// None where the group goes.
    pub(crate) after: Option<S>,
}

/// The rows that go and come, in the order of the groups.
pub(crate) fn rows_of<G: IndexKey + Row, S: Row>(
    groups: &[GroupChange<G, S>],
) -> ArrangedDelta<G, Keyed<G, S>> {
    let mut rows = Vec::with_capacity(groups.len() * 2);
    for GroupChange {
        key, before, after, ..
    } in groups
    {
        let row = |state: &S, weight: Weight| {
            let row = Keyed::new(key.clone(), state.clone());
            (key.clone(), row, weight)
        };
        rows.extend(before.as_ref().map(|state| row(state, -1)));
        rows.extend(after.as_ref().map(|state| row(state, 1)));
    }
    rows
}

/// The change of a table of groups.
pub(crate) struct GroupsDelta<G, S> {
    groups: Vec<GroupChange<G, S>>,
    /// Where the buffer of the groups comes from.
    spare: Arc<Spare<GroupChange<G, S>>>,
    rows: OnceLock<TableDelta<G, Keyed<G, S>>>,
}

impl<G, S> Drop for GroupsDelta<G, S> {
    fn drop(&mut self) {
        self.spare.put_back(std::mem::take(&mut self.groups));
    }
}

impl<G: IndexKey + Row, S: Row> GroupsDelta<G, S> {
    /// Of groups that differ from before, each once.
    pub(crate) fn new(
        groups: Vec<GroupChange<G, S>>,
        spare: Arc<Spare<GroupChange<G, S>>>,
    ) -> Self {
        Self {
            groups,
            spare,
            rows: OnceLock::new(),
        }
    }

    fn rows(&self) -> &TableDelta<G, Keyed<G, S>> {
        self.rows
            .get_or_init(|| TableDelta::of_unique(Arc::new(rows_of(&self.groups))))
    }
}

impl<G, S> ErasedDelta for GroupsDelta<G, S>
where
    G: IndexKey + Row,
    S: Row,
{
    fn writes(&self, visit: &mut dyn FnMut(Write<'_>) -> Visit) -> Result<(), CodecError> {
        self.rows().writes(visit)
    }

    fn rows(&self, visit: &mut dyn FnMut(&[u8], Weight) -> Visit) -> Result<(), CodecError> {
        ErasedDelta::rows(self.rows(), visit)
    }

    fn changes(&self, visit: &mut dyn FnMut(RowChange<'_>) -> Visit) -> Result<(), CodecError> {
        self.rows().changes(visit)
    }

    fn len(&self) -> usize {
        let of_group = |group: &GroupChange<G, S>| {
            usize::from(group.before.is_some()) + usize::from(group.after.is_some())
        };
        self.groups.iter().map(of_group).sum()
    }

    fn to_zset(&self) -> Box<dyn Any + Send + Sync> {
        self.rows().to_zset()
    }

    fn slot(&self) -> Slot {
        self.rows().slot()
    }

    fn as_any(&self) -> &dyn Any {
        self.rows().as_any()
    }

    fn absorb(&self, arrangement: &mut dyn ErasedArrangement) {
        let arrangement: &mut Arrangement<G, Keyed<G, S>> = arrangement
            .as_any_mut()
            .downcast_mut()
            .expect("a table's arrangement has the table's types");
        let groups = arrangement
            .groups_mut()
            .expect("the change of a complete arrangement of groups");
        for group in &self.groups {
            match &group.after {
                Some(state) => groups.put(group.spot, Keyed::new(group.key.clone(), state.clone())),
                None => groups.remove(&group.key),
            }
        }
    }
}
