//! Which columns a table has, and what stands in them.
//!
//! Owns the flattening of rows into cells, and the merging of the columns of rows that differ. Never
//! formats a value: that is [`Node::cell`].

use super::node::Node;

/// The rows of a table, each as cells by the path of their column.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Cells>,
    /// Every path met, each after the one that it follows in its row.
    paths: Vec<Path>,
}

/// One column, over all rows.
#[derive(Debug)]
pub(super) struct Column<'a> {
    pub(super) header: String,
    /// One for each row; `None` where the row has no such field.
    pub(super) cells: Vec<Option<&'a Node>>,
}

/// The names of the fields that lead to a value; empty for a value that is the whole row.
type Path = Vec<String>;

type Cells = Vec<(Path, Node)>;

impl Rows {
    pub(super) fn push(&mut self, row: Node) {
        let mut cells = Vec::new();
        match row {
            Node::Tuple(items) if !items.is_empty() => {
                let positions = items.into_iter().enumerate();
                cells.extend(positions.map(|(position, item)| (vec![position.to_string()], item)));
            }
            other => flatten(Path::new(), other, &mut cells),
        }
        self.add_paths(&cells);
        self.rows.push(cells);
    }

    /// The columns, in order.
    pub(super) fn columns(&self) -> Vec<Column<'_>> {
        let shown = self.paths.iter().filter(|path| !self.only_stands_in(path));
        shown
            .map(|path| Column {
                header: header(path),
                cells: self.rows.iter().map(|cells| find(cells, path)).collect(),
            })
            .collect()
    }

    fn add_paths(&mut self, cells: &Cells) {
        // Rows mostly have the same columns: then each path is found where the last one leads.
        let mut next = 0;
        for (path, _) in cells {
            if self.paths.get(next) != Some(path) {
                match self.paths.iter().position(|known| known == path) {
                    Some(position) => next = position,
                    None => self.paths.insert(next, path.clone()),
                }
            }
            next += 1;
        }
    }

    /// Whether a path has nothing but `None`s that stand for a struct whose fields are columns themselves.
    fn only_stands_in(&self, path: &Path) -> bool {
        let is_none = |(at, cell): &(Path, Node)| at != path || *cell == Node::None;
        self.paths.iter().any(|other| is_below(other, path))
            && self.rows.iter().flatten().all(is_none)
    }
}

impl Column<'_> {
    /// Whether it holds numbers, and nothing else but `None`s.
    pub(super) fn is_numeric(&self) -> bool {
        let mut cells = self.cells.iter().flatten();
        cells.clone().any(|cell| matches!(cell, Node::Number(_)))
            && cells.all(|cell| matches!(cell, Node::Number(_) | Node::None))
    }
}

/// A struct gives a cell for each of its fields; the sides of pairs and groups are flattened in turn.
fn flatten(path: Path, node: Node, cells: &mut Cells) {
    match node {
        Node::Struct { name, fields } if !fields.is_empty() => {
            let sides = has_sides(name, &fields);
            for (field, value) in fields {
                let mut path = path.clone();
                path.push(field);
                if sides {
                    flatten(path, value, cells);
                } else {
                    cells.push((path, value));
                }
            }
        }
        other => cells.push((path, other)),
    }
}

/// Whether a struct is a [`Pair`](crate::Pair) or a [`Keyed`](crate::Keyed), as far as serde can tell.
fn has_sides(name: &str, fields: &[(String, Node)]) -> bool {
    let [(first, _), (second, _)] = fields else {
        return false;
    };
    matches!(
        (name, first.as_str(), second.as_str()),
        ("Pair", "left", "right") | ("Keyed", "key", "value")
    )
}

fn header(path: &Path) -> String {
    if path.is_empty() {
        return "value".to_owned();
    }
    Node::Text(path.join(".")).cell()
}

/// The cell of a row in a column; a `None` stands in for all the fields that it is instead of.
fn find<'a>(cells: &'a Cells, path: &Path) -> Option<&'a Node> {
    let own = cells.iter().find(|(at, _)| at == path);
    own.or_else(|| {
        let absent = |(at, cell): &&(Path, Node)| *cell == Node::None && is_below(path, at);
        cells.iter().find(absent)
    })
    .map(|(_, cell)| cell)
}

fn is_below(path: &Path, outer: &Path) -> bool {
    path.len() > outer.len() && path.starts_with(outer)
}
