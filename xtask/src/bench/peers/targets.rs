//! What deltaview is meant to reach beside its peers, as ratios of medians: deltaview's figure divided by the peer's.

use super::StoreKind;
use super::outcome::{OfPeer, Outcome};

/// A ratio that is hoped for.
pub(super) struct Target {
    pub(super) store: StoreKind,
    /// The sizes of changes at which it counts; all where there is none.
    batches: &'static [usize],
    pub(super) figure: Figure,
    pub(super) peer: &'static str,
    pub(super) must: Bound,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    ReadsASecond,
    OneRow,
    LookUp,
    PeakMemory,
    Disk,
}

/// Which ratios are good enough.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// At least, hoped for and not promised.
    AimAtLeast(f64),
    /// At most, hoped for and not promised.
    AimAtMost(f64),
}

use Bound::{AimAtLeast, AimAtMost, AtLeast, AtMost};
use Figure::{Disk, LookUp, OneRow, PeakMemory, ReadsASecond};
use StoreKind::{Memory, Postgres, Sqlite};

const ALL: &[usize] = &[];
const MANY: &[usize] = &[10_000, 100];
const ONE: &[usize] = &[1];

/// All targets, in the order of the document.
pub(super) const TARGETS: [Target; 21] = [
    target(
        Memory,
        MANY,
        ReadsASecond,
        "differential-dataflow",
        AtLeast(2.0),
    ),
    target(Memory, MANY, ReadsASecond, "dbsp", AtLeast(4.0)),
    target(Memory, MANY, ReadsASecond, "maps", AimAtLeast(1.0 / 3.0)),
    target(Memory, ONE, OneRow, "differential-dataflow", AtMost(0.1)),
    target(Memory, ONE, OneRow, "dbsp", AtMost(1.0 / 60.0)),
    target(
        Memory,
        MANY,
        PeakMemory,
        "differential-dataflow",
        AtMost(1.0),
    ),
    target(Memory, MANY, PeakMemory, "maps", AimAtMost(1.3)),
    target(Sqlite, ALL, ReadsASecond, "statements", AtLeast(0.7)),
    target(Sqlite, ALL, ReadsASecond, "triggers", AtLeast(1.0)),
    target(Sqlite, ALL, ReadsASecond, "statements", AimAtLeast(2.0)),
    target(Sqlite, ALL, Disk, "statements", AtMost(1.2)),
    target(Sqlite, ALL, Disk, "statements", AimAtMost(1.0)),
    target(Sqlite, ALL, LookUp, "statements", AtMost(1.5)),
    target(Sqlite, ALL, LookUp, "statements", AimAtMost(1.0)),
    target(Postgres, ALL, ReadsASecond, "by-hand", AtLeast(0.8)),
    target(Postgres, ALL, ReadsASecond, "row-triggers", AtLeast(1.0)),
    target(Postgres, ALL, ReadsASecond, "by-hand", AimAtLeast(1.5)),
    target(
        Postgres,
        ALL,
        ReadsASecond,
        "statement-triggers",
        AimAtLeast(1.0),
    ),
    target(Postgres, ALL, LookUp, "by-hand", AtMost(1.5)),
    target(Postgres, ALL, LookUp, "by-hand", AimAtMost(1.0)),
    target(Postgres, ALL, Disk, "by-hand", AimAtMost(1.0)),
];

const fn target(
    store: StoreKind,
    batches: &'static [usize],
    figure: Figure,
    peer: &'static str,
    must: Bound,
) -> Target {
    Target {
        store,
        batches,
        figure,
        peer,
        must,
    }
}

impl Target {
    /// Whether it counts for a cell.
    pub(super) fn is_of(&self, outcome: &Outcome) -> bool {
        let all = self.batches.is_empty();
        outcome.store == self.store && (all || self.batches.contains(&outcome.cell.batch))
    }

    /// The ratio that was measured; none where one of the two was not.
    pub(super) fn measured(&self, outcome: &Outcome) -> Option<f64> {
        let ours = self.figure.of(outcome.peer("deltaview")?)?;
        let theirs = self.figure.of(outcome.peer(self.peer)?)?;
        (theirs > 0.0).then_some(ours / theirs)
    }
}

impl Figure {
    /// The median of a peer.
    pub(super) fn of(self, peer: &OfPeer) -> Option<f64> {
        peer.median(|report| match self {
            ReadsASecond => Some(report.reads_a_second),
            OneRow => report.change.map(|change| change.p50),
            LookUp => report.get.map(|get| get.p50),
            PeakMemory => report.peak_rss_kib,
            Disk => report.disk_bytes,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            ReadsASecond => "reads a second",
            OneRow => "time of a one-row change, p50",
            LookUp => "time of a look-up, p50",
            PeakMemory => "peak memory",
            Disk => "bytes on disk",
        }
    }
}

impl Bound {
    pub(super) fn is_met(self, ratio: f64) -> bool {
        match self {
            AtLeast(bound) | AimAtLeast(bound) => ratio >= bound,
            AtMost(bound) | AimAtMost(bound) => ratio <= bound,
        }
    }

    pub(super) fn is_aim(self) -> bool {
        matches!(self, AimAtLeast(_) | AimAtMost(_))
    }

    /// `≥ 2`, `≤ 1/60`.
    pub(super) fn shown(self) -> String {
        let (sign, bound) = match self {
            AtLeast(bound) | AimAtLeast(bound) => ('≥', bound),
            AtMost(bound) | AimAtMost(bound) => ('≤', bound),
        };
        let inverse = 1.0 / bound;
        if bound < 0.5 && (inverse - inverse.round()).abs() < 1e-9 {
            return format!("{sign} 1/{inverse:.0}");
        }
        format!("{sign} {bound}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_shown_as_it_was_set() {
        assert_eq!(AtLeast(2.0).shown(), "≥ 2");
        assert_eq!(AimAtLeast(1.0 / 3.0).shown(), "≥ 1/3");
        assert_eq!(AtMost(1.0 / 60.0).shown(), "≤ 1/60");
        assert_eq!(AtMost(1.2).shown(), "≤ 1.2");
    }

    #[test]
    fn a_bound_is_met_on_its_side() {
        assert!(AtLeast(2.0).is_met(2.0) && !AtLeast(2.0).is_met(1.9));
        assert!(AimAtMost(1.0).is_met(0.5) && !AimAtMost(1.0).is_met(1.1));
    }
}
