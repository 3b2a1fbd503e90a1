//! A worker is killed before, in and after each transaction of a commit, one after the other; and a survivor goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deltaview_store::{Flush, Store};

use super::{BAD, LONG, depot};
use super::{MARGIN, Name, Oracle, Orders, What, Worker, begun, survive};

const LEASE: Duration = Duration::from_millis(100);
/// Where somebody must not be taken for dead, however much else the machine has to do.
const LONGER: Duration = Duration::from_secs(1);
/// A point that is not reached.
const NEVER: u64 = 1_000_000;

/// What is there when the worker begins that will be killed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Nothing.
    Quiet,
    /// A change that somebody has left between two stages, dead.
    Dead,
    /// Somebody at work, who lives.
    Busy,
    /// A change that has halted.
    Halted,
}

struct Victim {
    test: &'static str,
    scene: Scene,
    what: What,
    fails: bool,
}

const FIRST: Name = Name {
    client: 1,
    number: 1,
};
const SECOND: Name = Name {
    client: 2,
    number: 1,
};
const THIRD: Name = Name {
    client: 3,
    number: 1,
};
const FAILING: Name = Name {
    client: BAD,
    number: 1,
};

fn commit(name: Name, flush: Flush) -> What {
    What::Commit(name, flush, LONG)
}

/// Kills it at each point, and returns the points. The last time, it comes to its end.
#[expect(
    clippy::print_stdout,
    reason = "shown with --nocapture: how long recovering takes"
)]
fn kill_in_turn(victim: &Victim) -> Vec<String> {
    if let Some(orders) = Orders::of_this_process() {
        orders.follow();
        return Vec::new();
    }
    let (mut points, mut slowest) = (Vec::new(), Duration::ZERO);
    for point in 1.. {
        match kill_at(victim, point) {
            Some((stopped, took)) => {
                slowest = slowest.max(took);
                points.push(stopped);
            }
            None => break,
        }
    }
    println!(
        "{}: {} kills, the slowest recovery {slowest:?}",
        victim.test,
        points.len()
    );
    points
}

fn kill_at(victim: &Victim, point: u64) -> Option<(String, Duration)> {
    let lease = if victim.scene == Scene::Busy {
        LONGER
    } else {
        LEASE
    };
    let (temp, depot, mut store) = begun(lease);
    let start = |what: What, stop_at: u64, fails: bool| -> Worker {
        let mut orders = Orders::new(&temp.db(), lease, what).stop_at(stop_at);
        orders.fails = fails;
        orders.start(victim.test)
    };
    let mut again = Vec::new();
    let mut other = None;
    match victim.scene {
        Scene::Quiet => {}
        Scene::Dead | Scene::Busy => {
            // Turn, stage, turn: three points each but for the first, where it is found that it can't be done at once.
            let mut first = start(commit(FIRST, Flush::EachTable), 7, false);
            assert_eq!(first.stopped().unwrap(), "OneStage Committed");
            if victim.scene == Scene::Dead {
                first.kill();
                let is_dead = || store.status().unwrap().in_flight[0].dead;
                while !is_dead() {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            other = Some(first);
            again.push((FIRST, Flush::EachTable));
        }
        Scene::Halted => {
            let mut first = start(commit(FAILING, Flush::EachTable), NEVER, true);
            assert_eq!(first.next("failed ").unwrap(), "Tick");
            assert!(store.status().unwrap().halted.is_some());
        }
    }
    let mut worker = start(victim.what, point, victim.fails);
    let stopped = worker.stopped();
    worker.kill();
    if let Some(mut other) = other {
        other.kill();
    }
    let began = Instant::now();
    // The survivor is in the way itself, with either flush.
    let (one, two) = if point.is_multiple_of(2) {
        (Flush::EachTable, Flush::AtEnd)
    } else {
        (Flush::AtEnd, Flush::EachTable)
    };
    survive(&mut store, &depot, THIRD, one);
    let took = began.elapsed();
    assert!(took < lease + MARGIN, "{stopped:?}: it took {took:?}");
    if let What::Commit(name, flush, _) = victim.what {
        again.push((name, flush));
    }
    let mut oracle = Oracle::new();
    oracle.check_end(&store, &depot);
    // Their clients were not answered: they make the changes again, under the same names.
    let before = oracle.committed.clone();
    for (name, flush) in again {
        let time = survive(&mut store, &depot, name, flush);
        oracle.check_end(&store, &depot);
        oracle.has(name, time);
        let known = before.iter().find(|(committed, _)| *committed == name);
        assert!(known.is_none_or(|(_, at)| *at == time), "{stopped:?}");
    }
    let after = Name::new(3, 2);
    survive(&mut store, &depot, after, two);
    oracle.check_end(&store, &depot);
    Some((stopped?, took))
}

fn all_moments(points: &[String], work: &str) {
    let reached: BTreeSet<&str> = points.iter().map(String::as_str).collect();
    for moment in ["Before", "Written", "Committed"] {
        let point = format!("{work} {moment}");
        assert!(reached.contains(point.as_str()), "{point} in {points:?}");
    }
}

#[test]
fn at_every_point_of_a_change_that_goes_stage_by_stage() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_a_change_that_goes_stage_by_stage",
        scene: Scene::Quiet,
        what: commit(SECOND, Flush::EachTable),
        fails: false,
    });
    if points.is_empty() {
        return;
    }
    all_moments(&points, "Turn");
    all_moments(&points, "OneStage");
    let stages = depot(false).graph.stage_count();
    assert_eq!(points.len(), 1 + 6 * stages, "{points:?}");
}

#[test]
fn at_every_point_of_a_change_at_its_end() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_a_change_at_its_end",
        scene: Scene::Quiet,
        what: commit(SECOND, Flush::AtEnd),
        fails: false,
    });
    if !points.is_empty() {
        all_moments(&points, "AtOnce");
    }
}

#[test]
fn at_every_point_of_finishing_what_a_dead_worker_left() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_finishing_what_a_dead_worker_left",
        scene: Scene::Dead,
        what: commit(SECOND, Flush::EachTable),
        fails: false,
    });
    if points.is_empty() {
        return;
    }
    all_moments(&points, "Turn");
    all_moments(&points, "OneStage");
}

#[test]
fn at_every_point_of_a_change_at_its_end_behind_a_dead_worker() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_a_change_at_its_end_behind_a_dead_worker",
        scene: Scene::Dead,
        what: commit(SECOND, Flush::AtEnd),
        fails: false,
    });
    if !points.is_empty() {
        all_moments(&points, "AllStages");
    }
}

#[test]
fn at_every_point_of_a_change_that_fails() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_a_change_that_fails",
        scene: Scene::Quiet,
        what: commit(FAILING, Flush::EachTable),
        fails: true,
    });
    if !points.is_empty() {
        all_moments(&points, "Fail");
    }
}

#[test]
fn at_every_point_of_giving_up() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_giving_up",
        scene: Scene::Busy,
        what: What::Commit(SECOND, Flush::AtEnd, Duration::ZERO),
        fails: false,
    });
    if !points.is_empty() {
        all_moments(&points, "GiveUp");
    }
}

#[test]
fn at_every_point_of_resuming() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_resuming",
        scene: Scene::Halted,
        what: What::Resume,
        fails: false,
    });
    if !points.is_empty() {
        all_moments(&points, "Resume");
    }
}

#[test]
fn at_every_point_of_abandoning() {
    let points = kill_in_turn(&Victim {
        test: "in_turn::at_every_point_of_abandoning",
        scene: Scene::Halted,
        what: What::Abandon(4),
        fails: false,
    });
    if !points.is_empty() {
        all_moments(&points, "Abandon");
    }
}

/// The thread that gives the sign of life is in a transaction of its own.
#[test]
fn at_every_point_of_a_sign_of_life() {
    let test = "in_turn::at_every_point_of_a_sign_of_life";
    if let Some(orders) = Orders::of_this_process() {
        orders.follow();
        return;
    }
    for (point, moment) in (1..).zip(["Before", "Written", "Committed"]) {
        let (temp, depot, mut store) = begun(LEASE);
        let mut orders = Orders::new(&temp.db(), LEASE, commit(SECOND, Flush::EachTable));
        orders.beats = true;
        let mut worker = orders.stop_at(point).start(test);
        assert_eq!(worker.stopped().unwrap(), format!("Beat {moment}"));
        worker.kill();
        let began = Instant::now();
        survive(&mut store, &depot, THIRD, Flush::EachTable);
        assert!(began.elapsed() < LEASE + MARGIN);
        let time = survive(&mut store, &depot, SECOND, Flush::EachTable);
        let mut oracle = Oracle::new();
        oracle.check_end(&store, &depot);
        oracle.has(SECOND, time);
    }
}
