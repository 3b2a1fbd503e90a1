//! `chrono`: dates as integers that a person can read, times and instants in their encoding.
//!
//! Every `DateTime<Tz>` is a key by its instant, whatever its zone, as chrono's `Ord` and `Eq` have it. But serde
//! writes the offset as well: the same instant at two offsets is one key and one row, with two encodings as a row.
//! Store `DateTime<Utc>` in rows. `DateTime<Local>` moreover is written with the offset of the machine it is on.

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike,
};

use super::atoms::{atom, encoded_atom};
use super::{ColumnType, KeyValue, order};

atom!(
    NaiveDate,
    ColumnType::Int,
    |this| KeyValue::Int(readable(*this)),
    |it, out| readable(*it).encode(out)
);
encoded_atom!(NaiveTime, "NaiveTime", |it, out| {
    // Two numbers rather than one: within a leap second chrono counts the nanoseconds on beyond 10⁹.
    it.num_seconds_from_midnight().encode(out);
    it.nanosecond().encode(out);
});
encoded_atom!(NaiveDateTime, "NaiveDateTime", |it, out| {
    it.date().encode(out);
    it.time().encode(out);
});
encoded_atom!(
    impl [Tz: TimeZone<Offset: Send + Sync> + Clone + 'static] DateTime<Tz>,
    "DateTime",
    |it, out| it.naive_utc().encode(out)
);
encoded_atom!(TimeDelta, "TimeDelta", |it, out| {
    let seconds = i128::from(it.num_seconds()) * 1_000_000_000;
    order::push_nanoseconds(seconds + i128::from(it.subsec_nanos()), out);
});

/// The date as YYYYMMDD. Years before 0 are in order as well: month and day count up from year × 10 000.
fn readable(date: NaiveDate) -> i64 {
    i64::from(date.year()) * 10_000 + i64::from(date.month() * 100 + date.day())
}
