//! From the builder's drafts to a plan: names are settled, what nobody needs is dropped, runs of stateless operators
//! are fused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::names::{duplicate_names, vertex_names};
use super::regions::Regions;
use super::shown::{ShownTables, shown_alone};
use super::stages::stages;
use super::{ErasedTable, Plan, Retention, Table, TableId, Vertex, VertexId};
use crate::builder::{Builder, Draft, TableDraft, Work};
use crate::error::{BuildError, Problem, ProblemKind};
use crate::operators::nested::Linear;
use crate::operators::{Chain, Edges, Feeds, Operator, Stage};

/// A builder's graph, compiled.
pub(crate) fn compile(builder: Builder) -> Result<Plan, BuildError> {
    let Builder {
        id,
        name,
        drafts,
        tables,
        problems,
        ..
    } = builder;
    let (drafts, mut tables) = (drafts.into_inner(), tables.into_inner());
    let names = vertex_names(&drafts);
    let mut problems = problems.into_inner();
    problems.extend(duplicate_names(&drafts, &names));
    name_tables(&drafts, &names, &mut tables);
    problems.extend(duplicate_columns(&drafts, &mut tables));
    if problems.is_empty() {
        problems.extend(duplicate_tables(&drafts, &mut tables));
    }
    if !problems.is_empty() {
        return Err(BuildError {
            graph: name,
            problems,
        });
    }
    let needed = needed(&drafts);
    let retentions: Vec<_> = tables.iter().map(TableDraft::retention).collect();
    let tables: Vec<_> = tables.into_iter().map(TableDraft::finish).collect();
    let kept = drafts.iter().zip(&needed).filter(|(_, needed)| **needed);
    let faces = kept
        .flat_map(|(draft, _)| draft.work.tables())
        .map(|table| {
            let schema = tables[table.0].schema().clone();
            Table::new(*table, schema, retentions[table.0])
        })
        .collect();
    let (vertices, positions, shown) = vertices(drafts, names, &needed, &retentions, &tables);
    Ok(Plan {
        id,
        name,
        vertices,
        positions,
        tables,
        faces,
        shown,
    })
}

/// A table is named by its vertex: an arrangement by its stream, whose role it then is.
fn name_tables(drafts: &[Draft], names: &[String], tables: &mut [TableDraft]) {
    for (position, draft) in drafts.iter().enumerate() {
        let owner = match draft.inputs.first() {
            Some(stream) if draft.kind == "arrange" => stream.0,
            _ => position,
        };
        for table in draft.work.tables() {
            tables[table.0]
                .schema_mut()
                .vertex
                .clone_from(&names[owner]);
        }
    }
}

fn duplicate_columns(drafts: &[Draft], tables: &mut [TableDraft]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for draft in drafts {
        for table in draft.work.tables() {
            let schema = tables[table.0].schema_mut().clone();
            let mut seen = BTreeSet::new();
            let columns = schema
                .indexes()
                .flat_map(|index| index.sql_names().collect::<Vec<_>>());
            for column in columns.filter(|column| !seen.insert(column.to_lowercase())) {
                problems.push(Problem {
                    kind: ProblemKind::DuplicateColumn,
                    message: format!(
                        "`{}` would have two columns named `{column}`: give one of its indexes another name",
                        schema.vertex
                    ),
                    at: draft.at,
                });
            }
        }
    }
    problems
}

/// Finds tables that would have one name though their vertices have two: the parts of a name may contain what
/// separates them.
fn duplicate_tables(drafts: &[Draft], tables: &mut [TableDraft]) -> Vec<Problem> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for draft in drafts {
        for table in draft.work.tables() {
            let name = tables[table.0].schema_mut().name(None);
            if let Some(first) = seen.insert(name.to_lowercase(), draft.at) {
                problems.push(Problem {
                    kind: ProblemKind::DuplicateName,
                    message: format!(
                        "this {} and the vertex of {first} would both have a table named `{name}`: give one of them \
                         another name",
                        draft.kind
                    ),
                    at: draft.at,
                });
            }
        }
    }
    problems
}

/// Which drafts some output, view, inspection or source needs.
fn needed(drafts: &[Draft]) -> Vec<bool> {
    let mut needed = vec![false; drafts.len()];
    for (position, draft) in drafts.iter().enumerate().rev() {
        let is_source = draft.inputs.is_empty() && !matches!(draft.work, Work::Feedback);
        let is_end = match &draft.work {
            Work::Operator { is_end, .. } => *is_end,
            Work::Stage(_) => draft.kind == "inspect" && draft.region.is_none(),
            Work::Nested { .. } | Work::Feedback | Work::Recursion { .. } => false,
        };
        if is_source || is_end {
            needed[position] = true;
        }
        if needed[position] {
            if let Work::Recursion { next, .. } = &draft.work {
                needed[next.0] = true;
            }
            draft.inputs.iter().for_each(|input| needed[input.0] = true);
        }
    }
    // A keyed table reads the arrangement of its own stream, which comes after it.
    let read: BTreeSet<TableId> = drafts
        .iter()
        .zip(&needed)
        .filter(|(_, needed)| **needed)
        .flat_map(|(draft, _)| draft.work.reads().to_vec())
        .collect();
    for (position, draft) in drafts.iter().enumerate() {
        if draft.work.tables().iter().any(|table| read.contains(table)) {
            needed[position] = true;
        }
    }
    needed
}

/// Puts the needed drafts together as vertices; a stateless one takes the stages of the one before it, where nobody
/// else needs those.
fn vertices(
    drafts: Vec<Draft>,
    names: Vec<String>,
    needed: &[bool],
    retentions: &[Option<Retention>],
    tables: &[Arc<dyn ErasedTable>],
) -> (Vec<Vertex>, Vec<Option<usize>>, ShownTables) {
    let fused_into_next = fused_into_next(&drafts, needed);
    let mut positions: Vec<Option<usize>> = vec![None; drafts.len()];
    let mut waiting: BTreeMap<usize, Run> = BTreeMap::new();
    let mut regions = Regions::of(&drafts);
    let mut vertices = Vec::new();
    // By position in the plan, the tables that a vertex reads or writes.
    let mut touches: Vec<Vec<TableId>> = Vec::new();
    // By position in the plan, whether a vertex puts out each row once: keyed tables do, and groups with their keys.
    let mut once: Vec<bool> = Vec::new();
    for (position, (draft, name)) in drafts.into_iter().zip(names).enumerate() {
        if !needed[position] {
            continue;
        }
        let mut own = draft.work.tables().to_vec();
        let mut touched = [draft.work.tables(), draft.work.reads()].concat();
        let is_keyed = draft.inputs.is_empty() && !touched.is_empty();
        let mut run = draft
            .inputs
            .first()
            .and_then(|input| waiting.remove(&input.0))
            .unwrap_or_else(|| Run {
                stages: Vec::new(),
                kinds: Vec::new(),
                inputs: draft.inputs.clone(),
            });
        run.kinds.push(draft.kind);
        let operator: Box<dyn Operator> = match draft.work {
            Work::Stage(stage) => {
                run.stages.push(stage);
                if fused_into_next[position] {
                    waiting.insert(position, run);
                    continue;
                }
                Box::new(Chain { stages: run.stages })
            }
            Work::Operator { operator, .. } => operator,
            Work::Nested { operator, .. } => {
                regions.add(draft.region, position, operator, &run.inputs, own, touched);
                continue;
            }
            Work::Feedback => continue,
            Work::Recursion { region, build, .. } => {
                let inside = regions.take(region);
                own.extend(inside.tables);
                touched.extend(inside.touched);
                build(inside.vertices, inside.outside.len())
            }
        };
        if draft.region.is_some() {
            let operator = Box::new(Linear(operator));
            regions.add(draft.region, position, operator, &run.inputs, own, touched);
            continue;
        }
        positions[position] = Some(vertices.len());
        let place = |input: &VertexId| positions[input.0].expect("inputs come first, and are kept");
        vertices.push(Vertex {
            id: VertexId(position),
            name,
            kind: run.kinds.join(" + "),
            inputs: run.inputs.iter().map(place).collect(),
            tables: own,
            at: draft.at,
            row: draft.row,
            operator,
            codec: draft.codec,
            is_keyed,
            stage: 0,
            edges: Edges::default(),
        });
        touches.push(touched);
        once.push(draft.unique_by.is_some());
    }
    let shown = shown_alone(&vertices, tables, &touches);
    for (view, of_groups) in &shown {
        let of_view = touches.iter_mut().find(|touched| touched.contains(view));
        of_view
            .into_iter()
            .for_each(|touched| touched.push(of_groups.groups()));
    }
    for (vertex, stage) in stages(&vertices, &touches).into_iter().enumerate() {
        vertices[vertex].stage = stage;
    }
    note_edges(&mut vertices, &once, retentions);
    for of_groups in shown.values() {
        let groups = of_groups.groups();
        let mut all = vertices.iter_mut();
        let aggregate = all.find(|vertex| vertex.tables.contains(&groups));
        aggregate
            .into_iter()
            .for_each(|vertex| vertex.edges.are_groups_shown = true);
    }
    (vertices, positions, shown)
}

/// Notes what is known of the edges of each vertex.
fn note_edges(vertices: &mut [Vertex], once: &[bool], retentions: &[Option<Retention>]) {
    // What has a history is remembered row by row, each once.
    let has_history = |table: &TableId| retentions[table.0].is_some();
    let of_tables = vertices.iter().map(|vertex| &vertex.tables);
    let mut in_any_order: Vec<bool> = of_tables
        .map(|tables| !tables.iter().any(has_history))
        .collect();
    let mut readers = vec![0_usize; vertices.len()];
    for vertex in vertices.iter() {
        for &input in &vertex.inputs {
            in_any_order[input] &= vertex.operator.takes_any_order();
            readers[input] += 1;
        }
    }
    for position in 0..vertices.len() {
        let feeds = feeds(vertices, &readers, position);
        let first = vertices[position].inputs.first();
        vertices[position].edges = Edges {
            are_read_in_any_order: in_any_order[position],
            have_rows_once: first.is_some_and(|&input| once[input]),
            can_be_taken: vertices[position].operator.takes_input()
                && first.is_some_and(|&input| readers[input] == 1),
            feeds,
            are_groups_shown: false,
        };
    }
}

/// Who sums up what a vertex puts out, at once or behind stateless operators, where nobody else reads that.
fn feeds(vertices: &[Vertex], readers: &[usize], position: usize) -> Option<Feeds> {
    let only_reader = |position: usize| {
        let mut all = vertices.iter();
        let reader = all.position(|vertex| vertex.inputs.contains(&position));
        reader.filter(|_| readers[position] == 1)
    };
    let takes = |reader: usize, from: usize| {
        let reader = &vertices[reader];
        reader.operator.chunks().is_some() && reader.inputs.first() == Some(&from)
    };
    if !vertices[position].operator.puts_out_chunks() {
        return None;
    }
    let next = only_reader(position)?;
    if takes(next, position) {
        let through = None;
        return Some(Feeds {
            through,
            into: next,
        });
    }
    let is_stateless = vertices[next].operator.is_stateless();
    let into = only_reader(next).filter(|_| is_stateless)?;
    takes(into, next).then_some(Feeds {
        through: Some(next),
        into,
    })
}

/// A run of stateless operators that is not complete yet.
struct Run {
    stages: Vec<Arc<dyn Stage>>,
    kinds: Vec<String>,
    inputs: Vec<VertexId>,
}

/// Which stateless drafts have one stateless reader and no other.
fn fused_into_next(drafts: &[Draft], needed: &[bool]) -> Vec<bool> {
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (position, draft) in drafts
        .iter()
        .enumerate()
        .filter(|(position, _)| needed[*position])
    {
        draft
            .inputs
            .iter()
            .for_each(|input| readers[input.0].push(position));
    }
    let is_stage = |position: usize| matches!(drafts[position].work, Work::Stage(_));
    (0..drafts.len())
        .map(|position| {
            is_stage(position) && matches!(readers[position][..], [only] if is_stage(only))
        })
        .collect()
}
