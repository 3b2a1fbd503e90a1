//! A worker is killed at each point of its commit, one after the other; and a survivor goes on. After each kill the place
//! says what the oracle says.
#![expect(
    clippy::print_stdout,
    reason = "shown with --nocapture: how long recovering takes"
)]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use deltaview_store::{Flush, Store};

use super::oracle::Oracle;
use super::process::{Orders, Stop, What, Worker};
use super::{BAD, LONG, Name, Place, begun, survive};

/// What is there when the worker begins that will be killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Nothing.
    Quiet,
    /// A change that somebody has left between two stages, dead.
    Dead,
    /// Somebody at work, who lives.
    Busy,
    /// A change that has halted.
    Halted,
}

/// What the worker does that is killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    Commit(Flush),
    /// Commits in the time that it has, which is short.
    CommitSoon,
    /// Commits what can't be computed.
    Fail,
    Resume,
    Abandon,
}

pub(crate) struct Victim {
    pub(crate) scene: Scene,
    pub(crate) does: Does,
    /// A transaction that must be reached, at each of its moments.
    pub(crate) works: &'static [&'static str],
}

const FIRST: u32 = 1;
const SECOND: u32 = 2;
const THIRD: u32 = 3;
/// So long a test takes all points.
const ENOUGH: Duration = Duration::from_secs(20);
/// Not longer than it takes to see that somebody is in the way.
const SOON: Duration = Duration::from_millis(200);

/// Kills it at each point, and returns the points. The last time, it comes to its end.
pub(crate) fn kill_in_turn<P: Place>(test: &str, victim: &Victim) -> Vec<String> {
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<P>();
        return Vec::new();
    }
    let (mut points, mut slowest) = (Vec::new(), Duration::ZERO);
    let (began, is_patient) = (
        Instant::now(),
        std::env::var_os("DELTAVIEW_KILLS").is_some(),
    );
    let (mut point, mut leaves_out) = (1, false);
    while let Some((stopped, took)) = kill_at::<P>(test, victim, point) {
        slowest = slowest.max(took);
        points.push(stopped);
        // Where the machine has much else to do, some are left out, unless many kills were asked for.
        leaves_out = !is_patient && began.elapsed() > ENOUGH;
        point += if leaves_out { 5 } else { 1 };
    }
    println!(
        "{test}: {} kills, the slowest recovery {slowest:?}",
        points.len()
    );
    if leaves_out {
        return points;
    }
    let reached: BTreeSet<&str> = points.iter().map(String::as_str).collect();
    for work in victim.works {
        for moment in P::MOMENTS {
            let point = format!("{work} {moment}");
            assert!(reached.contains(point.as_str()), "{point} in {points:?}");
        }
    }
    points
}

fn kill_at<P: Place>(test: &str, victim: &Victim, point: u64) -> Option<(String, Duration)> {
    let lease = if victim.scene == Scene::Busy {
        P::LONG_LEASE
    } else {
        P::LEASE
    };
    let (place, depot, mut store) = begun::<P>(lease);
    let start = |what: What, stop: Stop, fails: bool| -> Worker {
        let orders = Orders::new(place.address(), lease, what);
        orders.stop(stop).fails(fails).start(test)
    };
    let first = Name::new(FIRST, 1);
    let second = Name::new(SECOND, 1);
    let failing = Name::new(BAD, 1);
    let mut again = Vec::new();
    let mut other = None;
    let mut halted = 0;
    match victim.scene {
        Scene::Quiet => {}
        Scene::Dead | Scene::Busy => {
            let what = What::Commit(first, Flush::EachTable, LONG);
            let mut worker = start(what, Stop::Stage, false);
            assert_eq!(worker.stopped().unwrap(), P::STAGE_COMMITTED);
            if victim.scene == Scene::Dead {
                worker.kill();
                place.until_dead(&store, worker.id());
            }
            other = Some(worker);
            again.push((first, Flush::EachTable));
        }
        Scene::Halted => {
            let what = What::Commit(failing, Flush::EachTable, LONG);
            let mut worker = start(what, Stop::Never, true);
            assert_eq!(worker.next("failed ").unwrap(), "Tick");
            halted = store.status().unwrap().halted.unwrap().0;
        }
    }
    let (what, fails) = match victim.does {
        Does::Commit(flush) => {
            again.push((second, flush));
            (What::Commit(second, flush, LONG), false)
        }
        Does::CommitSoon => {
            again.push((second, Flush::AtEnd));
            (What::Commit(second, Flush::AtEnd, SOON), false)
        }
        Does::Fail => {
            again.push((failing, Flush::EachTable));
            (What::Commit(failing, Flush::EachTable, LONG), true)
        }
        Does::Resume => (What::Resume, false),
        Does::Abandon => (What::Abandon(halted), false),
    };
    let mut worker = start(what, Stop::Point(point), fails);
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
    survive(&mut store, &depot, Name::new(THIRD, 1), one);
    let took = began.elapsed();
    assert!(
        took < P::longest_recovery(lease),
        "{stopped:?}: it took {took:?}"
    );
    let mut oracle = Oracle::new();
    oracle.check_end(&place, &store, &depot);
    // Their clients were not answered: they make the changes again, under the same names.
    let before = oracle.committed.clone();
    for (name, flush) in again {
        let time = survive(&mut store, &depot, name, flush);
        oracle.check_end(&place, &store, &depot);
        oracle.has(name, time);
        let known = before.iter().find(|(committed, _)| *committed == name);
        assert!(known.is_none_or(|(_, at)| *at == time), "{stopped:?}");
    }
    survive(&mut store, &depot, Name::new(THIRD, 2), two);
    oracle.check_end(&place, &store, &depot);
    Some((stopped?, took))
}

/// Writes the tests of a [`Place`]: `in_turn!(Place, "the path of the module")`.
macro_rules! in_turn {
    ($place:ty, $module:literal) => {
        $crate::killed::in_turn::in_turn! { @ $place, $module;
            at_every_point_of_a_change_that_goes_stage_by_stage:
                Quiet, Commit(deltaview_store::Flush::EachTable), ["Turn", "OneStage"];
            at_every_point_of_a_change_at_its_end:
                Quiet, Commit(deltaview_store::Flush::AtEnd), ["AtOnce"];
            at_every_point_of_finishing_what_a_dead_worker_left:
                Dead, Commit(deltaview_store::Flush::EachTable), ["Turn", "OneStage"];
            at_every_point_of_a_change_at_its_end_behind_a_dead_worker:
                Dead, Commit(deltaview_store::Flush::AtEnd), ["AllStages"];
            at_every_point_of_a_change_that_fails: Quiet, Fail, ["Fail"];
            at_every_point_of_giving_up: Busy, CommitSoon, ["GiveUp"];
            at_every_point_of_resuming: Halted, Resume, ["Resume"];
            at_every_point_of_abandoning: Halted, Abandon, ["Abandon"];
        }
    };
    (@ $place:ty, $module:literal; $($test:ident: $scene:ident, $does:expr, $works:expr;)*) => { $(
        #[test]
        fn $test() {
            use $crate::killed::in_turn::{Does::*, Scene, Victim, kill_in_turn};
            let victim = Victim { scene: Scene::$scene, does: $does, works: &$works };
            kill_in_turn::<$place>(concat!($module, "::", stringify!($test)), &victim);
        }
    )* };
}
pub(crate) use in_turn;
