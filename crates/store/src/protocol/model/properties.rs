//! What holds in every state of the model.

use std::collections::BTreeSet;

use super::super::{Gate, Refusal};
use super::{Flush, Held, Model, NOW, System};

/// Something that holds in every state.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// What, in words.
    pub name: &'static str,
    /// Whether it does.
    pub holds: fn(&Model, &System) -> bool,
}

/// All that holds.
pub const PROPERTIES: [Property; 9] = [
    Property {
        name: "no step goes wrong: what is written was computed from what is there, by its one holder",
        holds: |_, state| state.wrong.is_none(),
    },
    Property {
        name: "a table has its times in order, and each change once",
        holds: |_, state| state.tables.iter().all(|table| in_order_once(table)),
    },
    Property {
        name: "an acknowledged change is in every table, at its time",
        holds: |_, state| {
            let there = |(&change, &time): (&u8, &i64)| {
                let has = |table: &Vec<(i64, u8)>| table.contains(&(time, change));
                time <= state.ledger.complete() && state.tables.iter().all(has)
            };
            state.acknowledged.iter().all(there)
        },
    },
    Property {
        name: "a reader of views sees whole iterations, and nothing else is in a table but what is in flight",
        holds: |_, state| whole(state),
    },
    Property {
        name: "the journal has what times in flight need, and nothing else",
        holds: |_, state| journal_fits(state),
    },
    Property {
        name: "where nothing is in flight, all tables are the same",
        holds: |_, state| {
            let same = state.tables.windows(2).all(|two| two[0] == two[1]);
            !state.ledger.is_idle() || same
        },
    },
    Property {
        name: "nobody waits for the dead",
        holds: |model, state| {
            let on_the_dead =
                |held: &Held| match model.enter(&state.ledger, &held.ticket, held.next) {
                    Ok(Gate::Wait(blocker)) => {
                        let entry = state.ledger.get(blocker.time);
                        entry.is_none_or(|entry| entry.is_dead(NOW))
                    }
                    _ => false,
                };
            !awake(state).any(on_the_dead)
        },
    },
    Property {
        name: "whoever is later than what has halted is told so",
        holds: |model, state| {
            let Some((halted, _)) = state.ledger.halted() else {
                return true;
            };
            awake(state)
                .filter(|held| held.ticket.time() > halted.time)
                .all(|held| {
                    let gate = model.enter(&state.ledger, &held.ticket, held.next);
                    matches!(
                        gate,
                        Err(Refusal::Halted { .. }
                            | Refusal::Fenced { .. }
                            | Refusal::Rewound { .. })
                    )
                })
        },
    },
    Property {
        name: "something leads on until every client is answered and nothing is in flight",
        holds: |model, state| {
            let answered = |change| {
                state.acknowledged.contains_key(&change) || state.refused.contains(&change)
            };
            let done = || {
                state.ledger.is_idle()
                    && state.pending.is_empty()
                    && (0..model.bounds.changes).all(answered)
            };
            !model.progress(state).is_empty() || done()
        },
    },
];

/// What the workers that are awake work on.
fn awake(state: &System) -> impl Iterator<Item = &Held> {
    let awake = state.workers.iter().filter(|worker| worker.awake);
    awake.filter_map(|worker| worker.held.last())
}

fn in_order_once(table: &[(i64, u8)]) -> bool {
    let changes: BTreeSet<u8> = table.iter().map(|&(_, change)| change).collect();
    changes.len() == table.len() && table.windows(2).all(|two| two[0].0 < two[1].0)
}

fn whole(state: &System) -> bool {
    let complete = state.ledger.complete();
    let Some(views) = state.tables.last() else {
        return true;
    };
    let fits = |(stage, table): (usize, &Vec<(i64, u8)>)| {
        let end = table.partition_point(|&(time, _)| time <= complete);
        let (whole, begun) = table.split_at(end);
        let in_flight = state.ledger.in_flight().filter(|entry| {
            entry.flush == Flush::EachTable && usize::try_from(entry.passed).unwrap_or(0) > stage
        });
        whole == views.as_slice()
            && begun
                .iter()
                .map(|&(time, _)| time)
                .eq(in_flight.map(|entry| entry.time))
    };
    state.ledger.read(complete, NOW) == Ok(Gate::Open) && state.tables.iter().enumerate().all(fits)
}

fn journal_fits(state: &System) -> bool {
    let journaled = state.ledger.in_flight().filter(|entry| entry.journaled);
    let expected = journaled.map(|entry| (entry.time, (0..entry.passed).collect()));
    let there = state.journal.iter();
    there
        .map(|(&time, rows)| (time, rows.stages.clone()))
        .eq(expected)
}
