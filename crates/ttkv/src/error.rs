//! What can go wrong with a map.

use deltaview_schema::codec::CodecError;
use deltaview_store::versions::VersionsError;
use thiserror::Error;

use crate::Time;
use crate::key::KeyError;

/// An error of a map. Nothing was written, whatever the error, but for an
/// [`ErrorKind::Uncertain`](deltaview_store::ErrorKind::Uncertain) of the store.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The value can't be a key.
    #[error("this can't be a key: {0}")]
    Key(#[from] KeyError),
    /// The value can't be stored.
    #[error("this can't be a value: {0}")]
    Value(CodecError),
    /// The time is before the horizon.
    #[error(
        "map `{map}`: {time} is forgotten: the least time that it remembers is {horizon}, its horizon"
    )]
    Forgotten {
        /// The name of the map.
        map: String,
        /// The time that was asked for.
        time: Time,
        /// The least time that can be read.
        horizon: Time,
    },
    /// The time is not over yet: the answer could still change.
    #[error("map `{map}`: {time} is not over yet: ask for a time before {now}, or for now")]
    Future {
        /// The name of the map.
        map: String,
        /// The time that was asked for.
        time: Time,
        /// The time now.
        now: Time,
    },
    /// A write expected another version of a key.
    #[error("map `{map}`: the key is not as it was expected ({}): read it again, and decide anew", told(*found))]
    Changed {
        /// The name of the map.
        map: String,
        /// When the key was changed last, if ever.
        found: Option<Time>,
    },
    /// No time is left after the last one.
    #[error(
        "map `{map}`: its last time is the greatest that there is, so nothing can be written any more: a clock was far \
         in the future. Copy what it has into a new map"
    )]
    OutOfTime {
        /// The name of the map.
        map: String,
    },
    /// A stored key is none of the map's key type, or damaged.
    #[error(
        "map `{map}`: a stored key is not of the type that the map was opened with, or damaged: {error}"
    )]
    StoredKey {
        /// The name of the map.
        map: String,
        /// What is wrong with it.
        error: KeyError,
    },
    /// A stored value is none of the map's value type, or damaged.
    #[error(
        "map `{map}`: a stored value is not of the type that the map was opened with, or damaged: {error}"
    )]
    StoredValue {
        /// The name of the map.
        map: String,
        /// What is wrong with it.
        error: CodecError,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] deltaview_store::Error),
}

fn told(found: Option<Time>) -> String {
    match found {
        Some(found) => format!("it was changed at {found}"),
        None => "it was never set".to_string(),
    }
}

impl Error {
    /// Whether the same may succeed if it is tried again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_retryable())
    }
}

impl From<VersionsError> for Error {
    fn from(error: VersionsError) -> Self {
        let time = Time::from_nanos;
        match error {
            VersionsError::Forgotten {
                map,
                time: asked,
                horizon,
            } => Self::Forgotten {
                map,
                time: time(asked),
                horizon: time(horizon),
            },
            VersionsError::Unsettled {
                map,
                time: asked,
                last,
            } => Self::Future {
                map,
                time: time(asked),
                now: time(last),
            },
            VersionsError::Changed { map, found } => Self::Changed {
                map,
                found: found.map(time),
            },
            VersionsError::OutOfTime { map } => Self::OutOfTime { map },
            VersionsError::Store(error) => Self::Store(error),
            other => Self::Store(deltaview_store::Error::new(
                deltaview_store::ErrorKind::Database,
                other.to_string(),
            )),
        }
    }
}
