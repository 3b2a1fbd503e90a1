//! The time of a change as its user names it: [`Time`], how its tables are committed ([`Flush`]), and the name by which
//! a change is known when it is made again ([`ChangeId`]). What becomes of a time is in [`protocol`](crate::protocol).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// When a change happens, what it must see, and how it is committed.
///
/// ```
/// use deltaview_store::{Flush, Time};
///
/// // Left alone: the store draws the next time, and commits all tables in one transaction.
/// let time = Time::default();
/// assert_eq!((time.input_time, time.frontier, time.flush), (None, None, Flush::AtEnd));
/// // A clock of the caller's own: at 12, after everything up to 11 was written.
/// let time = Time::at(12).after(11).flush(Flush::EachTable);
/// assert_eq!((time.input_time, time.frontier), (Some(12), Some(11)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Time {
    /// The time of the iteration: positive, and greater than every time before it. `None`: the store draws the next.
    pub input_time: Option<i64>,
    /// Everything up to this time is written to a table before the change reads it. The change is not given its time
    /// before the frontier's has come, so that times of a clock of the caller's may arrive in any order as long as each
    /// names the one before it. Less than `input_time`. `None`: whatever has been given a time before.
    pub frontier: Option<i64>,
    /// How the tables are committed.
    pub flush: Flush,
}

impl Time {
    /// A time of the caller's clock.
    pub fn at(input_time: i64) -> Self {
        Self {
            input_time: Some(input_time),
            ..Self::default()
        }
    }

    /// The same, after everything up to a frontier.
    #[must_use]
    pub fn after(mut self, frontier: i64) -> Self {
        self.frontier = Some(frontier);
        self
    }

    /// The same, committed so.
    #[must_use]
    pub fn flush(mut self, flush: Flush) -> Self {
        self.flush = flush;
        self
    }
}

impl From<Flush> for Time {
    fn from(flush: Flush) -> Self {
        Self::default().flush(flush)
    }
}

/// How a change is committed, where the defaults are not what is wanted.
///
/// ```
/// # use std::time::Duration;
/// use deltaview_store::{ChangeId, CommitOptions, Flush, Time};
///
/// let options = CommitOptions::new()
///     .at(Time::default().flush(Flush::EachTable))
///     .change_id(ChangeId::new("order 4711, paid").expect("a short name"))
///     .within(Duration::from_secs(30));
/// assert_eq!(options.time().flush, Flush::EachTable);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CommitOptions {
    time: Time,
    change_id: Option<ChangeId>,
    within: Option<Duration>,
}

impl CommitOptions {
    /// The defaults: the store draws the time, all tables are committed in one transaction, the change has no name, and
    /// the store's own deadline counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// At a time, or behind a frontier, or stage by stage.
    #[must_use]
    pub fn at(mut self, time: impl Into<Time>) -> Self {
        self.time = time.into();
        self
    }

    /// Under a name, so that the change can be made again where its answer was lost, and is not doubled. A store knows
    /// the names of the last day's changes.
    #[must_use]
    pub fn change_id(mut self, id: ChangeId) -> Self {
        self.change_id = Some(id);
        self
    }

    /// With a deadline for the changes of others that this one has to wait for, in the place of the store's.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = Some(within);
        self
    }

    /// The time.
    pub fn time(&self) -> &Time {
        &self.time
    }

    /// The name, if it has one.
    pub fn id(&self) -> Option<&ChangeId> {
        self.change_id.as_ref()
    }

    /// The deadline, if it has one of its own.
    pub fn deadline(&self) -> Option<Duration> {
        self.within
    }

    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        self.time == Time::default() && self.change_id.is_none()
    }
}

/// How the tables of an iteration are committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flush {
    /// All in one transaction, after every earlier iteration.
    #[default]
    AtEnd,
    /// Each stage of the graph in a transaction of its own, so that the next iteration enters the first stage while this
    /// one is in the second. Readers of views still see all of an iteration or nothing of it: all views are in the last
    /// stage.
    EachTable,
}

impl Flush {
    /// As one stores it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AtEnd => "at end",
            Self::EachTable => "each table",
        }
    }

    /// What was stored as this.
    pub fn from_stored(stored: &str) -> Option<Self> {
        [Self::AtEnd, Self::EachTable]
            .into_iter()
            .find(|flush| flush.as_str() == stored)
    }
}

/// The name of a change, by which a store knows it when it is made again: a change whose answer was lost is committed
/// again under its name, and is not doubled. At most [`ChangeId::MOST`] bytes; a UUID in text, say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(Arc<str>);

impl ChangeId {
    /// The greatest length in bytes.
    pub const MOST: usize = 200;

    /// A name; `None` where it is empty, longer than [`Self::MOST`], or has a NUL, which Postgres can't hold.
    pub fn new(name: impl AsRef<str>) -> Option<Self> {
        let name = name.as_ref();
        let fits = !name.is_empty() && name.len() <= Self::MOST && !name.contains('\0');
        fits.then(|| Self(name.into()))
    }

    /// A name that a store has drawn.
    pub(crate) fn drawn(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeId;

    #[test]
    fn a_change_id_is_short_and_not_empty() {
        assert_eq!(ChangeId::new("a").expect("short").as_str(), "a");
        for bad in ["", "a\0b", &"x".repeat(ChangeId::MOST + 1)] {
            assert_eq!(ChangeId::new(bad), None, "{bad:?}");
        }
    }
}
