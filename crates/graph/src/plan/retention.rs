//! How much of a view's history stays: data of the plan, which the stores apply.

// `core` has no clock.
use core::time::Duration;
use std::fmt;
use std::num::NonZeroU64;

/// How far back a view with history can be read: see [`Builder::with_history`](crate::Builder::with_history).
///
/// Whatever is older is forgotten as the graph commits: a commit moves the view's *horizon*, the first time that can be
/// read, and frees some of the space behind it. It is no part of what a database remembers of the view: the next opening
/// may have another one.
///
/// ```
/// # use std::num::NonZeroU64;
/// # use std::time::Duration;
/// use deltaview_graph::Retention;
///
/// assert_eq!(Retention::Forever.to_string(), "for ever");
/// assert_eq!(Retention::Times(NonZeroU64::MIN).to_string(), "for the last 1 times");
/// assert_eq!(Retention::Span(Duration::from_secs(60)).to_string(), "for 60s");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retention {
    /// Until somebody forgets it by hand.
    Forever,
    /// So many of the last times at which the graph committed can be read. The last one is the present.
    Times(NonZeroU64),
    /// What was true at any instant of so long a time before the last commit can be read.
    Span(Duration),
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("for ever"),
            Self::Times(times) => write!(f, "for the last {times} times"),
            Self::Span(span) => write!(f, "for {span:?}"),
        }
    }
}
