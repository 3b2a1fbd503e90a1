//! What can be done in a state of the model. Waiting is doing nothing, so it is no action.

use super::super::{Gate, InFlight, Refusal, Reserved};
use super::{Action, Answer, Flush, Held, Model, NOW, System, Worker};

impl Model {
    /// Everything that can happen next.
    pub fn actions(&self, state: &System) -> Vec<Action> {
        let mut actions = self.progress(state);
        for (number, worker) in state.workers.iter().enumerate() {
            if !worker.awake {
                actions.push(Action::Wake(number));
                continue;
            }
            if worker.request.is_none() && worker.held.is_empty() {
                continue;
            }
            if state.left.crashes > 0 {
                actions.push(Action::Crash(number));
            }
            let others = state.workers.iter().filter(|other| other.awake).count() > 1;
            if state.left.sleeps > 0 && others {
                actions.push(Action::Sleep(number));
            }
            let Some(held) = worker.held.last() else {
                continue;
            };
            if state.left.failures > 0 && self.computes(state, held) {
                actions.push(Action::Fail(number));
            }
            let gate = self.enter(&state.ledger, &held.ticket, held.next);
            if state.left.deadlines > 0 && matches!(gate, Ok(Gate::Wait(_))) {
                actions.push(Action::Deadline(number));
            }
        }
        actions
    }

    /// What leads on: all but what goes wrong, and those that sleep. Where there is none of these, everything is done.
    pub(super) fn progress(&self, state: &System) -> Vec<Action> {
        let mut actions = Vec::new();
        for (number, worker) in state.workers.iter().enumerate() {
            if worker.awake {
                self.of_worker(state, number, worker, &mut actions);
            }
        }
        let held = |entry: &InFlight| {
            state.workers.iter().any(|worker| {
                let holds = |held: &Held| {
                    held.ticket.time() == entry.time
                        && (held.ticket.epoch() == entry.epoch
                            || entry.rewound_from == Some(held.ticket.epoch()))
                };
                worker.awake && worker.held.iter().any(holds)
            })
        };
        for entry in state.ledger.in_flight() {
            if entry.halt().is_none() && !entry.is_dead(NOW) && !held(entry) {
                actions.push(Action::Expire(entry.time));
            }
        }
        actions
    }

    fn of_worker(&self, state: &System, number: usize, worker: &Worker, actions: &mut Vec<Action>) {
        if let Some(held) = worker.held.last() {
            actions.extend(self.of_holder(state, number, held));
            return;
        }
        if let Some((change, flush)) = worker.request {
            match self.would_get(state, change, flush) {
                Some(Reserved::InFlight(blocker)) if blocker.dead => {
                    actions.push(Action::TakeOver {
                        worker: number,
                        time: blocker.time,
                    });
                }
                Some(Reserved::InFlight(_) | Reserved::NotYet { .. }) | None => {}
                Some(_) => actions.push(Action::Ask(number)),
            }
        } else {
            self.of_clients(state, number, actions);
            if let Some(entry) = state.ledger.dead(NOW).next() {
                actions.push(Action::TakeOver {
                    worker: number,
                    time: entry.time,
                });
            }
        }
        if state.ledger.halted().is_some() {
            actions.extend([Action::Resume(number), Action::Abandon(number)]);
        }
    }

    /// Clients come in the order of their changes where nothing tells these apart.
    fn of_clients(&self, state: &System, worker: usize, actions: &mut Vec<Action>) {
        let most = if self.bounds.own_times { usize::MAX } else { 1 };
        for &change in state.pending.iter().take(most) {
            for &flush in &self.bounds.flushes {
                let got = self.would_get(state, change, flush);
                if !matches!(got, Some(Reserved::NotYet { .. }) | None) {
                    actions.push(Action::Submit {
                        worker,
                        change,
                        flush,
                    });
                }
            }
        }
    }

    fn of_holder(&self, state: &System, worker: usize, held: &Held) -> Option<Action> {
        if held.read.is_some() {
            return Some(Action::Pass(worker));
        }
        let gate = self.enter(&state.ledger, &held.ticket, held.next);
        match gate {
            Err(Refusal::Rewound { .. }) => Some(Action::Rejoin(worker)),
            // Learns that it is fenced, or that the graph has halted.
            Err(_) => Some(Action::Enter(worker)),
            _ if held.flush == Flush::EachTable && !held.journaled => Some(Action::Journal(worker)),
            Ok(Gate::Open) if held.flush == Flush::AtEnd => Some(Action::Pass(worker)),
            Ok(Gate::Open) => Some(Action::Enter(worker)),
            Ok(Gate::Dead(blocker)) => Some(Action::TakeOver {
                worker,
                time: blocker.time,
            }),
            Ok(Gate::Wait(_) | Gate::NotYet { .. }) => None,
        }
    }

    /// What a request would get; `None` where the graph has halted.
    fn would_get(&self, state: &System, change: u8, flush: Flush) -> Option<Reserved> {
        self.reserve(&mut state.ledger.clone(), state, change, flush)
            .ok()
    }

    fn computes(&self, state: &System, held: &Held) -> bool {
        let open = || self.enter(&state.ledger, &held.ticket, held.next) == Ok(Gate::Open);
        held.read.is_some() || (held.flush == Flush::AtEnd && open())
    }
}

impl Answer {
    pub(super) fn refused(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::Fenced { .. } => Some(Self::Fenced),
            Refusal::Rewound { .. } => Some(Self::Rewound),
            Refusal::Halted { time, .. } => Some(Self::Halted(*time)),
            _ => None,
        }
    }
}
