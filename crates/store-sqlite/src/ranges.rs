//! Ranges of an index as searches. A key has several columns. What comes after a key is one search where they have one
//! direction, as SQLite compares rows of values: `(a, b) > (a₀, b₀)`. Where some columns are descending it is the union of
//! searches that each have some leading columns fixed: after `(a, b)` with b descending come `a = a₀ AND b < b₀`, then
//! `a > a₀`. They are read one after the other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::types::Value;

use crate::statements::{Direction, Ordered};

/// Rows with some leading columns fixed, and the next ones bounded.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) fixed: Vec<Value>,
    /// The columns behind those, which have one direction, come after these values; or they are not bounded.
    pub(crate) beyond: Vec<Value>,
    /// Whether what has just these values is in the range.
    pub(crate) inclusive: bool,
}

/// All of a range that its SQL depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Form {
    fixed: usize,
    beyond: usize,
    inclusive: bool,
}

impl Range {
    /// The rows with these leading columns.
    pub(crate) fn equal(fixed: Vec<Value>) -> Self {
        Self {
            fixed,
            beyond: Vec::new(),
            inclusive: true,
        }
    }

    /// What comes after these leading columns, or has them, of the rows in which the first `group` of them are the same; in
    /// order.
    pub(crate) fn from(
        key: &[Value],
        group: usize,
        inclusive: bool,
        columns: &Ordered,
    ) -> Vec<Self> {
        if key.len() == group {
            return if inclusive {
                vec![Self::equal(key.to_vec())]
            } else {
                Vec::new()
            };
        }
        let mut ranges = Vec::new();
        let mut end = key.len();
        while end > group {
            let (_, direction) = &columns.0[end - 1];
            let same = columns.0[group..end].iter().rev();
            let run = same.take_while(|(_, other)| other == direction).count();
            ranges.push(Self {
                fixed: key[..end - run].to_vec(),
                beyond: key[end - run..end].to_vec(),
                inclusive: inclusive && end == key.len(),
            });
            end -= run;
        }
        ranges
    }

    /// What comes after a row, by all of the columns that tell it from others.
    pub(crate) fn after(&self, row: &[Value], columns: &Ordered) -> Vec<Self> {
        Self::from(row, self.fixed.len(), false, columns)
    }

    pub(crate) fn form(&self) -> Form {
        Form {
            fixed: self.fixed.len(),
            beyond: self.beyond.len(),
            inclusive: self.inclusive,
        }
    }

    /// What to bind to the places of [`Form::filter`].
    pub(crate) fn bound(&self) -> impl Iterator<Item = &Value> {
        self.fixed.iter().chain(&self.beyond)
    }
}

impl Form {
    /// How many places its SQL has.
    pub(crate) fn places(self) -> usize {
        self.fixed + self.beyond
    }

    /// As in `SELECT … FROM table` ` WHERE … ORDER BY …`.
    pub(crate) fn filter(self, columns: &Ordered, reverse: bool) -> String {
        self.filter_and(columns, reverse, None)
    }

    /// The same, of rows of which something else is true too. Its places come behind those of [`Range::bound`].
    pub(crate) fn filter_and(
        self,
        columns: &Ordered,
        reverse: bool,
        also: Option<String>,
    ) -> String {
        let (fixed, beyond) = (self.fixed, self.beyond);
        let mut terms: Vec<String> = columns
            .names()
            .take(fixed)
            .enumerate()
            .map(|(i, name)| format!("{name} = ?{}", i + 1))
            .collect();
        if beyond > 0 {
            let bounded = &columns.0[fixed..fixed + beyond];
            let operator = match (bounded[0].1.reversed_if(reverse), self.inclusive) {
                (Direction::Ascending, false) => ">",
                (Direction::Ascending, true) => ">=",
                (Direction::Descending, false) => "<",
                (Direction::Descending, true) => "<=",
            };
            let names: Vec<&str> = bounded.iter().map(|(name, _)| name.as_str()).collect();
            let places: Vec<String> = (fixed + 1..=fixed + beyond)
                .map(|place| format!("?{place}"))
                .collect();
            let [names, places] = [names.join(", "), places.join(", ")];
            terms.push(if beyond == 1 {
                format!("{names} {operator} {places}")
            } else {
                format!("({names}) {operator} ({places})")
            });
        }
        terms.extend(also);
        let mut filter = String::new();
        if !terms.is_empty() {
            filter.push_str(" WHERE ");
            filter.push_str(&terms.join(" AND "));
        }
        let order = columns.order_by(reverse);
        if !order.is_empty() {
            filter.push_str(" ORDER BY ");
            filter.push_str(&order);
        }
        filter
    }
}

/// The statements that read ranges of one index, each made when it is first needed.
#[derive(Debug)]
pub(crate) struct Searches {
    /// `SELECT … FROM table`.
    select: String,
    /// What comes last.
    limit: String,
    pub(crate) columns: Ordered,
    made: RefCell<BTreeMap<(Form, bool), Arc<str>>>,
}

impl Searches {
    pub(crate) fn new(select: String, columns: Ordered, limit: Option<usize>) -> Self {
        Self {
            select,
            limit: limit.map_or_else(String::new, |rows| format!(" LIMIT {rows}")),
            columns,
            made: RefCell::default(),
        }
    }

    /// The statement that reads a range.
    pub(crate) fn sql(&self, range: &Range, reverse: bool) -> Arc<str> {
        let mut made = self.made.borrow_mut();
        let sql = made.entry((range.form(), reverse)).or_insert_with(|| {
            let filter = range.form().filter(&self.columns, reverse);
            format!("{}{filter}{}", self.select, self.limit).into()
        });
        Arc::clone(sql)
    }
}
