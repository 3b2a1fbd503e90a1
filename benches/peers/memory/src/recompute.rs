//! Plain recompute: each change of the raw reads makes all sums anew, in one pass over hash maps.

use std::collections::HashMap;

use deltaview_benches::meters::{Group, Meter, Read, User};
use deltaview_peers_frame::{Options, Peer};

#[derive(Default)]
struct Recompute {
    users: HashMap<u64, User>,
    meters: HashMap<u128, Meter>,
    reads: Vec<Read>,
    sums: HashMap<Group, i64>,
}

pub(crate) fn make(_: &Options) -> Box<dyn Peer> {
    Box::new(Recompute::default())
}

impl Recompute {
    fn recompute(&mut self) {
        self.sums.clear();
        for read in &self.reads {
            let user = self.meters.get(&read.meter);
            let user = user.and_then(|meter| self.users.get(&meter.user));
            if let Some(user) = user {
                let sum = self.sums.entry((read.day(), user.id, read.meter));
                let sum = sum.or_default();
                *sum = sum.checked_add(read.value).expect("sums fit");
            }
        }
    }
}

impl Peer for Recompute {
    fn load(&mut self, users: Vec<User>, meters: Vec<Meter>) {
        self.users = users.into_iter().map(|user| (user.id, user)).collect();
        self.meters = meters.into_iter().map(|meter| (meter.id, meter)).collect();
    }

    fn insert(&mut self, reads: &[Read]) {
        self.reads.extend(reads);
        self.recompute();
    }

    fn remove(&mut self, reads: &[Read]) {
        let mut going: HashMap<Read, usize> = HashMap::new();
        for read in reads {
            *going.entry(*read).or_default() += 1;
        }
        self.reads.retain(|read| match going.get_mut(read) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        });
        self.recompute();
    }

    fn get(&mut self, group: Group) -> Option<i64> {
        self.sums.get(&group).copied()
    }

    fn day(&mut self, day: u32) -> (u64, i64) {
        let of_day = self.sums.iter().filter(|(group, _)| group.0 == day);
        of_day.fold((0, 0), |(count, total), (_, sum)| (count + 1, total + sum))
    }

    fn sums(&mut self) -> Vec<(Group, i64)> {
        let mut sums: Vec<_> = self
            .sums
            .iter()
            .map(|(group, sum)| (*group, *sum))
            .collect();
        sums.sort_unstable();
        sums
    }

    fn rename(&mut self, user: User, name: String) {
        self.users.insert(user.id, User { name, ..user });
        self.recompute();
    }
}
