//! What a ledger says to a person: how far each stage is written, what is in flight, who waits for whom.

use super::{Halt, InFlight, Ledger, WorkerId};
use crate::{ChangeId, Flush};

/// How a graph's workers stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The greatest time that was ever given.
    pub last: i64,
    /// The newest time that is complete in every table.
    pub complete: i64,
    /// For each stage, the time up to which its tables are written: everything that will ever be at or below it is there.
    pub frontiers: Vec<i64>,
    /// The times in flight, in their order.
    pub in_flight: Vec<TimeStatus>,
    /// The first time that has halted, and why.
    pub halted: Option<(i64, Halt)>,
}

/// How a time in flight stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeStatus {
    /// The time.
    pub time: i64,
    /// The change.
    pub change_id: ChangeId,
    /// How its tables are committed.
    pub flush: Flush,
    /// How many stages it has passed.
    pub passed: u32,
    /// Of how many.
    pub stages: u32,
    /// Who holds it, or held it last.
    pub holder: WorkerId,
    /// For how long, in milliseconds.
    pub held_for: i64,
    /// Whether its holder is known to be gone.
    pub dead: bool,
    /// Why it halted, if it did.
    pub halted: Option<Halt>,
    /// The earlier time that has to go on before it can.
    pub waits_for: Option<i64>,
}

impl Ledger {
    /// How the workers stand.
    pub fn status(&self, now: i64) -> Status {
        Status {
            last: self.last,
            complete: self.complete,
            frontiers: (0..self.stages()).map(|s| self.frontier_of(s)).collect(),
            in_flight: self.in_flight().map(|e| self.time_status(e, now)).collect(),
            halted: self
                .halted()
                .map(|(entry, halt)| (entry.time, halt.clone())),
        }
    }

    /// The time up to which the tables of a stage are written: everything that will ever be at or below it is there.
    pub fn frontier_of(&self, stage: u32) -> i64 {
        let mut not_passed = self.in_flight().filter(|entry| entry.passed <= stage);
        not_passed.next().map_or(self.last, |entry| entry.time - 1)
    }

    fn time_status(&self, entry: &InFlight, now: i64) -> TimeStatus {
        TimeStatus {
            time: entry.time,
            change_id: entry.change_id.clone(),
            flush: entry.flush,
            passed: entry.passed,
            stages: self.stages_of(entry.flush),
            holder: entry.holder.clone(),
            held_for: now.saturating_sub(entry.since).max(0),
            dead: entry.is_dead(now),
            halted: entry.halt().cloned(),
            waits_for: self.in_the_way(entry).map(|earlier| earlier.time),
        }
    }
}
