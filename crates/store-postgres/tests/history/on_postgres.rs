//! What views were at each time, read in every way and compared with copies that were made then.

use std::cmp::Reverse;
use std::time::Duration;

use deltaview::{Keyed, Retention};
use deltaview_store::ErrorKind;
use deltaview_store_postgres::PostgresStore;
use deltaview_store_postgres::tokio_postgres::IsolationLevel;

use crate::common::Place;
use crate::shelf::{Copies, Dice, Kept, Line, Price, Shelf, Sold};

/// A shelf, and copies of all that it was.
struct Remembered {
    shelf: Shelf,
    dice: Dice,
    kept: Kept,
    all_prices: Copies<Price, String>,
    by_price: Copies<Price, i64>,
    by_product: Copies<Line, Option<String>>,
    by_basket: Copies<Line, (Reverse<u32>, i64)>,
    totals: Copies<Keyed<u32, i64>, u32>,
    sold: Copies<Sold, ()>,
}

macro_rules! each {
    ($self:ident, $copies:ident => $what:expr) => {{
        {
            let $copies = &mut $self.all_prices;
            $what;
        }
        {
            let $copies = &mut $self.by_price;
            $what;
        }
        {
            let $copies = &mut $self.by_product;
            $what;
        }
        {
            let $copies = &mut $self.by_basket;
            $what;
        }
        {
            let $copies = &mut $self.totals;
            $what;
        }
        {
            let $copies = &mut $self.sold;
            $what;
        }
    }};
}

impl Remembered {
    fn new(retention: Retention, seed: u64) -> Self {
        let shelf = Shelf::new(retention);
        Self {
            dice: Dice(seed),
            kept: Kept::default(),
            all_prices: Copies::new(shelf.all_prices, |price| price.0.clone()),
            by_price: Copies::new(shelf.by_price, |price| price.1),
            by_product: Copies::new(shelf.by_product, |line| line.1.clone()),
            by_basket: Copies::new(shelf.by_basket, |line| (Reverse(line.0), line.2)),
            totals: Copies::new(shelf.totals, |total| total.key),
            sold: Copies::new(shelf.sold, |_| ()),
            shelf,
        }
    }

    async fn commit(&mut self, store: &PostgresStore) -> i64 {
        let change = self.shelf.change(&mut self.dice, &mut self.kept);
        let time = store.commit(&change).await.unwrap().time();
        each!(self, copies => copies.keep(store).await);
        assert_eq!(self.sold.at.len() as i64, time + 1);
        time
    }

    async fn check(&mut self, store: &PostgresStore) {
        let last = store.time().await.unwrap() as usize;
        let dice = &mut self.dice;
        each!(self, copies => {
            let horizon = store.view(copies.view).horizon().await.unwrap() as usize;
            let mut times = vec![0, 1, last - horizon];
            times.extend((0..2).map(|_| dice.below((last - horizon + 1) as u64) as usize));
            times.sort_unstable();
            times.dedup();
            for time in times.into_iter().filter(|time| horizon + time <= last) {
                copies.check(store, horizon + time).await;
            }
            if let Some(before) = horizon.checked_sub(1) {
                let error = store.view(copies.view).as_of(before as i64).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Forgotten, "{error}");
            }
            copies.check_changes(store, dice).await;
        });
    }
}

#[tokio::test]
async fn each_time_is_read_as_it_was() {
    for seed in 0..2 {
        let mut remembered = Remembered::new(Retention::Forever, seed);
        let place = Place::new();
        let store = place.connect(&remembered.shelf.graph).await;
        for number in 1..=20 {
            remembered.commit(&store).await;
            if [1, 20].contains(&number) {
                remembered.check(&store).await;
            }
        }
        drop(store);
        let again = place.connect(&remembered.shelf.graph).await;
        remembered.check(&again).await;
    }
}

#[tokio::test]
async fn what_is_forgotten_goes_and_all_else_stays() {
    let mut remembered = Remembered::new(Retention::Forever, 17);
    let place = Place::new();
    let store = place.connect(&remembered.shelf.graph).await;
    for _ in 0..12 {
        remembered.commit(&store).await;
    }
    for (time, rows) in [(3, 1), (10, 7), (13, 1000)] {
        each!(remembered, copies => {
            loop {
                let step = store.forget_step(copies.view, time, rows).await.unwrap();
                assert_eq!(step.horizon, time);
                if step.is_done {
                    break;
                }
            }
        });
        remembered.check(&store).await;
        remembered.commit(&store).await;
        let last = remembered.commit(&store).await;
        remembered.check(&store).await;
        let error = store
            .forget_step(remembered.sold.view, last + 1, 1)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotYet);
    }
    let last = store.time().await.unwrap();
    each!(remembered, copies => {
        let forgotten = store.forget_before(copies.view, last).await.unwrap();
        assert_eq!((forgotten.horizon, forgotten.is_done), (last, true));
    });
    for table in place.past_tables().await {
        assert_eq!(
            place
                .number(&format!("SELECT count(*) FROM \"{table}\""))
                .await,
            0,
            "{table}"
        );
    }
    assert_eq!(
        place
            .number("SELECT count(*) FROM deltaview_instants")
            .await,
        1
    );
    remembered.commit(&store).await;
    remembered.check(&store).await;
}

#[tokio::test]
async fn retention_keeps_the_last_times() {
    let times = std::num::NonZero::new(5).unwrap();
    let mut remembered = Remembered::new(Retention::Times(times), 3);
    let place = Place::new();
    let store = place.connect(&remembered.shelf.graph).await;
    for number in 1..=20 {
        let time = remembered.commit(&store).await;
        let horizon = store.view(remembered.sold.view).horizon().await.unwrap();
        assert_eq!(horizon, if number < 5 { 0 } else { time - 4 });
        if number % 10 == 0 {
            remembered.check(&store).await;
        }
    }
    assert_eq!(
        place
            .number("SELECT count(*) FROM deltaview_instants")
            .await,
        5
    );
    // The next opening may have another one.
    let span = Retention::Span(Duration::from_micros(1));
    let mut shorter = Remembered::new(span, 3);
    let store = place.connect(&shorter.shelf.graph).await;
    shorter.kept = remembered.kept;
    let change = shorter.shelf.change(&mut shorter.dice, &mut shorter.kept);
    let time = store.commit(&change).await.unwrap().time();
    let horizon = store.view(shorter.shelf.sold).horizon().await.unwrap();
    assert_eq!(horizon, time - 1);
}

#[tokio::test]
async fn what_a_transaction_takes_back_was_never_there() {
    let mut remembered = Remembered::new(Retention::Forever, 5);
    let place = Place::new();
    let store = place.connect(&remembered.shelf.graph).await;
    for _ in 0..4 {
        remembered.commit(&store).await;
    }
    let mut client = place.pool.get().await.unwrap();
    let mut other = Kept::default();
    for _ in 0..2 {
        // Another one than those that stay, which depends on nothing that is there.
        let change = remembered.shelf.change(&mut Dice(99), &mut other);
        let tx = client.transaction().await.unwrap();
        let committed = store.commit_in(&tx, &change).await.unwrap();
        assert_eq!(committed.time(), 5);
        tx.rollback().await.unwrap();
        other = Kept::default();
    }
    remembered.check(&store).await;
    let tx = client.build_transaction();
    let tx = tx.isolation_level(IsolationLevel::RepeatableRead).start();
    let tx = tx.await.unwrap();
    let change = remembered
        .shelf
        .change(&mut remembered.dice, &mut remembered.kept);
    store.commit_in(&tx, &change).await.unwrap();
    tx.commit().await.unwrap();
    each!(remembered, copies => copies.keep(&store).await);
    remembered.commit(&store).await;
    remembered.check(&store).await;
    // A snapshot reads the past too, and several views as of one time.
    let snapshot = store.snapshot().await.unwrap();
    let then = store.as_of(5).await.unwrap();
    each!(remembered, copies => {
        let view = snapshot.view(copies.view).as_of(4).await.unwrap();
        copies.check_view(&view, 4).await;
        copies.check_view(&then.view(copies.view), 5).await;
    });
    let instants: Vec<_> = {
        let mut instants = Vec::new();
        for time in 1..=6 {
            instants.push(store.instant_of(time).await.unwrap().unwrap());
        }
        instants
    };
    assert!(instants.is_sorted(), "{instants:?}");
    assert_eq!(store.time_at(instants[2]).await.unwrap(), 3);
    assert_eq!(store.instant_of(0).await.unwrap(), None);
}

#[tokio::test]
async fn a_table_of_the_past_that_is_missing_is_told() {
    let shelf = Shelf::new(Retention::Forever);
    let place = Place::new();
    drop(place.connect(&shelf.graph).await);
    for gone in [
        "TABLE \"shelf__sold__view__log\"",
        "INDEX \"shelf__sold__view__versions__node\"",
        "TABLE deltaview_instants",
    ] {
        place.run(&format!("DROP {gone}")).await;
        let error = place.try_connect(&shelf.graph).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
        let name = gone.split(' ').nth(1).unwrap().trim_matches('"');
        let details = error.details().join(" ");
        assert!(details.contains(name), "{error}: {details}");
    }
}
