//! The bank: money moves between accounts, and the sum of all balances, through unions, joins and aggregates, is zero at
//! each moment. No delta may pass through a sum that is not: what is computed on the way is never seen.

use deltaview::prelude::*;
use deltaview::{Change, Stream, Synchronous};
use deltaview_graph::WorkingSet;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::driver::{ByteStore, Fuse};
use crate::graphs::config;
use crate::probe::failed;

const REGRESSIONS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/oracle/regressions/bank.txt"
);

/// From which account to which, and how much.
type Transfer = (u8, u8, i64);

/// An account, and what is booked to it.
type Booking = (u8, i64);

const ACCOUNTS: u8 = 6;

/// What is done to the transfers at once.
#[derive(Clone, Debug)]
enum Order {
    Transfer(Transfer),
    /// One of the transfers that were made is taken back.
    TakeBack(u8),
    /// One of them becomes another.
    Correct(u8, Transfer),
}

fn transfer() -> impl Strategy<Value = Transfer> {
    (0..ACCOUNTS, 0..ACCOUNTS, -50_i64..100)
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![
        4 => transfer().prop_map(Order::Transfer),
        1 => any::<u8>().prop_map(Order::TakeBack),
        1 => (any::<u8>(), transfer()).prop_map(|(which, new)| Order::Correct(which, new)),
    ]
}

/// The handles of the bank: its inputs, and its sums by several ways.
struct Bank {
    graph: Graph,
    transfers: InputHandle<Transfer>,
    accounts: TableHandle<(u8, bool), u8>,
    totals: Vec<OutputHandle<i64>>,
}

fn account() -> Index<Booking, u8> {
    Index::new("account", |booking: &Booking| booking.0)
}

fn id() -> Index<(u8, bool), u8> {
    Index::new("id", |account: &(u8, bool)| account.0)
}

fn total(bookings: Stream<'_, Booking>) -> Stream<'_, i64> {
    bookings.sum(|booking| booking.1)
}

fn bank() -> Bank {
    let built = Graph::build("bank", |g| {
        let transfers = g.input::<Transfer>("transfers");
        let accounts = g.table("accounts", id());
        let debits = transfers.map(|(from, _, amount)| (from, -amount));
        let credits = transfers.map(|(_, to, amount)| (to, amount));
        let bookings = debits
            .named("debits")
            .plus(credits.named("credits"))
            .named("bookings");
        let known = bookings.join_map(accounts, account(), id(), |_, booking, _| *booking);
        let known = known.named("known");
        let balances = known
            .group_by(account())
            .sum(|booking| booking.1)
            .named("balances");

        // Of the bookings, and of the balances.
        let of_bookings = total(known);
        let of_balances = balances.sum(|balance| balance.value);
        // Of the two kinds of accounts apart, and then together.
        let by_kind = |kind: bool, name: &str| {
            let accounts = accounts
                .filter(move |account| account.1 == kind)
                .named(format!("{name}_accounts"));
            let of_kind = bookings.semi_join(accounts, account(), id());
            of_kind.named(name)
        };
        let of_kinds = total(by_kind(true, "savings").plus(by_kind(false, "giro")));
        // Of each account as a sub-query, and of accounts without bookings too.
        let per_account = known.per_group(account(), |rows| rows.sum(|booking| booking.1));
        let of_groups = per_account.sum(|balance| balance.value);
        let joined = accounts.left_join(
            balances,
            id(),
            Index::new("key", |balance: &Keyed<u8, i64>| balance.key),
        );
        let of_all = joined.sum(|pair| pair.right.map_or(0, |balance| balance.value));

        let totals = [of_bookings, of_balances, of_kinds, of_groups, of_all];
        let named = totals.into_iter().enumerate();
        let outputs = named.map(|(way, total)| {
            total
                .named(format!("total_{way}"))
                .output(format!("way_{way}"))
        });
        (transfers.handle(), accounts.handle(), outputs.collect())
    });
    let (graph, (transfers, accounts, totals)) = built.unwrap();
    Bank {
        graph,
        transfers,
        accounts,
        totals,
    }
}

/// Applies orders to the list of transfers, and returns the change.
fn change_of(bank: &Bank, made: &mut Vec<Transfer>, orders: &[Order]) -> Change {
    let mut change = bank.graph.change();
    for order in orders {
        let (which, new) = match order {
            Order::Transfer(new) => (None, Some(*new)),
            Order::TakeBack(which) => (Some(*which), None),
            Order::Correct(which, new) => (Some(*which), Some(*new)),
        };
        if let Some(which) = which.filter(|_| !made.is_empty()) {
            let old = made.remove(usize::from(which) % made.len());
            change = change.remove(bank.transfers, [old]);
        }
        if let Some(new) = new {
            made.push(new);
            change = change.insert(bank.transfers, [new]);
        }
    }
    change
}

/// Every row of a delta says zero; and what the deltas sum up to is one such row, or none.
fn check(sums: &mut [i64], deltas: Vec<ZSet<i64>>, is_there: &[bool]) -> Result<(), TestCaseError> {
    for (way, delta) in deltas.into_iter().enumerate() {
        for (total, weight) in delta {
            prop_assert_eq!(total, 0, "way {}: a total that never was", way);
            sums[way] += weight;
        }
        prop_assert_eq!(sums[way], i64::from(is_there[way]), "way {}", way);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config(6, REGRESSIONS))]

    #[test]
    fn no_delta_passes_through_a_total_that_is_not_zero(
        history in prop::collection::vec(prop::collection::vec(order(), 0..5), 1..12),
    ) {
        let bank = bank();
        let mut memory = MemoryStore::new(&bank.graph);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = SqliteOptions::new().synchronous(Synchronous::Off);
        let mut sqlite = options.open(folder.path().join("bank.db"), &bank.graph).map_err(failed)?;
        let (mut bytes, mut cold) = (ByteStore::default(), WorkingSet::partial(&bank.graph));
        let accounts = (0..ACCOUNTS).map(|id| (id, id % 2 == 0));
        let mut opening = Some(bank.graph.change().insert(bank.accounts, accounts));
        let mut sums = vec![vec![0; bank.totals.len()]; 3];
        let mut made = Vec::new();
        let changes = std::iter::once(None).chain(history.iter().map(Some));
        for orders in changes {
            let orders = orders.map_or(&[][..], Vec::as_slice);
            let change = opening.take().unwrap_or_else(|| change_of(&bank, &mut made, orders));
            // The accounts are there from the first change on, bookings with the first transfer.
            let mut is_there = vec![!made.is_empty(); bank.totals.len()];
            is_there[4] = true;
            let committed = memory.commit(&change).map_err(failed)?;
            let deltas = bank.totals.iter().map(|total| committed.get(*total).unwrap());
            check(&mut sums[0], deltas.collect(), &is_there)?;
            let committed = sqlite.commit(&change).map_err(failed)?;
            let deltas = bank.totals.iter().map(|total| committed.get(*total).unwrap());
            check(&mut sums[1], deltas.collect(), &is_there)?;
            cold.forget();
            let (changes, _) = bytes.run(&bank.graph, &mut cold, &change, Fuse::NONE).map_err(failed)?;
            let deltas = bank.totals.iter().map(|total| changes.get(*total).unwrap());
            check(&mut sums[2], deltas.collect(), &is_there)?;
        }
    }
}
