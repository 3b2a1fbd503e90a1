//! From operators to nodes: every operator gets its inputs, every body its feed and its result. What would grow beyond
//! what the naive evaluator can do in a moment, or beyond weights of 64 bits, becomes a lesser operator.

use deltaview_tests::item::Key;
use deltaview_tests::plan::{
    Body, Join, JoinKind, JoinOuter, Mapping, Pick, Plan, Query, Sink, Source, Window, Windowed,
};

use super::{Operator, RawSink};
use crate::generate::operators::Step;

/// How large the contents of a node can become: the powers of two of its weights, of the number of its rows, and of that
/// of their copies, as a rule.
#[derive(Clone, Copy)]
struct Size {
    weight: u32,
    rows: u32,
    copies: u32,
}

/// What a recursion has found: a set of rows that were folded.
const FOUND: Size = Size::set(6);

/// The most copies that may be numbered one by one.
const NUMBERED: u32 = 9;

impl Size {
    const SOURCE: Self = Self {
        weight: 7,
        rows: 4,
        copies: 6,
    };

    const fn set(rows: u32) -> Self {
        Self {
            weight: 0,
            rows,
            copies: rows,
        }
    }

    fn grown(self, weight: u32, rows: u32) -> Self {
        Self {
            weight: self.weight + weight,
            rows: self.rows + rows,
            copies: self.copies + weight.max(rows),
        }
    }

    fn sum(self, other: Self) -> Self {
        Self {
            weight: self.weight.max(other.weight) + 1,
            rows: self.rows.max(other.rows) + 1,
            copies: self.copies.max(other.copies) + 1,
        }
    }

    /// Every row with every row that it meets.
    fn product(self, other: Self, key: Key) -> Self {
        let met = if matches!(key, Key::Unit) { 0 } else { 2 };
        Self {
            weight: self.weight + other.weight,
            rows: (self.rows + other.rows).saturating_sub(met),
            copies: (self.copies + other.copies).saturating_sub(met),
        }
    }

    fn is_bounded(self) -> bool {
        self.weight <= 40 && self.rows <= 9
    }
}

/// A list of nodes that grows.
struct List<'o> {
    nodes: Vec<Query>,
    sizes: Vec<Size>,
    outer: Option<&'o List<'o>>,
}

/// An operator on two nodes, or on the left one alone.
pub(crate) fn query(operator: Operator, left: usize, right: usize) -> Query {
    let mut list = List {
        nodes: Vec::new(),
        sizes: vec![Size::SOURCE; left.max(right) + 1],
        outer: None,
    };
    list.add(operator, left, right);
    list.nodes.pop().expect("it was added")
}

/// Gives every operator its inputs.
pub(crate) fn resolve(sources: Vec<Source>, operators: Vec<Step>, sinks: Vec<RawSink>) -> Plan {
    let mut list = List {
        nodes: (0..sources.len()).map(Query::Source).collect(),
        sizes: vec![Size::SOURCE; sources.len()],
        outer: None,
    };
    list.add_all(operators);
    let sinks = resolve_sinks(&list.nodes, sinks);
    Plan {
        sources,
        nodes: list.nodes,
        sinks,
    }
}

/// One of the nodes so far: mostly a late one, so that graphs grow deep.
fn earlier(number: u8, nodes: usize) -> usize {
    let number = usize::from(number);
    let reach = if number < 160 { nodes.min(3) } else { nodes };
    nodes - 1 - number % reach
}

impl List<'_> {
    fn add_all(&mut self, operators: Vec<Step>) {
        for (operator, first, second) in operators {
            let nodes = self.nodes.len();
            let left = earlier(first, nodes);
            let right = match (&operator, self.outer) {
                (Operator::Outer | Operator::JoinOuter(..), Some(outer)) => {
                    earlier(second, outer.nodes.len())
                }
                _ => earlier(second, nodes),
            };
            self.add(operator, left, right);
        }
    }

    fn push(&mut self, node: Query, size: Size) -> usize {
        self.nodes.push(node);
        self.sizes.push(size);
        self.nodes.len() - 1
    }

    fn add(&mut self, operator: Operator, left: usize, right: usize) {
        let (node, size) = self.bounded(operator, left, right);
        self.push(node, size);
    }

    /// The node, or its rows once each where there may be more copies than can be numbered one by one.
    fn numbered(&mut self, input: usize) -> usize {
        let size = self.sizes[input];
        if size.copies <= NUMBERED {
            return input;
        }
        self.push(Query::Distinct(input), Size::set(size.rows))
    }

    fn bounded(&mut self, operator: Operator, left: usize, right: usize) -> (Query, Size) {
        let one = self.sizes[left];
        match operator {
            Operator::Map(map) => (Query::Map(left, map), one),
            Operator::Filter(test) => (Query::Filter(left, test), one),
            Operator::FilterMap(test, map) => (Query::FilterMap(left, test, map), one),
            Operator::FlatMap(spread) => (Query::FlatMap(left, spread), one.grown(2, 1)),
            Operator::Negate => (Query::Negate(left), one),
            Operator::Inspect => (Query::Inspect(left), one),
            Operator::Plus => self.sum(left, right),
            Operator::Distinct => (Query::Distinct(left), Size::set(one.rows)),
            Operator::Both(both) => {
                let size = one.sum(self.sizes[right]);
                (Query::Both(both, left, right), size)
            }
            Operator::Group(key, aggregate) => {
                let input = left;
                let node = Query::Group {
                    input,
                    key,
                    aggregate,
                };
                (node, one)
            }
            Operator::Whole(aggregate) => (Query::Whole(left, aggregate), Size::set(0)),
            Operator::Delay => (Query::Delay(left), one),
            Operator::Differentiate => (Query::Differentiate(left), one.grown(1, 1)),
            Operator::Integrate if one.weight > 36 => (Query::Delay(left), one),
            Operator::Integrate => (Query::Integrate(left), one.grown(4, 0)),
            Operator::RetainFor(moment, span) => {
                let input = left;
                let node = Query::RetainFor {
                    input,
                    moment,
                    span,
                };
                (node, one)
            }
            Operator::Pick {
                by,
                order,
                end,
                offset,
                n,
            } => {
                let input = left;
                let pick = Pick {
                    input,
                    by,
                    order,
                    end,
                    offset,
                    n,
                };
                (Query::Pick(pick), one)
            }
            Operator::Window(by, order, window) => self.window(left, by, order, window),
            Operator::Join {
                kind,
                key,
                twisted,
                in_pairs,
                meeting,
            } => {
                let join = Join {
                    kind,
                    left,
                    right,
                    key,
                    twisted,
                    in_pairs,
                    meeting,
                };
                self.join(join)
            }
            Operator::JoinOuter(key, meeting) => self.join_outer(JoinOuter {
                left,
                outer: right,
                key,
                meeting,
            }),
            Operator::Outer => match self.outer {
                Some(outer) => (Query::Outer(right), outer.sizes[right]),
                None => (Query::Inspect(left), one),
            },
            Operator::PerGroup(key, steps) => self.per_group(left, key, steps),
            Operator::Recursive(most, steps) => self.recursive(left, most, steps),
            Operator::Closure => (Query::Closure(left), Size::set(5)),
        }
    }

    fn sum(&self, left: usize, right: usize) -> (Query, Size) {
        let size = self.sizes[left].sum(self.sizes[right]);
        (Query::Plus(left, right), size)
    }

    fn join(&self, join: Join) -> (Query, Size) {
        let (one, other) = (self.sizes[join.left], self.sizes[join.right]);
        let size = match join.kind {
            JoinKind::Semi | JoinKind::Anti => one,
            JoinKind::Cross => one.product(other, Key::Unit),
            JoinKind::Inner => one.product(other, join.key),
            JoinKind::Left | JoinKind::Right | JoinKind::Full => {
                let alone = one.sum(other);
                let met = one.product(other, join.key);
                Size {
                    weight: met.weight.max(alone.weight),
                    rows: met.rows.max(alone.rows),
                    copies: met.copies.max(alone.copies),
                }
            }
        };
        if size.is_bounded() {
            (Query::Join(join), size)
        } else {
            self.sum(join.left, join.right)
        }
    }

    fn join_outer(&self, join: JoinOuter) -> (Query, Size) {
        let one = self.sizes[join.left];
        let met = self
            .outer
            .map(|outer| one.product(outer.sizes[join.outer], join.key));
        match met.filter(|met| met.is_bounded()) {
            Some(size) => (Query::JoinOuter(join), size),
            None => (Query::Inspect(join.left), one),
        }
    }

    fn window(
        &mut self,
        input: usize,
        by: Option<Key>,
        order: Key,
        window: Window,
    ) -> (Query, Size) {
        let input = self.numbered(input);
        let one = self.sizes[input];
        let windowed = Windowed {
            input,
            by,
            order,
            window,
        };
        let size = Size {
            rows: one.rows.max(one.copies.min(NUMBERED)),
            ..one
        };
        (Query::Window(windowed), size)
    }

    fn per_group(&self, input: usize, key: Key, steps: Vec<Step>) -> (Query, Size) {
        let (body, size) = self.body(self.sizes[input], steps);
        let body = body.pruned();
        (Query::PerGroup { input, key, body }, size)
    }

    /// What is found is folded, so that there is an end to it, unless it comes and goes.
    fn recursive(&self, seed: usize, steps: usize, body: Vec<Step>) -> (Query, Size) {
        let (mut body, _) = self.body(FOUND, body);
        body.nodes
            .push(Query::Map(body.nodes.len() - 1, Mapping::Fold));
        let body = body.pruned();
        let size = Size::set(self.sizes[seed].rows.max(FOUND.rows) + 1);
        (Query::Recursive { seed, steps, body }, size)
    }

    fn body(&self, feed: Size, steps: Vec<Step>) -> (Body, Size) {
        let mut list = List {
            nodes: vec![Query::Feed],
            sizes: vec![feed],
            outer: Some(self),
        };
        list.add_all(steps);
        let size = *list.sizes.last().expect("the feed has a size");
        (Body { nodes: list.nodes }, size)
    }
}

/// Sinks for the nodes that were asked for, an output for each that nothing else reads, and the groups of every second
/// aggregate as they are.
fn resolve_sinks(nodes: &[Query], sinks: Vec<RawSink>) -> Vec<Sink> {
    let mut resolved: Vec<Sink> = Vec::new();
    for (number, keys) in sinks {
        let node = earlier(number, nodes.len());
        let Some(keys) = keys else {
            resolved.push(Sink::Output(node));
            continue;
        };
        let same =
            |sink: &Sink| matches!(sink, Sink::View(of, with) if *of == node && with[0] == keys[0]);
        if !resolved.iter().any(same) {
            resolved.push(Sink::View(node, keys));
        }
    }
    for (node, query) in nodes.iter().enumerate() {
        if matches!(query, Query::Group { .. }) && node % 2 == 0 {
            resolved.push(Sink::Groups(node));
        }
        if !nodes.iter().any(|reader| reader.inputs().contains(&node)) {
            resolved.push(Sink::Output(node));
        }
    }
    resolved
}
