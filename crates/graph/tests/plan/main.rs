//! What the builder and the compile passes make of a query.

mod fed;
mod names;
mod passes;
mod problems;
mod retain;
mod shown;
mod stages;
mod tick;

use std::cmp::Reverse;

use deltaview_graph::Graph;
use deltaview_schema::Index;

/// The names and kinds of a graph's vertices.
fn vertices(graph: &Graph) -> Vec<(String, String)> {
    graph
        .vertices()
        .iter()
        .map(|vertex| (vertex.name().to_string(), vertex.kind().to_string()))
        .collect()
}

/// The names of a graph's tables.
fn tables(graph: &Graph) -> Vec<String> {
    graph
        .tables()
        .iter()
        .map(|table| table.schema().name(None))
        .collect()
}

/// An index of words by their length.
fn by_length() -> Index<String, i64> {
    Index::new("length", |word: &String| word.len() as i64)
}

/// An index of words, the last first.
fn by_word() -> Index<String, Reverse<String>> {
    Index::new("word", |word: &String| Reverse(word.clone()))
}
