//! The count of a row, and the one error of this crate's algebra.
//!
//! Owns the width of a weight. Never wraps and never saturates: a count that is silently wrong would make
//! every view derived from it wrong for good.

/// How many times a row is in a Z-set: positive for rows that are there or inserted, negative for rows
/// that are deleted.
pub type Weight = i64;

/// A weight left the range of [`Weight`], −2⁶³ to 2⁶³ − 1.
///
/// The operation that returns it has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a row's weight does not fit in a 64-bit signed integer; nothing was changed: \
     look for an input that repeats or scales the same row without bound, and apply less of it at once"
)]
pub struct WeightOverflow;
