//! The naive evaluator: what each node of a plan holds at each time, computed from the whole history of the inputs.
//!
//! It defines what is right. A node is a function of the *integrated* streams before it: a relational operator of their
//! contents now, `integrate`, `delay` and `differentiate` of their contents at all times. It never computes a delta
//! from a delta, and shares no code with the operators under test.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::item::{Item, Key, Total, small};
use crate::plan::{Aggregate, Join, Plan, Query};

/// Rows with weights, none of them zero.
pub type Bag<T = Item> = BTreeMap<T, i64>;

/// Groups by their key: the total weight and the aggregate, also where the total weight is zero.
pub type Groups = BTreeMap<Item, (i64, Total)>;

/// Adds a weight to a row.
///
/// # Panics
///
/// The weights overflow: the plans and histories of the oracle are too small for that.
pub fn add<T: Ord>(bag: &mut Bag<T>, row: T, weight: i64) {
    let entry = bag.entry(row);
    let sum = match &entry {
        std::collections::btree_map::Entry::Occupied(old) => old.get().checked_add(weight),
        std::collections::btree_map::Entry::Vacant(_) => Some(weight),
    };
    match (sum.expect("weights of the oracle are small"), entry) {
        (0, std::collections::btree_map::Entry::Occupied(old)) => drop(old.remove()),
        (0, std::collections::btree_map::Entry::Vacant(_)) => {}
        (sum, entry) => *entry.or_default() = sum,
    }
}

/// A bag of rows with any weights.
pub fn bag<T: Ord>(rows: impl IntoIterator<Item = (T, i64)>) -> Bag<T> {
    let mut bag = Bag::new();
    rows.into_iter()
        .for_each(|(row, weight)| add(&mut bag, row, weight));
    bag
}

/// One bag less another.
pub fn difference<T: Ord + Clone>(after: &Bag<T>, before: &Bag<T>) -> Bag<T> {
    let gone = before.iter().map(|(row, weight)| (row.clone(), -weight));
    bag(after
        .iter()
        .map(|(row, weight)| (row.clone(), *weight))
        .chain(gone))
}

/// The history of the inputs of a plan, and what follows from it.
#[derive(Debug)]
pub struct Naive {
    plan: Plan,
    /// By time, by source: its contents. Time 0 is before the first iteration.
    inputs: Vec<Vec<Bag>>,
    /// What was computed already, by node and time.
    known: RefCell<BTreeMap<(usize, usize), Rc<Bag>>>,
}

impl Naive {
    /// A history without iterations.
    pub fn new(plan: &Plan) -> Self {
        Self {
            plan: plan.clone(),
            inputs: vec![vec![Bag::new(); plan.sources.len()]],
            known: RefCell::default(),
        }
    }

    /// The time of the last iteration.
    pub fn now(&self) -> usize {
        self.inputs.len() - 1
    }

    /// An iteration that leaves the sources with these contents.
    pub fn step(&mut self, contents: Vec<Bag>) {
        self.inputs.push(contents);
    }

    /// The contents of the sources now.
    pub fn contents(&self) -> &[Bag] {
        &self.inputs[self.now()]
    }

    /// The contents of a node at a time: the sum of all that it has put out.
    pub fn at(&self, node: usize, time: usize) -> Rc<Bag> {
        if let Some(known) = self.known.borrow().get(&(node, time)) {
            return Rc::clone(known);
        }
        let computed = Rc::new(self.compute(node, time));
        self.known
            .borrow_mut()
            .insert((node, time), Rc::clone(&computed));
        computed
    }

    /// What a node puts out at a time.
    pub fn delta(&self, node: usize, time: usize) -> Bag {
        if time == 0 {
            Bag::new()
        } else {
            difference(&self.at(node, time), &self.at(node, time - 1))
        }
    }

    /// The groups of an aggregate at a time.
    ///
    /// # Panics
    ///
    /// The node is no aggregate.
    pub fn groups(&self, node: usize, time: usize) -> Groups {
        let Query::Group {
            input,
            key,
            aggregate,
        } = self.plan.nodes[node]
        else {
            panic!("node {node} is no aggregate")
        };
        let mut members: BTreeMap<Item, Vec<(Item, i64)>> = BTreeMap::new();
        for (item, weight) in self.at(input, time).iter() {
            members
                .entry(key.project(item))
                .or_default()
                .push((item.clone(), *weight));
        }
        let total = |rows: Vec<(Item, i64)>| {
            (
                rows.iter().map(|(_, weight)| weight).sum(),
                aggregated(aggregate, &rows),
            )
        };
        members
            .into_iter()
            .map(|(key, rows)| (key, total(rows)))
            .collect()
    }

    fn compute(&self, node: usize, time: usize) -> Bag {
        let each = |input: usize, rows: &dyn Fn(&Item) -> Vec<Item>| {
            let input = self.at(input, time);
            let made = input.iter().flat_map(|(item, weight)| {
                rows(item)
                    .into_iter()
                    .map(|made| (made, *weight))
                    .collect::<Vec<_>>()
            });
            bag(made)
        };
        match &self.plan.nodes[node] {
            Query::Source(source) => self.inputs[time][*source].clone(),
            Query::Map(input, map) => each(*input, &|item| vec![map.apply(item.clone())]),
            Query::Filter(input, test) => each(*input, &|item| {
                if test.holds(item) {
                    vec![item.clone()]
                } else {
                    vec![]
                }
            }),
            Query::FilterMap(input, test, map) => each(*input, &|item| {
                if test.holds(item) {
                    vec![map.apply(item.clone())]
                } else {
                    vec![]
                }
            }),
            Query::FlatMap(input, spread) => each(*input, &|item| spread.apply(item.clone())),
            Query::Inspect(input) => Bag::clone(&self.at(*input, time)),
            Query::Negate(input) => self
                .at(*input, time)
                .iter()
                .map(|(item, weight)| (item.clone(), -weight))
                .collect(),
            Query::Plus(left, right) => {
                let (left, right) = (self.at(*left, time), self.at(*right, time));
                bag(left
                    .iter()
                    .chain(right.iter())
                    .map(|(item, weight)| (item.clone(), *weight)))
            }
            Query::Join(join) => {
                joined(join, &self.at(join.left, time), &self.at(join.right, time))
            }
            Query::Group { .. } => {
                let there = self
                    .groups(node, time)
                    .into_iter()
                    .filter(|(_, (weight, _))| *weight != 0);
                bag(there.map(|(key, (_, total))| (total.into_item(&key), 1)))
            }
            // Its value at each time is the input's contents then, so its contents are their sum.
            Query::Integrate(input) => {
                let all = (0..=time).map(|time| self.at(*input, time));
                bag(all.flat_map(|bag| Bag::clone(&bag)))
            }
            Query::Delay(input) if time == 0 => Bag::clone(&self.at(*input, 0)),
            Query::Delay(input) => Bag::clone(&self.at(*input, time - 1)),
            // The sum of the differences of the deltas is the last delta.
            Query::Differentiate(input) => self.delta(*input, time),
        }
    }
}

/// Every row of one side with every row of the other.
fn joined(join: &Join, left: &Bag, right: &Bag) -> Bag {
    let key_of = |item: &Item, twisted: bool| {
        if twisted {
            join.key.project(&item.twisted())
        } else {
            join.key.project(item)
        }
    };
    let mut out = Bag::new();
    for (one, weight) in left {
        let key = key_of(one, false);
        for (other, other_weight) in right {
            if key_of(other, join.twisted) == key {
                let weight = weight
                    .checked_mul(*other_weight)
                    .expect("weights of the oracle are small");
                add(&mut out, join.meeting.apply(&key, one, other), weight);
            }
        }
    }
    out
}

fn aggregated(aggregate: Aggregate, rows: &[(Item, i64)]) -> Total {
    let sum = |value: &dyn Fn(&Item) -> i128| -> i128 {
        rows.iter()
            .map(|(item, weight)| value(item) * i128::from(*weight))
            .sum()
    };
    let narrow = |sum: i128| i64::try_from(sum).expect("sums of the oracle are small");
    match aggregate {
        Aggregate::Count => Total::Int(narrow(sum(&|_| 1))),
        Aggregate::Sum => Total::Int(narrow(sum(&|item| i128::from(small(item.c))))),
        Aggregate::Wide => Total::Wide(sum(&|item| i128::from(item.c))),
        Aggregate::Two => Total::Two(
            narrow(sum(&|item| i128::from(small(item.c)))),
            narrow(sum(&|item| item.b.len() as i128)),
        ),
        Aggregate::Set => Total::Set(bag(rows
            .iter()
            .map(|(item, weight)| (item.b.clone(), *weight)))),
        Aggregate::Residue => Total::Int(narrow(sum(&|item| i128::from(item.c)).rem_euclid(97))),
    }
}

/// The rows of a bag that have a key, with that key's order left aside.
pub fn with_key(bag: &Bag, key: Key, like: &Item) -> Bag {
    let wanted = key.project(like);
    bag.iter()
        .filter(|(item, _)| key.project(item) == wanted)
        .map(|(item, weight)| (item.clone(), *weight))
        .collect()
}
