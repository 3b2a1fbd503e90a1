//! The stages of a plan: which tables are committed together, where an iteration commits tables as it computes them.
//! It owns that division, and nothing of how a stage is run (`tick/stages.rs`).
//!
//! A table is committed when all that read it have read it, so whatever touches one table is of one stage. A stage
//! begins when all stages before it are committed, so no path of the graph leads out of a stage and back into it. And
//! all views are of the last stage: who reads views sees an iteration as a whole, or nothing of it. All sources are of
//! the first stage, so that once it is committed what came in is known, whoever goes on: what a keyed table makes of a
//! change depends on its rows, so all that such a table comes from or is read with is of the first stage
//! too. A view of a keyed table by its key is that table: such a graph has one stage. A view that is nothing but the groups of
//! an aggregate (`shown.rs`) is of one stage with them.

use std::collections::BTreeMap;

use super::{TableId, Vertex};

/// By position, the stage of each vertex. `touches` has, by position, the tables that a vertex reads or writes.
pub(super) fn stages(vertices: &[Vertex], touches: &[Vec<TableId>]) -> Vec<usize> {
    let mut groups = Groups::new(vertices.len());
    let mut first: BTreeMap<TableId, usize> = BTreeMap::new();
    for (position, tables) in touches.iter().enumerate() {
        for table in tables {
            let other = *first.entry(*table).or_insert(position);
            groups.join(other, position);
        }
    }
    let views: Vec<usize> = after_views(vertices);
    for pair in views.windows(2) {
        groups.join(pair[0], pair[1]);
    }
    join_keyed_sources(vertices, &mut groups);
    join_cycles(vertices, &mut groups);
    let mut stages = depths(vertices, touches, &mut groups);
    // The views wait for all that is not behind them.
    if let Some(view) = views.first() {
        let of_views = groups.of(*view);
        let last = last_before(&stages, &mut groups, of_views, touches);
        for (position, stage) in stages.iter_mut().enumerate() {
            if groups.of(position) == of_views {
                *stage = last;
            }
        }
    }
    if vertices
        .iter()
        .zip(&stages)
        .any(|(vertex, stage)| vertex.is_keyed && *stage > 0)
    {
        stages.fill(0);
    }
    stages
}

/// The views, and all that is behind one.
fn after_views(vertices: &[Vertex]) -> Vec<usize> {
    let mut after = vec![false; vertices.len()];
    for (position, vertex) in vertices.iter().enumerate() {
        after[position] = vertex.kind == "view" || vertex.inputs.iter().any(|&input| after[input]);
    }
    (0..after.len())
        .filter(|&position| after[position])
        .collect()
}

/// The stage of the views: behind that of every other vertex with tables, and behind those that they are made of.
fn last_before(
    stages: &[usize],
    groups: &mut Groups,
    of_views: usize,
    touches: &[Vec<TableId>],
) -> usize {
    let of_view = (0..stages.len()).find(|&position| groups.of(position) == of_views);
    let own = of_view.map_or(0, |position| stages[position]);
    (0..stages.len())
        .filter(|&position| groups.of(position) != of_views && !touches[position].is_empty())
        .map(|position| stages[position] + 1)
        .fold(own, usize::max)
}

/// Joins the groups of keyed sources with all that leads to them.
fn join_keyed_sources(vertices: &[Vertex], groups: &mut Groups) {
    let Some(first) = vertices.iter().position(|vertex| vertex.is_keyed) else {
        return;
    };
    for (position, vertex) in vertices.iter().enumerate() {
        if vertex.is_keyed {
            groups.join(first, position);
        }
    }
    let mut joined = true;
    while joined {
        joined = false;
        for (position, vertex) in vertices.iter().enumerate() {
            if groups.of(position) == groups.of(first) {
                for &input in &vertex.inputs {
                    joined |= groups.join(first, input);
                }
            }
        }
    }
}

/// Joins groups that lead to each other, until none do.
fn join_cycles(vertices: &[Vertex], groups: &mut Groups) {
    loop {
        // What each group comes from, over any number of edges. Positions are in topological order, groups are not.
        let mut reaches: BTreeMap<usize, Vec<bool>> = BTreeMap::new();
        let mut changed = true;
        while changed {
            changed = false;
            for (position, vertex) in vertices.iter().enumerate() {
                let group = groups.of(position);
                let mut from = reaches
                    .remove(&group)
                    .unwrap_or_else(|| vec![false; vertices.len()]);
                let before = from.iter().filter(|from| **from).count();
                for &input in &vertex.inputs {
                    let other = groups.of(input);
                    if other != group {
                        from[other] = true;
                        for (place, also) in reaches.get(&other).into_iter().flatten().enumerate() {
                            from[place] |= also;
                        }
                    }
                }
                changed |= from.iter().filter(|from| **from).count() != before;
                reaches.insert(group, from);
            }
        }
        let all: Vec<usize> = reaches.keys().copied().collect();
        let mut joined = false;
        for &one in &all {
            for &other in all.iter().filter(|&&other| other > one) {
                if reaches[&one][other] && reaches[&other][one] {
                    joined |= groups.join(one, other);
                }
            }
        }
        if !joined {
            return;
        }
    }
}

/// The number of groups with tables on the longest path to each vertex. What has no table runs with what it is made of.
fn depths(vertices: &[Vertex], touches: &[Vec<TableId>], groups: &mut Groups) -> Vec<usize> {
    let mut with_tables = vec![false; vertices.len()];
    for (position, tables) in touches.iter().enumerate() {
        let group = groups.of(position);
        with_tables[group] |= !tables.is_empty();
    }
    // By group: how many groups with tables are before it and in it.
    let mut depth = vec![0_usize; vertices.len()];
    for position in 0..vertices.len() {
        let group = groups.of(position);
        depth[group] = usize::from(with_tables[group]);
    }
    let mut changed = true;
    while changed {
        changed = false;
        for (position, vertex) in vertices.iter().enumerate() {
            let group = groups.of(position);
            for &input in &vertex.inputs {
                let other = groups.of(input);
                let through = depth[other] + usize::from(with_tables[group]);
                if other != group && through > depth[group] {
                    depth[group] = through;
                    changed = true;
                }
            }
        }
    }
    (0..vertices.len())
        .map(|position| depth[groups.of(position)].saturating_sub(1))
        .collect()
}

/// Which vertices are of one stage: a union-find forest.
struct Groups {
    parents: Vec<usize>,
}

impl Groups {
    fn new(vertices: usize) -> Self {
        Self {
            parents: (0..vertices).collect(),
        }
    }

    fn of(&mut self, position: usize) -> usize {
        let mut root = position;
        while self.parents[root] != root {
            root = self.parents[root];
        }
        self.parents[position] = root;
        root
    }

    /// Whether they were two.
    fn join(&mut self, one: usize, other: usize) -> bool {
        let (one, other) = (self.of(one), self.of(other));
        self.parents[one.max(other)] = one.min(other);
        one != other
    }
}
