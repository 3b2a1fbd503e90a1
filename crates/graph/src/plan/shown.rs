//! Views that show the groups of an aggregate: which they are. It owns where the two are one state, and nothing of how a
//! store keeps it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{ErasedTable, Graph, TableId, Vertex};
use crate::operators::ErasedShown;

/// By the table of a view that is not kept in a working set: how it is read from the groups.
pub(crate) type ShownTables = BTreeMap<TableId, Box<dyn ErasedShown>>;

impl Graph {
    /// The view that has a row for each group of an aggregate's table, by the group's key; if there is one. Both have
    /// the same keys, but for groups that are put out by nothing, so that a database may keep them in one table.
    ///
    /// None where the view has further indexes or a history, or the aggregate has one group in all.
    pub fn view_of_groups(&self, groups: TableId) -> Option<TableId> {
        view_of_groups(&self.plan.vertices, &self.plan.tables, groups)
    }
}

fn view_of_groups(
    vertices: &[Vertex],
    tables: &[Arc<dyn ErasedTable>],
    groups: TableId,
) -> Option<TableId> {
    let of_groups = tables[groups.0].schema();
    if of_groups.role != "groups" || of_groups.primary.columns.is_empty() {
        return None;
    }
    let reads_them = |vertex: &&Vertex| {
        let mut inputs = vertex.inputs.iter();
        vertex.kind == "view" && inputs.any(|input| vertices[*input].tables == [groups])
    };
    // A view by the key of the groups has one row a key; a view by another index of theirs has not.
    let is_of_groups = |table: &TableId| {
        let of_view = tables[table.0].schema();
        let alike = of_view.primary.columns == of_groups.primary.columns;
        let is_plain = of_view.secondary.is_empty() && !of_view.history;
        of_view.unique && is_plain && alike
    };
    let views = vertices.iter().filter(reads_them);
    let mut tables = views.flat_map(|view| view.tables.iter().copied());
    tables.find(is_of_groups)
}

/// The views that are nothing but their groups: no other operator reads the one or the other. They are of one stage, and a
/// working set has the groups alone. `touches` has, by position, the tables that a vertex reads or writes.
pub(super) fn shown_alone(
    vertices: &[Vertex],
    tables: &[Arc<dyn ErasedTable>],
    touches: &[Vec<TableId>],
) -> ShownTables {
    let touched = |table: TableId| touches.iter().filter(|all| all.contains(&table)).count();
    let is_alone = |position: usize| {
        let inputs = vertices.iter().flat_map(|reader| &reader.inputs);
        inputs.filter(|input| **input == position).count() == 1
    };
    let shown = vertices
        .iter()
        .enumerate()
        .filter_map(|(position, vertex)| {
            let shown = vertex.operator.shown()?;
            let groups = shown.groups();
            let view = view_of_groups(vertices, tables, groups)?;
            let is_only_read = touched(view) == 1 && touched(groups) == 1;
            let fits = shown.is_shown_in(tables[view.0].as_ref());
            (is_alone(position) && is_only_read && fits).then_some((view, shown))
        });
    shown.collect()
}
