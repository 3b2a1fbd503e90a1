//! Each transition, by hand: what it allows, what it refuses, and what it says.

use super::*;
use crate::{ChangeId, ErrorKind, Flush, Time};

const LEASE: Option<i64> = Some(100);

fn id(name: &str) -> ChangeId {
    ChangeId::new(name).expect("short")
}

fn worker(name: &str) -> WorkerId {
    WorkerId::new(name)
}

/// Asks for a time at `now`, as a worker of the change's name.
fn reserve(ledger: &mut Ledger, time: Time, name: &str, now: i64) -> Result<Reserved, Refusal> {
    ledger.reserve(&Request {
        time: &time,
        change_id: &id(name),
        committed: None,
        worker: &worker(name),
        lease: LEASE,
        now,
    })
}

fn at_once(ledger: &mut Ledger, time: Time, name: &str) -> Result<AtOnce, Refusal> {
    ledger.commit_at_once(&Request {
        time: &time,
        change_id: &id(name),
        committed: None,
        worker: &worker(name),
        lease: LEASE,
        now: 0,
    })
}

fn ticket(ledger: &mut Ledger, flush: Flush, name: &str) -> Ticket {
    match reserve(ledger, Time::default().flush(flush), name, 0) {
        Ok(Reserved::Ticket(ticket)) => ticket,
        other => panic!("{name} got no ticket: {other:?}"),
    }
}

/// A change with `EachTable` that has journaled its inputs and passed so many stages.
fn passed(ledger: &mut Ledger, name: &str, stages: u32) -> Ticket {
    let ticket = ticket(ledger, Flush::EachTable, name);
    ledger.journal(&ticket).expect("held");
    for stage in 0..stages {
        assert_eq!(ledger.enter(&ticket, stage, 0), Ok(Gate::Open));
        ledger.pass(&ticket, stage).expect("open");
    }
    ticket
}

fn waits_for(gate: Result<Gate, Refusal>) -> i64 {
    match gate {
        Ok(Gate::Wait(blocker)) => blocker.time,
        other => panic!("not a wait: {other:?}"),
    }
}

fn taken(outcome: Result<TakenOver, Refusal>) -> (Ticket, u32) {
    match outcome {
        Ok(TakenOver::Ticket { ticket, next, .. }) => (ticket, next),
        other => panic!("not taken: {other:?}"),
    }
}

#[test]
fn times_are_drawn_one_after_another_and_complete_at_once_where_nothing_is_in_flight() {
    let mut ledger = Ledger::new(3);
    assert_eq!(
        at_once(&mut ledger, Time::default(), "a"),
        Ok(AtOnce::Time(1))
    );
    assert_eq!(at_once(&mut ledger, Time::at(7), "b"), Ok(AtOnce::Time(7)));
    assert_eq!((ledger.last(), ledger.complete()), (7, 7));
    let c = ticket(&mut ledger, Flush::AtEnd, "c");
    assert_eq!(c.time(), 8);
    assert_eq!(at_once(&mut ledger, Time::default(), "d"), Ok(AtOnce::Busy));
    let each = Time::default().flush(Flush::EachTable);
    assert!(matches!(
        at_once(&mut ledger, each, "e"),
        Err(Refusal::OutOfTurn { .. })
    ));
    assert_eq!(ledger.complete(), 7);
}

#[test]
fn a_time_that_is_not_greater_than_all_before_it_is_refused_by_name() {
    let mut ledger = Ledger::new(1);
    at_once(&mut ledger, Time::at(5), "a").expect("idle");
    for time in [5, 4, 0, -3] {
        let refusal = reserve(&mut ledger, Time::at(time), "b", 0).expect_err("past");
        assert_eq!(refusal, Refusal::PastTime { time, last: 5 });
        assert_eq!(refusal.kind(), ErrorKind::PastTime);
        assert!(refusal.to_string().contains('5'), "{refusal}");
    }
    assert_eq!(
        reserve(&mut ledger, Time::at(6).after(6), "b", 0),
        Err(Refusal::FrontierAhead {
            frontier: 6,
            time: 6
        })
    );
    at_once(&mut ledger, Time::at(i64::MAX), "z").expect("idle");
    assert_eq!(
        reserve(&mut ledger, Time::default(), "b", 0),
        Err(Refusal::NoTimeLeft)
    );
}

#[test]
fn a_frontier_keeps_the_place_for_times_that_have_not_come() {
    let mut ledger = Ledger::new(1);
    let late = Time::at(20).after(10);
    let not_yet = Reserved::NotYet {
        frontier: 10,
        last: 0,
    };
    assert_eq!(reserve(&mut ledger, late, "late", 0), Ok(not_yet));
    assert!(ledger.is_idle());
    reserve(&mut ledger, Time::at(10), "early", 0).expect("its place is free");
    let Ok(Reserved::Ticket(late)) = reserve(&mut ledger, late, "late", 0) else {
        panic!("the frontier has come");
    };
    assert_eq!(waits_for(ledger.enter(&late, 0, 0)), 10);
}

#[test]
fn a_change_that_is_made_again_is_answered_or_waits_for_itself() {
    let mut ledger = Ledger::new(2);
    let time = Time::default();
    let again = Request {
        time: &time,
        change_id: &id("a"),
        committed: Some(3),
        worker: &worker("x"),
        lease: None,
        now: 0,
    };
    assert_eq!(ledger.reserve(&again), Ok(Reserved::Committed { time: 3 }));
    assert_eq!(
        ledger.commit_at_once(&again),
        Ok(AtOnce::Committed { time: 3 })
    );
    passed(&mut ledger, "b", 1);
    let found = reserve(&mut ledger, Time::default(), "b", 50).expect("not halted");
    let Reserved::InFlight(blocker) = found else {
        panic!("{found:?}");
    };
    assert_eq!((blocker.time, blocker.dead), (1, false));
    let found = reserve(&mut ledger, Time::default(), "b", 101).expect("not halted");
    assert!(matches!(
        found,
        Reserved::InFlight(Blocker { dead: true, .. })
    ));
    assert_eq!(ledger.in_flight().count(), 1);
}

#[test]
fn workers_follow_each_other_through_the_stages() {
    let mut ledger = Ledger::new(3);
    let a = passed(&mut ledger, "a", 1);
    let b = passed(&mut ledger, "b", 1);
    assert_eq!(waits_for(ledger.enter(&b, 1, 0)), 1);
    assert!(matches!(ledger.pass(&b, 1), Err(Refusal::OutOfTurn { .. })));
    assert_eq!(ledger.pass(&a, 1), Ok(Passed::Stage { next: 2 }));
    assert_eq!(ledger.enter(&b, 1, 0), Ok(Gate::Open));
    assert_eq!([0, 1, 2].map(|stage| ledger.frontier_of(stage)), [2, 1, 0]);
    let done = Passed::Complete {
        time: 1,
        change_id: id("a"),
    };
    assert_eq!(ledger.pass(&a, 2), Ok(done));
    assert_eq!(ledger.complete(), 1);
    assert_eq!(ledger.pass(&a, 2), Err(Refusal::Fenced { time: 1 }));
    assert_eq!([0, 1, 2].map(|stage| ledger.frontier_of(stage)), [2, 1, 1]);
}

#[test]
fn at_end_waits_for_all_to_leave_and_all_wait_for_it() {
    let mut ledger = Ledger::new(2);
    let a = passed(&mut ledger, "a", 1);
    let b = ticket(&mut ledger, Flush::AtEnd, "b");
    let c = passed(&mut ledger, "c", 0);
    assert_eq!(waits_for(ledger.enter(&b, 0, 0)), 1);
    assert_eq!(waits_for(ledger.enter(&c, 0, 0)), 2);
    assert!(matches!(ledger.journal(&b), Err(Refusal::OutOfTurn { .. })));
    ledger.pass(&a, 1).expect("open");
    assert_eq!(ledger.enter(&b, 0, 0), Ok(Gate::Open));
    assert!(matches!(
        ledger.pass(&b, 0),
        Ok(Passed::Complete { time: 2, .. })
    ));
    assert_eq!(ledger.enter(&c, 0, 0), Ok(Gate::Open));
}

#[test]
fn nothing_is_passed_before_the_inputs_are_journaled_nor_out_of_turn() {
    let mut ledger = Ledger::new(2);
    let a = ticket(&mut ledger, Flush::EachTable, "a");
    assert!(matches!(ledger.pass(&a, 0), Err(Refusal::OutOfTurn { .. })));
    assert!(matches!(
        ledger.enter(&a, 1, 0),
        Err(Refusal::OutOfTurn { .. })
    ));
    ledger.journal(&a).expect("held");
    assert!(matches!(ledger.journal(&a), Err(Refusal::OutOfTurn { .. })));
    assert!(matches!(ledger.pass(&a, 1), Err(Refusal::OutOfTurn { .. })));
    ledger.pass(&a, 0).expect("open");
}

#[test]
fn the_living_are_waited_for_and_the_dead_are_taken_over() {
    let mut ledger = Ledger::new(3);
    let a = passed(&mut ledger, "a", 2);
    let b = passed(&mut ledger, "b", 2);
    let by = worker("b");
    let take = |ledger: &mut Ledger, now| ledger.take_over(1, &by, Evidence::Ledger, LEASE, now);
    assert!(matches!(take(&mut ledger, 100), Err(Refusal::Alive(_))));
    ledger.renew(&a, LEASE, 90).expect("held");
    assert_eq!(waits_for(ledger.enter(&b, 2, 190)), 1);
    assert!(matches!(ledger.enter(&b, 2, 191), Ok(Gate::Dead(_))));
    let (mine, next) = taken(take(&mut ledger, 191));
    assert_eq!(next, 2);
    let fenced = Err(Refusal::Fenced { time: 1 });
    assert_eq!(ledger.pass(&a, 2), fenced);
    assert_eq!(
        ledger
            .renew(&a, LEASE, 200)
            .map(|()| Passed::Stage { next: 0 }),
        fenced
    );
    assert!(ledger.pass(&mine, 2).is_ok());
    assert_eq!(
        take(&mut ledger, 500),
        Err(Refusal::NotInFlight { time: 1 })
    );
}

#[test]
fn a_database_that_sees_holders_die_says_so() {
    let mut ledger = Ledger::new(2);
    let a = passed(&mut ledger, "a", 1);
    ledger.renew(&a, None, 0).expect("held");
    let by = worker("b");
    assert!(matches!(
        ledger.take_over(1, &by, Evidence::Ledger, None, i64::MAX),
        Err(Refusal::Alive(_))
    ));
    taken(ledger.take_over(1, &by, Evidence::Database, None, 0));
}

#[test]
fn what_nobody_else_can_run_is_removed_with_its_holder() {
    let mut ledger = Ledger::new(2);
    ticket(&mut ledger, Flush::EachTable, "a");
    ticket(&mut ledger, Flush::AtEnd, "b");
    for time in [1, 2] {
        assert_eq!(
            ledger.take_over(time, &worker("c"), Evidence::Ledger, LEASE, 101),
            Ok(TakenOver::Abandoned)
        );
    }
    assert_eq!((ledger.last(), ledger.complete()), (2, 0));
    assert_eq!(ticket(&mut ledger, Flush::AtEnd, "d").time(), 3);
}

#[test]
fn giving_up_leaves_nothing_or_something_to_take_over() {
    let mut ledger = Ledger::new(2);
    let a = passed(&mut ledger, "a", 1);
    let b = passed(&mut ledger, "b", 0);
    assert_eq!(ledger.give_up(&b), Ok(GaveUp::Abandoned));
    assert_eq!(ledger.give_up(&a), Ok(GaveUp::Left));
    assert_eq!(ledger.give_up(&a), Err(Refusal::Fenced { time: 1 }));
    assert_eq!(
        ledger.dead(0).map(|entry| entry.time).collect::<Vec<_>>(),
        [1]
    );
    let (mine, next) = taken(ledger.take_over(1, &worker("c"), Evidence::Ledger, LEASE, 0));
    assert_eq!(next, 1);
    ledger.pass(&mine, 1).expect("open");
}

#[test]
fn a_failure_without_traces_is_abandoned_and_any_other_halts_all_that_is_later() {
    let mut ledger = Ledger::new(3);
    let early = passed(&mut ledger, "early", 2);
    let a = passed(&mut ledger, "a", 1);
    let b = passed(&mut ledger, "b", 1);
    let none = passed(&mut ledger, "none", 0);
    assert_eq!(ledger.fail(&none, "v", "m"), Ok(Failed::Abandoned));
    let last = ticket(&mut ledger, Flush::AtEnd, "last");
    assert_eq!(
        ledger.fail(&a, "totals", "it overflowed"),
        Ok(Failed::Halted)
    );
    let halted = Refusal::Halted {
        time: 2,
        halt: Halt {
            vertex: "totals".into(),
            message: "it overflowed".into(),
        },
    };
    for (ticket, stage) in [(&b, 1), (&last, 0)] {
        assert_eq!(ledger.enter(ticket, stage, 0), Err(halted.clone()));
    }
    assert_eq!(
        reserve(&mut ledger, Time::default(), "new", 0),
        Err(halted.clone())
    );
    assert_eq!(
        at_once(&mut ledger, Time::default(), "new"),
        Err(halted.clone())
    );
    assert_eq!(ledger.read(2, 0), Err(halted.clone()));
    assert_eq!(waits_for(ledger.read(1, 0)), 1);
    for part in ["time 2", "totals", "it overflowed"] {
        assert!(halted.to_string().contains(part), "{halted}");
    }
    // What would have to wait for it is not taken over, else it would go from hand to hand.
    ledger.give_up(&b).expect("held");
    let by = worker("by");
    let taken = ledger.take_over(3, &by, Evidence::Ledger, LEASE, 0);
    assert_eq!(taken, Err(halted.clone()));
    assert_eq!(ledger.dead(0).count(), 0);
    // What is earlier goes on, and what failed can't.
    ledger.pass(&early, 2).expect("open");
    assert_eq!(ledger.pass(&a, 1), Err(Refusal::Fenced { time: 2 }));
}

#[test]
fn what_halted_is_resumed_from_the_stage_that_failed() {
    let mut ledger = Ledger::new(3);
    assert_eq!(
        ledger.resume(&worker("r"), LEASE, 0),
        Err(Refusal::NotHalted)
    );
    let a = passed(&mut ledger, "a", 2);
    let b = passed(&mut ledger, "b", 1);
    ledger.fail(&a, "v", "m").expect("held");
    ledger.fail(&b, "w", "n").expect("held");
    let (mine, next) = ledger.resume(&worker("r"), LEASE, 7).expect("halted");
    assert_eq!((mine.time(), next), (1, 2));
    assert_eq!(ledger.halted(), None);
    ledger.pass(&mine, 2).expect("open");
    // The other one is there for whoever waits.
    taken(ledger.take_over(2, &worker("c"), Evidence::Ledger, LEASE, 7));
}

#[test]
fn abandoning_takes_back_all_that_was_built_on_it_newest_first() {
    let mut ledger = Ledger::new(4);
    let early = passed(&mut ledger, "early", 3);
    let a = passed(&mut ledger, "a", 3);
    let b = passed(&mut ledger, "b", 2);
    let c = passed(&mut ledger, "c", 1);
    let d = passed(&mut ledger, "d", 0);
    let last = ticket(&mut ledger, Flush::AtEnd, "last");
    assert!(matches!(
        ledger.abandon(2, Evidence::Ledger, 0),
        Err(Refusal::Alive(_))
    ));
    ledger.fail(&a, "v", "m").expect("held");
    ledger.give_up(&c).expect("held");
    let rewinding = ledger.abandon(2, Evidence::Ledger, 0).expect("halted");
    let expected = Rewinding {
        abandoned: 2,
        steps: vec![(4, 0), (3, 1), (3, 0), (2, 2), (2, 1), (2, 0)],
        left: vec![4],
    };
    assert_eq!(rewinding, expected);
    ledger.pass(&early, 3).expect("earlier ones are untouched");
    for (ticket, stage) in [(&b, 2), (&d, 0)] {
        let rewound = Refusal::Rewound {
            time: ticket.time(),
        };
        assert_eq!(ledger.pass(ticket, stage), Err(rewound.clone()));
        assert_eq!(ledger.enter(ticket, stage, 0), Err(rewound));
    }
    assert_eq!(waits_for(ledger.enter(&last, 0, 0)), 3);
    let again = ledger.rejoin(&b, LEASE, 0).expect("rewound");
    assert_eq!(
        ledger.rejoin(&b, LEASE, 0),
        Err(Refusal::Fenced { time: 3 })
    );
    assert!(matches!(
        ledger.rejoin(&again, LEASE, 0),
        Err(Refusal::OutOfTurn { .. })
    ));
    // Its inputs are still in the journal.
    ledger.pass(&again, 0).expect("open");
}

#[test]
fn one_whose_holder_died_can_be_abandoned_as_well() {
    let mut ledger = Ledger::new(3);
    passed(&mut ledger, "a", 2);
    let b = passed(&mut ledger, "b", 1);
    ledger.renew(&b, LEASE, 50).expect("held");
    let abandoned = ledger.abandon(1, Evidence::Ledger, 101).expect("dead");
    assert_eq!(abandoned.steps, [(2, 0), (1, 1), (1, 0)]);
    assert_eq!(abandoned.left, []);
    assert_eq!(
        ledger.abandon(1, Evidence::Ledger, 101),
        Err(Refusal::NotInFlight { time: 1 })
    );
    let again = ledger.rejoin(&b, LEASE, 101).expect("rewound");
    assert_eq!(ledger.enter(&again, 0, 101), Ok(Gate::Open));
}

#[test]
fn one_that_was_rewound_twice_or_died_meanwhile_is_not_lost() {
    let mut ledger = Ledger::new(2);
    let a = passed(&mut ledger, "a", 1);
    let b = passed(&mut ledger, "b", 1);
    let c = passed(&mut ledger, "c", 1);
    for failed in [a, b] {
        let failed = ledger.rejoin(&failed, LEASE, 0).unwrap_or(failed);
        if ledger.get(failed.time()).expect("in flight").passed == 0 {
            ledger.pass(&failed, 0).expect("open");
        }
        ledger.fail(&failed, "v", "m").expect("held");
        ledger
            .abandon(failed.time(), Evidence::Ledger, 0)
            .expect("halted");
    }
    assert_eq!(
        ledger.renew(&c, LEASE, 0),
        Err(Refusal::Rewound { time: 3 })
    );
    let (mine, next) = taken(ledger.take_over(3, &worker("d"), Evidence::Ledger, LEASE, 101));
    assert_eq!(next, 0);
    assert_eq!(
        ledger.rejoin(&c, LEASE, 0),
        Err(Refusal::Fenced { time: 3 })
    );
    ledger.pass(&mine, 0).expect("open");
}

#[test]
fn a_reader_waits_for_its_frontier() {
    let mut ledger = Ledger::new(2);
    assert_eq!(ledger.read(0, 0), Ok(Gate::Open));
    at_once(&mut ledger, Time::default(), "a").expect("idle");
    assert_eq!(ledger.read(1, 0), Ok(Gate::Open));
    let not_yet = Gate::NotYet {
        frontier: 2,
        last: 1,
    };
    assert_eq!(ledger.read(2, 0), Ok(not_yet));
    passed(&mut ledger, "b", 1);
    assert_eq!(ledger.read(1, 0), Ok(Gate::Open));
    assert_eq!(waits_for(ledger.read(2, 0)), 2);
    assert!(matches!(ledger.read(2, 101), Ok(Gate::Dead(_))));
}

#[test]
fn a_deadline_names_whom_it_was_for() {
    let mut ledger = Ledger::new(2);
    passed(&mut ledger, "web-3:4711", 1);
    let b = passed(&mut ledger, "b", 1);
    let Ok(Gate::Wait(blocker)) = ledger.enter(&b, 1, 40) else {
        panic!("it waits");
    };
    let timed_out = TimedOut {
        waiting: 2,
        waited: 30,
        blocker: Some(blocker),
        now: 40,
    };
    let error = crate::Error::from(timed_out.clone());
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::Timeout, true)
    );
    assert_eq!(error.timed_out(), Some(&timed_out));
    for part in ["time 2", "30 ms", "time 1", "web-3:4711", "40 ms", "1 of 2"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    let refused = crate::Error::from(Refusal::Fenced { time: 2 });
    assert_eq!(refused.refusal(), Some(&Refusal::Fenced { time: 2 }));
}

#[test]
fn the_status_says_who_waits_for_whom() {
    let mut ledger = Ledger::new(2);
    let a = passed(&mut ledger, "a", 1);
    passed(&mut ledger, "b", 1);
    ledger.fail(&a, "v", "m").expect("held");
    let status = ledger.status(30);
    assert_eq!((status.last, status.complete), (2, 0));
    assert_eq!(status.frontiers, [2, 0]);
    assert_eq!(status.halted.map(|(time, _)| time), Some(1));
    let waits: Vec<_> = status.in_flight.iter().map(|time| time.waits_for).collect();
    assert_eq!(waits, [None, Some(1)]);
    assert_eq!(status.in_flight[1].held_for, 30);
    assert_eq!(status.in_flight[1].holder.as_str(), "b");
}

#[test]
fn what_is_written_back_and_loaded_is_the_ledger() {
    let before = Ledger::new(2);
    let mut ledger = before.clone();
    let a = passed(&mut ledger, "a", 1);
    passed(&mut ledger, "b", 0);
    let changes = ledger.changes_since(&before);
    assert_eq!((changes.last, changes.complete), (Some(2), None));
    assert_eq!((changes.put.len(), changes.delete.len()), (2, 0));
    let entries = || ledger.in_flight().cloned();
    assert_eq!(Ledger::load(2, 2, 0, entries()).expect("sound"), ledger);
    for (stages, last, complete) in [(1, 2, 0), (2, 1, 0), (2, 2, 1), (2, 2, 3)] {
        let error = Ledger::load(stages, last, complete, entries()).expect_err("corrupt");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }
    let before = ledger.clone();
    ledger.pass(&a, 1).expect("open");
    let changes = ledger.changes_since(&before);
    assert_eq!((changes.last, changes.complete), (None, Some(1)));
    assert_eq!((changes.put.len(), changes.delete), (0, vec![1]));
}
