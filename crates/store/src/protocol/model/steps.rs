//! What an action makes of a state: each is what a driver does in one transaction, or what the world does to it.

use std::collections::BTreeSet;

use super::super::{
    AtOnce, Failed, Gate, GaveUp, Ledger, Passed, Refusal, Request, Reserved, TakenOver,
};
use super::{Action, Answer, Broken, Flush, Held, Journal, LEASE, Model, NOW, System};

impl Model {
    /// Takes an action that is one of [`Self::actions`].
    pub fn step(&self, state: &System, action: Action) -> (System, Answer) {
        let mut next = state.clone();
        let answer = self.perform(&mut next, action);
        if next.ledger.complete() < state.ledger.complete() {
            next.wrong = Some("what is complete went back");
        }
        (next, answer)
    }

    fn perform(&self, state: &mut System, action: Action) -> Answer {
        match action {
            Action::Submit {
                worker,
                change,
                flush,
            } => {
                state.pending.remove(&change);
                state.workers[worker].request = Some((change, flush));
                self.ask(state, worker)
            }
            Action::Ask(worker) => self.ask(state, worker),
            Action::Journal(worker) => self.journal(state, worker),
            Action::Enter(worker) => self.try_enter(state, worker),
            Action::Pass(worker) => self.try_pass(state, worker),
            Action::Rejoin(worker) => rejoin(state, worker),
            Action::Fail(worker) => self.fail(state, worker),
            Action::Deadline(worker) => {
                state.left.deadlines -= 1;
                give_up(state, worker)
            }
            Action::TakeOver { worker, time } => self.take_dead(state, worker, time),
            Action::Resume(worker) => self.resume(state, worker),
            Action::Abandon(_) => self.abandon_halted(state),
            Action::Crash(worker) => {
                state.left.crashes -= 1;
                state.retry(worker);
                let worker = &mut state.workers[worker];
                worker.request = None;
                worker.held.clear();
                Answer::Done
            }
            Action::Sleep(worker) => {
                state.left.sleeps -= 1;
                state.retry(worker);
                state.workers[worker].awake = false;
                Answer::Done
            }
            Action::Wake(worker) => {
                state.workers[worker].awake = true;
                Answer::Done
            }
            Action::Expire(time) => {
                let mut entries: Vec<_> = state.ledger.in_flight().cloned().collect();
                let of_time = entries.iter_mut().filter(|entry| entry.time == time);
                of_time.for_each(|entry| entry.lease_until = Some(NOW - 1));
                state.ledger = self.reloaded(&state.ledger, entries);
                Answer::Done
            }
        }
    }

    /// What the ledger says to a change that wants a time.
    pub(super) fn reserve(
        &self,
        ledger: &mut Ledger,
        state: &System,
        change: u8,
        flush: Flush,
    ) -> Result<Reserved, Refusal> {
        self.with_request(ledger, state, change, flush, Ledger::reserve)
    }

    fn with_request<T>(
        &self,
        ledger: &mut Ledger,
        state: &System,
        change: u8,
        flush: Flush,
        transition: impl FnOnce(&mut Ledger, &Request<'_>) -> T,
    ) -> T {
        let time = self.time_of(change, flush, ledger.last());
        let request = Request {
            time: &time,
            change_id: self.change_id(change),
            committed: state.committed.get(&change).copied(),
            worker: &self.worker,
            lease: LEASE,
            now: NOW,
        };
        transition(ledger, &request)
    }

    fn ask(&self, state: &mut System, worker: usize) -> Answer {
        let Some((change, flush)) = state.workers[worker].request else {
            return state.fault("a worker asks for nothing");
        };
        let mut ledger = state.ledger.clone();
        if flush == Flush::AtEnd {
            let at_once =
                self.with_request(&mut ledger, state, change, flush, Ledger::commit_at_once);
            if let Ok(AtOnce::Time(time)) = at_once {
                state.ledger = ledger;
                for stage in 0..self.bounds.stages {
                    state.write(stage, time, change);
                }
                return self.completed(state, time, change);
            }
        }
        let reserved = self.reserve(&mut ledger, state, change, flush);
        state.ledger = ledger;
        match reserved {
            Ok(Reserved::Ticket(ticket)) => {
                let time = ticket.time();
                state.workers[worker].held.push(Held {
                    ticket,
                    change,
                    flush,
                    own: true,
                    journaled: false,
                    next: 0,
                    read: None,
                });
                Answer::Time(time)
            }
            Ok(Reserved::Committed { time }) => {
                state.acknowledged.insert(change, time);
                state.workers[worker].request = None;
                Answer::Committed(time)
            }
            Ok(Reserved::InFlight(blocker)) => Answer::InFlight(blocker.time),
            Ok(Reserved::NotYet { .. }) => Answer::Done,
            Err(refusal) => state.refused_with(&refusal),
        }
    }

    fn journal(&self, state: &mut System, worker: usize) -> Answer {
        let Some(held) = state.workers[worker].held.last_mut() else {
            return state.fault("a worker journals nothing");
        };
        let ticket = self.shown(&state.ledger, &held.ticket);
        match state.ledger.journal(&ticket) {
            Ok(()) => {
                held.journaled = true;
                let rows = Journal {
                    change: held.change,
                    stages: BTreeSet::new(),
                };
                state.journal.insert(ticket.time(), rows);
                Answer::Done
            }
            Err(refusal) => state.lost(worker, &refusal),
        }
    }

    fn try_enter(&self, state: &mut System, worker: usize) -> Answer {
        let Some(held) = state.workers[worker].held.last_mut() else {
            return state.fault("a worker enters with nothing");
        };
        let stage = held.next;
        match self.enter(&state.ledger, &held.ticket, stage) {
            Ok(Gate::Open) => {
                held.read = Some(state.tables[stage as usize].clone());
                let rows = state.journal.get(&held.ticket.time());
                let deltas =
                    |rows: &Journal| (0..stage).all(|before| rows.stages.contains(&before));
                if !rows.is_some_and(|rows| rows.change == held.change && deltas(rows)) {
                    return state.fault("what a stage needs is not in the journal");
                }
                Answer::Entered(stage)
            }
            Ok(_) => Answer::Done,
            Err(Refusal::Halted { .. }) => give_up(state, worker),
            Err(refusal) => state.lost(worker, &refusal),
        }
    }

    fn try_pass(&self, state: &mut System, worker: usize) -> Answer {
        let Some(held) = state.workers[worker].held.last_mut() else {
            return state.fault("a worker writes nothing");
        };
        let (stage, change, flush) = (held.next, held.change, held.flush);
        let time = held.ticket.time();
        let passed = match self.pass(&mut state.ledger, &held.ticket, stage) {
            Ok(passed) => passed,
            Err(refusal) => return state.lost(worker, &refusal),
        };
        if held.own && self.is(Broken::AnswerEarly) {
            state.acknowledged.insert(change, time);
        }
        held.next += 1;
        if flush == Flush::AtEnd {
            (0..self.bounds.stages).for_each(|stage| state.write(stage, time, change));
        } else {
            let read = held.read.take();
            if read.as_ref() != Some(&state.tables[stage as usize]) {
                return state.fault("a stage was computed from what is there no longer");
            }
            state.write(stage, time, change);
            if let Some(rows) = state.journal.get_mut(&time) {
                rows.stages.insert(stage);
            }
        }
        match passed {
            Passed::Stage { .. } => Answer::Passed(stage),
            Passed::Complete { .. } => {
                state.workers[worker].held.pop();
                self.completed(state, time, change)
            }
        }
    }

    /// The time is complete: in the same transaction as its last table.
    fn completed(&self, state: &mut System, time: i64, change: u8) -> Answer {
        if !self.is(Broken::KeepJournal) {
            state.journal.remove(&time);
        }
        if !self.is(Broken::ForgetChanges) && state.committed.insert(change, time).is_some() {
            return state.fault("a change is committed twice");
        }
        Answer::Complete(time)
    }

    fn fail(&self, state: &mut System, worker: usize) -> Answer {
        state.left.failures -= 1;
        let Some(held) = state.workers[worker].held.last() else {
            return state.fault("nothing fails");
        };
        let time = held.ticket.time();
        let ticket = self.shown(&state.ledger, &held.ticket);
        match state.ledger.fail(&ticket, "vertex", "failed") {
            Ok(Failed::Abandoned) => {
                state.journal.remove(&time);
                state.refuse(worker);
                Answer::Abandoned
            }
            Ok(Failed::Halted) => {
                state.refuse(worker);
                Answer::Halted(time)
            }
            Err(refusal) => state.lost(worker, &refusal),
        }
    }

    fn take_dead(&self, state: &mut System, worker: usize, time: i64) -> Answer {
        match self.take_over(&mut state.ledger, time) {
            Ok(TakenOver::Ticket { ticket, next, .. }) => state.go_on_with(worker, ticket, next),
            Ok(TakenOver::Abandoned) => {
                state.journal.remove(&time);
                Answer::Abandoned
            }
            Err(refusal) => state.refused_with(&refusal),
        }
    }

    fn resume(&self, state: &mut System, worker: usize) -> Answer {
        match state.ledger.resume(&self.worker, LEASE, NOW) {
            Ok((ticket, next)) => state.go_on_with(worker, ticket, next),
            Err(refusal) => state.refused_with(&refusal),
        }
    }

    fn abandon_halted(&self, state: &mut System) -> Answer {
        let Some(time) = state.ledger.halted().map(|(entry, _)| entry.time) else {
            return state.fault("nothing has halted");
        };
        let rewinding = match self.abandon(&mut state.ledger, time) {
            Ok(rewinding) => rewinding,
            Err(refusal) => return state.refused_with(&refusal),
        };
        for (time, stage) in rewinding.steps {
            let taken_back = state.tables[stage as usize].pop();
            let journaled = state
                .journal
                .get_mut(&time)
                .is_some_and(|rows| rows.stages.remove(&stage));
            if taken_back.map(|(newest, _)| newest) != Some(time) || !journaled {
                return state.fault("what is taken back is not what came last");
            }
        }
        state.journal.remove(&time);
        Answer::Abandoned
    }
}

fn rejoin(state: &mut System, worker: usize) -> Answer {
    let Some(held) = state.workers[worker].held.last_mut() else {
        return state.fault("a worker rejoins with nothing");
    };
    match state.ledger.rejoin(&held.ticket, LEASE, NOW) {
        Ok(ticket) => {
            held.ticket = ticket;
            held.next = 0;
            held.read = None;
            Answer::Done
        }
        Err(refusal) => state.lost(worker, &refusal),
    }
}

fn give_up(state: &mut System, worker: usize) -> Answer {
    let Some(held) = state.workers[worker].held.last() else {
        return state.fault("a worker gives nothing up");
    };
    let time = held.ticket.time();
    match state.ledger.give_up(&held.ticket) {
        Ok(gave_up) => {
            state.refuse(worker);
            if gave_up == GaveUp::Left {
                return Answer::Left;
            }
            state.journal.remove(&time);
            Answer::Abandoned
        }
        Err(refusal) => state.lost(worker, &refusal),
    }
}

impl System {
    fn fault(&mut self, what: &'static str) -> Answer {
        self.wrong = Some(what);
        Answer::Done
    }

    fn write(&mut self, stage: u32, time: i64, change: u8) {
        self.tables[stage as usize].push((time, change));
    }

    /// The client of a worker makes its change again, elsewhere.
    fn retry(&mut self, worker: usize) {
        if let Some((change, _)) = self.workers[worker].request {
            self.pending.insert(change);
        }
    }

    /// A worker lets go of what it works on; its client is told of an error where it was its own.
    fn refuse(&mut self, worker: usize) {
        let worker = &mut self.workers[worker];
        if let Some(held) = worker.held.pop()
            && held.own
        {
            self.refused.insert(held.change);
            worker.request = None;
        }
    }

    /// A worker goes on with the time of another, from its journal.
    fn go_on_with(&mut self, worker: usize, ticket: super::Ticket, next: u32) -> Answer {
        let Some(rows) = self.journal.get(&ticket.time()) else {
            return self.fault("the inputs of a time are not in the journal");
        };
        self.workers[worker].held.push(Held {
            ticket,
            change: rows.change,
            flush: Flush::EachTable,
            own: false,
            journaled: true,
            next,
            read: None,
        });
        Answer::TakenOver(next)
    }

    /// The ledger refused a step of a worker's.
    fn lost(&mut self, worker: usize, refusal: &Refusal) -> Answer {
        match refusal {
            Refusal::Fenced { .. } => {
                self.workers[worker].held.pop();
            }
            Refusal::Rewound { .. } => {
                if let Some(held) = self.workers[worker].held.last_mut() {
                    held.read = None;
                }
            }
            _ => {}
        }
        self.refused_with(refusal)
    }

    fn refused_with(&mut self, refusal: &Refusal) -> Answer {
        Answer::refused(refusal)
            .unwrap_or_else(|| self.fault("the ledger refused what it had offered"))
    }
}
