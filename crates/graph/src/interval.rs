//! The relational interval tree over times: where a version that is over is filed, and where the versions of a time are
//! looked for. Pure arithmetic, which every store shares.
//!
//! The tree is the one of Kriegel, Pötke and Seidl, "Managing Intervals Efficiently in Object-Relational Databases",
//! VLDB 2000. It is virtual: its nodes are the numbers from 1 on, a number with k zeros at its binary end is at level k,
//! and covers the numbers that are less than 2^k away from it. A version that is valid for `since <= t < until` is filed
//! at one node, its [`fork_node`]: of its times the one at the highest level. Whatever is valid at a time is at one of
//! the nodes that cover the time, one a level: its [`Path`].
//!
//! ```
//! use deltaview_graph::interval::{Path, fork_node};
//!
//! assert_eq!(fork_node(5, 8), 6); // of 5, 6 and 7
//! let path = Path::of(7, 100);
//! assert_eq!(path.up_to().collect::<Vec<_>>(), [7, 6, 4]);
//! assert_eq!(path.behind().collect::<Vec<_>>(), [8, 16, 32, 64]);
//! ```

/// The node at which a version is filed that is valid for `since <= t < until`: of those times the one that is divisible
/// by the highest power of two.
///
/// `since` is positive, and less than `until`.
pub fn fork_node(since: i64, until: i64) -> i64 {
    debug_assert!(0 < since && since < until, "a version lasts for some time");
    let last = until - 1;
    let differing = since ^ last;
    if differing == 0 {
        return since;
    }
    // All ones, from the highest bit in which they differ on. There `since` has 0 and `last` has 1.
    let mask = i64::MAX >> (differing.leading_zeros() - 1);
    let inside = last & !(mask >> 1);
    if since & mask == 0 { since } else { inside }
}

/// The nodes at which the versions of a time are: about as many as the last time has binary digits.
///
/// At a node that is [not behind the time](Self::up_to), a version is valid at the time if its `until` is greater than
/// the time; at one [behind it](Self::behind), if its `since` is not greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    time: i64,
    last: i64,
}

impl Path {
    /// The path to a time, in a history whose last time is `last`: no node from there on has versions, for all that is
    /// over was over then. A time before the first iteration has none.
    pub fn of(time: i64, last: i64) -> Self {
        Self { time, last }
    }

    /// The time.
    pub fn time(self) -> i64 {
        self.time
    }

    /// The nodes that are not behind the time, from the time down.
    pub fn up_to(self) -> impl Iterator<Item = i64> + Clone {
        self.nodes().filter(move |&node| node <= self.time)
    }

    /// The nodes behind the time, upwards.
    pub fn behind(self) -> impl Iterator<Item = i64> + Clone {
        self.nodes().filter(move |&node| node > self.time)
    }

    /// All nodes, from the lowest level to the highest.
    pub fn nodes(self) -> impl Iterator<Item = i64> + Clone {
        // Before the first iteration there is nothing.
        let levels = match self.time {
            ..=0 => 0..0,
            time => time.trailing_zeros()..63,
        };
        levels
            .map(|level| 1_i64 << level)
            .take_while(move |&bit| bit < self.last)
            // Of the odd multiples of the level's power of two the one nearest to the time.
            .map(move |bit| (self.time & !(bit - 1)) | bit)
            .filter(move |&node| node < self.last)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a read of a time finds what is filed at a node, by the rule of [`Path`].
    fn finds(time: i64, last: i64, since: i64, until: i64) -> bool {
        let node = fork_node(since, until);
        let path = Path::of(time, last);
        path.up_to().any(|at| at == node) && until > time
            || path.behind().any(|at| at == node) && since <= time
    }

    #[test]
    fn every_version_is_found_at_its_times_and_at_no_other() {
        const LAST: i64 = 40;
        for since in 1..LAST {
            for until in since + 1..=LAST {
                let node = fork_node(since, until);
                assert!((since..until).contains(&node));
                let highest = (since..until).map(i64::trailing_zeros).max();
                assert_eq!(Some(node.trailing_zeros()), highest, "{since}..{until}");
                for time in 0..=LAST {
                    let valid = (since..until).contains(&time);
                    assert_eq!(
                        finds(time, LAST, since, until),
                        valid,
                        "{since}..{until} at {time}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_path_is_short_and_without_repeats() {
        for last in [1, 2, 3, 64, 65, 1 << 40, i64::MAX] {
            for time in [1, 2, 3, 63, 64, 65, last / 3, last - 1, last] {
                let nodes: Vec<i64> = Path::of(time.max(1), last).nodes().collect();
                assert!(nodes.len() <= 63 && nodes.iter().all(|&node| 0 < node && node < last));
                let mut levels: Vec<u32> = nodes.iter().map(|node| node.trailing_zeros()).collect();
                levels.dedup();
                assert_eq!(levels.len(), nodes.len(), "one node a level");
                assert!(nodes.len() <= (64 - last.leading_zeros()) as usize);
            }
        }
        assert_eq!(Path::of(0, 100).nodes().count(), 0);
        assert_eq!(Path::of(-3, 100).nodes().count(), 0);
    }

    proptest! {
        #[test]
        fn versions_of_any_times_are_found(
            since in 1..i64::MAX - 1,
            length in prop_oneof![1..1000_i64, 1..i64::MAX],
            place in 0.0..1.0_f64,
            other in 0..i64::MAX,
            near in -3..3_i64,
        ) {
            let until = since.saturating_add(length);
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
            let inside = since + (((until - since - 1) as f64 * place) as i64).min(until - since - 1);
            prop_assert!(finds(inside, i64::MAX, since, until));
            prop_assert!(finds(since, until, since, until));
            prop_assert!(finds(until - 1, until, since, until));
            for time in [other, since.saturating_add(near), until.saturating_add(near)] {
                let valid = since <= time && time < until;
                prop_assert_eq!(finds(time, i64::MAX, since, until), valid, "at {}", time);
            }
        }
    }
}
