//! Random dates and times, for the feature `chrono`. See `keys.rs`, whose names must be in scope as well.

use super::keys::{Just, Strategy, edges_or_any, nanoseconds, prop_oneof};
pub(crate) use chrono::{
    DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc,
};

macro_rules! for_each_chrono_key_type {
    ($callback:ident) => {
        $callback!(naive_date_key, NaiveDate, naive_date_keys());
        $callback!(naive_time_key, NaiveTime, naive_time_keys());
        $callback!(naive_date_time_key, NaiveDateTime, naive_date_time_keys());
        $callback!(
            utc_key,
            DateTime<Utc>,
            naive_date_time_keys().prop_map(|time| time.and_utc())
        );
        $callback!(offset_key, DateTime<FixedOffset>, offset_keys());
        $callback!(time_delta_key, TimeDelta, time_delta_keys());
        $callback!(
            option_naive_date_key,
            Option<NaiveDate>,
            of(naive_date_keys())
        );
        $callback!(
            date_then_time_key,
            (Reverse<NaiveDate>, Option<NaiveTime>),
            (naive_date_keys().prop_map(Reverse), of(naive_time_keys()))
        );
    };
}

/// Dates around the year 0, today's, the ends, and any.
pub(crate) fn naive_date_keys() -> impl Strategy<Value = NaiveDate> {
    let days = |around: NaiveDate| {
        let middle = around.to_epoch_days();
        (middle - 400..=middle + 400)
            .prop_filter_map("beyond the calendar", NaiveDate::from_epoch_days)
    };
    let year_zero = NaiveDate::from_ymd_opt(0, 1, 1).expect("a date");
    let (first, last) = (
        NaiveDate::MIN.to_epoch_days(),
        NaiveDate::MAX.to_epoch_days(),
    );
    prop_oneof![
        days(year_zero),
        days(NaiveDate::default()),
        days(NaiveDate::MIN),
        days(NaiveDate::MAX),
        (first..=last).prop_filter_map("beyond the calendar", NaiveDate::from_epoch_days),
    ]
}

/// Leap seconds among them.
pub(crate) fn naive_time_keys() -> impl Strategy<Value = NaiveTime> {
    let seconds = prop_oneof![Just(0), Just(59), Just(60), Just(86_399), 0_u32..86_400];
    let leap = prop_oneof![3 => Just(0), 1 => Just(1_000_000_000)];
    (seconds, nanoseconds(), leap).prop_map(|(seconds, nanoseconds, leap)| {
        NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds + leap)
            .or_else(|| NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanoseconds))
            .expect("within a day")
    })
}

pub(crate) fn naive_date_time_keys() -> impl Strategy<Value = NaiveDateTime> {
    (naive_date_keys(), naive_time_keys()).prop_map(|(date, time)| date.and_time(time))
}

/// Few instants at many offsets.
pub(crate) fn offset_keys() -> impl Strategy<Value = DateTime<FixedOffset>> {
    let offset = prop_oneof![Just(0), Just(3_600), Just(-3_600), -86_399..=86_399];
    let instant = prop_oneof![(0_u64..3_600).prop_map(at_hours), naive_date_time_keys()];
    (instant, offset).prop_map(|(instant, offset)| {
        instant
            .and_utc()
            .with_timezone(&FixedOffset::east_opt(offset).expect("within a day"))
    })
}

fn at_hours(seconds: u64) -> NaiveDateTime {
    DateTime::UNIX_EPOCH.naive_utc() + std::time::Duration::from_secs(seconds / 1_200 * 3_600)
}

pub(crate) fn time_delta_keys() -> impl Strategy<Value = TimeDelta> {
    let milliseconds = edges_or_any([-i64::MAX, -1_000, -1, 0, 1, 1_000, i64::MAX]);
    (milliseconds, nanoseconds()).prop_map(|(milliseconds, nanoseconds)| {
        let whole = TimeDelta::milliseconds(milliseconds.max(-i64::MAX));
        whole
            .checked_add(&TimeDelta::nanoseconds(nanoseconds.into()))
            .unwrap_or(whole)
    })
}
