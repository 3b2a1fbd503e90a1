//! Pictures of a plan: text, DOT, Mermaid and SVG. Each is a pure function of the plan, and two builds of one query
//! have equal pictures. What a user called a thing never breaks a picture: each format escapes what it must.
//!
//! What all formats show alike is settled here, in [`Node`]; how a format writes it is in the format's module.

mod dot;
mod mermaid;
#[cfg(feature = "svg")]
mod svg;
mod text;

use std::collections::BTreeSet;
use std::fmt;

use deltaview_schema::TableSchema;

use super::{Graph, Vertex};

impl Graph {
    /// The plan as text, for people and for snapshot tests.
    ///
    /// The vertices come in topological order. Each has a line with its name, its operator, the names of its inputs
    /// and the shape of its rows; below it is each table that it writes, with the table's indexes and their columns.
    /// Nothing in it is numbered, so a change of the query changes the lines that it concerns. [`Display`](fmt::Display)
    /// writes the same.
    ///
    /// ```
    /// use deltaview_graph::Graph;
    ///
    /// let (graph, _) = Graph::build("words", |g| {
    ///     g.input::<String>("words").filter(|word| !word.is_empty()).output("some")
    /// })?;
    /// assert_eq!(
    ///     graph.to_text(),
    ///     "graph words\n\
    ///      \x20 words: input -> String\n\
    ///      \x20 words_filter: filter of words -> String\n\
    ///      \x20 some: output of words_filter -> String\n",
    /// );
    /// # Ok::<(), deltaview_graph::BuildError>(())
    /// ```
    pub fn to_text(&self) -> String {
        text::text(self)
    }

    /// The plan in Graphviz' DOT language.
    ///
    /// Sources and outputs are ellipses, vertices with tables are cylinders, all others are boxes. A bold edge carries
    /// an arranged stream: its changes by key. Of the type of the rows, only the name is shown.
    ///
    /// ```
    /// use deltaview_graph::Graph;
    ///
    /// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").output("all"))?;
    /// assert!(graph.to_dot().contains(r#""words" -> "all";"#));
    /// # Ok::<(), deltaview_graph::BuildError>(())
    /// ```
    pub fn to_dot(&self) -> String {
        dot::dot(self)
    }

    /// The plan as a Mermaid flowchart, with the shapes of [`Self::to_dot`]. A thick edge carries an arranged stream.
    ///
    /// ```
    /// use deltaview_graph::Graph;
    ///
    /// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").output("all"))?;
    /// assert!(graph.to_mermaid().starts_with("flowchart TD\n"));
    /// # Ok::<(), deltaview_graph::BuildError>(())
    /// ```
    pub fn to_mermaid(&self) -> String {
        mermaid::mermaid(self)
    }

    /// The plan as a standalone SVG image, with the shapes of [`Self::to_dot`]. A thick edge carries an arranged
    /// stream. Needs the feature `svg`.
    ///
    /// Vertices are moved about so that few edges cross, but not in a graph so large that this would take seconds.
    ///
    /// ```
    /// use deltaview_graph::Graph;
    ///
    /// let (graph, _) = Graph::build("words", |g| g.input::<String>("words").output("all"))?;
    /// assert!(graph.to_svg().starts_with("<svg "));
    /// # Ok::<(), deltaview_graph::BuildError>(())
    /// ```
    #[cfg(feature = "svg")]
    pub fn to_svg(&self) -> String {
        svg::svg(self)
    }
}

/// Writes [`Graph::to_text`].
impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// A vertex as pictures show it.
struct Node<'p> {
    vertex: &'p Vertex,
    /// Its name in one printable line, told apart from those of other vertices.
    name: String,
    /// What it writes.
    tables: Vec<&'p TableSchema>,
    look: Look,
}

/// What a vertex looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Source,
    View,
    Stateful,
    Stateless,
    Output,
}

impl Node<'_> {
    /// The lines of a picture's label: the name, the operator, the name of the row type, and the tables.
    fn label(&self) -> Vec<String> {
        let mut lines = vec![
            self.name.clone(),
            printable(&self.vertex.kind),
            self.row_name(),
        ];
        lines.extend(self.tables.iter().map(|table| table_label(table)));
        lines
    }

    fn row_name(&self) -> String {
        printable(&self.vertex.row.type_name())
    }

    /// Whether its edges carry changes by key.
    fn is_arranged(&self) -> bool {
        matches!(self.vertex.kind.as_str(), "arrange" | "view")
    }
}

/// The vertices of a graph, in the order of the plan, by which [`Vertex::inputs`] names them.
fn nodes(graph: &Graph) -> Vec<Node<'_>> {
    let mut taken = BTreeSet::new();
    let node = |vertex| Node {
        vertex,
        name: unique_name(vertex, &mut taken),
        tables: vertex
            .tables
            .iter()
            .map(|table| graph.table(*table).schema())
            .collect(),
        look: look(vertex),
    };
    graph.vertices().iter().map(node).collect()
}

fn look(vertex: &Vertex) -> Look {
    if vertex.inputs.is_empty() {
        Look::Source
    } else if vertex.operator.is_output() {
        Look::Output
    } else if vertex.kind == "view" {
        Look::View
    } else if vertex.tables.is_empty() {
        Look::Stateless
    } else {
        Look::Stateful
    }
}

/// Two stateless vertices can have one name (two maps of one stream): the second gets a number.
fn unique_name(vertex: &Vertex, taken: &mut BTreeSet<String>) -> String {
    let name = printable(&vertex.name);
    let numbered = (2..).map(|number| format!("{name} #{number}"));
    let unique = std::iter::once(name.clone())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .expect("there are more numbers than vertices");
    taken.insert(unique.clone());
    unique
}

/// `by name, by price (one row a key)`.
fn table_label(table: &TableSchema) -> String {
    let indexes: Vec<String> = table
        .indexes()
        .filter(|index| !index.columns.is_empty())
        .map(|index| format!("by {}", printable(&index.name)))
        .collect();
    let indexes = if indexes.is_empty() {
        "no key".to_string()
    } else {
        indexes.join(", ")
    };
    if table.unique {
        format!("{indexes} (one row a key)")
    } else {
        indexes
    }
}

/// A name in one line, safe to show: what would break the line, turn the direction of what follows, or is no legal
/// character of XML is written as Rust writes it in a literal.
fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        let is_unsafe = c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            || matches!(c, '\u{fffe}' | '\u{ffff}');
        if is_unsafe {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
