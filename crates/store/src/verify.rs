//! What [`Store::verify`](crate::Store::verify) finds: how a view differs from what is derived of its inputs. It owns
//! the comparison, and derives nothing itself.

use std::collections::BTreeMap;
use std::fmt;

use deltaview_schema::Row;
use deltaview_zset::{Weight, ZSet};

use crate::{Error, Rows};

/// A view beside what it should be: made by [`Store::verify`](crate::Store::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    rows: u64,
    differing: u64,
    differences: Vec<RowDifference<T>>,
}

/// A row whose weight in a view is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDifference<T> {
    /// The row.
    pub row: T,
    /// The weight that the view has; 0 where it has not got the row.
    pub stored: Weight,
    /// The weight that it should have; 0 where it should not have the row.
    pub derived: Weight,
}

impl<T> Verified<T> {
    /// Whether the view is what it should be.
    pub fn is_right(&self) -> bool {
        self.differing == 0
    }

    /// The number of different rows that the view should have.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many rows differ, also those that are not returned.
    pub fn differing(&self) -> u64 {
        self.differing
    }

    /// The first rows that differ: those that the view has, in the order of the index that it was verified by; then
    /// those that it has not, in their own order.
    pub fn differences(&self) -> &[RowDifference<T>] {
        &self.differences
    }
}

impl<T: fmt::Debug> fmt::Display for RowDifference<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.stored, self.derived) {
            (stored, 0) => write!(f, "{:?} is there (weight {stored})", self.row)?,
            (0, derived) => {
                return write!(f, "{:?} is missing (weight {derived})", self.row);
            }
            (stored, derived) => {
                return write!(f, "{:?} has weight {stored}, not {derived}", self.row);
            }
        }
        f.write_str(", and should not be")
    }
}

impl<T: fmt::Debug> fmt::Display for Verified<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_right() {
            return write!(f, "all {} rows are right", self.rows);
        }
        write!(
            f,
            "{} rows differ from the {} that there should be:",
            self.differing, self.rows
        )?;
        for difference in &self.differences {
            write!(f, "\n  {difference}")?;
        }
        let more = self.differing - self.differences.len() as u64;
        if more > 0 {
            write!(f, "\n  and {more} more")?;
        }
        Ok(())
    }
}

/// The rows of a view, held one by one against those that were derived. For stores that read a view in a way of their
/// own.
#[derive(Debug)]
pub struct Comparison<T> {
    missing: BTreeMap<T, Weight>,
    verified: Verified<T>,
    most: usize,
}

impl<T: Row> Comparison<T> {
    /// Compares with the derived rows, to return at most so many of those that differ.
    pub fn new(derived: ZSet<T>, most: usize) -> Self {
        let missing: BTreeMap<T, Weight> = derived.into_iter().collect();
        Self {
            verified: Verified {
                rows: missing.len() as u64,
                differing: 0,
                differences: Vec::new(),
            },
            missing,
            most,
        }
    }

    /// The next row that the view has, which has each row once.
    pub fn row(&mut self, row: T, stored: Weight) {
        let derived = self.missing.remove(&row).unwrap_or(0);
        self.note(row, stored, derived);
    }

    /// What was found, once the view has no more rows.
    pub fn finish(mut self) -> Verified<T> {
        for (row, derived) in std::mem::take(&mut self.missing) {
            self.note(row, 0, derived);
        }
        self.verified
    }

    fn note(&mut self, row: T, stored: Weight, derived: Weight) {
        if stored == derived {
            return;
        }
        self.verified.differing += 1;
        if self.verified.differences.len() < self.most {
            self.verified.differences.push(RowDifference {
                row,
                stored,
                derived,
            });
        }
    }
}

/// Compares the stored rows with the derived ones.
pub(crate) fn compare<T: Row>(
    derived: ZSet<T>,
    stored: Rows<'_, T>,
    most: usize,
) -> Result<Verified<T>, Error> {
    let mut comparison = Comparison::new(derived, most);
    for row in stored {
        let (row, stored) = row?;
        comparison.row(row, stored);
    }
    Ok(comparison.finish())
}
