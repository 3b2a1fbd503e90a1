//! Ranges of an index as searches. An index has several terms, some descending, which row values can't compare. What
//! comes after a key is the union of ranges that each have some leading terms fixed and one bounded: after `(a, b)`
//! come `a = a₀ AND b > b₀`, then `a > a₀`; each is a plain search of the index.

use deltaview_graph::{FetchRange, Order};
use deltaview_schema::TableSchema;

use crate::names::{
    COUNT, DATA, IDENTITY, KeyPart, Term, order_by, parts_of, plain_type, terms_of,
};
use crate::statements::{row_columns, unnested};

/// Rows with some leading terms fixed, and perhaps the next one bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) fixed: usize,
    pub(crate) is_beyond: bool,
}

impl Range {
    /// The rows with so many leading terms fixed.
    pub(crate) fn equal(fixed: usize) -> Self {
        Self {
            fixed,
            is_beyond: false,
        }
    }

    /// What comes after so many leading terms, of the rows in which the first `group` of them are the same; in order.
    pub(crate) fn after(terms: usize, group: usize) -> impl DoubleEndedIterator<Item = Self> {
        (group..terms).rev().map(|fixed| Self {
            fixed,
            is_beyond: true,
        })
    }

    /// The condition, with the values that the terms are compared with. `cuts` says which values are texts that end
    /// before a NUL of theirs: no text is equal to such a one, and none is between it and the rest of it.
    pub(crate) fn condition(
        self,
        terms: &[Term],
        values: &[String],
        cuts: &[bool],
        backward: bool,
    ) -> String {
        let mut conditions: Vec<String> = terms
            .iter()
            .zip(values)
            .take(self.fixed)
            .map(|(term, value)| format!("{} = {value}", term.sql))
            .collect();
        if self.is_beyond {
            let term = &terms[self.fixed];
            let operator = match beyond(term, backward) {
                "<" if cuts.get(self.fixed) == Some(&true) => "<=",
                operator => operator,
            };
            conditions.push(format!("{} {operator} {}", term.sql, values[self.fixed]));
        }
        if conditions.is_empty() {
            "true".to_string()
        } else {
            conditions.join(" AND ")
        }
    }
}

/// What compares a term with a value that it comes after, in the order of reading.
pub(crate) fn beyond(term: &Term, backward: bool) -> &'static str {
    if term.descending == backward {
        ">"
    } else {
        "<"
    }
}

/// What ranges of one fetch have in common: one statement reads all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RangeShape {
    pub(crate) order: Order,
    /// The columns that are the group.
    pub(crate) group: usize,
    /// The columns that say where reading begins within the group, and whether that is read too.
    pub(crate) start: Option<(usize, bool)>,
    /// So many rows are read of each, and the rows that have the same key as the last one: at least as many as are
    /// wished for. A power of two, so that there are few shapes. It is written out, for the planner takes the index
    /// where it knows that little is read.
    pub(crate) rows: usize,
}

impl RangeShape {
    pub(crate) fn of(range: &FetchRange<'_>) -> Self {
        Self {
            order: range.order,
            group: range.group.len(),
            start: range
                .start
                .as_ref()
                .map(|start| (start.columns.len(), start.inclusive)),
            rows: range.rows.checked_next_power_of_two().unwrap_or(range.rows),
        }
    }

    /// The columns that a value is bound for: those of the group, and those of the start.
    pub(crate) fn columns(self) -> usize {
        self.group + self.start.map_or(0, |(columns, _)| columns)
    }

    /// The statement that reads ranges of this shape: position, identity, data, weight. It takes an array for each
    /// column, and the positions. The last key comes with all its rows. One row more than is to be read shows that there
    /// is one. `from` is what the rows are selected from, as `t`.
    pub(crate) fn statement(self, schema: &TableSchema, from: &str) -> String {
        let backward = self.order == Order::Backward;
        let parts = parts_of(&schema.primary);
        let bound = &parts[..self.columns()];
        let values: Vec<String> = bound
            .iter()
            .enumerate()
            .flat_map(|(i, part)| part.terms(&format!("k.k{i}")))
            .collect();
        let count = |parts: &[KeyPart]| terms_of(parts, "").len();
        let (group, all) = (count(&parts[..self.group]), count(bound));
        let first = match self.start {
            Some((_, false)) => None,
            _ => Some(Range::equal(all)),
        };
        let terms = terms_of(&parts, "t.");
        let mut columns = row_columns(schema);
        for (i, term) in terms.iter().enumerate() {
            columns.push_str(&format!(", {} AS o{i}", term.sql));
        }
        let limit = |terms: &[Term]| {
            if terms.is_empty() {
                // One key has all rows.
                return String::new();
            }
            format!(
                " ORDER BY {} FETCH FIRST {} ROWS WITH TIES",
                order_by(terms, backward),
                // All rows, where more are wished for than the server can count.
                i64::try_from(self.rows)
                    .unwrap_or(i64::MAX)
                    .saturating_add(1)
            )
        };
        let searches: Vec<String> = first
            .into_iter()
            .chain(Range::after(all, group))
            .map(|range| {
                let condition = range.condition(&terms, &values, &[], backward);
                let limit = limit(&terms);
                format!("(SELECT {columns} FROM {from} WHERE {condition}{limit})")
            })
            .collect();
        let kinds: Vec<&str> = bound
            .iter()
            .map(|part| plain_type(part.column_type))
            .collect();
        let named = |prefix: &str| -> Vec<Term> {
            let by_name = terms.iter().enumerate().map(|(i, term)| Term {
                sql: format!("{prefix}.o{i}"),
                descending: term.descending,
            });
            by_name.collect()
        };
        let mut order = vec![Term {
            sql: "k.o".to_string(),
            descending: backward,
        }];
        order.extend(named("r"));
        format!(
            "SELECT k.o, r.{IDENTITY}, r.{DATA}, r.{COUNT} FROM {} CROSS JOIN LATERAL \
             (SELECT * FROM ({}) AS u{}) AS r ORDER BY {}",
            unnested(&kinds, true),
            searches.join(" UNION ALL "),
            limit(&named("u")),
            order_by(&order, backward),
        )
    }
}
