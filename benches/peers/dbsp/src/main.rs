//! dbsp, in memory: forms of the same query, of which the table shows the best.
//!
//! It is a package of its own, because it takes minutes to build. All forms join users, meters and reads, which come keyed,
//! by indexed Z-sets, and sum by `aggregate_linear_postprocess`. The circuit runs in a thread of dbsp's own, without which its
//! traces can't be. The forms differ in who keeps the sums:
//!
//! - `snapshot`: a trace of the sums is read as a snapshot of the last change;
//! - `deltas`: what changes of the sums is read after each change, and applied to a map of the program's.

use std::collections::BTreeMap;

use dbsp::dynamic::DowncastTrait;
use dbsp::dynamic::Erase;
use dbsp::trace::{BatchReader as _, Cursor as _};
use dbsp::typed_batch::{BatchReader as _, IndexedZSetReader, SpineSnapshot};
use dbsp::utils::{Tup2, Tup3};
use dbsp::{
    DBSPHandle, IndexedZSetHandle, OrdIndexedZSet, OutputHandle, RootCircuit, Runtime, Stream,
    ZWeight,
};
use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};

/// Day, user, meter.
type Key = Tup3<u32, u64, u128>;
type Sums = OrdIndexedZSet<Key, i64>;
type Keyed<K, V> = IndexedZSetHandle<K, V>;

/// The inputs by the keys that they are joined by.
#[derive(Clone)]
struct Inputs {
    users: Keyed<u64, String>,
    meters: Keyed<u64, u128>,
    reads: Keyed<u128, Tup2<i64, i64>>,
}

fn query(circuit: &mut RootCircuit) -> (Inputs, Stream<RootCircuit, Sums>) {
    let (users, users_handle) = circuit.add_input_indexed_zset::<u64, String>();
    let (meters, meters_handle) = circuit.add_input_indexed_zset::<u64, u128>();
    let (reads, reads_handle) = circuit.add_input_indexed_zset::<u128, Tup2<i64, i64>>();
    let owned = users.join_index(&meters, |user, _, meter| Some((*meter, *user)));
    let joined = owned.join_index(&reads, |meter, user, Tup2(at, value)| {
        let read = Read {
            meter: *meter,
            at: *at,
            value: *value,
        };
        Some((Tup3(read.day(), *user, *meter), *value))
    });
    // The count tells a sum of nought from no reads.
    let sums = joined.aggregate_linear_postprocess(
        |value| Tup2(*value, 1_i64),
        |Tup2(sum, _): Tup2<i64, i64>| sum,
    );
    let inputs = Inputs {
        users: users_handle,
        meters: meters_handle,
        reads: reads_handle,
    };
    (inputs, sums)
}

/// Who keeps the sums.
enum View {
    Snapshot(
        OutputHandle<SpineSnapshot<Sums>>,
        Option<SpineSnapshot<Sums>>,
    ),
    Deltas(OutputHandle<SpineSnapshot<Sums>>, BTreeMap<Group, i64>),
}

struct Dbsp {
    circuit: DBSPHandle,
    inputs: Inputs,
    view: View,
}

fn with_snapshot(circuit: &mut RootCircuit) -> (Inputs, OutputHandle<SpineSnapshot<Sums>>) {
    let (inputs, sums) = query(circuit);
    let sums = sums.accumulate_integrate_trace();
    (inputs, sums.apply(|trace| trace.ro_snapshot()).output())
}

fn snapshot(_: &Options) -> Box<dyn Peer> {
    let built = Runtime::init_circuit(1, |circuit| Ok(with_snapshot(circuit)));
    let (circuit, (inputs, sums)) = built.expect("the circuit is right");
    Box::new(Dbsp {
        circuit,
        inputs,
        view: View::Snapshot(sums, None),
    })
}

fn deltas(_: &Options) -> Box<dyn Peer> {
    let built = Runtime::init_circuit(1, |circuit| {
        let (inputs, sums) = query(circuit);
        Ok((inputs, sums.accumulate_output()))
    });
    let (circuit, (inputs, sums)) = built.expect("the circuit is right");
    Box::new(Dbsp {
        circuit,
        inputs,
        view: View::Deltas(sums, BTreeMap::new()),
    })
}

impl Dbsp {
    fn change(&mut self) {
        self.circuit.transaction().expect("the circuit runs");
        match &mut self.view {
            View::Snapshot(handle, last) => {
                *last = handle.take_from_worker(0);
            }
            View::Deltas(handle, sums) => {
                for delta in handle.take_from_all() {
                    // What goes first, so that what comes in its place stays.
                    let delta: Vec<(Key, i64, ZWeight)> = delta.iter().collect();
                    for (Tup3(day, user, meter), _, _) in delta.iter().filter(|row| row.2 < 0) {
                        sums.remove(&(*day, *user, *meter));
                    }
                    for (Tup3(day, user, meter), sum, _) in delta.iter().filter(|row| row.2 > 0) {
                        sums.insert((*day, *user, *meter), *sum);
                    }
                }
            }
        }
    }

    fn feed(&mut self, reads: &[Read], weight: ZWeight) {
        let rows = reads
            .iter()
            .map(|read| Tup2(read.meter, Tup2(Tup2(read.at, read.value), weight)));
        self.inputs.reads.append(&mut rows.collect());
        self.change();
    }

    /// Visits all groups from one on, in order, for as long as the visitor says so.
    fn visit(&self, from: Group, mut visitor: impl FnMut(Group, i64) -> bool) {
        match &self.view {
            View::Deltas(_, sums) => {
                for (group, sum) in sums.range(from..) {
                    if !visitor(*group, *sum) {
                        return;
                    }
                }
            }
            View::Snapshot(_, Some(snapshot)) => {
                let mut cursor = snapshot.inner().cursor();
                let from: Key = Tup3(from.0, from.1, from.2);
                cursor.seek_key(from.erase());
                while cursor.key_valid() {
                    while cursor.val_valid() {
                        if **cursor.weight() != 0 {
                            let Tup3(day, user, meter) = *cursor.key().downcast_checked::<Key>();
                            let sum = *cursor.val().downcast_checked::<i64>();
                            if !visitor((day, user, meter), sum) {
                                return;
                            }
                        }
                        cursor.step_val();
                    }
                    cursor.step_key();
                }
            }
            View::Snapshot(_, None) => {}
        }
    }
}

impl Peer for Dbsp {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        let users = users.into_iter();
        let mut users = users
            .map(|user| Tup2(user.id, Tup2(user.name, 1)))
            .collect();
        self.inputs.users.append(&mut users);
        let meters = meters.into_iter();
        let mut meters = meters
            .map(|meter| Tup2(meter.user, Tup2(meter.id, 1)))
            .collect();
        self.inputs.meters.append(&mut meters);
        self.change();
    }

    fn insert(&mut self, reads: &[Read]) {
        self.feed(reads, 1);
    }

    fn remove(&mut self, reads: &[Read]) {
        self.feed(reads, -1);
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        let mut found = None;
        self.visit(group, |other, sum| {
            if other == group {
                found = Some(sum);
            }
            false
        });
        found
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let (mut count, mut total) = (0, 0);
        self.visit((day, 0, 0), |group, sum| {
            if group.0 != day {
                return false;
            }
            count += 1;
            total += sum;
            true
        });
        (count, total)
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let mut sums = Vec::new();
        self.visit((0, 0, 0), |group, sum| {
            sums.push((group, sum));
            true
        });
        sums
    }

    fn rename(&mut self, user: User, name: String) {
        let rows = [
            Tup2(user.id, Tup2(user.name, -1)),
            Tup2(user.id, Tup2(name, 1)),
        ];
        self.inputs.users.append(&mut rows.into());
        self.change();
    }
}

fn main() {
    deltaview_peers_frame::main(&[("dbsp/snapshot", snapshot), ("dbsp/deltas", deltas)]);
}
