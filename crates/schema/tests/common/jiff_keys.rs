//! Random dates and times, for the feature `jiff`. See `keys.rs`, whose names must be in scope as well.

use super::keys::{Just, Strategy, edges_or_any, nanoseconds, prop_oneof};
pub(crate) use jiff::civil;
use jiff::tz::{Offset, TimeZone};
pub(crate) use jiff::{SignedDuration, Timestamp, Zoned};

macro_rules! for_each_jiff_key_type {
    ($callback:ident) => {
        $callback!(civil_date_key, civil::Date, civil_date_keys());
        $callback!(civil_time_key, civil::Time, civil_time_keys());
        $callback!(civil_date_time_key, civil::DateTime, civil_date_time_keys());
        $callback!(timestamp_key, Timestamp, timestamp_keys());
        $callback!(signed_duration_key, SignedDuration, signed_duration_keys());
        $callback!(zoned_key, Zoned, zoned_keys());
        $callback!(
            option_civil_date_key,
            Option<civil::Date>,
            of(civil_date_keys())
        );
        $callback!(
            civil_date_then_time_key,
            (Reverse<civil::Date>, Option<civil::Time>),
            (civil_date_keys().prop_map(Reverse), of(civil_time_keys()))
        );
    };
}

/// Dates around the year 0, today's, the ends, and any.
pub(crate) fn civil_date_keys() -> impl Strategy<Value = civil::Date> {
    let year = prop_oneof![
        -2_i16..=2,
        2024_i16..=2025,
        Just(-9_999),
        Just(9_999),
        -9_999_i16..=9_999
    ];
    let month = prop_oneof![Just(1_i8), Just(12), 1_i8..=12];
    let day = prop_oneof![Just(1_i8), Just(31), 1_i8..=31];
    (year, month, day).prop_map(|(year, month, day)| {
        let first = civil::date(year, month, 1);
        civil::date(year, month, day.min(first.days_in_month()))
    })
}

pub(crate) fn civil_time_keys() -> impl Strategy<Value = civil::Time> {
    let edges = prop_oneof![Just(civil::Time::MIN), Just(civil::Time::MAX)];
    let any = (0_i8..24, 0_i8..60, 0_i8..60, nanoseconds()).prop_map(
        |(hour, minute, second, nanoseconds)| civil::time(hour, minute, second, nanoseconds as i32),
    );
    prop_oneof![1 => edges, 3 => any]
}

pub(crate) fn civil_date_time_keys() -> impl Strategy<Value = civil::DateTime> {
    (civil_date_keys(), civil_time_keys()).prop_map(|(date, time)| date.to_datetime(time))
}

pub(crate) fn timestamp_keys() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let second = prop_oneof![-1_i64..=1, Just(first), Just(last), first..=last];
    (second, nanoseconds()).prop_map(|(second, nanoseconds)| {
        Timestamp::new(second, nanoseconds as i32).expect("from the first second to the last")
    })
}

/// Few instants in many zones.
pub(crate) fn zoned_keys() -> impl Strategy<Value = Zoned> {
    let instant = prop_oneof![
        (0_i64..3).prop_map(|s| Timestamp::new(s, 0).expect("near 1970")),
        timestamp_keys()
    ];
    let offset = prop_oneof![Just(0), Just(3_600), Just(-3_600), -93_599..=93_599];
    (instant, offset).prop_map(|(instant, offset)| {
        let offset = Offset::from_seconds(offset).expect("below 26 hours");
        instant.to_zoned(TimeZone::fixed(offset))
    })
}

pub(crate) fn signed_duration_keys() -> impl Strategy<Value = SignedDuration> {
    let seconds = edges_or_any([i64::MIN, -2, -1, 0, 1, 2, i64::MAX]);
    (seconds, nanoseconds()).prop_map(|(seconds, nanoseconds)| {
        let nanoseconds = if seconds < 0 {
            -(nanoseconds as i32)
        } else {
            nanoseconds as i32
        };
        SignedDuration::new(seconds, nanoseconds)
    })
}
