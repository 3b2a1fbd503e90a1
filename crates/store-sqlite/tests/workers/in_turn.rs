//! A worker is killed before, in and after each transaction of a commit, one after the other; and a survivor goes on.

use std::time::Instant;

use deltaview_store::Flush;

use crate::common::Temp;
use crate::killed::in_turn::in_turn;
use crate::killed::oracle::Oracle;
use crate::killed::process::{Orders, Stop, What};
use crate::killed::{LONG, Name, Place, begun, survive};

in_turn!(Temp, "in_turn");

/// The thread that gives the sign of life is in a transaction of its own.
#[test]
fn at_every_point_of_a_sign_of_life() {
    let test = "in_turn::at_every_point_of_a_sign_of_life";
    if let Some(orders) = Orders::of_this_process() {
        orders.follow::<Temp>();
        return;
    }
    let (first, second) = (Name::new(1, 1), Name::new(2, 1));
    for (beat, moment) in (1..).zip(Temp::MOMENTS) {
        let (temp, depot, mut store) = begun::<Temp>(Temp::LEASE);
        let what = What::Commit(first, Flush::EachTable, LONG);
        let orders = Orders::new(temp.address(), Temp::LEASE, what);
        let mut worker = orders.stop(Stop::Beat(beat)).start(test);
        assert_eq!(worker.stopped().unwrap(), format!("Beat {moment}"));
        worker.kill();
        let began = Instant::now();
        survive(&mut store, &depot, second, Flush::EachTable);
        let took = began.elapsed();
        assert!(took < Temp::longest_recovery(Temp::LEASE), "{took:?}");
        let time = survive(&mut store, &depot, first, Flush::EachTable);
        let mut oracle = Oracle::new();
        oracle.check_end(&temp, &store, &depot);
        oracle.has(first, time);
    }
}
