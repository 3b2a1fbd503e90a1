//! `jiff`: civil dates and times as integers that a person can read, the others in their encoding.
//!
//! A `Zoned` is a key by its instant, whatever its zone, as jiff's `Ord` and `Eq` have it. But serde writes the zone as
//! well: the same instant in two zones is one key and one row, with two encodings as a row. Store `Timestamp` in rows,
//! and the zone in a field of its own where it matters.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::atoms::{atom, encoded_atom};
use super::{ColumnType, KeyValue, order};

atom!(
    Date,
    ColumnType::Int,
    |this| KeyValue::Int(readable(*this)),
    |it, out| readable(*it).encode(out)
);
atom!(
    Time,
    ColumnType::Int,
    |this| KeyValue::Int(since_midnight(*this)),
    |it, out| since_midnight(*it).encode(out)
);
encoded_atom!(DateTime, "civil::DateTime", |it, out| {
    it.date().encode(out);
    it.time().encode(out);
});
encoded_atom!(Timestamp, "Timestamp", |it, out| order::push_nanoseconds(
    it.as_nanosecond(),
    out
));
encoded_atom!(SignedDuration, "SignedDuration", |it, out| {
    order::push_nanoseconds(it.as_nanos(), out)
});
encoded_atom!(Zoned, "Zoned", |it, out| it.timestamp().encode(out));

/// The date as YYYYMMDD. Years before 0 are in order as well: month and day count up from year × 10 000.
fn readable(date: Date) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

/// Nanoseconds since midnight.
fn since_midnight(time: Time) -> i64 {
    let seconds =
        (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    seconds * 1_000_000_000 + i64::from(time.subsec_nanosecond())
}
