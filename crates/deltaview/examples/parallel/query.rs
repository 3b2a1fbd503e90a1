//! The query: users, their meters and what these were read at; the sum of each meter of a user by day.

use deltaview::BuildError;
use deltaview::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct User {
    #[index]
    pub(crate) id: u32,
    pub(crate) name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Meter {
    #[index]
    pub(crate) id: u128,
    #[index]
    pub(crate) user: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Read {
    #[index]
    pub(crate) meter: u128,
    /// Seconds since the first day began.
    pub(crate) at: u32,
    pub(crate) value: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Indexable)]
pub(crate) struct Used {
    #[index]
    pub(crate) day: u32,
    pub(crate) user: String,
    pub(crate) meter: u128,
    pub(crate) sum: i64,
}

/// What a change is made with, and what is read.
#[derive(Clone, Copy)]
pub(crate) struct Meters {
    pub(crate) users: InputHandle<User>,
    pub(crate) meters: InputHandle<Meter>,
    pub(crate) reads: InputHandle<Read>,
    pub(crate) used: ViewHandle<Used, u32>,
}

pub(crate) fn day_of(at: u32) -> u32 {
    at / (24 * 60 * 60)
}

/// The query: what SQL would write as
///
/// ```sql
/// SELECT day(at), users.name, meter, sum(value)
/// FROM users JOIN meters ON users.id = meters.user JOIN reads ON meters.id = reads.meter
/// GROUP BY users.name, meter, day(at)
/// ```
pub(crate) fn graph() -> Result<(Graph, Meters), BuildError> {
    Graph::build("meters", |g| {
        let users = g.input::<User>("users");
        let meters = g.input::<Meter>("meters");
        let reads = g.input::<Read>("reads");
        let owned = users
            .join(meters, User::by_id(), Meter::by_user())
            .named("owned");
        let by_meter = Index::new("meter", |owned: &Pair<User, Meter>| owned.right.id);
        let by_meter_and_day =
            Index::new("user_meter_day", |read: &Pair<Pair<User, Meter>, Read>| {
                let name = read.left.left.name.clone();
                (name, read.right.meter, day_of(read.right.at))
            });
        let used = owned
            .join(reads, by_meter, Read::by_meter())
            .group_by(by_meter_and_day)
            .sum(|read| read.right.value)
            .map(|group| Used {
                day: group.key.2,
                user: group.key.0,
                meter: group.key.1,
                sum: group.value,
            });
        Meters {
            users: users.handle(),
            meters: meters.handle(),
            reads: reads.handle(),
            used: used.view_by("used", Used::by_day()),
        }
    })
}
