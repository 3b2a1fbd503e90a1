//! Users, meters and reads, made from a fixed seed: the same in each process, so that a batch needs only its number.

use super::query::{Meter, Read, User};

/// So many users, with a meter each.
pub(crate) const USERS: u32 = 1_000;
const DAYS: u32 = 31;
const SEED: u64 = 5;

/// All users.
pub(crate) fn users() -> impl Iterator<Item = User> {
    (0..USERS).map(|id| User {
        id,
        name: format!("user {id}"),
    })
}

/// The meter of each user.
pub(crate) fn meters() -> impl Iterator<Item = Meter> {
    (0..USERS).map(|user| Meter {
        id: meter_of(user),
        user,
    })
}

/// The reads of a batch.
pub(crate) fn reads(batch: u32, size: u32) -> impl Iterator<Item = Read> {
    let mut random = SplitMix(SEED ^ (u64::from(batch) << 32));
    (0..size).map(move |_| Read {
        meter: meter_of(random.below(USERS)),
        at: random.below(DAYS * 24 * 60 * 60),
        value: i64::from(random.below(1_000)),
    })
}

fn meter_of(user: u32) -> u128 {
    let mut random = SplitMix(u64::from(user));
    (u128::from(random.next()) << 64) | u128::from(random.next())
}

/// `SplitMix64`: a few lines, and the same numbers in each process.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let below = self.next() % u64::from(bound);
        u32::try_from(below).expect("less than the bound")
    }
}
