//! Queries as data: a [`Plan`] is a list of nodes, each made of earlier ones, so that streams are shared freely. The
//! bodies of sub-queries and of recursions are such lists themselves.

mod aggregate;
mod closures;
mod order;

pub use aggregate::{Aggregate, Several};
pub use closures::{Edge, Mapping, Meeting, Moment, Spread, Test};
pub use order::{End, Pick, Window, Windowed};

use crate::item::{Item, Key, small};

/// A query.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the first nodes are: one source a node.
    pub sources: Vec<Source>,
    /// The nodes, each of earlier ones. The first are the sources.
    pub nodes: Vec<Query>,
    /// What is looked at.
    pub sinks: Vec<Sink>,
}

/// Where rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Raw Z-set changes.
    Raw,
    /// A keyed table with this primary key: [`Key::A`], [`Key::Ab`] or [`Key::Unit`].
    Table(Key),
}

/// A node: an operator, and the nodes that it takes.
#[derive(Clone, Debug)]
pub enum Query {
    /// A source, by its position. Only in the plan itself.
    Source(usize),
    /// What a body is given: the rows of a group, or what a recursion has found so far. The first node of each body.
    Feed,
    /// A node of the list that the body is in. Only in the body of a recursion.
    Outer(usize),
    /// Each row becomes one other.
    Map(usize, Mapping),
    /// Rows stay or go.
    Filter(usize, Test),
    /// Each row becomes several, some of them equal.
    FlatMap(usize, Spread),
    /// Rows go, or become others.
    FilterMap(usize, Test, Mapping),
    /// Each weight changes its sign.
    Negate(usize),
    /// Rows are looked at.
    Inspect(usize),
    /// The sum of two streams.
    Plus(usize, usize),
    /// Rows with a positive weight, once each.
    Distinct(usize),
    /// Two streams, row by row.
    Both(Both, usize, usize),
    /// The rows that meet, or that don't.
    Join(Join),
    /// The rows of a group that leave it, meet rows of the list that the body is in, and come back. Only in the body
    /// of a sub-query.
    JoinOuter(JoinOuter),
    /// An aggregate by group; the groups become rows by [`Total::into_item`](crate::total::Total::into_item).
    Group {
        /// What is grouped.
        input: usize,
        /// By which key.
        key: Key,
        /// What is computed.
        aggregate: Aggregate,
    },
    /// An aggregate of all rows.
    Whole(usize, Aggregate),
    /// The first rows in an order, of each group or of all.
    Pick(Pick),
    /// What a row's place in an order says.
    Window(Windowed),
    /// A sub-query on the rows of each group.
    PerGroup {
        /// What is grouped.
        input: usize,
        /// By which key.
        key: Key,
        /// The sub-query.
        body: Body,
    },
    /// What is found again and again until nothing new is found.
    Recursive {
        /// What it begins with.
        seed: usize,
        /// After how many steps it is an error.
        steps: usize,
        /// What is found from what was found.
        body: Body,
    },
    /// The pairs that a path of edges joins.
    Closure(usize),
    /// Rows that are not too old.
    RetainFor {
        /// What is kept for a time.
        input: usize,
        /// When a row happened.
        moment: Moment,
        /// How long it is kept.
        span: i64,
    },
    /// The running sum.
    Integrate(usize),
    /// One iteration later.
    Delay(usize),
    /// The change since the iteration before.
    Differentiate(usize),
}

/// The query in a query: its first node is [`Query::Feed`], its last one is the result.
#[derive(Clone, Debug)]
pub struct Body {
    /// The nodes, each of earlier ones.
    pub nodes: Vec<Query>,
}

/// What is asked of a row's weights in two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Both {
    /// Once where it is in either.
    Union,
    /// Once where it is in both.
    Intersect,
    /// Once where it is in the first and not in the second.
    Except,
    /// As often as in both.
    IntersectAll,
    /// As often as in the first more than in the second.
    ExceptAll,
}

/// A join.
#[derive(Clone, Copy, Debug)]
pub struct Join {
    /// What happens to rows that meet, and to rows that don't.
    pub kind: JoinKind,
    /// The left side.
    pub left: usize,
    /// The right side; possibly the same.
    pub right: usize,
    /// What they meet on.
    pub key: Key,
    /// Whether the right side is seen [twisted](crate::item::Item::twisted).
    pub twisted: bool,
    /// Whether an inner join is into pairs that are mapped, or a join that maps.
    pub in_pairs: bool,
    /// What two rows make.
    pub meeting: Meeting,
}

/// What a join does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Rows that meet.
    Inner,
    /// And those of the left side that meet none.
    Left,
    /// And those of the right side that meet none.
    Right,
    /// And those of both sides that meet none.
    Full,
    /// Rows of the left side whose key the right side has.
    Semi,
    /// Rows of the left side whose key the right side does not have.
    Anti,
    /// Every row with every row: the key does not matter.
    Cross,
}

/// A join of a group's rows with rows from outside the group.
#[derive(Clone, Copy, Debug)]
pub struct JoinOuter {
    /// The node of the body.
    pub left: usize,
    /// The node of the list that the body is in.
    pub outer: usize,
    /// What they meet on.
    pub key: Key,
    /// What two rows make.
    pub meeting: Meeting,
}

impl Query {
    /// Whether it looks at one row at a time, or adds streams up.
    pub fn is_linear(&self) -> bool {
        matches!(
            self,
            Self::Map(..)
                | Self::Filter(..)
                | Self::FlatMap(..)
                | Self::FilterMap(..)
                | Self::Negate(_)
                | Self::Inspect(_)
                | Self::Plus(..)
                | Self::Feed
                | Self::Outer(_)
        )
    }

    /// The nodes of its own list that a node is made of, those that its body names among them.
    pub fn inputs(&self) -> Vec<usize> {
        let mut inputs = Vec::new();
        self.clone().each_input(&mut |input| inputs.push(*input));
        inputs
    }

    /// The node with other numbers in the place of its inputs'.
    #[must_use]
    pub fn renumbered(mut self, number: &dyn Fn(usize) -> usize) -> Self {
        self.each_input(&mut |input| *input = number(*input));
        self
    }

    /// Visits the places of the inputs: those in its own list, then those that its body names.
    fn each_input(&mut self, visit: &mut dyn FnMut(&mut usize)) {
        match self {
            Self::Source(_) | Self::Feed | Self::Outer(_) => {}
            Self::Plus(left, right)
            | Self::Both(_, left, right)
            | Self::Join(Join { left, right, .. }) => {
                visit(left);
                visit(right);
            }
            Self::Map(input, _)
            | Self::Filter(input, _)
            | Self::FlatMap(input, _)
            | Self::FilterMap(input, ..)
            | Self::Negate(input)
            | Self::Inspect(input)
            | Self::Distinct(input)
            | Self::JoinOuter(JoinOuter { left: input, .. })
            | Self::Group { input, .. }
            | Self::Whole(input, _)
            | Self::Pick(Pick { input, .. })
            | Self::Window(Windowed { input, .. })
            | Self::Closure(input)
            | Self::RetainFor { input, .. }
            | Self::Integrate(input)
            | Self::Delay(input)
            | Self::Differentiate(input) => visit(input),
            Self::PerGroup { input, body, .. }
            | Self::Recursive {
                seed: input, body, ..
            } => {
                visit(input);
                for node in &mut body.nodes {
                    if let Self::Outer(node) | Self::JoinOuter(JoinOuter { outer: node, .. }) = node
                    {
                        visit(node);
                    }
                }
            }
        }
    }
}

impl Body {
    /// The row that a row of a group's sub-query becomes, outside of the group.
    pub fn keyed(group: &Item, row: &Item) -> Item {
        let c = small(row.c) * 3 + small(group.c) + group.a.map_or(5, i64::from);
        Item::new(row.a, row.b.clone(), c + group.b.len() as i64)
    }

    /// Whether the result is made of what the body is given.
    pub fn is_fed(&self) -> bool {
        let mut fed: Vec<bool> = Vec::new();
        for query in &self.nodes {
            let is_feed = matches!(query, Query::Feed);
            fed.push(is_feed || query.inputs().into_iter().any(|input| fed[input]));
        }
        fed.last().copied().unwrap_or(false)
    }

    /// The body without the nodes that its result is not made of: a graph drops them, so nothing must be asked of them.
    #[must_use]
    pub fn pruned(self) -> Self {
        let mut needed = vec![false; self.nodes.len()];
        needed[0] = true;
        *needed.last_mut().expect("a body has a feed") = true;
        for (node, query) in self.nodes.iter().enumerate().rev() {
            if needed[node] {
                query
                    .inputs()
                    .into_iter()
                    .for_each(|input| needed[input] = true);
            }
        }
        let number = |node: usize| needed[..node].iter().filter(|needed| **needed).count();
        let kept = self
            .nodes
            .into_iter()
            .zip(&needed)
            .filter(|(_, needed)| **needed);
        Self {
            nodes: kept.map(|(query, _)| query.renumbered(&number)).collect(),
        }
    }
}

/// What is looked at.
#[derive(Clone, Debug)]
pub enum Sink {
    /// The delta of a node.
    Output(usize),
    /// The rows of a node, by several indexes, the first of which they are stored by.
    View(usize, Vec<Key>),
    /// The groups of an aggregate as they are, by their key and by a value.
    Groups(usize),
}
