//! What can go wrong with a store: one opaque [`Error`], with its [`ErrorKind`], its message and its source.

use std::error::Error as StdError;
use std::fmt;

use deltaview_graph::{HandleError, RederiveError, TickError, TickErrorKind};

use crate::protocol::{Refusal, TimedOut};

/// An error of a store. The state is as it was before, whatever the error but [`ErrorKind::Uncertain`].
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    details: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What sort of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The iteration failed: [`Error::tick`] tells the vertex and why.
    Tick,
    /// A handle of another graph.
    Handle,
    /// The stored tables are of another shape than the graph's: [`Error::details`] has the differences.
    Mismatch,
    /// The database has nothing of this graph, and may not be changed.
    NotDeltaview,
    /// The file is no database.
    NotADatabase,
    /// The database was made by a newer version of deltaview.
    NewerFormat,
    /// The database was made by an older version of deltaview, which wrote its tables otherwise.
    OlderFormat,
    /// The database can be read only.
    ReadOnly,
    /// The disk is full.
    Full,
    /// Somebody else held the database for longer than the time-out. Trying again may succeed.
    Busy,
    /// Somebody else has changed the same state at the same time, and the database let only one of the two go on: a
    /// serialisation failure or a deadlock. Trying again, from the beginning of the transaction, may succeed.
    Conflict,
    /// A statement took longer than the database lets it, or a time that was waited for did not come. Trying again may
    /// succeed.
    Timeout,
    /// The connection to the database was lost, and nothing was committed. Trying again may succeed.
    Disconnected,
    /// The connection was lost while the change was being committed, and the database could not be asked since whether
    /// it was. Look before you commit it again.
    Uncertain,
    /// The user of the database may not do this.
    Denied,
    /// The database can't hold a key.
    UnsupportedKey,
    /// A stored row does not decode: the table and the identity of the row are in the message.
    Corrupt,
    /// An iteration failed after some of its tables were committed, and the graph has halted at its time: the message
    /// says at which, in which vertex and why. Resume it, or abandon that time.
    Halted,
    /// There is no time or change to resume or abandon: nothing has halted, the time is not in flight, or its holder lives.
    NotHalted,
    /// A time that was used or is past, or a frontier that is not before the change's own time.
    PastTime,
    /// The time was taken from this worker, which was silent for too long. Somebody else has finished the change, is at
    /// it, or has abandoned it: commit it again under the same change id.
    Fenced,
    /// The change was taken back, because an earlier one was abandoned, and has to run again.
    Rewound,
    /// What an iteration changed is not known: it was not computed by whoever asks.
    NotKnown,
    /// A view can't be derived anew from the inputs that are stored: the message says why, and what to do.
    NotRederivable,
    /// A subscription can't go on: its lease ran out, or its cursor was removed or moved by somebody else. What it has
    /// missed is not told: follow the view anew, and read it.
    Lagged,
    /// A subscription needs a connection of its own to the database, and the database is in memory or temporary: nobody
    /// else can open it.
    NotShared,
    /// What a subscription follows is gone.
    Closed,
    /// The past of a view that has none: its graph was built without
    /// [`with_history`](deltaview_graph::Builder::with_history) of it.
    NoHistory,
    /// A time or an instant that is forgotten: the message says where the past begins.
    Forgotten,
    /// A time that has not come: the message says which is the last one.
    NotYet,
    /// Anything else that the database said.
    Database,
}

impl Error {
    /// An error with its message: what happened, to what, and what to do. For stores.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            details: Vec::new(),
            source: None,
        }))
    }

    /// The same error, caused by another.
    #[must_use]
    pub fn caused_by(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// The same error with details, a line each.
    #[must_use]
    pub fn with_details(mut self, details: Vec<String>) -> Self {
        self.0.details = details;
        self
    }

    /// What sort of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The details, a line each: for a [`Mismatch`](ErrorKind::Mismatch), what differs.
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// Why an iteration failed, if that is what happened.
    pub fn tick(&self) -> Option<&TickError> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// What the rules of many workers refused, if that is what happened.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// For whom a change or a read has waited in vain, if that is what happened.
    pub fn timed_out(&self) -> Option<&TimedOut> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Whether the same change may succeed if it is committed again.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Busy
                | ErrorKind::Conflict
                | ErrorKind::Timeout
                | ErrorKind::Disconnected
                | ErrorKind::Rewound
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for detail in &self.0.details {
            write!(f, "\n  {detail}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("details", &self.0.details)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| source.as_ref() as &(dyn StdError + 'static))
    }
}

impl From<TickError> for Error {
    fn from(error: TickError) -> Self {
        let kind = match error.kind() {
            TickErrorKind::Handle(_) | TickErrorKind::ForeignChange => ErrorKind::Handle,
            TickErrorKind::Decode { .. } | TickErrorKind::KeyChanged { .. } => ErrorKind::Corrupt,
            _ => ErrorKind::Tick,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}

impl From<HandleError> for Error {
    fn from(error: HandleError) -> Self {
        Self::new(ErrorKind::Handle, error.to_string()).caused_by(error)
    }
}

impl From<RederiveError> for Error {
    fn from(error: RederiveError) -> Self {
        let kind = match error {
            RederiveError::Handle(_) => ErrorKind::Handle,
            _ => ErrorKind::NotRederivable,
        };
        Self::new(kind, error.to_string()).caused_by(error)
    }
}
