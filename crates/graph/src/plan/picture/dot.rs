//! The plan in Graphviz' DOT language.

use super::{Graph, Look, nodes, printable};

pub(super) fn dot(graph: &Graph) -> String {
    let nodes = nodes(graph);
    let name = printable(graph.name());
    let mut lines = vec![
        format!("digraph {} {{", id(&name)),
        format!("  graph [label={}, labelloc=t];", label(&[name])),
        "  node [fontname=monospace, fontsize=11, shape=box];".to_string(),
    ];
    for node in &nodes {
        let look = match node.look {
            Look::Source => ", shape=ellipse",
            Look::View => ", shape=cylinder, style=filled, fillcolor=lightyellow",
            Look::Stateful => ", shape=cylinder",
            Look::Stateless => "",
            Look::Output => ", shape=ellipse, peripheries=2",
        };
        lines.push(format!(
            "  {} [label={}{look}];",
            id(&node.name),
            label(&node.label())
        ));
    }
    for node in &nodes {
        for input in &node.vertex.inputs {
            let from = &nodes[*input];
            let style = if from.is_arranged() {
                " [style=bold]"
            } else {
                ""
            };
            lines.push(format!(
                "  {} -> {}{style};",
                id(&from.name),
                id(&node.name)
            ));
        }
    }
    lines.push("}\n".to_string());
    lines.join("\n")
}

/// A quoted identifier. In one, a backslash only escapes a quote or a backslash.
fn id(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A quoted label: backslashes and HTML entities mean something in it.
fn label(lines: &[String]) -> String {
    let escaped: Vec<String> = lines
        .iter()
        .map(|line| {
            line.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('&', "&amp;")
        })
        .collect();
    format!("\"{}\"", escaped.join("\\n"))
}
