//! How a dead holder's time goes to somebody else.

use super::reserve::lease_until;
use super::{InFlight, Ledger, Refusal, State, Ticket, WorkerId};
use crate::ChangeId;

/// How it is known that a holder is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// By the ledger: it went away, or its lease is over.
    Ledger,
    /// By the database: what only the holder's session could hold was free. The time is the holder's own, so that it
    /// can't be another of its sessions.
    Database,
}

/// What taking over came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TakenOver {
    /// The time is the caller's: it goes on with the stage that is next, from the journal.
    Ticket {
        /// The right to write it.
        ticket: Ticket,
        /// The stage that is next.
        next: u32,
        /// The change.
        change_id: ChangeId,
    },
    /// Its inputs were not in the journal, so that nothing of it was written: the time is no more.
    Abandoned,
}

impl Ledger {
    /// Takes a dead holder's time: to finish it, or to remove it where nothing of it was written.
    ///
    /// # Errors
    ///
    /// [`Refusal::Alive`]: wait. [`Refusal::NotInFlight`]: somebody else was faster; look again. [`Refusal::Halted`]: it
    /// has failed, or an earlier one that it would wait for has, and that is resumed or abandoned first.
    pub fn take_over(
        &mut self,
        time: i64,
        by: &WorkerId,
        evidence: Evidence,
        lease: Option<i64>,
        now: i64,
    ) -> Result<TakenOver, Refusal> {
        self.check_dead(time, evidence, now)?;
        if let Some((halted, halt)) = self.halted()
            && halted.time < time
            && self.get(time).is_some_and(|entry| entry.journaled)
        {
            return Err(Refusal::halted(halted, halt));
        }
        let entry = self.entries.get_mut(&time);
        let entry = entry.ok_or(Refusal::NotInFlight { time })?;
        if !entry.journaled {
            self.entries.remove(&time);
            return Ok(TakenOver::Abandoned);
        }
        let ticket = entry.hand_to(by, lease, now);
        Ok(TakenOver::Ticket {
            ticket,
            next: entry.passed,
            change_id: entry.change_id.clone(),
        })
    }

    /// The times that can be [taken over](Self::take_over), their holders being dead by the ledger, in their order. For a
    /// worker that has nothing else to do, as one that opens the store.
    pub fn dead(&self, now: i64) -> impl Iterator<Item = &InFlight> {
        let halted = self.halted().map_or(i64::MAX, |(entry, _)| entry.time);
        self.in_flight()
            .filter(move |entry| entry.is_dead(now) && (entry.time < halted || !entry.journaled))
    }

    pub(super) fn check_dead(
        &self,
        time: i64,
        evidence: Evidence,
        now: i64,
    ) -> Result<(), Refusal> {
        let entry = self.get(time).ok_or(Refusal::NotInFlight { time })?;
        if let Some(halt) = entry.halt() {
            return Err(Refusal::halted(entry, halt));
        }
        if evidence == Evidence::Ledger && !entry.is_dead(now) {
            return Err(Refusal::Alive(self.blocker(entry, now)));
        }
        Ok(())
    }
}

impl InFlight {
    /// Gives it to another holder.
    pub(super) fn hand_to(&mut self, by: &WorkerId, lease: Option<i64>, now: i64) -> Ticket {
        self.fence();
        self.holder = by.clone();
        self.since = now;
        self.lease_until = lease_until(now, lease);
        self.state = State::Running;
        self.ticket()
    }
}
