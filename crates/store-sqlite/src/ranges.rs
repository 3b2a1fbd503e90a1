//! Ranges of an index as searches. A key has several columns, some descending, which row values can't compare. What
//! comes after a key is the union of ranges that each have some leading columns fixed and one bounded: after `(a, b)`
//! come `a = a₀ AND b > b₀`, then `a > a₀`. They are read one after the other, each a plain search of the index.

use rusqlite::types::Value;

use crate::statements::{Direction, Ordered};

/// Rows with some leading columns fixed, and the next one bounded.
pub(crate) struct Range {
    pub(crate) fixed: Vec<Value>,
    pub(crate) beyond: Option<Value>,
}

impl Range {
    /// The rows with these leading columns.
    pub(crate) fn equal(fixed: Vec<Value>) -> Self {
        Self {
            fixed,
            beyond: None,
        }
    }

    /// What comes after these leading columns, of the rows in which the first `group` of them are the same; in order.
    pub(crate) fn after(key: &[Value], group: usize) -> impl DoubleEndedIterator<Item = Self> {
        (group..key.len()).rev().map(|fixed| Self {
            fixed: key[..fixed].to_vec(),
            beyond: Some(key[fixed].clone()),
        })
    }

    /// What to bind to the places of [`Self::filter`].
    pub(crate) fn bound(&self) -> impl Iterator<Item = &Value> {
        self.fixed.iter().chain(&self.beyond)
    }

    /// As in `SELECT … FROM table` ` WHERE … ORDER BY …`.
    pub(crate) fn filter(&self, columns: &Ordered, reverse: bool) -> String {
        self.filter_and(columns, reverse, None)
    }

    /// The same, of rows of which something else is true too. Its places come behind those of [`Self::bound`].
    pub(crate) fn filter_and(
        &self,
        columns: &Ordered,
        reverse: bool,
        also: Option<String>,
    ) -> String {
        let fixed = self.fixed.len();
        let mut terms: Vec<String> = columns
            .names()
            .take(fixed)
            .enumerate()
            .map(|(i, name)| format!("{name} = ?{}", i + 1))
            .collect();
        if self.beyond.is_some() {
            let (name, direction) = &columns.0[fixed];
            let operator = match direction.reversed_if(reverse) {
                Direction::Ascending => ">",
                Direction::Descending => "<",
            };
            terms.push(format!("{name} {operator} ?{}", fixed + 1));
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
