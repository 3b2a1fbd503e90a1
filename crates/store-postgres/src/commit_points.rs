//! Where a worker can be stopped by a test: around and between the statements of each batch that it sends, and of each
//! `COMMIT`. It owns a hook that is told of each; with the feature `commit-points`, and without it there is nothing of it in
//! the program. For the tests of this crate: no part of the interface.
#![cfg_attr(
    not(feature = "commit-points"),
    expect(
        unreachable_pub,
        dead_code,
        reason = "reached by the tests, with the feature"
    )
)]

/// What the statements are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Nothing of a commit, as what is read when a store is opened.
    Other,
    /// A whole change, where nothing is in flight.
    AtOnce,
    /// What leads to the next stage: a time is reserved, taken over, or begun again.
    Turn,
    /// A whole change, when it is its turn.
    AllStages,
    /// A stage is computed, and the ledger looked at again.
    Compute,
    /// A stage is written with its journal; the last one completes the time.
    OneStage,
    /// A stage that failed.
    Fail,
    /// What is held is left to others.
    GiveUp,
    /// What has halted goes on.
    Resume,
    /// What has halted is taken back.
    Abandon,
}

/// How far a batch of statements has come. `COMMIT` is the last statement of the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Nothing of it is sent.
    Before,
    /// The first half is sent.
    Half,
    /// All is sent, and no answer was seen.
    Sent,
    /// All is answered.
    Answered,
}

#[cfg(feature = "commit-points")]
mod hook {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::{Moment, Work};

    type Hook = Box<dyn Fn(Work, Moment) + Send + Sync>;

    static HOOK: OnceLock<Hook> = OnceLock::new();

    thread_local! {
        static WORK: Cell<Work> = const { Cell::new(Work::Other) };
    }

    /// Has a closure called at each point, on the thread that has come there. It knows what the statements are for where the
    /// runtime has one thread. Returns whether it is the first.
    pub fn set_hook(hook: impl Fn(Work, Moment) + Send + Sync + 'static) -> bool {
        HOOK.set(Box::new(hook)).is_ok()
    }

    /// What is sent from here on is for this.
    pub(crate) fn at(work: Work) {
        WORK.set(work);
    }

    pub(crate) fn is_watched() -> bool {
        HOOK.get().is_some()
    }

    /// The hook is told. What was handed to the driver before is on its way to the server.
    pub(crate) async fn reached(moment: Moment) {
        let Some(hook) = HOOK.get() else {
            return;
        };
        let work = WORK.get();
        if work != Work::Other {
            // The task of the connection writes when it is its turn.
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            hook(work, moment);
        }
    }
}

#[cfg(feature = "commit-points")]
pub use hook::set_hook;
#[cfg(feature = "commit-points")]
pub(crate) use hook::{at, is_watched, reached};

#[cfg(not(feature = "commit-points"))]
mod no_hook {
    use super::{Moment, Work};

    #[inline]
    pub(crate) fn at(_: Work) {}

    #[inline]
    pub(crate) const fn is_watched() -> bool {
        false
    }

    #[inline]
    pub(crate) fn reached(_: Moment) -> std::future::Ready<()> {
        std::future::ready(())
    }
}

#[cfg(not(feature = "commit-points"))]
pub(crate) use no_hook::{at, is_watched, reached};
