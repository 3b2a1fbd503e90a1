//! The naive evaluator: what each node of a plan holds at each time, computed from the whole history of the inputs.
//!
//! It defines what is right. A node is a function of the *integrated* streams before it: a relational operator of their
//! contents now, `integrate`, `delay`, `differentiate` and `retain_for` of their contents at all times. It never computes
//! a delta from a delta, and shares no code with the operators under test.
//!
//! | module | what it defines |
//! | --- | --- |
//! | `frame` | a list of nodes at any time: the plan's own, that of a group, that of a step of a recursion |
//! | `rows` | what goes row by row: sets, bags, joins |
//! | `groups` | aggregates |
//! | `order` | the first rows, and windows |

mod frame;
mod groups;
mod order;
mod rows;

use std::cell::RefCell;
use std::collections::{BTreeMap, btree_map};
use std::rc::Rc;

use frame::{Feed, Frame, Known};
pub use groups::Groups;
pub use rows::with_key;

use crate::item::{Item, Key};
use crate::plan::{Aggregate, Plan, Query, Sink};

/// Rows with weights, none of them zero.
pub type Bag<T = Item> = BTreeMap<T, i64>;

/// A recursion that found something new at its last step: the change is to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManySteps;

/// Adds a weight to a row.
///
/// # Panics
///
/// The weights overflow: the plans and histories of the oracle are too small for that.
pub fn add<T: Ord>(bag: &mut Bag<T>, row: T, weight: i64) {
    let entry = bag.entry(row);
    let sum = match &entry {
        btree_map::Entry::Occupied(old) => old.get().checked_add(weight),
        btree_map::Entry::Vacant(_) => Some(weight),
    };
    match (sum.expect("weights of the oracle are small"), entry) {
        (0, btree_map::Entry::Occupied(old)) => drop(old.remove()),
        (0, btree_map::Entry::Vacant(_)) => {}
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
    /// What was computed already.
    known: RefCell<Known>,
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

    /// An iteration that leaves the sources with these contents, unless something in the plan refuses it: then there was
    /// none.
    ///
    /// # Errors
    ///
    /// A recursion that does not come to an end.
    pub fn step(&mut self, contents: Vec<Bag>) -> Result<(), TooManySteps> {
        self.inputs.push(contents);
        let looked_at = self.plan.sinks.iter().map(|sink| match sink {
            Sink::Output(node) | Sink::View(node, _) | Sink::Groups(node) => *node,
        });
        let now = self.now();
        let evaluated: Result<Vec<_>, _> = looked_at.map(|node| self.try_at(node, now)).collect();
        if evaluated.is_err() {
            self.step_back();
        }
        evaluated.map(drop)
    }

    /// Takes the last step back.
    pub fn step_back(&mut self) {
        let now = self.now();
        self.inputs.pop();
        self.known.borrow_mut().retain(|(_, time), _| *time < now);
    }

    /// The contents of the sources now.
    pub fn contents(&self) -> &[Bag] {
        &self.inputs[self.now()]
    }

    /// The contents of a node at a time: the sum of all that it has put out.
    ///
    /// # Panics
    ///
    /// A recursion does not come to an end: [`Self::step`] has refused the change then.
    pub fn at(&self, node: usize, time: usize) -> Rc<Bag> {
        self.try_at(node, time)
            .expect("a step is only taken if all recursions come to an end")
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
    pub fn groups(&self, node: usize, time: usize) -> Groups {
        let (input, key, aggregate) = self.aggregate(node);
        groups::groups(&self.at(input, time), key, aggregate)
    }

    /// What an aggregate keeps of its groups at a time, besides their total weights.
    pub fn states(&self, node: usize, time: usize) -> Groups {
        let (input, key, aggregate) = self.aggregate(node);
        groups::states(&self.at(input, time), key, aggregate)
    }

    fn aggregate(&self, node: usize) -> (usize, Key, Aggregate) {
        match self.plan.nodes[node] {
            Query::Group {
                input,
                key,
                aggregate,
            } => (input, key, aggregate),
            Query::Whole(input, aggregate) => (input, Key::Unit, aggregate),
            _ => panic!("node {node} is no aggregate"),
        }
    }

    /// The total weight of the rows of each key of a node, where it is not zero. A twisted key is that of the row twisted.
    pub fn key_counts(&self, node: usize, key: Key, twisted: bool, time: usize) -> Bag {
        let rows = self.at(node, time);
        let keys = rows.iter().map(|(item, weight)| {
            let item = if twisted { &item.twisted() } else { item };
            (key.project(item), *weight)
        });
        bag(keys)
    }

    /// The total weight of the rows of each pair of keys of a node, where it is not zero.
    pub fn pair_counts(&self, node: usize, by: Key, key: Key, time: usize) -> Bag<(Item, Item)> {
        let rows = self.at(node, time);
        let keys = rows
            .iter()
            .map(|(item, weight)| ((by.project(item), key.project(item)), *weight));
        bag(keys)
    }

    fn try_at(&self, node: usize, time: usize) -> Result<Rc<Bag>, TooManySteps> {
        let frame = Frame {
            nodes: &self.plan.nodes,
            feed: Feed::Sources(&self.inputs),
            outer: None,
            known: &self.known,
        };
        frame.at(node, time)
    }
}

/// What a single operator makes of bags: the definition alone, without a history. The bags are the first nodes.
///
/// # Errors
///
/// A recursion that does not come to an end.
pub fn evaluate(operators: &[Query], bags: Vec<Bag>) -> Result<Bag, TooManySteps> {
    let sources = (0..bags.len()).map(Query::Source);
    let nodes: Vec<Query> = sources.chain(operators.iter().cloned()).collect();
    let inputs = [vec![Bag::new(); bags.len()], bags];
    let known = RefCell::default();
    let frame = Frame {
        nodes: &nodes,
        feed: Feed::Sources(&inputs),
        outer: None,
        known: &known,
    };
    frame.at(nodes.len() - 1, 1).map(|bag| Bag::clone(&bag))
}
