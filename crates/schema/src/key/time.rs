//! Keys that are times: what lies a span before one. It owns how a span is taken off, and never reads a clock.

use std::time::{Duration, SystemTime};

use super::IndexKey;

/// A key that is a time: a span can be taken off it.
///
/// Implemented for all integers that are keys, whatever they count (the span is the same integer), and `SystemTime`
/// (`Duration`); by features for `chrono` (`NaiveDate`, `NaiveDateTime` and `DateTime<Utc>`, with `TimeDelta`) and
/// `jiff` (`Timestamp`, `civil::DateTime` and `civil::Date`, with `SignedDuration`). Of a date whole days are taken off.
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use deltaview_schema::TimeKey;
///
/// assert_eq!(30_i64.before(&7), 23);
/// assert_eq!(3_u8.before(&7), 0); // there is nothing before
/// let time = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
/// assert_eq!(time.before(&Duration::from_secs(60)), SystemTime::UNIX_EPOCH);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a time",
    label = "not a `TimeKey`",
    note = "times are integers and `SystemTime`, and by features those of chrono and jiff"
)]
pub trait TimeKey: IndexKey {
    /// What lies between two times.
    type Span: Clone + Send + Sync + 'static;

    /// The time that lies a span before this one; where there is none, the least (or of a span below zero, the
    /// greatest) that there is.
    #[must_use]
    fn before(&self, span: &Self::Span) -> Self;
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl TimeKey for $type {
            type Span = Self;

            fn before(&self, span: &Self) -> Self {
                self.saturating_sub(*span)
            }
        }
    )* };
}
integers!(i8, i16, i32, i64, i128, u8, u16, u32, u64, u128);

impl TimeKey for SystemTime {
    type Span = Duration;

    fn before(&self, span: &Duration) -> Self {
        if let Some(time) = self.checked_sub(*span) {
            return time;
        }
        // The least time is not the same on every machine, and has no name.
        let (mut least, mut step) = (*self, *span);
        while !step.is_zero() {
            match least.checked_sub(step) {
                Some(less) => least = less,
                None => step /= 2,
            }
        }
        least
    }
}

#[cfg(feature = "chrono")]
mod of_chrono {
    use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

    use super::TimeKey;

    macro_rules! times {
        ($($type:ty => $least:expr, $greatest:expr);*) => { $(
            impl TimeKey for $type {
                type Span = TimeDelta;

                fn before(&self, span: &TimeDelta) -> Self {
                    let end = if *span < TimeDelta::zero() { $greatest } else { $least };
                    self.checked_sub_signed(*span).unwrap_or(end)
                }
            }
        )* };
    }
    times!(
        NaiveDate => Self::MIN, Self::MAX;
        NaiveDateTime => Self::MIN, Self::MAX;
        DateTime<Utc> => Self::MIN_UTC, Self::MAX_UTC
    );
}

#[cfg(feature = "jiff")]
mod of_jiff {
    use jiff::civil::{Date, DateTime};
    use jiff::{SignedDuration, Timestamp};

    use super::TimeKey;

    macro_rules! times {
        ($($type:ty),*) => { $(
            impl TimeKey for $type {
                type Span = SignedDuration;

                fn before(&self, span: &SignedDuration) -> Self {
                    let end = if span.is_negative() { Self::MAX } else { Self::MIN };
                    self.checked_sub(*span).unwrap_or(end)
                }
            }
        )* };
    }
    times!(Date, DateTime, Timestamp);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_end_where_their_type_does() {
        assert_eq!((-100_i8).before(&100), i8::MIN);
        assert_eq!(100_i8.before(&-100), i8::MAX);
        assert_eq!(7_u128.before(&8), 0);
        assert_eq!(7_i64.before(&8), -1);
    }

    #[test]
    fn system_times_end_at_the_least() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(60, 7);
        assert_eq!(
            time.before(&Duration::new(0, 8)) + Duration::new(0, 8),
            time
        );
        let least = time.before(&Duration::MAX);
        assert_eq!(least.checked_sub(Duration::from_micros(1)), None);
        assert_eq!(SystemTime::UNIX_EPOCH.before(&Duration::MAX), least);
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn chrono_takes_spans_off() {
        use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};
        let date = NaiveDate::from_ymd_opt(2024, 3, 1).expect("a date");
        let (day, hours) = (TimeDelta::days(1), TimeDelta::hours(47));
        assert_eq!(date.before(&day), date.pred_opt().expect("a date"));
        assert_eq!(date.before(&hours), date.before(&day));
        assert_eq!(date.before(&TimeDelta::MAX), NaiveDate::MIN);
        assert_eq!(date.before(&TimeDelta::MIN), NaiveDate::MAX);
        let time = date.and_hms_opt(1, 0, 0).expect("a time");
        assert_eq!(time.before(&TimeDelta::hours(1)), date.into());
        assert_eq!(time.before(&TimeDelta::MAX), NaiveDateTime::MIN);
        let instant = time.and_utc();
        assert_eq!(instant.before(&hours) + hours, instant);
        assert_eq!(instant.before(&TimeDelta::MAX), DateTime::<Utc>::MIN_UTC);
    }

    #[cfg(feature = "jiff")]
    #[test]
    fn jiff_takes_spans_off() {
        use jiff::civil::{Date, DateTime, date};
        use jiff::{SignedDuration, Timestamp};
        let (day, hours) = (
            SignedDuration::from_hours(24),
            SignedDuration::from_hours(47),
        );
        assert_eq!(date(2024, 3, 1).before(&day), date(2024, 2, 29));
        assert_eq!(date(2024, 3, 1).before(&hours), date(2024, 2, 29));
        assert_eq!(date(2024, 3, 1).before(&SignedDuration::MAX), Date::MIN);
        assert_eq!(date(2024, 3, 1).before(&SignedDuration::MIN), Date::MAX);
        let time = date(2024, 3, 1).at(1, 0, 0, 0);
        assert_eq!(
            time.before(&SignedDuration::from_hours(1)),
            date(2024, 3, 1).at(0, 0, 0, 0)
        );
        assert_eq!(time.before(&SignedDuration::MAX), DateTime::MIN);
        let instant = Timestamp::UNIX_EPOCH;
        assert_eq!(instant.before(&hours) + hours, instant);
        assert_eq!(instant.before(&SignedDuration::MAX), Timestamp::MIN);
    }
}
