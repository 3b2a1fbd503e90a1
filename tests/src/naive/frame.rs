//! A list of nodes at any time, with what its first nodes are given: the plan's own list, the body of a sub-query for one
//! group, the body of a recursion at one step.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Bag, TooManySteps, add, bag, difference, groups, order, rows};
use crate::item::{Item, Key};
use crate::plan::{Body, Edge, JoinOuter, Moment, Query};

/// By node and time: its contents.
pub(super) type Known = BTreeMap<(usize, usize), Rc<Bag>>;

/// A list of nodes, and where its rows come from.
pub(super) struct Frame<'a> {
    pub(super) nodes: &'a [Query],
    pub(super) feed: Feed<'a>,
    pub(super) outer: Option<&'a Frame<'a>>,
    pub(super) known: &'a RefCell<Known>,
}

/// What the first nodes are.
pub(super) enum Feed<'a> {
    /// The sources of a plan, by time.
    Sources(&'a [Vec<Bag>]),
    /// The rows of a node of the outer list that have the key of a row, at any time.
    Group {
        input: usize,
        key: Key,
        like: &'a Item,
    },
    /// What a recursion has found so far. Nothing in its body looks at another time.
    Found(Bag),
}

type Evaluated<T = Bag> = Result<T, TooManySteps>;

impl Frame<'_> {
    /// The contents of a node at a time.
    pub(super) fn at(&self, node: usize, time: usize) -> Evaluated<Rc<Bag>> {
        if let Some(known) = self.known.borrow().get(&(node, time)) {
            return Ok(Rc::clone(known));
        }
        let query = &self.nodes[node];
        // Also what this node then does not look at: a graph computes it, and may fail with it.
        for input in query.inputs() {
            self.at(input, time)?;
        }
        let computed = Rc::new(self.compute(query, time)?);
        self.known
            .borrow_mut()
            .insert((node, time), Rc::clone(&computed));
        Ok(computed)
    }

    fn outer_at(&self, node: usize, time: usize) -> Evaluated<Rc<Bag>> {
        let outer = self.outer.expect("only a body names nodes around it");
        outer.at(node, time)
    }

    fn compute(&self, query: &Query, time: usize) -> Evaluated {
        let at = |node: usize| self.at(node, time);
        Ok(match query {
            Query::Source(source) => {
                let Feed::Sources(inputs) = self.feed else {
                    panic!("a source in a body")
                };
                inputs[time][*source].clone()
            }
            Query::Feed => self.fed(time)?,
            Query::Outer(node) => Bag::clone(&*self.outer_at(*node, time)?),
            Query::Map(input, map) => rows::each(&*at(*input)?, |item| vec![map.apply(item)]),
            Query::Filter(input, test) => {
                rows::each(&*at(*input)?, |item| test.holds(&item).then_some(item))
            }
            Query::FilterMap(input, test, map) => rows::each(&*at(*input)?, |item| {
                test.holds(&item).then(|| map.apply(item))
            }),
            Query::FlatMap(input, spread) => rows::each(&*at(*input)?, |item| spread.apply(item)),
            Query::Inspect(input) => Bag::clone(&*at(*input)?),
            Query::Negate(input) => difference(&Bag::new(), &*at(*input)?),
            Query::Plus(left, right) => {
                let (left, right) = (at(*left)?, at(*right)?);
                let both = left.iter().chain(right.iter());
                bag(both.map(|(item, weight)| (item.clone(), *weight)))
            }
            Query::Distinct(input) => rows::distinct(&*at(*input)?),
            Query::Both(both, left, right) => rows::both(*both, &*at(*left)?, &*at(*right)?),
            Query::Join(join) => rows::join(join, &*at(join.left)?, &*at(join.right)?),
            Query::JoinOuter(JoinOuter {
                left,
                outer,
                key,
                meeting,
            }) => {
                let (left, outer) = (at(*left)?, self.outer_at(*outer, time)?);
                rows::inner(*key, false, *meeting, &left, &outer)
            }
            Query::Group {
                input,
                key,
                aggregate,
            } => groups::group(&*at(*input)?, *key, *aggregate),
            // All rows are one group, whose key says nothing.
            Query::Whole(input, aggregate) => groups::group(&*at(*input)?, Key::Unit, *aggregate),
            Query::Pick(pick) => order::pick(pick, &*at(pick.input)?),
            Query::Window(windowed) => order::window(windowed, &*at(windowed.input)?),
            Query::PerGroup { input, key, body } => self.per_group(*input, *key, body, time)?,
            Query::Recursive { seed, steps, body } => self.recursive(*seed, *steps, body, time)?,
            Query::Closure(input) => closure(&*at(*input)?),
            Query::RetainFor {
                input,
                moment,
                span,
            } => self.retain_for(*input, *moment, *span, time)?,
            // Its value at each time is the input's contents then, so its contents are their sum.
            Query::Integrate(input) => {
                let mut sum = Bag::new();
                for time in 0..=time {
                    for (item, weight) in self.at(*input, time)?.iter() {
                        add(&mut sum, item.clone(), *weight);
                    }
                }
                sum
            }
            Query::Delay(input) => Bag::clone(&*self.at(*input, time.saturating_sub(1))?),
            // The sum of the differences of the deltas is the last delta.
            Query::Differentiate(input) => self.delta(*input, time)?,
        })
    }

    fn delta(&self, node: usize, time: usize) -> Evaluated {
        if time == 0 {
            return Ok(Bag::new());
        }
        Ok(difference(
            &*self.at(node, time)?,
            &*self.at(node, time - 1)?,
        ))
    }

    fn fed(&self, time: usize) -> Evaluated {
        match &self.feed {
            Feed::Sources(_) => panic!("a feed outside of a body"),
            Feed::Group { input, key, like } => {
                Ok(with_key_of(&*self.outer_at(*input, time)?, *key, like))
            }
            Feed::Found(found) => Ok(found.clone()),
        }
    }

    /// The sub-query on the history of each group alone. Its rows carry the key.
    fn per_group(&self, input: usize, key: Key, body: &Body, time: usize) -> Evaluated {
        let mut keys = BTreeSet::new();
        for time in self.times(time) {
            keys.extend(self.at(input, time)?.keys().map(|item| key.project(item)));
        }
        let mut all = Bag::new();
        for group in &keys {
            let known = RefCell::default();
            let frame = Frame {
                nodes: &body.nodes,
                feed: Feed::Group {
                    input,
                    key,
                    like: group,
                },
                outer: Some(self),
                known: &known,
            };
            for (item, weight) in frame.at(body.nodes.len() - 1, time)?.iter() {
                add(&mut all, Body::keyed(group, item), *weight);
            }
        }
        Ok(all)
    }

    /// The times that an operator may look back to: within a recursion there is no other than now.
    fn times(&self, now: usize) -> std::ops::RangeInclusive<usize> {
        let mut frame = Some(self);
        while let Some(Frame { feed, outer, .. }) = frame {
            if matches!(feed, Feed::Found(_)) {
                return now..=now;
            }
            frame = *outer;
        }
        0..=now
    }

    /// From nothing, step by step, as long as there is something new. What does not look at what was found is found at
    /// once: there is no second step then.
    fn recursive(&self, seed: usize, steps: usize, body: &Body, time: usize) -> Evaluated {
        let seed = self.at(seed, time)?;
        let steps = if body.is_fed() { steps } else { 1 };
        let mut found = Bag::new();
        for _ in 0..=steps {
            let known = RefCell::default();
            let frame = Frame {
                nodes: &body.nodes,
                feed: Feed::Found(found.clone()),
                outer: Some(self),
                known: &known,
            };
            let made = frame.at(body.nodes.len() - 1, time)?;
            let all = seed.iter().chain(made.iter());
            let next = rows::distinct(&bag(all.map(|(item, weight)| (item.clone(), *weight))));
            if next == found {
                return Ok(found);
            }
            found = next;
        }
        Err(TooManySteps)
    }

    /// The rows now that are not behind the newest row that ever came by more than the span.
    fn retain_for(&self, input: usize, moment: Moment, span: i64, time: usize) -> Evaluated {
        let mut newest = None;
        for time in 0..=time {
            let came = self.delta(input, time)?;
            let came = came.iter().filter(|(_, weight)| **weight > 0);
            newest = newest.max(came.map(|(item, _)| moment.of(item)).max());
        }
        let horizon = newest.map(|newest| newest.saturating_sub(span));
        let rows = self.at(input, time)?;
        let kept = rows
            .iter()
            .filter(|(item, _)| Some(moment.of(item)) >= horizon);
        Ok(kept.map(|(item, weight)| (item.clone(), *weight)).collect())
    }
}

/// The rows whose key is that of a projected row.
fn with_key_of(bag: &Bag, key: Key, group: &Item) -> Bag {
    bag.iter()
        .filter(|(item, _)| key.project(item) == *group)
        .map(|(item, weight)| (item.clone(), *weight))
        .collect()
}

/// The pairs that a path of one or more edges joins: from each edge's start, whatever can be walked to.
fn closure(rows: &Bag) -> Bag {
    let weighted = bag(rows.iter().map(|(item, weight)| (Edge::of(item), *weight)));
    let there = weighted.into_iter().filter(|(_, weight)| *weight > 0);
    let edges: BTreeSet<(i64, i64)> = there.map(|(edge, _)| edge).collect();
    let starts: BTreeSet<i64> = edges.iter().map(|(from, _)| *from).collect();
    let mut pairs = Bag::new();
    for start in starts {
        let mut reached = BTreeSet::new();
        let mut walk = vec![start];
        while let Some(at) = walk.pop() {
            for (_, to) in edges.iter().filter(|(from, _)| *from == at) {
                if reached.insert(*to) {
                    walk.push(*to);
                }
            }
        }
        for to in reached {
            add(&mut pairs, Edge::into_item((start, to)), 1);
        }
    }
    pairs
}
