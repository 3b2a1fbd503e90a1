//! A long random history, beside a model that is written with the standard library's maps.

use std::collections::BTreeMap;

use deltaview_graph::{Change, Edit, Graph, InputHandle, TableHandle, ViewHandle};
use deltaview_zset::{Keyed, Weight, ZSet};

use super::super::Harness;
use super::super::rows::{Account, Line};
use super::super::support::{Dice, Must, Opened, graph, listed};
use crate::Store;

const STEPS: u64 = 300;
const REOPENED_EVERY: u64 = 50;

/// Accounts in a keyed table, lines in an input; lines meet the account with the number of their basket.
struct Query {
    graph: Graph,
    accounts: TableHandle<Account, i64>,
    lines: InputHandle<Line>,
    by_owner: ViewHandle<Keyed<Option<String>, i64>, Option<String>>,
    by_basket: ViewHandle<Keyed<u32, (i64, i64)>, u32>,
    met: ViewHandle<(i64, String), ()>,
}

impl Query {
    fn new() -> Self {
        let (graph, (accounts, lines, by_owner, by_basket, met)) = graph(|g| {
            let accounts = g.table("accounts", Account::by_id());
            let lines = g.input::<Line>("lines");
            let by_owner = accounts
                .group_by(Account::by_owner())
                .sum(|row| row.balance);
            let by_basket = lines
                .group_by(Line::by_basket())
                .sum(|row| (row.quantity, 1));
            let by_number =
                deltaview_schema::Index::new("number", |row: &Line| i64::from(row.basket));
            let met = accounts.join_map(lines, Account::by_id(), by_number, |id, account, line| {
                (*id + account.balance, line.product.clone())
            });
            (
                accounts.handle(),
                lines.handle(),
                by_owner.view("by_owner"),
                by_basket.view("by_basket"),
                met.view("met"),
            )
        });
        Self {
            graph,
            accounts,
            lines,
            by_owner,
            by_basket,
            met,
        }
    }
}

/// What the inputs hold.
#[derive(Default)]
struct Model {
    accounts: BTreeMap<i64, Account>,
    lines: BTreeMap<Line, Weight>,
}

impl Model {
    /// Does a few steps at random to the model, and asks the same of a change.
    fn step(&mut self, query: &Query, dice: &mut Dice) -> Change {
        let mut change = query.graph.change();
        for _ in 0..dice.below(6) {
            change = if dice.below(2) == 0 {
                self.step_of_accounts(query, change, dice)
            } else {
                self.step_of_lines(query, change, dice)
            };
        }
        change
    }

    fn step_of_accounts(&mut self, query: &Query, change: Change, dice: &mut Dice) -> Change {
        let id = dice.within(0, 7);
        let balance = dice.within(-50, 50);
        let owner =
            [None, Some(""), Some("Ada"), Some("Eve")][usize::try_from(id % 4).expect("small")];
        let row = Account::new(id, owner, balance);
        match (self.accounts.contains_key(&id), dice.below(4)) {
            (true, 0) => {
                self.accounts.remove(&id);
                change.delete(query.accounts, id)
            }
            (true, 1) => {
                self.accounts.get_mut(&id).expect("it is there").balance = balance;
                change.update(query.accounts, id, move |account| account.balance = balance)
            }
            (false, 0 | 1) => {
                self.accounts.insert(id, row.clone());
                change.insert(query.accounts, [row])
            }
            _ => {
                self.accounts.insert(id, row.clone());
                change.upsert(query.accounts, [row])
            }
        }
    }

    fn step_of_lines(&mut self, query: &Query, change: Change, dice: &mut Dice) -> Change {
        let basket = u32::try_from(dice.below(6)).expect("small");
        let product = ["tv", "radio", "lamp"][usize::try_from(dice.below(3)).expect("small")];
        let row = Line::new(basket, product, dice.within(-3, 3));
        // Half of the time a row that is there goes, with all its copies.
        let there = self.lines.get(&row).copied();
        let weight = match there {
            Some(weight) if dice.below(2) == 0 => -weight,
            _ => dice.within(-2, 3),
        };
        let total = there.unwrap_or(0) + weight;
        if total == 0 {
            self.lines.remove(&row);
        } else {
            self.lines.insert(row.clone(), total);
        }
        change.add(query.lines, ZSet::from_pairs([(row, weight)]).must())
    }

    /// The balance of each owner.
    fn by_owner(&self) -> Vec<Keyed<Option<String>, i64>> {
        let mut sums: BTreeMap<Option<String>, i64> = BTreeMap::new();
        for account in self.accounts.values() {
            *sums.entry(account.owner.clone()).or_default() += account.balance;
        }
        sums.into_iter()
            .map(|(owner, sum)| Keyed::new(owner, sum))
            .collect()
    }

    /// The quantity and the number of lines of each basket that has any.
    fn by_basket(&self) -> Vec<Keyed<u32, (i64, i64)>> {
        let mut sums: BTreeMap<u32, (i64, i64)> = BTreeMap::new();
        for (line, weight) in &self.lines {
            let sum = sums.entry(line.basket).or_default();
            *sum = (sum.0 + line.quantity * weight, sum.1 + weight);
        }
        let there = sums.into_iter().filter(|(_, (_, count))| *count != 0);
        there.map(|(basket, sum)| Keyed::new(basket, sum)).collect()
    }

    /// The lines of each account.
    fn met(&self) -> ZSet<(i64, String)> {
        let pairs = self.lines.iter().filter_map(|(line, weight)| {
            let account = self.accounts.get(&i64::from(line.basket))?;
            Some((
                (account.id + account.balance, line.product.clone()),
                *weight,
            ))
        });
        ZSet::from_pairs(pairs).must()
    }
}

pub fn a_long_history_is_what_a_model_says<H: Harness>() {
    let query = Query::new();
    let mut it = Opened::<H>::new(&query.graph);
    let mut model = Model::default();
    let mut dice = Dice::new(2026);
    let mut met = ZSet::new();
    let mut last = 0;
    for step in 1..=STEPS {
        let change = model.step(&query, &mut dice);
        let changed = it.commit(&change).must();
        assert!(changed.time() > last, "step {step}");
        last = changed.time();
        if step % REOPENED_EVERY == 0 {
            it = it.reopened();
        }
        assert_eq!(
            listed(it.view(query.by_owner).iter()),
            model.by_owner(),
            "step {step}"
        );
        assert_eq!(
            listed(it.view(query.by_basket).iter()),
            model.by_basket(),
            "step {step}"
        );
        assert_eq!(it.rows(query.met), model.met(), "step {step}");
        met.try_append(changed.get(query.met).must()).must();
        assert_eq!(met, model.met(), "the deltas add up, step {step}");
    }
    assert!(!met.is_empty(), "the history came to something");
}
