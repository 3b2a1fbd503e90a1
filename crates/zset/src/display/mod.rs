//! Z-sets as tables, for people.
//!
//! Owns the layout: a `count` column, then a column for each field of the row. Knows nothing of a row type
//! but how it serialises. Never fails: what can't be shown says so in its own cell.

mod columns;
mod node;
mod serializer;

use std::{fmt, iter};

use comfy_table::presets::ASCII_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use self::columns::{Column, Rows};
use self::node::Node;
use self::serializer::to_node;
use crate::{Weight, ZSet};

/// Prints rows and their weights as a table without colours, one line a row, in the order given.
///
/// The first column, `count`, is the weight. The others depend on how the row serialises:
///
/// | row | columns |
/// | --- | --- |
/// | a struct | its fields |
/// | a [`Pair`](crate::Pair) | `left.<field>` and `right.<field>` for the sides that are structs, else `left` and `right` |
/// | a [`Keyed`](crate::Keyed) | `key` and `value`, likewise |
/// | a tuple or an array | `0`, `1`, … |
/// | anything else | `value` |
///
/// Pairs within pairs go on in the same way, as in `left.right.<field>`. In a cell:
/// - text stands without quotes, its control characters escaped, so that a row stays on one line;
/// - `None` is `—`, for all of its columns where it stands for a struct; an empty cell is empty text, or a
///   field that this row does not have;
/// - bytes are hexadecimal, as `0x00ff`; numbers are aligned to the right;
/// - what is nested deeper is on one line, as `{name: "tv", tags: ["new", "sale"]}`;
/// - what its `Serialize` refuses is `<can't be shown: …>`, with the reason.
///
/// Takes rows by reference or by value, and holds the whole table in memory: print a part of a large view.
/// The text has no line break at its end. [`ZSet`]'s `Display` is this function over its rows.
///
/// ```
/// use deltaview_zset::{Pair, ZSet, render_table};
///
/// #[derive(PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
/// struct Product {
///     name: String,
///     price: Option<i64>,
/// }
///
/// let tv = Product { name: "tv".into(), price: Some(3) };
/// let gift = Product { name: "gift".into(), price: None };
/// let rows = ZSet::from_pairs([(Pair::new(tv, 2), 1), (Pair::new(gift, 10), -1)])?;
/// assert_eq!(
///     rows.to_string(),
///     "\
/// +-------+-----------+------------+-------+
/// | count | left.name | left.price | right |
/// +========================================+
/// |    -1 | gift      |          — |    10 |
/// |     1 | tv        |          3 |     2 |
/// +-------+-----------+------------+-------+",
/// );
/// assert_eq!(render_table(&rows), rows.to_string());
/// # Ok::<(), deltaview_zset::WeightOverflow>(())
/// ```
pub fn render_table<R: Serialize>(rows: impl IntoIterator<Item = (R, Weight)>) -> String {
    let mut weights = Vec::new();
    let mut nodes = Rows::default();
    for (row, weight) in rows {
        weights.push(weight);
        nodes.push(to_node(&row));
    }

    let mut table = Table::new();
    table.load_style(ASCII_FULL_CONDENSED);
    if weights.is_empty() {
        table.set_header(["count"]).add_row(["(empty)"]);
        return table.to_string();
    }
    let columns = nodes.columns();
    let headers = columns.iter().map(|column| column.header.as_str());
    table.set_header(iter::once("count").chain(headers));
    for (row, weight) in weights.into_iter().enumerate() {
        let cells = columns.iter().map(|column| column.cells[row]);
        let texts = cells.map(|cell| cell.map_or_else(String::new, Node::cell));
        table.add_row(iter::once(weight.to_string()).chain(texts));
    }
    let numeric = iter::once(true).chain(columns.iter().map(Column::is_numeric));
    for (column, numeric) in table.column_iter_mut().zip(numeric) {
        if numeric {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

/// A table of the rows: see [`render_table`].
impl<T: Ord + Serialize> fmt::Display for ZSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render_table(self))
    }
}
