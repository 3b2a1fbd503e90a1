//! The plan as a Mermaid flowchart.

use super::{Graph, Look, nodes};

/// Vertices are `v0`, `v1`, …: Mermaid has no quoted identifiers.
pub(super) fn mermaid(graph: &Graph) -> String {
    let nodes = nodes(graph);
    let mut lines = vec!["flowchart TD".to_string()];
    for (position, node) in nodes.iter().enumerate() {
        let (open, close) = match node.look {
            Look::Source => ("([", "])"),
            Look::View | Look::Stateful => ("[(", ")]"),
            Look::Stateless => ("[", "]"),
            Look::Output => ("[[", "]]"),
        };
        let label: Vec<String> = node.label().iter().map(|line| escaped(line)).collect();
        lines.push(format!(
            "  v{position}{open}\"{}\"{close}",
            label.join("<br/>")
        ));
    }
    for (position, node) in nodes.iter().enumerate() {
        for input in &node.vertex.inputs {
            let arrow = if nodes[*input].is_arranged() {
                "==>"
            } else {
                "-->"
            };
            lines.push(format!("  v{input} {arrow} v{position}"));
        }
    }
    lines.join("\n") + "\n"
}

/// Text in a quoted label. It is read as Markdown with entities and some HTML, so all punctuation that could mean
/// something there is written as the number of its character.
fn escaped(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut in_word = false;
    while let Some(c) = chars.next() {
        let next_in_word = chars.peek().is_some_and(|next| next.is_alphanumeric());
        let is_plain = match c {
            ' ' | ',' | ':' | '(' | ')' => true,
            // Between letters, it is no mark of emphasis.
            '_' => in_word && next_in_word,
            // At the start of a line, it would begin a list.
            '+' => !escaped.is_empty(),
            c => !c.is_ascii() || c.is_ascii_alphanumeric(),
        };
        if is_plain {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("#{};", u32::from(c)));
        }
        in_word = c.is_alphanumeric();
    }
    escaped
}
