//! What the protocol refuses, and what it says to the one whom it refuses: what happened, to which time, and what to do.

use std::error::Error as StdError;
use std::fmt;

use super::{Blocker, Halt, InFlight, Ticket};
use crate::{Error, ErrorKind};

/// Why a transition is refused. The ledger is as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// An iteration failed after some of its tables were committed, and no later one may go on.
    Halted {
        /// The time that failed.
        time: i64,
        /// The vertex, and what it said.
        halt: Halt,
    },
    /// A time that is not greater than every one before it.
    PastTime {
        /// The time that was asked for.
        time: i64,
        /// The last time that was given.
        last: i64,
    },
    /// A frontier that is not before the time of its own change.
    FrontierAhead {
        /// The frontier.
        frontier: i64,
        /// The time of the change.
        time: i64,
    },
    /// There is no greater time: somebody has used the greatest `i64`.
    NoTimeLeft,
    /// Somebody else has the time now, or it is no longer in flight.
    Fenced {
        /// The time.
        time: i64,
    },
    /// An earlier time was abandoned, and this one was taken back with it. Its holder
    /// [rejoins](super::Ledger::rejoin) and begins the change again.
    Rewound {
        /// The time.
        time: i64,
    },
    /// A step that does not come next: an error of the driver's.
    OutOfTurn {
        /// The time.
        time: i64,
        /// The step that was asked for.
        asked: String,
        /// The one that comes next.
        next: String,
    },
    /// The time's holder lives, so it is neither taken over nor abandoned.
    Alive(Blocker),
    /// The time is not in flight.
    NotInFlight {
        /// The time.
        time: i64,
    },
    /// Nothing has halted.
    NotHalted,
}

impl Refusal {
    pub(super) fn halted(entry: &InFlight, halt: &Halt) -> Self {
        Self::Halted {
            time: entry.time,
            halt: halt.clone(),
        }
    }

    pub(super) fn fenced(ticket: &Ticket) -> Self {
        Self::Fenced { time: ticket.time }
    }

    /// The kind of error that it is to a user.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Halted { .. } => ErrorKind::Halted,
            Self::PastTime { .. } | Self::FrontierAhead { .. } | Self::NoTimeLeft => {
                ErrorKind::PastTime
            }
            Self::Fenced { .. } => ErrorKind::Fenced,
            Self::Rewound { .. } => ErrorKind::Rewound,
            Self::Alive(_) | Self::NotInFlight { .. } | Self::NotHalted => ErrorKind::NotHalted,
            Self::OutOfTurn { .. } => ErrorKind::Database,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Halted { time, halt } => write!(
                f,
                "the graph has halted at time {time}: vertex `{}`: {}. Nothing later goes on. Resume it with a program \
                 in which this does not fail, or abandon time {time}",
                halt.vertex, halt.message
            ),
            Self::PastTime { time, last } if *time <= 0 => write!(
                f,
                "time {time} is not positive, and times are: the last one was {last}, so use {last} + 1 or more"
            ),
            Self::PastTime { time, last } => write!(
                f,
                "time {time} is past: the last one that was given is {last}. Use a greater one, or none, and the \
                 store draws it. Where times of one clock may come in another order, name each one's frontier"
            ),
            Self::FrontierAhead { frontier, time } => write!(
                f,
                "a change at time {time} can't wait for everything up to {frontier}, which includes itself: name a \
                 frontier before its time"
            ),
            Self::NoTimeLeft => write!(
                f,
                "time {} was used, and there is none after it: this graph takes no more changes",
                i64::MAX
            ),
            Self::Fenced { time } => write!(
                f,
                "time {time} is no longer this worker's: it was silent for longer than its lease, and somebody else \
                 has finished the change, is at it, or has abandoned it. Commit it again under the same change id"
            ),
            Self::Rewound { time } => write!(
                f,
                "time {time} was taken back, because an earlier one was abandoned: the change has to run again"
            ),
            Self::OutOfTurn { time, asked, next } => {
                write!(f, "time {time}: {asked} was asked for, and {next} is next")
            }
            Self::Alive(blocker) => write!(
                f,
                "time {} has not halted, and its holder `{}` lives: wait for it",
                blocker.time, blocker.holder
            ),
            Self::NotInFlight { time } => write!(
                f,
                "time {time} is not in flight: it is complete, was abandoned, or has never been"
            ),
            Self::NotHalted => write!(f, "the graph has not halted: there is nothing to resume"),
        }
    }
}

impl StdError for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind(), refusal.to_string()).caused_by(refusal)
    }
}

/// A wait that has reached its deadline: whom it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedOut {
    /// The time that had to wait, or the frontier of a read.
    pub waiting: i64,
    /// For how long, in milliseconds.
    pub waited: i64,
    /// Whom it was for; `None` where nobody had been given the time of the frontier.
    pub blocker: Option<Blocker>,
    /// When that was seen, in milliseconds.
    pub now: i64,
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            waiting,
            waited,
            blocker,
            now,
        } = self;
        match blocker {
            Some(blocker) => write!(
                f,
                "time {waiting} waited {waited} ms for time {}, which `{}` has held for {} ms and which has passed \
                 {} of {} stages. Try again, or with a longer deadline",
                blocker.time,
                blocker.holder,
                now.saturating_sub(blocker.since).max(0),
                blocker.passed,
                blocker.stages
            ),
            None => write!(
                f,
                "waited {waited} ms for time {waiting}, and nobody has made a change at it or later yet. Try again, or \
                 with a longer deadline"
            ),
        }
    }
}

impl StdError for TimedOut {}

impl From<TimedOut> for Error {
    fn from(timed_out: TimedOut) -> Self {
        Self::new(ErrorKind::Timeout, timed_out.to_string()).caused_by(timed_out)
    }
}
