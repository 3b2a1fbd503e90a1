//! [`Moment`]: when, as a time of the graph or as an instant of the clock.

use std::time::SystemTime;

use crate::{Error, Store};

/// When a view is read: at a time of its graph, or at an instant of the clock, which is the newest time whose commit
/// instant is not after it.
///
/// Whatever names one becomes one: an `i64`, a [`SystemTime`], with the feature `jiff` a `jiff::Timestamp`, with `chrono`
/// a `chrono::DateTime`.
///
/// ```
/// use std::time::SystemTime;
/// use deltaview_store::Moment;
///
/// assert_eq!(Moment::from(3), Moment::Time(3));
/// assert!(matches!(SystemTime::now().into(), Moment::Instant(_)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A time of the graph. What is not positive is before the first iteration: everything is empty.
    Time(i64),
    /// An instant of the clock of whoever commits.
    Instant(SystemTime),
}

impl Moment {
    /// The time of the graph that it is.
    ///
    /// # Errors
    ///
    /// As [`Store::time_at`].
    pub fn time(self, store: &impl Store) -> Result<i64, Error> {
        match self {
            Self::Time(time) => Ok(time),
            Self::Instant(instant) => store.time_at(instant),
        }
    }
}

impl From<i64> for Moment {
    fn from(time: i64) -> Self {
        Self::Time(time)
    }
}

impl From<SystemTime> for Moment {
    fn from(instant: SystemTime) -> Self {
        Self::Instant(instant)
    }
}

#[cfg(feature = "jiff")]
impl From<jiff::Timestamp> for Moment {
    fn from(instant: jiff::Timestamp) -> Self {
        Self::Instant(instant.into())
    }
}

#[cfg(feature = "chrono")]
impl<Z: chrono::TimeZone> From<chrono::DateTime<Z>> for Moment {
    fn from(instant: chrono::DateTime<Z>) -> Self {
        Self::Instant(instant.into())
    }
}

#[cfg(all(test, any(feature = "jiff", feature = "chrono")))]
mod tests {
    use super::*;

    #[cfg(feature = "jiff")]
    #[test]
    fn a_timestamp_of_jiff_is_an_instant() {
        let timestamp = jiff::Timestamp::new(7, 5).expect("it is a timestamp");
        let instant = SystemTime::UNIX_EPOCH + std::time::Duration::new(7, 5);
        assert_eq!(Moment::from(timestamp), Moment::Instant(instant));
    }

    #[cfg(feature = "chrono")]
    #[test]
    fn a_date_of_chrono_is_an_instant() {
        let date = chrono::DateTime::from_timestamp(7, 5).expect("it is a date");
        let instant = SystemTime::UNIX_EPOCH + std::time::Duration::new(7, 5);
        assert_eq!(Moment::from(date), Moment::Instant(instant));
    }
}
