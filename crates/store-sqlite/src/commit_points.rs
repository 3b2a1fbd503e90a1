//! Where a worker can be stopped by a test: before, in and after each transaction of a commit. It owns a hook that is told
//! of each; with the feature `commit-points`, and without it there is nothing of it in the program. For the tests of this
//! crate: no part of the interface.
#![cfg_attr(
    not(feature = "commit-points"),
    expect(unreachable_pub, reason = "reached by the tests, with the feature")
)]

/// A transaction of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// A whole change, where nothing is in flight.
    AtOnce,
    /// What leads to the next stage: a time is reserved, taken over, or begun again.
    Turn,
    /// A whole change, when it is its turn.
    AllStages,
    /// A stage, with its journal; the last one completes the time.
    OneStage,
    /// A stage that failed.
    Fail,
    /// What is held is left to others.
    GiveUp,
    /// What has halted goes on.
    Resume,
    /// What has halted is taken back.
    Abandon,
    /// The sign of life.
    Beat,
}

/// How far a transaction has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// It has not begun. What it will write was computed.
    Before,
    /// All is written, and nothing committed.
    Written,
    /// It is committed.
    Committed,
}

#[cfg(feature = "commit-points")]
mod hook {
    use std::sync::OnceLock;

    use super::{Moment, Work};

    type Hook = Box<dyn Fn(Work, Moment) + Send + Sync>;

    static HOOK: OnceLock<Hook> = OnceLock::new();

    /// Has a closure called at each point, on the thread that has come there. Returns whether it is the first.
    pub fn set_hook(hook: impl Fn(Work, Moment) + Send + Sync + 'static) -> bool {
        HOOK.set(Box::new(hook)).is_ok()
    }

    pub(crate) fn reached(work: Work, moment: Moment) {
        if let Some(hook) = HOOK.get() {
            hook(work, moment);
        }
    }
}

#[cfg(feature = "commit-points")]
pub(crate) use hook::reached;
#[cfg(feature = "commit-points")]
pub use hook::set_hook;

#[cfg(not(feature = "commit-points"))]
#[inline]
pub(crate) fn reached(_: Work, _: Moment) {}
