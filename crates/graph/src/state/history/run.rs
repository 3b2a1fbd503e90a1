//! Versions that are over, in the order of their ends. Most runs are of one version, which is held in place.

use std::collections::VecDeque;
use std::sync::Arc;

use deltaview_zset::Weight;

/// A version that is over.
pub(super) struct Ended<T> {
    pub(super) row: Arc<T>,
    pub(super) weight: Weight,
    pub(super) since: i64,
    pub(super) until: i64,
}

impl<T> Clone for Ended<T> {
    fn clone(&self) -> Self {
        Self {
            row: Arc::clone(&self.row),
            ..*self
        }
    }
}

/// See the module. It has one at least. A commit adds behind the others, a sweep takes from the front.
pub(super) enum Run<T> {
    One(Ended<T>),
    Many(VecDeque<Ended<T>>),
}

impl<T> Run<T> {
    /// Adds a version that ended last.
    pub(super) fn push(&mut self, version: Ended<T>) {
        match self {
            Self::One(first) => {
                *self = Self::Many(VecDeque::from([first.clone(), version]));
            }
            Self::Many(versions) => versions.push_back(version),
        }
    }

    /// The version that ended first.
    pub(super) fn first(&self) -> &Ended<T> {
        match self {
            Self::One(version) => version,
            Self::Many(versions) => &versions[0],
        }
    }

    /// Drops the version that ended first; says whether it was the last one, which may stay: then the run is to go.
    pub(super) fn pop(&mut self) -> bool {
        match self {
            Self::One(_) => true,
            Self::Many(versions) => {
                versions.pop_front();
                versions.is_empty()
            }
        }
    }

    /// Those that ended behind a time and not behind another.
    pub(super) fn ended(
        &self,
        behind: i64,
        up_to: i64,
    ) -> impl DoubleEndedIterator<Item = &Ended<T>> {
        let (one, many) = match self {
            Self::One(version) => {
                let is_asked = behind < version.until && version.until <= up_to;
                (is_asked.then_some(version), None)
            }
            Self::Many(versions) => {
                let begin = versions.partition_point(|version| version.until <= behind);
                let end = versions.partition_point(|version| version.until <= up_to);
                (None, Some(versions.range(begin..end.max(begin))))
            }
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(until: i64) -> Ended<i64> {
        Ended {
            row: Arc::new(until),
            weight: 1,
            since: until - 1,
            until,
        }
    }

    fn ends(run: &Run<i64>, behind: i64, up_to: i64) -> Vec<i64> {
        run.ended(behind, up_to).map(|it| it.until).collect()
    }

    #[test]
    fn versions_are_found_by_their_ends_and_go_from_the_front() {
        let mut run = Run::One(version(2));
        assert_eq!(ends(&run, 1, 2), [2]);
        assert!(ends(&run, 2, 9).is_empty() && ends(&run, 0, 1).is_empty());
        for until in [4, 4, 6] {
            run.push(version(until));
        }
        assert_eq!(ends(&run, 1, i64::MAX), [2, 4, 4, 6]);
        assert_eq!(ends(&run, 2, 4), [4, 4]);
        assert!(ends(&run, 4, 3).is_empty());
        for first in [2, 4, 4] {
            assert_eq!(run.first().until, first);
            assert!(!run.pop());
        }
        assert_eq!(ends(&run, 0, 9), [6]);
        assert!(run.pop(), "it was the last one");
    }
}
