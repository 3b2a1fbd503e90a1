//! A graph with views that remember, and full copies of them to compare with.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Bound;

use deltaview_graph::{
    Builder, Change, Edit, Graph, InputHandle, Order, Retention, TableHandle, ViewHandle,
};
use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::{Keyed, Weight, ZSet};

use super::super::rows::{Account, Line};
use super::super::support::{Dice, Must, graph, weighted};
use crate::{Committed, ErrorKind, Store, Version, View};

/// A view of what an account and a line have in common, under no key: its rows are too long to be their own identity.
pub(super) type Met = (String, i64);

/// Accounts in a keyed table and lines in an input; views of every sort, with history.
pub(super) struct Query {
    pub(super) graph: Graph,
    pub(super) accounts: TableHandle<Account, i64>,
    pub(super) lines: InputHandle<Line>,
    /// The keyed table itself: one row a key.
    pub(super) by_id: ViewHandle<Account, i64>,
    /// By a key that can be `None`.
    pub(super) by_owner: ViewHandle<Account, Option<String>>,
    /// Many rows a key, with weights of any sign.
    pub(super) by_basket: ViewHandle<Line, u32>,
    /// Text.
    pub(super) by_product: ViewHandle<Line, String>,
    /// Several columns, one of them descending.
    pub(super) by_both: ViewHandle<Line, (u32, std::cmp::Reverse<i64>)>,
    /// An aggregate by its key.
    pub(super) sums: ViewHandle<Keyed<String, i64>, String>,
    pub(super) met: ViewHandle<Met, ()>,
}

impl Query {
    pub(super) fn new() -> Self {
        Self::keeping(Retention::Forever)
    }

    /// With the last times of all views.
    pub(super) fn of_times(times: u64) -> Self {
        let times = NonZeroU64::new(times).expect("some");
        Self::keeping(Retention::Times(times))
    }

    pub(super) fn keeping(retention: Retention) -> Self {
        let (graph, with) = graph(|g| Self::build(g, retention));
        with(graph)
    }

    /// All but the graph itself, which is there once it is built.
    fn build(g: &Builder, retention: Retention) -> impl FnOnce(Graph) -> Self + use<> {
        let accounts = g.table("accounts", Account::by_id());
        let lines = g.input::<Line>("lines");
        let by_id = accounts.view_by("all_accounts", Account::by_id());
        let by_id = g.with_history(by_id, retention);
        let by_owner = g.also_by(by_id, Account::by_owner());
        let by_basket = lines.view_by("all_lines", Line::by_basket());
        // A further index may come before the history, or after it.
        let by_product = g.also_by(by_basket, Line::by_product());
        let by_basket = g.with_history(by_basket, retention);
        let by_both = g.also_by(by_basket, Line::by_basket_and_quantity());
        let sums = lines.group_by(Line::by_product()).sum(|line| line.quantity);
        let by_number = Index::new("number", |line: &Line| i64::from(line.basket));
        let met = accounts.join_map(lines, Account::by_id(), by_number, |_, account, line| {
            let text = format!("{} in the basket of {:?}", line.product, account.owner);
            (text, account.balance)
        });
        let sums = g.with_history(sums.view("sums"), retention);
        let met = g.with_history(met.view("met"), retention);
        let (accounts, lines) = (accounts.handle(), lines.handle());
        move |graph| Self {
            graph,
            accounts,
            lines,
            by_id,
            by_owner,
            by_basket,
            by_product,
            by_both,
            sums,
            met,
        }
    }
}

/// What the views were at each time, as the commits have told.
pub(super) struct Copies {
    pub(super) accounts: Remembered<Account>,
    pub(super) lines: Remembered<Line>,
    pub(super) sums: Remembered<Keyed<String, i64>>,
    pub(super) met: Remembered<Met>,
    /// The accounts that are there, to make changes that make sense.
    there: BTreeMap<i64, Account>,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self {
            accounts: Remembered::new(),
            lines: Remembered::new(),
            sums: Remembered::new(),
            met: Remembered::new(),
            there: BTreeMap::new(),
        }
    }

    /// A few random steps, as a change.
    pub(super) fn change(&mut self, query: &Query, dice: &mut Dice) -> Change {
        let mut change = query.graph.change();
        for _ in 0..dice.below(5) {
            if dice.below(2) == 0 {
                let id = dice.within(0, 5);
                if self.there.contains_key(&id) && dice.below(3) == 0 {
                    self.there.remove(&id);
                    change = change.delete(query.accounts, id);
                } else {
                    let owner = [None, Some(""), Some("Ada")][dice.below(3) as usize];
                    let row = Account::new(id, owner, dice.within(0, 2));
                    self.there.insert(id, row.clone());
                    change = change.upsert(query.accounts, [row]);
                }
            } else {
                let product =
                    ["tv", "a radio with a very long name", "lämp"][dice.below(3) as usize];
                let row = Line::new(dice.below(4) as u32, product, dice.within(-1, 1));
                // Rows come back: there are few of them.
                let weight = [-1, 1, 2][dice.below(3) as usize];
                change = change.add(query.lines, weighted([(row, weight)]));
            }
        }
        change
    }

    /// What an iteration has changed.
    pub(super) fn note(&mut self, query: &Query, committed: &Committed) {
        let time = committed.time();
        self.accounts.note(time, committed.get(query.by_id).must());
        self.lines.note(time, committed.get(query.by_basket).must());
        self.sums.note(time, committed.get(query.sums).must());
        self.met.note(time, committed.get(query.met).must());
    }

    /// The time of the last iteration.
    pub(super) fn last(&self) -> i64 {
        self.lines.times.last().copied().unwrap_or(0)
    }

    /// All views of a store are as they were at a time.
    #[track_caller]
    pub(super) fn check_at<S: Store>(&self, store: &S, query: &Query, time: i64, dice: &mut Dice) {
        let (accounts, lines) = (self.accounts.at(time), self.lines.at(time));
        let at = store.as_of(time).must();
        assert_eq!(at.time(), time);
        check(at.view(query.by_id), accounts, |row| row.id, dice);
        check(
            at.view(query.by_owner),
            accounts,
            |row| row.owner.clone(),
            dice,
        );
        check(at.view(query.by_basket), lines, |row| row.basket, dice);
        check(
            at.view(query.by_product),
            lines,
            |row| row.product.clone(),
            dice,
        );
        let both = |row: &Line| (row.basket, std::cmp::Reverse(row.quantity));
        check(at.view(query.by_both), lines, both, dice);
        check(
            at.view(query.sums),
            self.sums.at(time),
            |row| row.key.clone(),
            dice,
        );
        check(at.view(query.met), self.met.at(time), |_| (), dice);
        let met = store.view(query.met).as_of(time).must();
        assert_eq!(&met.iter().must().into_zset().must(), self.met.at(time));
    }

    /// All versions of all keys, as they were known at a time, back to a horizon.
    #[track_caller]
    pub(super) fn check_versions<S: Store>(
        &self,
        store: &S,
        query: &Query,
        (at, horizon): (i64, i64),
    ) {
        let range = (at, horizon);
        versions(store, query.by_id, &self.accounts, |row| row.id, range);
        versions(
            store,
            query.by_owner,
            &self.accounts,
            |row| row.owner.clone(),
            range,
        );
        versions(store, query.by_basket, &self.lines, |row| row.basket, range);
        versions(
            store,
            query.by_product,
            &self.lines,
            |row| row.product.clone(),
            range,
        );
        versions(store, query.sums, &self.sums, |row| row.key.clone(), range);
        versions(store, query.met, &self.met, |_| (), range);
    }
}

/// A full copy of a view at each time.
pub(super) struct Remembered<T> {
    /// All times of the graph, and the state at each.
    times: Vec<i64>,
    states: Vec<ZSet<T>>,
    empty: ZSet<T>,
    /// What changed, where anything did.
    pub(super) deltas: BTreeMap<i64, ZSet<T>>,
}

impl<T: Row> Remembered<T> {
    fn new() -> Self {
        Self {
            times: Vec::new(),
            states: Vec::new(),
            empty: ZSet::new(),
            deltas: BTreeMap::new(),
        }
    }

    fn note(&mut self, time: i64, delta: ZSet<T>) {
        let before = self.states.last().unwrap_or(&self.empty);
        self.states.push(before.try_add(&delta).must());
        self.times.push(time);
        if !delta.is_empty() {
            self.deltas.insert(time, delta);
        }
    }

    /// The state at a time.
    pub(super) fn at(&self, time: i64) -> &ZSet<T> {
        let behind = self.times.partition_point(|at| *at <= time);
        behind
            .checked_sub(1)
            .map_or(&self.empty, |place| &self.states[place])
    }

    /// The versions that were known at a time and had not ended by a horizon, in the order of rows and times.
    fn versions(&self, at: i64, horizon: i64) -> Vec<Version<T>> {
        let mut open: BTreeMap<T, (Weight, i64)> = BTreeMap::new();
        let mut versions = Vec::new();
        for (time, delta) in self.deltas.range(..=at) {
            for (row, added) in delta {
                let (weight, from) = open.remove(row).unwrap_or((0, 0));
                if weight != 0 && *time > horizon {
                    versions.push(Version {
                        row: row.clone(),
                        weight,
                        from,
                        until: Some(*time),
                    });
                }
                if weight + added != 0 {
                    open.insert(row.clone(), (weight + added, *time));
                }
            }
        }
        versions.extend(open.into_iter().map(|(row, (weight, from))| Version {
            row,
            weight,
            from,
            until: None,
        }));
        versions.sort_by(|a, b| (&a.row, a.from).cmp(&(&b.row, b.from)));
        versions
    }
}

/// Checks a view, of the past or of the present, in all the ways in which it can be read.
#[track_caller]
pub(super) fn check<S: Store, T: Row, K: IndexKey>(
    view: View<'_, S, T, K>,
    state: &ZSet<T>,
    key: impl Fn(&T) -> K,
    dice: &mut Dice,
) {
    let mut by_key: BTreeMap<K, BTreeMap<T, Weight>> = BTreeMap::new();
    for (row, weight) in state {
        let rows = by_key.entry(key(row)).or_default();
        rows.insert(row.clone(), weight);
    }
    let grouped = |rows: Vec<(T, Weight)>| {
        let mut groups: Vec<(K, BTreeMap<T, Weight>)> = Vec::new();
        for (row, weight) in rows {
            let of_row = key(&row);
            if groups.last().is_none_or(|(last, _)| *last != of_row) {
                groups.push((of_row, BTreeMap::new()));
            }
            let (_, group) = groups.last_mut().expect("it was pushed");
            assert!(group.insert(row, weight).is_none(), "a row comes once");
        }
        groups
    };
    let read = |bounds: (Bound<K>, Bound<K>), order| {
        let view = match order {
            Order::Forward => view,
            Order::Backward => view.rev(),
        };
        let rows: Result<Vec<_>, _> = view.range(bounds).must().collect();
        grouped(rows.must())
    };
    let expected = |bounds: &(Bound<K>, Bound<K>), order| {
        let within = by_key
            .iter()
            .filter(|(key, _)| std::ops::RangeBounds::<K>::contains(bounds, key));
        let mut groups: Vec<_> = within
            .map(|(key, rows)| (key.clone(), rows.clone()))
            .collect();
        if order == Order::Backward {
            groups.reverse();
        }
        groups
    };
    let all = (Bound::Unbounded, Bound::Unbounded);
    for order in [Order::Forward, Order::Backward] {
        assert_eq!(read(all.clone(), order), expected(&all, order));
    }
    let keys: Vec<K> = by_key.keys().cloned().collect();
    for key in &keys {
        let rows: Result<BTreeMap<_, _>, _> = view.key(key).must().collect();
        assert_eq!(&rows.must(), &by_key[key], "key {key:?}");
        let row = view.get(key).must().expect("the key has a row");
        assert!(by_key[key].contains_key(&row));
    }
    let rows: Result<Vec<_>, _> = view.keys(keys.iter().rev().cloned()).collect();
    let mut back = expected(&all, Order::Backward);
    assert_eq!(grouped(rows.must()), back);
    // A range from a key or behind it, up to one or before it.
    if !keys.is_empty() {
        let mut bound = || {
            let key = keys[dice.below(keys.len() as u64) as usize].clone();
            match dice.below(3) {
                0 => Bound::Unbounded,
                1 => Bound::Included(key),
                _ => Bound::Excluded(key),
            }
        };
        let bounds = (bound(), bound());
        for order in [Order::Forward, Order::Backward] {
            assert_eq!(
                read(bounds.clone(), order),
                expected(&bounds, order),
                "{bounds:?}"
            );
        }
    }
    // Who stops early has the first ones.
    let first: Result<Vec<_>, _> = view.rev().iter().must().take(1).collect();
    let first = first.must();
    match back.drain(..).next() {
        None => assert!(first.is_empty()),
        Some((_, rows)) => assert!(rows.contains_key(&first[0].0)),
    }
}

/// Checks the versions of each key that a view ever had, and of one that it never had.
#[track_caller]
fn versions<S: Store, T: Row, K: IndexKey>(
    store: &S,
    view: ViewHandle<T, K>,
    copies: &Remembered<T>,
    key: impl Fn(&T) -> K,
    (at, horizon): (i64, i64),
) {
    let mut by_key: BTreeMap<K, Vec<Version<T>>> = BTreeMap::new();
    for delta in copies.deltas.values() {
        for (row, _) in delta {
            by_key.entry(key(row)).or_default();
        }
    }
    for version in copies.versions(at, horizon) {
        let of_key = by_key.get_mut(&key(&version.row));
        of_key.expect("it came in a delta").push(version);
    }
    let view = store.view(view).as_of(at).must();
    for (key, expected) in &by_key {
        let versions: Result<Vec<_>, _> = view.versions(key).must().collect();
        let mut versions = versions.must();
        let ends = |version: &Version<T>| version.until.unwrap_or(i64::MAX);
        assert!(
            versions.is_sorted_by(|one, next| ends(one) >= ends(next)),
            "those that ended last come first"
        );
        versions.sort_by(|a, b| (&a.row, a.from).cmp(&(&b.row, b.from)));
        assert_eq!(
            &versions, expected,
            "key {key:?} as of {at}, from {horizon} on"
        );
    }
}

/// Checks that a view can't be read as of a time that is forgotten, in any way.
#[track_caller]
pub(super) fn check_forgotten<S: Store, T: Row, K: IndexKey>(
    store: &S,
    handle: ViewHandle<T, K>,
    time: i64,
) {
    let view = store.view(handle);
    let horizon = view.horizon().must();
    assert!(horizon > time);
    let last = store.time().must();
    let errors = [
        view.as_of(time).err(),
        view.between(time, last).err(),
        view.deltas(time, last).err(),
        view.since_time(time).err(),
        store
            .as_of(time)
            .and_then(|at| at.view(handle).iter()?.next().transpose())
            .err(),
    ];
    for error in errors {
        let error = error.expect("the time is forgotten");
        assert_eq!(error.kind(), ErrorKind::Forgotten, "{error}");
        assert!(error.to_string().contains(&horizon.to_string()), "{error}");
    }
}
