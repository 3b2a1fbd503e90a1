//! What happens when an iteration fails: it leaves nothing, or the graph halts until it is resumed or abandoned.

use super::{Evidence, Halt, Ledger, Refusal, State, Ticket, WorkerId};
use crate::Flush;

/// What an iteration that failed leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// Nothing: the time is abandoned, its journal deleted in the same transaction, and later ones go on.
    Abandoned,
    /// The tables of some stages: the graph has halted.
    Halted,
}

/// What has to be taken back, in the transaction that abandons a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewinding {
    /// The time that is no more: all of its journal is deleted.
    pub abandoned: i64,
    /// Time and stage of each commit that is taken back, in the order in which to do it: the newest time first, its last
    /// stage first. The deltas of the stage's tables are in the journal: they are subtracted, and the rows of that time
    /// and stage deleted. Inputs of times other than the abandoned one are kept.
    pub steps: Vec<(i64, u32)>,
    /// Later times that nobody is at work on: they have to be taken over, in this order, by whoever abandons or waits.
    /// The holders of all others find that they were [rewound](Refusal::Rewound).
    pub left: Vec<i64>,
}

impl Ledger {
    /// An iteration has failed: a closure panicked, a sum overflowed, a row did not decode.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`], [`Refusal::Rewound`]: it is not the caller's to fail. Who was rewound begins again: what
    /// failed may have been computed from what is taken back.
    pub fn fail(
        &mut self,
        ticket: &Ticket,
        vertex: impl Into<String>,
        message: impl Into<String>,
    ) -> Result<Failed, Refusal> {
        let entry = self.held_mut(ticket)?;
        if entry.passed == 0 {
            self.entries.remove(&ticket.time);
            return Ok(Failed::Abandoned);
        }
        entry.fence();
        entry.state = State::Halted(Halt {
            vertex: vertex.into(),
            message: message.into(),
        });
        Ok(Failed::Halted)
    }

    /// The first time that halted runs again, from the stage that failed, held by the caller. Others that have halted
    /// are left to whoever waits for them.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotHalted`].
    pub fn resume(
        &mut self,
        by: &WorkerId,
        lease: Option<i64>,
        now: i64,
    ) -> Result<(Ticket, u32), Refusal> {
        let mut halted = self
            .entries
            .values_mut()
            .filter(|entry| entry.halt().is_some());
        let first = halted.next().ok_or(Refusal::NotHalted)?;
        let ticket = first.hand_to(by, lease, now);
        let next = first.passed;
        for other in halted {
            other.state = State::Left;
        }
        Ok((ticket, next))
    }

    /// Removes a time that has halted, or whose holder is dead, and takes back what it has written; and with it all
    /// that later ones have written, which was computed from it. These run again.
    ///
    /// # Errors
    ///
    /// [`Refusal::Alive`], [`Refusal::NotInFlight`].
    pub fn abandon(
        &mut self,
        time: i64,
        evidence: Evidence,
        now: i64,
    ) -> Result<Rewinding, Refusal> {
        match self.check_dead(time, evidence, now) {
            Ok(()) | Err(Refusal::Halted { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
        let from = self.entries.range(time..).rev();
        let steps = from
            .flat_map(|(&time, entry)| (0..entry.passed).rev().map(move |stage| (time, stage)))
            .collect();
        self.entries.remove(&time);
        let mut left = Vec::new();
        for (&later, entry) in self.entries.range_mut(time..) {
            if entry.flush == Flush::EachTable {
                // Also one that has passed nothing: it may have entered, and computed from what is taken back.
                entry.passed = 0;
                match entry.state {
                    State::Running => entry.fence_rewound(),
                    State::Left | State::Halted(_) => {
                        entry.fence();
                        entry.state = State::Left;
                    }
                }
            }
            if entry.is_dead(now) {
                left.push(later);
            }
        }
        Ok(Rewinding {
            abandoned: time,
            steps,
            left,
        })
    }
}
