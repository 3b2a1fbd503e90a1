//! A graph whose views have history, each of its own kind, and what they were at each time, kept by the test.

use std::collections::BTreeMap;
use std::ops::Bound;

use deltaview::prelude::*;
use deltaview::{Change, Retention, Row};
use deltaview_store_postgres::{PostgresStore, View};
use futures::TryStreamExt;

pub(super) type Line = (u32, Option<String>, i64);
pub(super) type Price = (String, i64, String);
pub(super) type Sold = (String, i64);

/// Lines of baskets and prices of products, and four views with history.
pub(super) struct Shelf {
    pub(super) graph: Graph,
    pub(super) lines: InputHandle<Line>,
    pub(super) prices: TableHandle<Price, String>,
    /// The keyed table itself: one row a key, with long rows and short ones, and a further index.
    pub(super) all_prices: ViewHandle<Price, String>,
    pub(super) by_price: ViewHandle<Price, i64>,
    /// Any number of rows a key, which can be `None`, and a further index that is descending.
    pub(super) by_product: ViewHandle<Line, Option<String>>,
    pub(super) by_basket: ViewHandle<Line, (std::cmp::Reverse<u32>, i64)>,
    /// One row a key, all of them short.
    pub(super) totals: ViewHandle<Keyed<u32, i64>, u32>,
    /// No key at all.
    pub(super) sold: ViewHandle<Sold, ()>,
}

impl Shelf {
    pub(super) fn new(retention: Retention) -> Self {
        let (graph, (inputs, prices, lines, groups)) = Graph::build("shelf", |g| {
            let lines = g.input::<Line>("lines");
            let by_name = || Index::new("name", |price: &Price| price.0.clone());
            let prices = g.table("prices", by_name());
            let all_prices = g.with_history(prices.view_by("all_prices", by_name()), retention);
            let price = Index::new("price", |price: &Price| price.1);
            let by_price = g.also_by(all_prices, price);
            let product = Index::new("product", |line: &Line| line.1.clone());
            let by_product = g.with_history(lines.view_by("by_product", product), retention);
            let basket = Index::declared("basket", ["basket", "quantity"], |line: &Line| {
                (std::cmp::Reverse(line.0), line.2)
            });
            let by_basket = g.also_by(by_product, basket);
            let totals = lines
                .group_by(Index::new("basket", |line: &Line| line.0))
                .sum(|line| line.2);
            let product = Index::new("product", |line: &Line| line.1.clone().unwrap_or_default());
            let sold = prices.join_map(lines, by_name(), product, |name, price, line| {
                (name.clone(), price.1 * line.2)
            });
            let whole = Index::new("whole", |_: &Sold| ());
            (
                (lines.handle(), prices.handle()),
                (all_prices, by_price),
                (by_product, by_basket),
                (
                    g.with_history(totals.view("totals"), retention),
                    g.with_history(sold.view_by("sold", whole), retention),
                ),
            )
        })
        .unwrap();
        Self {
            graph,
            lines: inputs.0,
            prices: inputs.1,
            all_prices: prices.0,
            by_price: prices.1,
            by_product: lines.0,
            by_basket: lines.1,
            totals: groups.0,
            sold: groups.1,
        }
    }

    /// A change that depends on a number alone, and on what is there.
    pub(super) fn change(&self, dice: &mut Dice, kept: &mut Kept) -> Change {
        let mut change = self.graph.change();
        for _ in 0..dice.below(4) {
            let name = dice.below(4);
            let note = if dice.below(2) == 0 {
                ""
            } else {
                "a note that makes the row long"
            };
            let price = (format!("p{name}"), dice.below(3) as i64, note.to_string());
            if kept.changed.contains(&price.0) {
                continue;
            }
            kept.changed.push(price.0.clone());
            if dice.below(4) > 0 {
                change = change.upsert(self.prices, [price.clone()]);
                kept.prices.insert(price.0.clone(), price);
            } else if let Some(gone) = kept.prices.remove(&price.0) {
                change = change.remove(self.prices, [gone]);
            }
        }
        kept.changed.clear();
        for _ in 0..dice.below(5) {
            let long = dice.below(3) == 0;
            let product = match dice.below(5) {
                4 => None,
                number if long => Some(format!("a product with a long name, p{number}")),
                number => Some(format!("p{number}")),
            };
            let line = (dice.below(3) as u32, product, dice.below(3) as i64 + 1);
            let there = kept.lines.entry(line.clone()).or_default();
            if dice.below(3) > 0 || *there == 0 {
                *there += 1;
                change = change.insert(self.lines, [line]);
            } else {
                *there -= 1;
                change = change.remove(self.lines, [line]);
            }
        }
        change
    }
}

/// What the inputs have.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) prices: BTreeMap<String, Price>,
    lines: BTreeMap<Line, i64>,
    changed: Vec<String>,
}

/// Numbers that look random.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// A view, and what it was at each time from 0 on.
pub(super) struct Copies<T, K> {
    pub(super) view: ViewHandle<T, K>,
    index: fn(&T) -> K,
    pub(super) at: Vec<ZSet<T>>,
}

impl<T: Row, K: IndexKey> Copies<T, K> {
    pub(super) fn new(view: ViewHandle<T, K>, index: fn(&T) -> K) -> Self {
        let at = vec![ZSet::new()];
        Self { view, index, at }
    }

    /// Copies what the view is now.
    pub(super) async fn keep(&mut self, store: &PostgresStore) {
        let rows = store.view(self.view).iter().await.unwrap();
        self.at.push(rows.into_zset().await.unwrap());
    }

    fn last(&self) -> i64 {
        self.at.len() as i64 - 1
    }

    /// All keys that ever were there.
    pub(super) fn keys(&self) -> Vec<K> {
        let rows = self.at.iter().flat_map(|rows| rows.iter());
        let mut keys: Vec<K> = rows.map(|(row, _)| (self.index)(row)).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    async fn read(&self, rows: deltaview_store_postgres::Rows<T>) -> Vec<(T, i64)> {
        rows.try_collect().await.unwrap()
    }

    /// Reads a time in every way.
    pub(super) async fn check(&self, store: &PostgresStore, time: usize) {
        let then = store.view(self.view).as_of(time as i64).await.unwrap();
        self.check_view(&then, time).await;
    }

    pub(super) async fn check_view(&self, then: &View<T, K>, time: usize) {
        let wanted = &self.at[time];
        let all = self.read(then.clone().iter().await.unwrap()).await;
        let in_order = all
            .windows(2)
            .all(|two| (self.index)(&two[0].0) <= (self.index)(&two[1].0));
        assert!(in_order, "at {time}: {all:?}");
        assert_eq!(&ZSet::from_pairs(all.clone()).unwrap(), wanted, "at {time}");
        assert_eq!(all.len(), wanted.len());
        let back = self.read(then.clone().rev().iter().await.unwrap()).await;
        let in_order = back
            .windows(2)
            .all(|two| (self.index)(&two[0].0) >= (self.index)(&two[1].0));
        assert!(in_order, "at {time}: {back:?}");
        assert_eq!(&ZSet::from_pairs(back).unwrap(), wanted, "at {time}");
        let keys = self.keys();
        let of = |only: &dyn Fn(&K) -> bool| -> ZSet<T> {
            wanted.filter(|row| only(&(self.index)(row)))
        };
        for (place, key) in keys.iter().enumerate().step_by(keys.len() / 3 + 1) {
            let rows = self.read(then.clone().key(key).await.unwrap()).await;
            let there = of(&|other| other == key);
            assert_eq!(ZSet::from_pairs(rows).unwrap(), there, "at {time}");
            let got = then.clone().get(key).await.unwrap();
            assert_eq!(got.is_some(), !there.is_empty());
            assert!(got.is_none_or(|row| there.weight(&row) != 0), "at {time}");
            let range = (Bound::Excluded(key.clone()), Bound::Unbounded);
            let rows = self.read(then.clone().range(range).await.unwrap()).await;
            assert_eq!(ZSet::from_pairs(rows).unwrap(), of(&|other| other > key));
            let end = keys[keys.len() - 1 - place / 2].clone();
            if *key <= end {
                let range = key.clone()..end.clone();
                let rows = self
                    .read(then.clone().rev().range(range).await.unwrap())
                    .await;
                assert_eq!(
                    ZSet::from_pairs(rows).unwrap(),
                    of(&|other| key <= other && *other < end)
                );
            }
        }
        let rows = self.read(then.clone().keys(keys).await.unwrap()).await;
        assert_eq!(&ZSet::from_pairs(rows).unwrap(), wanted, "at {time}");
    }

    /// What changed between two times.
    pub(super) fn net(&self, from: usize, to: usize) -> ZSet<T> {
        self.at[to].try_sub(&self.at[from]).unwrap()
    }

    /// The times behind a horizon at which something changed, the newest first.
    pub(super) fn times(&self, horizon: i64) -> Vec<i64> {
        let changed = |time: &i64| {
            *time > horizon && !self.net(*time as usize - 1, *time as usize).is_empty()
        };
        (1..=self.last()).rev().filter(changed).collect()
    }

    /// Reads what changed, in every way.
    pub(super) async fn check_changes(&self, store: &PostgresStore, dice: &mut Dice) {
        let view = store.view(self.view);
        let horizon = view.clone().horizon().await.unwrap();
        let times: Vec<i64> = view
            .clone()
            .times()
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert_eq!(times, self.times(horizon));
        let any = |dice: &mut Dice| horizon + dice.below((self.last() - horizon + 1) as u64) as i64;
        for _ in 0..2 {
            let (one, other) = (any(dice), any(dice));
            let net = view.clone().between(one, other).await.unwrap();
            assert_eq!(
                net,
                self.net(one as usize, other as usize),
                "{one} to {other}"
            );
            let (one, other) = (one.min(other), one.max(other));
            let deltas = view.clone().deltas(one, other).await.unwrap();
            let deltas: Vec<_> = deltas.try_collect().await.unwrap();
            let wanted = self
                .times(one)
                .into_iter()
                .rev()
                .filter(|time| *time <= other);
            assert_eq!(
                deltas.iter().map(|delta| delta.time()).collect::<Vec<_>>(),
                wanted.collect::<Vec<_>>()
            );
            for delta in deltas {
                let time = delta.time() as usize;
                assert_eq!(delta.into_rows(), self.net(time - 1, time));
            }
        }
        for key in self.keys() {
            let at = any(dice);
            let then = view.clone().as_of(at).await.unwrap();
            let versions = then.versions(&key).await.unwrap();
            let versions: Vec<_> = versions.try_collect().await.unwrap();
            let mut found: Vec<_> = versions
                .iter()
                .map(|version| {
                    (
                        version.until,
                        version.row.clone(),
                        version.weight,
                        version.from,
                    )
                })
                .collect();
            let untils: Vec<i64> = versions
                .iter()
                .map(|it| it.until.unwrap_or(i64::MAX))
                .collect();
            assert!(untils.is_sorted_by(|one, next| one >= next), "{untils:?}");
            found.sort();
            assert_eq!(found, self.versions(&key, at, horizon));
        }
    }

    fn versions(&self, key: &K, at: i64, horizon: i64) -> Vec<(Option<i64>, T, i64, i64)> {
        let mut versions = Vec::new();
        let mut open: BTreeMap<T, (i64, i64)> = BTreeMap::new();
        for time in 1..=at {
            for (row, _) in self.net(time as usize - 1, time as usize).iter() {
                if (self.index)(row) != *key {
                    continue;
                }
                if let Some((weight, from)) = open.remove(row) {
                    versions.push((Some(time), row.clone(), weight, from));
                }
                let weight = self.at[time as usize].weight(row);
                if weight != 0 {
                    open.insert(row.clone(), (weight, time));
                }
            }
        }
        versions.retain(|(until, ..)| until.is_some_and(|until| until > horizon));
        let open = open.into_iter();
        versions.extend(open.map(|(row, (weight, from))| (None, row, weight, from)));
        versions.sort();
        versions
    }
}
