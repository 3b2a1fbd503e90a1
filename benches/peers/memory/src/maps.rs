//! Hand-written hash maps that also keep the raw reads: the limit in memory.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};

#[derive(Default)]
struct Maps {
    users: HashMap<u64, User>,
    meters: HashMap<u128, Meter>,
    reads: HashMap<u128, Vec<Read>>,
    /// The sum of a group, and how many reads it has.
    sums: HashMap<Group, (i64, u64)>,
}

pub(crate) fn make(_: &Options) -> Box<dyn Peer> {
    Box::new(Maps::default())
}

impl Maps {
    fn group_of(&self, read: &Read) -> Option<Group> {
        let meter = self.meters.get(&read.meter)?;
        let user = self.users.get(&meter.user)?;
        Some((read.day(), user.id, meter.id))
    }
}

impl Peer for Maps {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.users = users.into_iter().map(|user| (user.id, user)).collect();
        self.meters = meters.into_iter().map(|meter| (meter.id, meter)).collect();
    }

    fn insert(&mut self, reads: &[Read]) {
        for read in reads {
            self.reads.entry(read.meter).or_default().push(*read);
            if let Some(group) = self.group_of(read) {
                let (sum, count) = self.sums.entry(group).or_default();
                *sum = sum.checked_add(read.value).expect("sums fit");
                *count += 1;
            }
        }
    }

    fn remove(&mut self, reads: &[Read]) {
        for read in reads {
            let kept = self.reads.get_mut(&read.meter).expect("the read is there");
            let place = kept.iter().position(|other| other == read);
            kept.swap_remove(place.expect("the read is there"));
            if let Some(group) = self.group_of(read)
                && let Entry::Occupied(mut entry) = self.sums.entry(group)
            {
                let (sum, count) = entry.get_mut();
                *sum -= read.value;
                *count -= 1;
                if *count == 0 {
                    entry.remove();
                }
            }
        }
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.sums.get(&group).map(|(sum, _)| *sum)
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let of_day = self.sums.iter().filter(|(group, _)| group.0 == day);
        of_day.fold((0, 0), |(count, total), (_, (sum, _))| {
            (count + 1, total + sum)
        })
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let sums = self.sums.iter().map(|(group, (sum, _))| (*group, *sum));
        let mut sums: Vec<_> = sums.collect();
        sums.sort_unstable();
        sums
    }

    fn rename(&mut self, user: User, name: String) {
        self.users.insert(user.id, User { name, ..user });
    }
}
