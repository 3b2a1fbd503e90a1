//! How a time goes through the stages of the graph: journaled, entered, passed; and what its holder says meanwhile: that
//! it lives, that it goes away, that it begins again.

use super::reserve::lease_until;
use super::{InFlight, Ledger, Refusal, State, Ticket, WorkerId};
use crate::{ChangeId, Flush};

/// Somebody who is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocker {
    /// The time that it holds.
    pub time: i64,
    /// Who.
    pub holder: WorkerId,
    /// Since when, in milliseconds.
    pub since: i64,
    /// How many stages it has passed.
    pub passed: u32,
    /// Of how many.
    pub stages: u32,
    /// Whether it is known to be dead.
    pub dead: bool,
    /// Until when it lives without another sign, in milliseconds: nobody writes anything when that is over, so whoever
    /// waits has to look again then. `None` where the database knows who lives.
    pub lives_until: Option<i64>,
}

/// Whether a stage may be entered, or a frontier be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may, now.
    Open,
    /// Not before this one has gone on.
    Wait(Blocker),
    /// This one would have to go on, and is dead: [take it over](Ledger::take_over).
    Dead(Blocker),
    /// Nothing up to the frontier that is to be read has come yet.
    NotYet {
        /// The frontier.
        frontier: i64,
        /// The last time that was given.
        last: i64,
    },
}

/// What passing a stage came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    /// There is another stage.
    Stage {
        /// Its number.
        next: u32,
    },
    /// The time is complete. In the same transaction, its journal is deleted and the change id kept with its time.
    Complete {
        /// The time.
        time: i64,
        /// The change.
        change_id: ChangeId,
    },
}

/// What a holder leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Nothing was written: the time is abandoned. Its journal is deleted in the same transaction, and the change did
    /// not happen.
    Abandoned,
    /// Some stages are written: whoever waits for it takes it over, and the change will happen unless it is abandoned.
    Left,
}

impl Ledger {
    /// Notes that the inputs of a change are in the journal: written in the same transaction. Once a change; a change
    /// that begins again has them there.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`], [`Refusal::Rewound`]; [`Refusal::OutOfTurn`] with [`Flush::AtEnd`], which has no journal, or
    /// when they are there.
    pub fn journal(&mut self, ticket: &Ticket) -> Result<(), Refusal> {
        let entry = self.held_mut(ticket)?;
        if entry.journaled || entry.flush == Flush::AtEnd {
            return Err(Refusal::OutOfTurn {
                time: entry.time,
                asked: "to journal the inputs".into(),
                next: format!("stage {}", entry.passed),
            });
        }
        entry.journaled = true;
        Ok(())
    }

    /// Whether a stage's tables may be read and computed from, so that what is computed can be written by
    /// [`Self::pass`]. Every earlier time in flight must have passed the stage; for a change with [`Flush::AtEnd`], which
    /// has one stage only, it must have left. Of several that have not, the earliest is named. With `AtEnd`, to enter, to
    /// compute and to pass is one transaction.
    ///
    /// # Errors
    ///
    /// [`Refusal::Halted`] where an earlier time has halted, also if it has passed this stage;
    /// [`Refusal::Fenced`], [`Refusal::Rewound`]; [`Refusal::OutOfTurn`].
    pub fn enter(&self, ticket: &Ticket, stage: u32, now: i64) -> Result<Gate, Refusal> {
        let entry = self.held(ticket)?;
        if stage != entry.passed {
            return Err(out_of_turn(entry, stage));
        }
        if let Some((halted, halt)) = self.halted()
            && halted.time < entry.time
        {
            return Err(Refusal::halted(halted, halt));
        }
        Ok(self.gate(self.in_the_way(entry), now))
    }

    /// Notes that a stage's tables are written, in the same transaction, with what was computed from them after
    /// [`Self::enter`] said [`Gate::Open`]. The last stage completes the time.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`], [`Refusal::Rewound`]: nothing may be written. [`Refusal::OutOfTurn`]: the stage is not the
    /// next one, or was not open, or the inputs are not in the journal.
    pub fn pass(&mut self, ticket: &Ticket, stage: u32) -> Result<Passed, Refusal> {
        let stages = self.stages();
        let entry = self.held(ticket)?;
        if stage != entry.passed {
            return Err(out_of_turn(entry, stage));
        }
        let first = if entry.flush == Flush::EachTable && !entry.journaled {
            Some("to journal its inputs".to_string())
        } else {
            let earlier = self.in_the_way(entry);
            earlier.map(|earlier| format!("to wait for time {}", earlier.time))
        };
        if let Some(first) = first {
            return Err(Refusal::OutOfTurn {
                time: entry.time,
                asked: format!("to pass stage {stage}"),
                next: first,
            });
        }
        let entry = self.held_mut(ticket)?;
        let next = stage + 1;
        if entry.flush == Flush::EachTable && next < stages {
            entry.passed = next;
            return Ok(Passed::Stage { next });
        }
        let time = entry.time;
        let change_id = entry.change_id.clone();
        self.entries.remove(&time);
        self.complete = time;
        Ok(Passed::Complete { time, change_id })
    }

    /// The heartbeat: the holder lives for another lease. `None` where the database knows who lives.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`], [`Refusal::Rewound`]. A holder that learns of it here need not compute to the end.
    pub fn renew(&mut self, ticket: &Ticket, lease: Option<i64>, now: i64) -> Result<(), Refusal> {
        self.held_mut(ticket)?.lease_until = lease_until(now, lease);
        Ok(())
    }

    /// A new ticket for the holder of a time that was [rewound](Refusal::Rewound): it begins with stage 0 again, and
    /// with its inputs in the journal if they were there. The old ticket can be given in once.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`]: somebody else has it. [`Refusal::OutOfTurn`]: the ticket is good.
    pub fn rejoin(
        &mut self,
        ticket: &Ticket,
        lease: Option<i64>,
        now: i64,
    ) -> Result<Ticket, Refusal> {
        match self.held(ticket) {
            Err(Refusal::Rewound { .. }) => {}
            Err(refusal) => return Err(refusal),
            Ok(entry) => {
                return Err(Refusal::OutOfTurn {
                    time: entry.time,
                    asked: "to begin again".into(),
                    next: format!("stage {}", entry.passed),
                });
            }
        }
        let entry = self.entries.get_mut(&ticket.time);
        let entry = entry.ok_or_else(|| Refusal::fenced(ticket))?;
        entry.fence();
        entry.lease_until = lease_until(now, lease);
        Ok(entry.ticket())
    }

    /// The holder goes away, because of a deadline or because the graph has halted, and nobody need wait for its lease.
    ///
    /// # Errors
    ///
    /// [`Refusal::Fenced`]. One that was rewound gives its old ticket up as well.
    pub fn give_up(&mut self, ticket: &Ticket) -> Result<GaveUp, Refusal> {
        match self.held(ticket) {
            Ok(_) | Err(Refusal::Rewound { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
        let entry = self.entries.get_mut(&ticket.time);
        let entry = entry.ok_or_else(|| Refusal::fenced(ticket))?;
        if entry.passed == 0 {
            self.entries.remove(&ticket.time);
            return Ok(GaveUp::Abandoned);
        }
        entry.fence();
        entry.state = State::Left;
        Ok(GaveUp::Left)
    }

    /// Whether everything up to a frontier is written to all tables, so that a reader that asks for it sees it.
    ///
    /// # Errors
    ///
    /// [`Refusal::Halted`] where a time up to the frontier has halted.
    pub fn read(&self, frontier: i64, now: i64) -> Result<Gate, Refusal> {
        if let Some((halted, halt)) = self.halted()
            && halted.time <= frontier
        {
            return Err(Refusal::halted(halted, halt));
        }
        if frontier > self.last {
            return Ok(Gate::NotYet {
                frontier,
                last: self.last,
            });
        }
        let first = self.in_flight().next();
        Ok(self.gate(first.filter(|entry| entry.time <= frontier), now))
    }

    /// The entry of a ticket that is good.
    pub(super) fn held(&self, ticket: &Ticket) -> Result<&InFlight, Refusal> {
        match self.get(ticket.time) {
            Some(entry) if entry.epoch == ticket.epoch => Ok(entry),
            Some(entry) if entry.rewound_from == Some(ticket.epoch) => {
                Err(Refusal::Rewound { time: entry.time })
            }
            _ => Err(Refusal::fenced(ticket)),
        }
    }

    pub(super) fn held_mut(&mut self, ticket: &Ticket) -> Result<&mut InFlight, Refusal> {
        self.held(ticket)?;
        let entry = self.entries.get_mut(&ticket.time);
        entry.ok_or_else(|| Refusal::fenced(ticket))
    }

    /// The earliest time that must go on before an entry may enter its next stage.
    pub(super) fn in_the_way(&self, entry: &InFlight) -> Option<&InFlight> {
        let apart =
            |earlier: &&InFlight| entry.flush == Flush::AtEnd || earlier.passed <= entry.passed;
        let mut earlier = self.entries.range(..entry.time).map(|(_, entry)| entry);
        earlier.find(apart)
    }

    fn gate(&self, in_the_way: Option<&InFlight>, now: i64) -> Gate {
        match in_the_way {
            None => Gate::Open,
            Some(entry) if entry.is_dead(now) => Gate::Dead(self.blocker(entry, now)),
            Some(entry) => Gate::Wait(self.blocker(entry, now)),
        }
    }

    pub(super) fn blocker(&self, entry: &InFlight, now: i64) -> Blocker {
        Blocker {
            time: entry.time,
            holder: entry.holder.clone(),
            since: entry.since,
            passed: entry.passed,
            stages: self.stages_of(entry.flush),
            dead: entry.is_dead(now),
            lives_until: entry.lease_until,
        }
    }
}

fn out_of_turn(entry: &InFlight, stage: u32) -> Refusal {
    Refusal::OutOfTurn {
        time: entry.time,
        asked: format!("stage {stage}"),
        next: format!("stage {}", entry.passed),
    }
}
