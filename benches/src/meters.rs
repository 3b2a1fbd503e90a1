//! The workload "meter reads": users have meters, meters are read, and what is kept is the sum of the values read by day,
//! user and meter.
//!
//! It owns the rows, the query, and the sequence of rows, which is the same for everybody who asks for it with the same
//! numbers: whatever is measured beside deltaview gets the same rows in the same order.

use deltaview::Retention;
use deltaview::prelude::*;

/// The first instant of a read, in seconds since 1970: the beginning of a day.
pub const BEGIN: i64 = 1_767_225_600;
/// Over how many days reads are spread.
pub const DAYS: u32 = 31;
const SECONDS_A_DAY: i64 = 86_400;

/// Somebody who has meters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub struct User {
    /// The number of the user.
    #[index]
    pub id: u64,
    /// What the user is called.
    pub name: String,
}

/// A meter.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable,
)]
pub struct Meter {
    /// The number of the meter: 128 bits, evenly spread.
    #[index]
    pub id: u128,
    /// Whose it is.
    #[index]
    pub user: u64,
}

/// What a meter showed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable,
)]
pub struct Read {
    /// The meter.
    #[index]
    pub meter: u128,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What it showed.
    pub value: i64,
}

impl Read {
    /// The day of the read, from 0.
    pub fn day(&self) -> u32 {
        u32::try_from((self.at - BEGIN) / SECONDS_A_DAY).expect("reads are of a month")
    }
}

/// What is summed by: day, user, meter.
pub type Group = (u32, u64, u128);

/// The handles of [`graph`].
#[derive(Clone, Copy, Debug)]
pub struct Meters {
    /// Who has meters.
    pub users: InputHandle<User>,
    /// The meters.
    pub meters: InputHandle<Meter>,
    /// What they showed.
    pub reads: InputHandle<Read>,
    /// The sum by day, user and meter.
    pub sums: ViewHandle<Keyed<Group, i64>, Group>,
}

/// Users, meters and reads joined, and the values summed by day, user and meter.
pub fn graph() -> (Graph, Meters) {
    built(None)
}

/// The same, and all that the sums have ever been.
pub fn graph_with_history() -> (Graph, Meters) {
    built(Some(Retention::Forever))
}

fn built(history: Option<Retention>) -> (Graph, Meters) {
    Graph::build("meters", |g| {
        let users = g.input::<User>("users");
        let meters = g.input::<Meter>("meters");
        let reads = g.input::<Read>("reads");
        let (by_id, by_user) = (User::by_id(), Meter::by_user());
        // Only what is asked for of a user and a meter: so do the peers.
        let owned = users.join_map(meters, by_id, by_user, |user, _, meter| (meter.id, *user));
        let by_meter = Index::new("meter", |owned: &(u128, u64)| owned.0);
        let sums = owned
            .join_map(reads, by_meter, Read::by_meter(), |meter, owned, read| {
                (read.day(), owned.1, *meter, read.value)
            })
            .group_by(
                Index::new("group", |read: &(u32, u64, u128, i64)| -> Group {
                    (read.0, read.1, read.2)
                })
                .with_columns(["day", "user", "meter"]),
            )
            .sum(|read| read.3)
            .view("sums");
        if let Some(retention) = history {
            g.with_history(sums, retention);
        }
        Meters {
            users: users.handle(),
            meters: meters.handle(),
            reads: reads.handle(),
            sums,
        }
    })
    .expect("the graph is right")
}

/// Numbers that look like chance and are the same for everybody (SplitMix64: Steele, Lea, Flood, OOPSLA 2014, figure 17).
#[derive(Clone, Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number: any, as likely as any other.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// The next number that is less than another one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.any() % end
    }
}

/// The number of a user's meter.
pub fn meter_of(user: u64) -> u128 {
    let mut numbers = Numbers::new(user);
    u128::from(numbers.any()) << 64 | u128::from(numbers.any())
}

/// Users with the numbers from 0.
pub fn users(count: u64) -> impl Iterator<Item = User> {
    (0..count).map(|id| User {
        id,
        name: format!("user {id}"),
    })
}

/// A meter for each user.
pub fn meters(users: u64) -> impl Iterator<Item = Meter> {
    (0..users).map(|user| Meter {
        id: meter_of(user),
        user,
    })
}

/// Reads of the meters of so many users, without end.
pub fn reads(users: u64, seed: u64) -> impl Iterator<Item = Read> {
    let ids: Vec<u128> = (0..users).map(meter_of).collect();
    let mut numbers = Numbers::new(seed);
    std::iter::repeat_with(move || {
        let user = usize::try_from(numbers.below(users)).expect("users are in memory");
        let second = numbers.below(u64::from(DAYS) * SECONDS_A_DAY as u64);
        Read {
            meter: ids[user],
            at: BEGIN + second as i64,
            value: numbers.below(1_000) as i64,
        }
    })
}
