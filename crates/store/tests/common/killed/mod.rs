//! Worker processes on one database, which are stopped, continued and killed: what the tests of all stores share. A graph
//! of several stages, changes of it that anybody can make again from their names, processes that commit them and stop
//! where they are told, and an oracle: a store in memory that makes the same changes in the order of their times.
//!
//! The tests of a store include this file, say what a [`Place`] is there, and write the tests of [`in_turn`] and
//! [`random`] with their macros. It knows no database.

pub(crate) mod in_turn;
pub(crate) mod oracle;
pub(crate) mod process;
pub(crate) mod random;

use std::ffi::{OsStr, OsString};
use std::num::NonZeroU64;
use std::time::Duration;

use deltaview_graph::{Change, Edit, Graph, InputHandle, Retention, TableHandle, ViewHandle};
use deltaview_schema::{Index, Indexable, Shape};
use deltaview_store::{ChangeId, CommitOptions, Committed, Error, ErrorKind, Flush, Store};
use deltaview_zset::{Keyed, Pair, Weight};
use serde::{Deserialize, Serialize};

/// Longer than anything takes that is waited for in earnest.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// The product whose total can't be computed by a program that fails.
pub(crate) const BAD: u32 = 66;

/// An empty database, of which other processes can be told. It goes away when it is dropped.
pub(crate) trait Place: Sized {
    type Store: Store;

    /// What a point is called: the words behind the name of the transaction.
    const MOMENTS: &'static [&'static str];
    /// The point at which the first stage of a change that goes stage by stage is committed.
    const STAGE_COMMITTED: &'static str;
    /// Leases of workers, where a living one must not be taken for dead however much else the machine has to do; and
    /// where its death is waited for.
    const LONG_LEASE: Duration;
    const LEASE: Duration;

    fn new() -> Self;
    /// By which another process finds it.
    fn address(&self) -> OsString;
    /// Opens it.
    fn open(address: &OsStr, lease: Duration, graph: &Graph) -> Self::Store;
    /// Calls a closure at each point of this process, with its name; also at those of a sign of life, if there are any.
    fn at_each_point(hook: impl Fn(&str) + Send + Sync + 'static);
    /// Waits until others can see that a worker is dead which was killed.
    fn until_dead(&self, store: &Self::Store, worker: u32);
    /// What there is to be read, in one state; and the changes of that state that are later than a time.
    fn state(&self, store: &Self::Store, depot: &Depot, after: i64) -> State;
    /// How many rows are left of times in flight.
    fn left_over(&self, store: &Self::Store) -> i64;
    /// How long a recovery may take: from when a worker is killed until what it held is finished, or is no more.
    fn longest_recovery(lease: Duration) -> Duration;
}

/// What can be read of a [`Place`].
pub(crate) struct State {
    /// The last time that is complete.
    pub(crate) time: i64,
    /// The names of changes and their times, in their order.
    pub(crate) changes: Vec<(String, i64)>,
    pub(crate) totals: Vec<(Total, Weight)>,
    pub(crate) digits: Vec<(Digit, Weight)>,
}

macro_rules! row {
    ($name:ident { $($field:ident: $type:ty),* }) => {
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }

        impl Indexable for $name {
            type Key = ();
            fn default_index() -> Index<Self, ()> {
                Index::unkeyed()
            }
            fn shape() -> Shape {
                Shape::structure(stringify!($name), [$((stringify!($field), Shape::of::<$type>())),*])
            }
        }
    };
}

row!(Item {
    sold: u64,
    product: u32,
    quantity: i64
});
row!(Product {
    id: u32,
    price: i64
});

pub(crate) type Sold = Pair<Item, Product>;
pub(crate) type Total = Keyed<u32, i64>;
pub(crate) type Digit = Keyed<i64, Weight>;

/// So many times of the digits can be read.
pub(crate) const RECENT: u64 = 30;

/// Items of products, their totals by product, and how many products have a total that ends with the same digit. Both are
/// views with history, one of all times and the other of the last.
pub(crate) struct Depot {
    pub(crate) graph: Graph,
    products: TableHandle<Product, u32>,
    items: InputHandle<Item>,
    pub(crate) totals: ViewHandle<Total, u32>,
    pub(crate) digits: ViewHandle<Digit, i64>,
}

/// `fails`: whether a closure of a later stage panics at the product [`BAD`].
pub(crate) fn depot(fails: bool) -> Depot {
    let built = Graph::build("depot", |g| {
        let by_id = || Index::new("id", |product: &Product| product.id);
        let products = g.table("products", by_id());
        let items = g.input::<Item>("items");
        let by_product = Index::new("product", |item: &Item| item.product);
        let totals = items
            .join(products, by_product, by_id())
            .group_by(Index::new("sold", |sold: &Sold| sold.left.product))
            .sum(|sold| sold.left.quantity * sold.right.price)
            .named("totals");
        let last_digit = Index::new("digit", move |total: &Total| {
            assert!(!(fails && total.key == BAD), "a bad product");
            total.value.rem_euclid(10)
        });
        let digits = totals.group_by(last_digit).count().named("digits");
        let by_key = Index::new("product", |total: &Total| total.key);
        let recent = Retention::Times(NonZeroU64::new(RECENT).unwrap());
        (
            products.handle(),
            items.handle(),
            g.with_history(totals.view_by("of products", by_key), Retention::Forever),
            g.with_history(digits.view("of digits"), recent),
        )
    });
    let (graph, (products, items, totals, digits)) = built.unwrap();
    assert!(graph.stage_count() > 2, "{} stages", graph.stage_count());
    Depot {
        graph,
        products,
        items,
        totals,
        digits,
    }
}

/// A change, by which it can be made again: the client who makes it, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) client: u32,
    pub(crate) number: u32,
}

impl Name {
    pub(crate) fn new(client: u32, number: u32) -> Self {
        Self { client, number }
    }

    pub(crate) fn id(self) -> ChangeId {
        ChangeId::new(format!("{} {}", self.client, self.number)).unwrap()
    }

    pub(crate) fn of(id: &str) -> Self {
        let (client, number) = id.split_once(' ').unwrap();
        Self::new(client.parse().unwrap(), number.parse().unwrap())
    }

    /// A price changes, an item comes, an older one of the client's goes. The price depends on the order of the changes.
    pub(crate) fn change(self, depot: &Depot) -> Change {
        let Self { client, number } = self;
        let of = |number: u32| Item {
            sold: u64::from(client) * 1_000_000 + u64::from(number),
            product: if client == BAD { BAD } else { number % 5 },
            quantity: i64::from(number % 3) + 1,
        };
        let id = if client == BAD {
            BAD
        } else {
            (client + number) % 5
        };
        let price = i64::from(client * 10 + number % 7) + 1;
        let change = depot.graph.change();
        let change = change.upsert(depot.products, [Product { id, price }]);
        let change = change.insert(depot.items, [of(number)]);
        if number > 3 {
            change.remove(depot.items, [of(number - 3)])
        } else {
            change
        }
    }

    pub(crate) fn commit(
        self,
        store: &mut impl Store,
        depot: &Depot,
        flush: Flush,
    ) -> Result<Committed, Error> {
        let options = CommitOptions::new().at(flush).change_id(self.id());
        store.commit_with(&self.change(depot), &options.within(LONG))
    }
}

/// A third of the changes are committed at their end.
pub(crate) fn flush_of(name: Name) -> Flush {
    if (name.client + name.number).is_multiple_of(3) {
        Flush::AtEnd
    } else {
        Flush::EachTable
    }
}

/// A new place with a few changes in it, and a store on it.
pub(crate) fn begun<P: Place>(lease: Duration) -> (P, Depot, P::Store) {
    let (place, depot) = (P::new(), depot(false));
    let mut store = P::open(&place.address(), lease, &depot.graph);
    for number in 1..4 {
        let name = Name::new(0, number);
        name.commit(&mut store, &depot, Flush::AtEnd).unwrap();
    }
    (place, depot, store)
}

/// A survivor makes a change of its own, and finishes what is in the way. What has halted is resumed: its program is right.
pub(crate) fn survive(store: &mut impl Store, depot: &Depot, name: Name, flush: Flush) -> i64 {
    loop {
        match name.commit(store, depot, flush) {
            Ok(committed) => return committed.time(),
            Err(error) if error.kind() == ErrorKind::Halted => {
                store.resume().unwrap();
            }
            Err(error) => panic!("{name:?}: {error}"),
        }
    }
}
