//! differential-dataflow, on one worker in this thread: three forms of the same query, of which the table shows the best.
//!
//! All three join users, meters and reads by arrangements, and keep an arrangement of the sums that is read in place. They
//! differ in how they sum:
//!
//! - `reduce`: the values of a group are its arrangement, and `reduce` adds them up anew where one changes;
//! - `count`: the values are moved into the weights, and `count_total` takes the sums out of them again, as rows;
//! - `weights`: the values are moved into the weights and stay there: whoever reads takes the sum out.

use differential_dataflow::VecCollection;
use differential_dataflow::input::{Input, InputSession};
use differential_dataflow::operators::CountTotal;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::trace::cursor::{BatchCursor, Cursor, cursor_list};
use differential_dataflow::trace::implementations::{KeySpine, ValSpine};
use differential_dataflow::trace::{Navigable, TraceReader};
use timely::WorkerConfig;
use timely::communication::allocator::{Allocator, thread::Thread};
use timely::dataflow::operators::Probe;
use timely::dataflow::operators::probe::Handle;
use timely::progress::Antichain;
use timely::progress::frontier::AntichainRef;
use timely::worker::Worker;

use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};

/// Sums and counts in the weights: a sum of nought is told from no reads.
type SumAndCount = (i64, i64);
/// The sums as rows.
type Rows = TraceAgent<ValSpine<Group, i64, u64, i64>>;
/// The sums as weights.
type Weights = TraceAgent<KeySpine<Group, u64, SumAndCount>>;

/// The inputs, at one time.
struct Inputs {
    users: InputSession<u64, User, i64>,
    meters: InputSession<u64, Meter, i64>,
    reads: InputSession<u64, Read, i64>,
}

struct Differential<Sums> {
    worker: Worker,
    inputs: Inputs,
    now: u64,
    probe: Handle<u64>,
    sums: Sums,
}

/// An arrangement of sums by group.
trait Sums: TraceReader<Time = u64, Batch: Navigable> {
    /// The sum of the group at which a cursor is.
    fn sum(cursor: &mut CursorOf<Self>, storage: &Vec<<Self as TraceReader>::Batch>)
    -> Option<i64>;

    /// The group at which a cursor is.
    fn group(cursor: &CursorOf<Self>, storage: &Vec<<Self as TraceReader>::Batch>)
    -> Option<Group>;

    /// A cursor goes to a group, or the next one.
    fn seek(
        cursor: &mut CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
        group: &Group,
    );
}

type CursorOf<Tr> = differential_dataflow::trace::cursor::CursorList<BatchCursor<Tr>>;

impl Sums for Rows {
    fn sum(
        cursor: &mut CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
    ) -> Option<i64> {
        while let Some(sum) = cursor.get_val(storage) {
            let sum = *sum;
            let mut weight = 0;
            cursor.map_times(storage, |_, diff| weight += *diff);
            if weight != 0 {
                return Some(sum);
            }
            cursor.step_val(storage);
        }
        None
    }

    fn group(
        cursor: &CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
    ) -> Option<Group> {
        cursor.get_key(storage).copied()
    }

    fn seek(
        cursor: &mut CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
        group: &Group,
    ) {
        cursor.seek_key(storage, group);
    }
}

impl Sums for Weights {
    fn sum(
        cursor: &mut CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
    ) -> Option<i64> {
        let (mut sum, mut count) = (0, 0);
        cursor.map_times(storage, |_, diff| {
            sum += diff.0;
            count += diff.1;
        });
        (count != 0).then_some(sum)
    }

    fn group(
        cursor: &CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
    ) -> Option<Group> {
        cursor.get_key(storage).copied()
    }

    fn seek(
        cursor: &mut CursorOf<Self>,
        storage: &Vec<<Self as TraceReader>::Batch>,
        group: &Group,
    ) {
        cursor.seek_key(storage, group);
    }
}

/// The reads with their groups.
fn joined<'scope>(
    users: VecCollection<'scope, u64, User, i64>,
    meters: VecCollection<'scope, u64, Meter, i64>,
    reads: VecCollection<'scope, u64, Read, i64>,
) -> VecCollection<'scope, u64, (Group, i64), i64> {
    let users = users.map(|user| (user.id, user)).arrange_by_key();
    let meters = meters.map(|meter| (meter.user, meter)).arrange_by_key();
    let owned = users.join_core(meters, |_, user, meter| Some((meter.id, user.id)));
    let reads = reads.map(|read| (read.meter, (read.at, read.value)));
    let owned = owned.arrange_by_key();
    owned.join_core(reads.arrange_by_key(), |meter, user, (at, value)| {
        let read = Read {
            meter: *meter,
            at: *at,
            value: *value,
        };
        Some(((read.day(), *user, *meter), *value))
    })
}

/// The values in the weights.
fn weighed<'scope>(
    joined: VecCollection<'scope, u64, (Group, i64), i64>,
) -> VecCollection<'scope, u64, Group, SumAndCount> {
    joined.explode(|(group, value)| Some((group, (value, 1))))
}

pub(crate) fn reduce(_: &Options) -> Box<dyn Peer> {
    Box::new(Differential::<Rows>::new(|joined, probe| {
        let sums = joined.reduce(|_, values, sums| {
            let sum = values.iter().map(|(value, weight)| **value * *weight);
            sums.push((sum.sum::<i64>(), 1));
        });
        let sums = sums.arrange_by_key();
        sums.stream.probe_with(probe);
        sums.trace
    }))
}

pub(crate) fn count(_: &Options) -> Box<dyn Peer> {
    Box::new(Differential::<Rows>::new(|joined, probe| {
        let sums = weighed(joined).count_total_core();
        let sums = sums.map(|(group, (sum, _))| (group, sum)).arrange_by_key();
        sums.stream.probe_with(probe);
        sums.trace
    }))
}

pub(crate) fn weights(_: &Options) -> Box<dyn Peer> {
    Box::new(Differential::<Weights>::new(|joined, probe| {
        let sums = weighed(joined).arrange_by_self();
        sums.stream.probe_with(probe);
        sums.trace
    }))
}

impl<S: Sums> Differential<S> {
    fn new(
        sum: impl for<'scope> FnOnce(VecCollection<'scope, u64, (Group, i64), i64>, &Handle<u64>) -> S,
    ) -> Self {
        let allocator = Allocator::Thread(Thread::default());
        let mut worker = Worker::new(WorkerConfig::default(), allocator, None);
        let probe = Handle::new();
        let (inputs, sums) = worker.dataflow(|scope| {
            let (users, of_users) = scope.new_collection();
            let (meters, of_meters) = scope.new_collection();
            let (reads, of_reads) = scope.new_collection();
            let sums = sum(joined(of_users, of_meters, of_reads), &probe);
            let inputs = Inputs {
                users,
                meters,
                reads,
            };
            (inputs, sums)
        });
        Self {
            worker,
            inputs,
            now: 0,
            probe,
            sums,
        }
    }

    /// One change: all that was given to the inputs, until the sums have it.
    fn change(&mut self) {
        self.now += 1;
        let Inputs {
            users,
            meters,
            reads,
        } = &mut self.inputs;
        users.advance_to(self.now);
        users.flush();
        meters.advance_to(self.now);
        meters.flush();
        reads.advance_to(self.now);
        reads.flush();
        let (probe, now) = (&self.probe, self.now);
        self.worker.step_while(|| probe.less_than(&now));
        // Nobody asks how things were before: what was then may be merged.
        self.sums.set_logical_compaction(AntichainRef::new(&[now]));
        self.sums.set_physical_compaction(AntichainRef::new(&[now]));
    }

    fn read<T>(&mut self, read: impl FnOnce(&mut CursorOf<S>, &Vec<S::Batch>) -> T) -> T {
        let spans = self.sums.spans_through(Antichain::new().borrow());
        let spans = spans.expect("all times are complete");
        let batches = spans.into_iter().filter_map(|span| span.inner).collect();
        let (mut cursor, storage) = cursor_list(batches);
        read(&mut cursor, &storage)
    }
}

impl<S: Sums> Peer for Differential<S> {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        for user in users {
            self.inputs.users.update(user, 1);
        }
        for meter in meters {
            self.inputs.meters.update(meter, 1);
        }
        self.change();
    }

    fn insert(&mut self, reads: &[Read]) {
        for read in reads {
            self.inputs.reads.update(*read, 1);
        }
        self.change();
    }

    fn remove(&mut self, reads: &[Read]) {
        for read in reads {
            self.inputs.reads.update(*read, -1);
        }
        self.change();
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.read(|cursor, storage| {
            S::seek(cursor, storage, &group);
            if S::group(cursor, storage)? != group {
                return None;
            }
            S::sum(cursor, storage)
        })
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        self.read(|cursor, storage| {
            S::seek(cursor, storage, &(day, 0, 0));
            let (mut count, mut total) = (0, 0);
            while S::group(cursor, storage).is_some_and(|group| group.0 == day) {
                if let Some(sum) = S::sum(cursor, storage) {
                    count += 1;
                    total += sum;
                }
                cursor.step_key(storage);
            }
            (count, total)
        })
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        self.read(|cursor, storage| {
            let mut sums = Vec::new();
            while let Some(group) = S::group(cursor, storage) {
                sums.extend(S::sum(cursor, storage).map(|sum| (group, sum)));
                cursor.step_key(storage);
            }
            sums
        })
    }

    fn rename(&mut self, user: User, name: String) {
        self.inputs.users.update(user.clone(), -1);
        self.inputs.users.update(User { name, ..user }, 1);
        self.change();
    }
}
