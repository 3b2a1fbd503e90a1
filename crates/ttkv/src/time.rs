//! Times, and the clocks that they are drawn by.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use thiserror::Error;

/// A time of a map: nanoseconds since the beginning of 1970 in UTC, from 1677 to 2262.
///
/// The times of one map never repeat and never run backwards: a write is at the clock's time, or one nanosecond after the
/// last time of the map if that is later. So a time is close to the wall clock's, and where it came first it is less.
///
/// It prints as RFC 3339 in UTC, and is parsed from that or from a number of nanoseconds.
///
/// ```
/// use deltaview_ttkv::Time;
///
/// let time = Time::from_nanos(1_700_000_000_000_000_001);
/// assert_eq!(time.to_string(), "2023-11-14T22:13:20.000000001Z");
/// assert_eq!("2023-11-14T22:13:20Z".parse::<Time>()?, Time::from_nanos(1_700_000_000_000_000_000));
/// assert_eq!("1700000000000000001".parse::<Time>()?, time);
/// # Ok::<(), deltaview_ttkv::NotATime>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

impl Time {
    /// The least time: before everything.
    pub const MIN: Self = Self(i64::MIN);
    /// The greatest time.
    pub const MAX: Self = Self(i64::MAX);

    /// So many nanoseconds after the beginning of 1970 in UTC.
    pub const fn from_nanos(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Nanoseconds since the beginning of 1970 in UTC.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The nearest time that there is.
    fn nearest(time: SystemTime) -> Self {
        let nanoseconds = |span: Duration| i64::try_from(span.as_nanos());
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => nanoseconds(after).map_or(Self::MAX, Self),
            Err(before) => nanoseconds(before.duration()).map_or(Self::MIN, |span| Self(-span)),
        }
    }
}

impl TryFrom<SystemTime> for Time {
    type Error = NotATime;

    fn try_from(time: SystemTime) -> Result<Self, NotATime> {
        let nearest = Self::nearest(time);
        if SystemTime::from(nearest) == time {
            Ok(nearest)
        } else {
            Err(NotATime(format!("{time:?}")))
        }
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        let span = Duration::from_nanos(time.0.unsigned_abs());
        if time.0 < 0 {
            Self::UNIX_EPOCH - span
        } else {
            Self::UNIX_EPOCH + span
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Time({})", self.0)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanoseconds) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanoseconds:09}Z"
        )
    }
}

/// The Gregorian date of a day, counted from the beginning of 1970: in a calendar whose years begin with March, a leap day
/// is the last of its year.
fn date(days: i64) -> (i64, i64, i64) {
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

/// The day of a Gregorian date, counted from the beginning of 1970.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let month = (month + 9) % 12;
    let day = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year * 365 + year / 4 - year / 100 + day - 719_468
}

/// Not a time, or none between 1677 and 2262.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{0} is no time: write nanoseconds since 1970, or RFC 3339 in UTC, as in 2026-01-31T12:00:00Z"
)]
pub struct NotATime(String);

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let number = text.parse().ok().map(Self);
        let time = number.or_else(|| from_rfc3339(text));
        time.ok_or_else(|| NotATime(text.to_string()))
    }
}

fn from_rfc3339(text: &str) -> Option<Time> {
    let text = text.strip_suffix(['Z', 'z'])?;
    let (date_part, time_part) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date_part, '-', [4, 2, 2])?;
    let (time_part, fraction) = time_part.split_once('.').unwrap_or((time_part, "0"));
    let [hour, minute, second] = numbers(time_part, ':', [2, 2, 2])?;
    let digits = fraction.len();
    let is_number = (1..=9).contains(&digits) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: i64 = is_number.then(|| format!("{fraction:0<9}").parse().ok())??;
    let days = day_of(year, month, day);
    let is_day = (1..=12).contains(&month) && date(days) == (year, month, day);
    if !is_day || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    let nanoseconds = i128::from(seconds) * i128::from(SECOND) + i128::from(fraction);
    i64::try_from(nanoseconds).ok().map(Time)
}

/// Numbers of so many digits each.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(between);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = is_number.then(|| part.parse().ok())??;
    }
    parts.next().is_none().then_some(numbers)
}

/// Where a map has the time from. A map keeps its own times in order, whatever the clock says.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Time;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Time::nearest(SystemTime::now())
    }
}

impl<F: Fn() -> Time + Send + Sync> Clock for F {
    fn now(&self) -> Time {
        self()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(nanoseconds in any::<i64>()) {
            let time = Time(nanoseconds);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
            prop_assert_eq!(nanoseconds.to_string().parse(), Ok(time));
            prop_assert_eq!(Time::try_from(SystemTime::from(time)), Ok(time));
        }

        #[test]
        fn text_is_ordered_as_times_are(one in any::<i64>(), other in any::<i64>()) {
            prop_assert_eq!(
                Time(one).to_string().cmp(&Time(other).to_string()),
                one.cmp(&other)
            );
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2023-02-29T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-1-01T00:00:00Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.0000000001Z",
            "9999-01-01T00:00:00Z",
        ] {
            let error = text.parse::<Time>().unwrap_err();
            assert!(error.to_string().contains("RFC 3339"), "{text}");
        }
        assert!("2024-02-29T00:00:00.5Z".parse::<Time>().is_ok());
    }
}
