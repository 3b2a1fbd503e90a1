//! What can go wrong with a table of versions.

use std::fmt;

use crate::Error;

/// An error of a table of versions. Nothing was written, whatever the error but
/// [`ErrorKind::Uncertain`](crate::ErrorKind::Uncertain).
#[derive(Debug)]
#[non_exhaustive]
pub enum VersionsError {
    /// The time is before the horizon.
    Forgotten {
        /// The name of the map.
        map: String,
        /// The time that was asked for.
        time: i64,
        /// The least time that can be read.
        horizon: i64,
    },
    /// The time is after the last one that is settled: the state at it may still change.
    Unsettled {
        /// The name of the map.
        map: String,
        /// The time that was asked for.
        time: i64,
        /// The last time that is settled.
        last: i64,
    },
    /// A write expected another version of a key.
    Changed {
        /// The name of the map.
        map: String,
        /// The time of the newest version, if there is one.
        found: Option<i64>,
    },
    /// No time is left after the last one.
    OutOfTime {
        /// The name of the map.
        map: String,
    },
    /// The database.
    Store(Error),
}

impl From<Error> for VersionsError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for VersionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forgotten { map, time, horizon } => write!(
                f,
                "map `{map}`: time {time} is forgotten: read {horizon}, the horizon, or a later time"
            ),
            Self::Unsettled { map, time, last } => write!(
                f,
                "map `{map}`: time {time} is after the last settled time, {last}: settle it first, or read an earlier one"
            ),
            Self::Changed { map, found } => match found {
                Some(found) => write!(
                    f,
                    "map `{map}`: the key was changed at {found}: read it again, and decide anew"
                ),
                None => write!(
                    f,
                    "map `{map}`: the key was never set: expect no time, to set it first"
                ),
            },
            Self::OutOfTime { map } => write!(
                f,
                "map `{map}`: its last time is the greatest that there is, so nothing can be written any more: a clock \
                 was far in the future. Copy what it has into a new map"
            ),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for VersionsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            _ => None,
        }
    }
}
