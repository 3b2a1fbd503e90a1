//! Rules that are broken on purpose: the transitions of the ledger as a model takes them, each of them right unless the
//! model breaks it. A proof that can't fail proves nothing.

use super::super::{
    Blocker, Evidence, Gate, Ledger, Passed, Refusal, Rewinding, State, TakenOver, Ticket,
};
use super::{LEASE, Model, NOW};

/// A rule that a model breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// A ticket is good whatever its epoch.
    NoFencing,
    /// A stage is entered though an earlier time has not passed it.
    EnterEarly,
    /// Those that are later than an abandoned time keep their tickets.
    RewindUnfenced,
    /// Of those that are later than an abandoned time, only who has passed a stage is fenced.
    RewindFencesWriters,
    /// The time of a dead holder is removed also where some of its stages are written.
    DropTheDead,
    /// What a rewind takes back is taken back oldest first.
    RewindOldestFirst,
    /// The journal of a time that is complete stays.
    KeepJournal,
    /// A change id is not kept.
    ForgetChanges,
    /// A change is acknowledged with its first stage.
    AnswerEarly,
    /// A dead holder is waited for as if it lived.
    WaitForTheDead,
    /// Waiters are not told that the graph has halted.
    HaltUnheard,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::NoFencing,
        Self::EnterEarly,
        Self::RewindUnfenced,
        Self::RewindFencesWriters,
        Self::DropTheDead,
        Self::RewindOldestFirst,
        Self::KeepJournal,
        Self::ForgetChanges,
        Self::AnswerEarly,
        Self::WaitForTheDead,
        Self::HaltUnheard,
    ];
}

impl Model {
    pub(super) fn is(&self, broken: Broken) -> bool {
        self.broken == Some(broken)
    }

    /// The ticket as the ledger is shown it.
    pub(super) fn shown(&self, ledger: &Ledger, ticket: &Ticket) -> Ticket {
        match ledger.get(ticket.time()) {
            Some(entry) if self.is(Broken::NoFencing) => {
                Ticket::from_parts(ticket.time(), entry.epoch)
            }
            _ => ticket.clone(),
        }
    }

    pub(super) fn enter(
        &self,
        ledger: &Ledger,
        ticket: &Ticket,
        stage: u32,
    ) -> Result<Gate, Refusal> {
        let ticket = self.shown(ledger, ticket);
        match ledger.enter(&ticket, stage, NOW) {
            Ok(Gate::Wait(_) | Gate::Dead(_)) if self.is(Broken::EnterEarly) => Ok(Gate::Open),
            Ok(Gate::Dead(blocker)) if self.is(Broken::WaitForTheDead) => Ok(Gate::Wait(blocker)),
            Err(Refusal::Halted { time, .. }) if self.is(Broken::HaltUnheard) => {
                let entry = ledger.get(time).expect("what halted is in flight");
                Ok(Gate::Wait(Blocker {
                    time,
                    holder: entry.holder.clone(),
                    since: entry.since,
                    passed: entry.passed,
                    stages: ledger.stages(),
                    dead: false,
                    lives_until: entry.lease_until,
                }))
            }
            gate => gate,
        }
    }

    pub(super) fn pass(
        &self,
        ledger: &mut Ledger,
        ticket: &Ticket,
        stage: u32,
    ) -> Result<Passed, Refusal> {
        let ticket = self.shown(ledger, ticket);
        ledger.pass(&ticket, stage)
    }

    pub(super) fn take_over(&self, ledger: &mut Ledger, time: i64) -> Result<TakenOver, Refusal> {
        if self.is(Broken::DropTheDead) {
            let rest = ledger.in_flight().filter(|entry| entry.time != time);
            *ledger = self.reloaded(ledger, rest.cloned().collect());
            return Ok(TakenOver::Abandoned);
        }
        ledger.take_over(time, &self.worker, Evidence::Ledger, LEASE, NOW)
    }

    pub(super) fn abandon(&self, ledger: &mut Ledger, time: i64) -> Result<Rewinding, Refusal> {
        let before = ledger.clone();
        let mut rewinding = ledger.abandon(time, Evidence::Ledger, NOW)?;
        if self.is(Broken::RewindOldestFirst) {
            rewinding.steps.reverse();
        }
        let keeps = |passed| {
            self.is(Broken::RewindUnfenced) || (self.is(Broken::RewindFencesWriters) && passed == 0)
        };
        let as_before = ledger.in_flight().cloned().map(|mut entry| {
            let old = before.get(entry.time).expect("it was in flight before");
            if old.state == State::Running && keeps(old.passed) {
                entry.epoch = old.epoch;
                entry.rewound_from = old.rewound_from;
            }
            entry
        });
        *ledger = self.reloaded(ledger, as_before.collect());
        Ok(rewinding)
    }

    /// The ledger with other entries.
    pub(super) fn reloaded(&self, ledger: &Ledger, entries: Vec<super::super::InFlight>) -> Ledger {
        Ledger::load(ledger.stages(), ledger.last(), ledger.complete(), entries)
            .expect("entries of the same ledger")
    }
}
