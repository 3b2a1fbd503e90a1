//! The names of vertices and tables. They are stable: made of the names that the user gave, the operators and the
//! indexes; never of module paths, closures, or a hash of code.

use std::collections::BTreeMap;

use crate::builder::{Draft, Naming};
use crate::error::{Problem, ProblemKind};

/// The name of every draft, in their order.
pub(super) fn vertex_names(drafts: &[Draft]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let of_input = |position: usize| {
            draft
                .inputs
                .get(position)
                .map_or("", |input| stream_name(drafts, &names, input.0))
        };
        let name = match &draft.naming {
            Naming::Given(name) => name.clone(),
            Naming::Derived { suffix } => format!("{}_{suffix}", of_input(0)),
            Naming::Beside { stream, suffix } => {
                format!("{}_{suffix}", stream_name(drafts, &names, stream.0))
            }
            Naming::Between { word } => format!("{}_{word}_{}", of_input(0), of_input(1)),
        };
        names.push(name);
    }
    names
}

/// What an input is called in the name of a vertex: an arrangement is called as its stream.
fn stream_name<'n>(drafts: &[Draft], names: &'n [String], input: usize) -> &'n str {
    let draft = &drafts[input];
    let is_arrangement = matches!(draft.kind.as_str(), "arrange" | "view");
    match draft.inputs.first() {
        Some(stream) if is_arrangement => stream_name(drafts, names, stream.0),
        _ => &names[input],
    }
}

/// Finds names that two vertices share. Only names that matter are compared: those that were given, and those that
/// name a table.
pub(super) fn duplicate_names(drafts: &[Draft], names: &[String]) -> Vec<Problem> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for (position, draft) in drafts.iter().enumerate() {
        let given = matches!(draft.naming, Naming::Given(_));
        if !given && draft.work.tables().is_empty() {
            continue;
        }
        // SQL compares names without regard to case.
        if let Some(&first) = seen.get(&names[position].to_lowercase()) {
            let other = &drafts[first];
            let advice = if given {
                "give one of them another name"
            } else {
                "give one of them a name of its own with `.named(…)` on its stream"
            };
            problems.push(Problem {
                kind: ProblemKind::DuplicateName,
                message: format!(
                    "this {} and the {} of {} are both named `{}`: {advice}",
                    draft.kind, other.kind, other.at, names[position],
                ),
                at: draft.at,
            });
        } else {
            seen.insert(names[position].to_lowercase(), position);
        }
    }
    problems
}
