//! The plan as text.

use std::fmt::Write;

use deltaview_schema::{IndexSchema, TableSchema};

use super::{Graph, Node, nodes, printable};

pub(super) fn text(graph: &Graph) -> String {
    let nodes = nodes(graph);
    let mut text = format!("graph {}\n", printable(graph.name()));
    for (position, node) in nodes.iter().enumerate() {
        write_vertex(&mut text, node, &nodes);
        if let Some(table) = remembered(position, &nodes) {
            push_line(
                &mut text,
                format_args!("    reads table {}", table_name(table)),
            );
        }
        for table in &node.tables {
            write_table(&mut text, table, node);
        }
    }
    text
}

fn write_vertex(text: &mut String, node: &Node<'_>, nodes: &[Node<'_>]) {
    let inputs: Vec<&str> = node
        .vertex
        .inputs
        .iter()
        .map(|input| nodes[*input].name.as_str())
        .collect();
    let of = if inputs.is_empty() { "" } else { " of " };
    let (kind, row) = (
        printable(&node.vertex.kind),
        printable(&node.vertex.row.to_string()),
    );
    push_line(
        text,
        format_args!("  {}: {kind}{of}{} -> {row}", node.name, inputs.join(", ")),
    );
}

/// A keyed table has no table of its own: its rows are in the arrangement of its stream by the primary key.
fn remembered<'p>(position: usize, nodes: &[Node<'p>]) -> Option<&'p TableSchema> {
    let mut arranged = nodes
        .iter()
        .filter(|node| node.is_arranged() && node.vertex.inputs == [position]);
    let tables = |node: &Node<'p>| node.tables.iter().copied().find(|table| table.unique);
    if nodes[position].vertex.kind == "table" {
        arranged.find_map(tables)
    } else {
        None
    }
}

fn write_table(text: &mut String, table: &TableSchema, node: &Node<'_>) {
    let row = table.row.to_string();
    let of = if table.row == node.vertex.row {
        String::new()
    } else {
        format!(" of {}", printable(&row))
    };
    let rows = if table.unique {
        "one row a key"
    } else {
        "any number of rows a key"
    };
    push_line(
        text,
        format_args!("    table {}{of}: {rows}", table_name(table)),
    );
    write_index(text, "index", &table.primary);
    for index in &table.secondary {
        write_index(text, "secondary index", index);
    }
}

fn write_index(text: &mut String, what: &str, index: &IndexSchema) {
    let columns: Vec<String> = index
        .columns
        .iter()
        .map(|column| format!("{} {column}", printable(&column.name)))
        .collect();
    if columns.is_empty() {
        push_line(text, format_args!("      no {what}"));
    } else {
        push_line(
            text,
            format_args!(
                "      {what} {}: {}",
                printable(&index.name),
                columns.join(", ")
            ),
        );
    }
}

fn table_name(table: &TableSchema) -> String {
    printable(&table.name(None))
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes every line");
}
