//! Reading a view from the groups of an aggregate, in a complete working set that does not keep the view's rows besides.

use std::any::Any;
use std::sync::Arc;

use deltaview_schema::{IndexKey, Row};
use deltaview_zset::ZSet;

use super::GroupState;
use super::aggregate::{Finish, MakeGroup};
use crate::delta::ArrangedDelta;
use crate::plan::{ErasedTable, TableId};
use crate::state::{Arrangement, Bounds, ErasedDelta, Order, Page, TypedTable, WorkingSet, page};

/// How groups are shown, without their types.
pub(crate) trait ErasedShown: Send + Sync {
    /// The table of the groups.
    fn groups(&self) -> TableId;
    /// Whether a view's table has the rows that the groups become, by their keys.
    fn is_shown_in(&self, view: &dyn ErasedTable) -> bool;
    /// What a change of the groups is to the view: a `ZSet<T>`.
    fn delta(&self, of_groups: &dyn ErasedDelta) -> Box<dyn Any + Send + Sync>;
    /// How many rows of the view a change of the groups changes. Costs as much as the delta.
    fn changed(&self, of_groups: &dyn ErasedDelta) -> usize;
    /// The `Box<dyn ShowsGroups<K, T>>`.
    fn as_any(&self) -> &dyn Any;
}

/// Reads rows of a view from its groups.
pub(crate) trait ShowsGroups<K, T>: Send + Sync {
    /// As [`WorkingSet::page`].
    fn page(&self, state: &WorkingSet, bounds: &Bounds<K>, order: Order, rows: usize)
    -> Page<K, T>;

    /// As [`ErasedShown::delta`].
    fn delta(&self, of_groups: &dyn ErasedDelta) -> ZSet<T>;
}

/// How the groups of an aggregate without members become rows.
pub(super) struct Shown<G, A, O, V, U> {
    pub(super) groups: TableId,
    pub(super) nothing: O,
    pub(super) finish: Arc<Finish<A, O, V>>,
    pub(super) make: Arc<MakeGroup<G, V, U>>,
}

impl<G, A, O, V, U> Shown<G, A, O, V, U> {
    /// The row of a group, if it has one.
    pub(super) fn row(&self, group: &GroupState<G, A>) -> Option<U> {
        let (weight, aggregate) = &group.value;
        (*weight != 0).then(|| {
            let value = (self.finish)(*weight, aggregate, &self.nothing);
            (self.make)(&group.key, value)
        })
    }
}

impl<G, A, O, V, U> ShowsGroups<G, U> for Shown<G, A, O, V, U>
where
    G: IndexKey + Row,
    A: Row,
    O: Send + Sync,
    V: Row,
    U: Row,
{
    fn page(
        &self,
        state: &WorkingSet,
        bounds: &Bounds<G>,
        order: Order,
        rows: usize,
    ) -> Page<G, U> {
        let groups: &Arrangement<G, GroupState<G, A>> = state.arrangement(self.groups);
        let shown = |group: &GroupState<G, A>| self.row(group).map(|row| (row, 1));
        if let Some(key) = bounds.only() {
            let row = groups.row_of(key).and_then(shown);
            return (row.into_iter().collect(), None);
        }
        page(groups.groups(bounds.as_refs()), order, rows, shown)
    }

    fn delta(&self, of_groups: &dyn ErasedDelta) -> ZSet<U> {
        let groups = of_groups.slot();
        let groups: Option<&ArrangedDelta<G, GroupState<G, A>>> =
            groups.as_deref().and_then(|groups| groups.downcast_ref());
        let groups = groups.expect("the groups have the types of their table");
        let rows = groups
            .iter()
            .filter_map(|(_, group, weight)| Some((self.row(group)?, *weight)));
        ZSet::from_pairs(rows).expect("a group has one row before and one after")
    }
}

/// A [`Shown`] behind its types.
pub(super) struct Erased<K, T> {
    pub(super) groups: TableId,
    pub(super) shown: Box<dyn ShowsGroups<K, T>>,
}

impl<K: IndexKey, T: Row> ErasedShown for Erased<K, T> {
    fn groups(&self) -> TableId {
        self.groups
    }

    fn is_shown_in(&self, view: &dyn ErasedTable) -> bool {
        view.as_any().is::<TypedTable<K, T>>()
    }

    fn delta(&self, of_groups: &dyn ErasedDelta) -> Box<dyn Any + Send + Sync> {
        Box::new(self.shown.delta(of_groups))
    }

    fn changed(&self, of_groups: &dyn ErasedDelta) -> usize {
        self.shown.delta(of_groups).len()
    }

    fn as_any(&self) -> &dyn Any {
        &self.shown
    }
}
