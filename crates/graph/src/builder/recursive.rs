//! Recursion: streams that are made of themselves. Inside of the closure the operators are those of
//! `operators::nested`; what the closure makes of streams from outside alone stays outside.

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use deltaview_schema::{Index, IndexKey, Row};
use deltaview_zset::Weight;

use super::scope::{Looped, Root, Scope};
use super::{Builder, KeyedTableStream, Naming, Stream, Work};
use crate::delta::Delta;
use crate::error::{ProblemKind, TickErrorKind};
use crate::operators::nested::{ByKey, InnerVertex, NestedArrange, Recursion, Side, Stepped};
use crate::plan::VertexId;

/// Names a recursion of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RegionId(pub(crate) usize);

/// A recursion while it is built: whether its closure is still running.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) is_open: bool,
}

/// Makes the operator of a recursion of the vertices inside of it, and the number of inputs from outside.
pub(crate) type BuildRecursion =
    dyn FnOnce(Vec<InnerVertex>, usize) -> Box<dyn crate::operators::Operator>;

/// So many steps a recursion may take, where nothing else is asked for.
const MOST_STEPS: u32 = 10_000;

impl<'g, T: Row, S: Scope> Stream<'g, T, S> {
    /// The least set that has the rows of this stream, and what the closure makes of the set itself. SQL:
    /// `WITH RECURSIVE … UNION …`.
    ///
    /// It is the fixed point of `x = distinct(self + body(x))`, reached from the empty set: the closure gets the set as
    /// it is so far. The closure can use any stream of the graph (see [`Self::enter`]), and any operator but another
    /// recursion, `delay`, `differentiate`, `integrate` and `retain_for`. A body that takes rows away as the set grows (an
    /// `except` of the set, say) may have no fixed point: after 10,000 steps that is an error, see
    /// [`Self::recursive_within`].
    ///
    /// State: what the operators inside keep, each row with the step at which it joined. Cost: that of the rows which
    /// this change makes join or leave at some step, in deletes as in inserts, also where the data has cycles (DBSP §6:
    /// nested streams); not that of the whole set. Inside, operators that are not linear and no joins look at all rows
    /// of a key that changed.
    /// ```
    /// # use deltaview::prelude::*;
    /// // All that can be reached from "a".
    /// let (graph, (edges, starts, reached)) = Graph::build("roads", |g| {
    ///     let edges = g.input::<(String, String)>("edges");
    ///     let starts = g.input::<String>("starts");
    ///     let by_from = Index::new("from", |edge: &(String, String)| edge.0.clone());
    ///     let reached = starts.recursive(|reached| {
    ///         let by_place = Index::new("place", |place: &String| place.clone());
    ///         reached.join_map(edges, by_place, by_from, |_, _, edge| edge.1.clone())
    ///     });
    ///     (edges.handle(), starts.handle(), reached.view("reached"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// let edge = |from: &str, to: &str| (from.to_string(), to.to_string());
    /// store
    ///     .change()
    ///     .insert(starts, ["a".to_string()])
    ///     .insert(edges, [edge("a", "b"), edge("b", "c"), edge("c", "b")])
    ///     .commit()?;
    /// assert_eq!(store.view(reached).iter()?.count(), 3);
    /// store.change().remove(edges, [edge("a", "b")]).commit()?;
    /// assert_eq!(store.view(reached).iter()?.count(), 1); // b and c hold on to each other no longer
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn recursive(
        self,
        body: impl FnOnce(Stream<'g, T, Looped<S>>) -> Stream<'g, T, Looped<S>>,
    ) -> Self {
        self.recursive_within(MOST_STEPS, body)
    }

    /// As [`Self::recursive`], with a bound on the number of steps: an iteration that has no fixed point within it
    /// fails with [`TickErrorKind::TooManySteps`], and changes nothing.
    /// ```
    /// # use deltaview::prelude::*;
    /// // Counts on for ever, but where a number ends the counting.
    /// let (graph, (starts, ends, counted)) = Graph::build("counting", |g| {
    ///     let (starts, ends) = (g.input::<u64>("starts"), g.input::<u64>("ends"));
    ///     let by_value = || Index::new("value", |n: &u64| *n);
    ///     let counted = starts.recursive_within(20, |counted| {
    ///         counted.anti_join(ends, by_value(), by_value()).map(|n| n + 1)
    ///     });
    ///     (starts.handle(), ends.handle(), counted.view("counted"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(ends, [9]).insert(starts, [5]).commit()?;
    /// assert_eq!(store.view(counted).iter()?.count(), 5); // from 5 to 9
    /// assert!(store.change().insert(starts, [10]).commit().is_err());
    /// assert_eq!(store.view(counted).iter()?.count(), 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn recursive_within(
        self,
        steps: u32,
        body: impl FnOnce(Stream<'g, T, Looped<S>>) -> Stream<'g, T, Looped<S>>,
    ) -> Self {
        let at = Location::caller();
        let builder = self.builder;
        if builder.region_of(&[self.id]).is_some() {
            let message = "a recursion can't be inside of another: make one over rows that tell which of the two \
                           they are of (an enum, say)";
            builder.problem(ProblemKind::InsideRecursion, at, message.to_string());
            return self;
        }
        let region = builder.open_region();
        let beside = |suffix: &str| Naming::Beside {
            stream: self.id,
            suffix: suffix.to_string(),
        };
        let feedback = builder.draft_in::<S::Row<T>>(
            Some(region),
            beside("feedback"),
            "feedback",
            &[],
            Work::Feedback,
            at,
        );
        let seed = self.enter();
        let made = body(seed.at(feedback));
        let next = seed.ours(made, at).map(|made| seed.plus(made).distinct());
        builder.close_region(region);
        // What is not made of the set itself is the same at each step.
        let Some(next) = next.filter(|next| builder.region_of(&[next.id]) == Some(region)) else {
            return self;
        };
        let inputs = builder.outside_inputs(region, next.id);
        let build: Box<BuildRecursion> = Box::new(move |vertices, outside| {
            Box::new(Recursion::<S::Row<T>> {
                vertices,
                outside,
                most_steps: steps,
                row: PhantomData,
            })
        });
        let work = Work::Recursion {
            region,
            next: next.id,
            build,
        };
        let id = builder.draft_in::<S::Row<T>>(
            None,
            beside("recursive"),
            "recursive",
            &inputs,
            work,
            at,
        );
        self.at(id)
    }

    /// This stream as one inside of a recursion, where it is the same at each step. Arguments of operators are taken in
    /// by themselves: this is for a stream from outside that is the first of an operator's inputs. No state and no work: it
    /// is the same stream. Error: outside of the closure of a recursion.
    /// ```
    /// # use deltaview::prelude::*;
    /// // Who is safe: all who stand on somebody safe, from the floor upwards.
    /// let (graph, (stands, floor, safe)) = Graph::build("tower", |g| {
    ///     let stands = g.input::<(char, char)>("stands"); // who, on whom
    ///     let floor = g.input::<char>("floor");
    ///     let on_whom = Index::new("on_whom", |pair: &(char, char)| pair.1);
    ///     let safe = floor.recursive(|safe| {
    ///         let by_name = Index::new("name", |name: &char| *name);
    ///         stands.enter().semi_join(safe, on_whom, by_name).map(|pair| pair.0)
    ///     });
    ///     (stands.handle(), floor.handle(), safe.output("safe"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(floor, ['a']).insert(stands, [('b', 'a'), ('c', 'b')]).commit()?;
    /// let changed = store.change().remove(stands, [('b', 'a')]).commit()?;
    /// assert_eq!(changed.get(safe)?, ZSet::from_pairs([('b', -1), ('c', -1)])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn enter(self) -> Stream<'g, T, Looped<S>> {
        Stream {
            builder: self.builder,
            id: self.id,
            row: PhantomData,
        }
    }

    /// The pairs of places that are joined by a path of one edge or more; the closure says what an edge joins. SQL: the
    /// classic `WITH RECURSIVE`. A set: each pair once, however many paths there are.
    ///
    /// State: the edges by row and by their start; the paths by their end, with the step at which they were found, and by
    /// row, with each step at which they were found again. Cost: that of [`Self::recursive`], for the pairs that are found
    /// at other steps than before. Error: a path of more than 10,000 edges; write it with [`Self::recursive_within`] then.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, (edges, paths)) = Graph::build("roads", |g| {
    ///     let edges = g.input::<(u32, u32)>("edges");
    ///     (edges.handle(), edges.transitive_closure(|edge| *edge).view("paths"))
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(edges, [(1, 2), (2, 3), (3, 1)]).commit()?;
    /// assert_eq!(store.view(paths).iter()?.count(), 9);
    /// store.change().remove(edges, [(3, 1)]).commit()?;
    /// assert_eq!(store.view(paths).iter()?.count(), 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn transitive_closure<N: IndexKey + Row>(
        self,
        ends: impl Fn(&T) -> (N, N) + Send + Sync + 'static,
    ) -> Stream<'g, (N, N), S> {
        self.transitive_closure_within(MOST_STEPS, ends)
    }

    /// As [`Self::transitive_closure`], with a bound on the number of steps: on the number of edges of the longest of all
    /// shortest paths.
    /// ```
    /// # use deltaview::prelude::*;
    /// let (graph, edges) = Graph::build("roads", |g| {
    ///     let edges = g.input::<(u32, u32)>("edges");
    ///     edges.transitive_closure_within(3, |edge| *edge).view("paths");
    ///     edges.handle()
    /// })?;
    /// let mut store = MemoryStore::new(&graph);
    /// store.change().insert(edges, [(1, 2), (2, 3), (3, 4)]).commit()?;
    /// assert!(store.change().insert(edges, [(4, 5)]).commit().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An iteration that would need more steps fails with [`TickErrorKind::TooManySteps`], and changes nothing.
    #[track_caller]
    pub fn transitive_closure_within<N: IndexKey + Row>(
        self,
        steps: u32,
        ends: impl Fn(&T) -> (N, N) + Send + Sync + 'static,
    ) -> Stream<'g, (N, N), S> {
        // A set: copies of an edge are no further paths, and what is taken away too often takes no path away.
        let edges = self.map(move |row| ends(&row)).distinct();
        let by_from = Index::new("from", |edge: &(N, N)| edge.0.clone());
        let by_to = Index::new("to", |path: &(N, N)| path.1.clone());
        edges.recursive_within(steps, |paths| {
            paths.join_map(edges, by_to, by_from, |_, path, edge| {
                (path.0.clone(), edge.1.clone())
            })
        })
    }
}

impl<'g, T: Row, S: Scope> From<Stream<'g, T, S>> for Stream<'g, T, Looped<S>> {
    fn from(stream: Stream<'g, T, S>) -> Self {
        stream.enter()
    }
}

impl<'g, T: Row, K> From<KeyedTableStream<'g, T, K>> for Stream<'g, T, Looped<Root>> {
    fn from(table: KeyedTableStream<'g, T, K>) -> Self {
        table.stream.enter()
    }
}

impl Builder {
    /// The recursion that vertices are inside of, if any is.
    pub(crate) fn region_of(&self, vertices: &[VertexId]) -> Option<RegionId> {
        let drafts = self.drafts.borrow();
        vertices.iter().find_map(|vertex| drafts[vertex.0].region)
    }

    fn open_region(&self) -> RegionId {
        let mut regions = self.regions.borrow_mut();
        regions.push(Region { is_open: true });
        RegionId(regions.len() - 1)
    }

    /// The recursion whose closure is running.
    pub(crate) fn running_region(&self) -> Option<RegionId> {
        let regions = self.regions.borrow();
        regions
            .iter()
            .rposition(|region| region.is_open)
            .map(RegionId)
    }

    fn close_region(&self, region: RegionId) {
        self.regions.borrow_mut()[region.0].is_open = false;
    }

    /// Checks that the inputs of a new vertex are of one recursion at most, and that its closure is still running.
    pub(crate) fn check_region(&self, inputs: &[VertexId], at: &'static Location<'static>) {
        let drafts = self.drafts.borrow();
        let mut regions: Vec<RegionId> = inputs
            .iter()
            .filter_map(|input| drafts[input.0].region)
            .collect();
        regions.dedup();
        let message = match regions[..] {
            [] => return,
            [one] if self.regions.borrow()[one.0].is_open => return,
            [_] => {
                "this uses a stream from inside of `recursive` after its closure: return it from the closure"
            }
            _ => {
                "this combines streams from inside of two recursions: what is inside of one can't leave it"
            }
        };
        self.problem(ProblemKind::InsideRecursion, at, message.to_string());
    }

    /// Whether a stream is outside of every recursion; otherwise the problem is noted.
    pub(crate) fn must_be_outside(
        &self,
        stream: VertexId,
        what: &str,
        at: &'static Location<'static>,
    ) {
        if self.region_of(&[stream]).is_some() {
            let message = format!(
                "`{what}` can't be inside of `recursive`, where a stream has a value at each step: use it on what \
                 `recursive` returns"
            );
            self.problem(ProblemKind::InsideRecursion, at, message);
        }
    }

    /// The inputs from outside of all vertices inside that the last one needs, each once.
    fn outside_inputs(&self, region: RegionId, last: VertexId) -> Vec<VertexId> {
        let drafts = self.drafts.borrow();
        let mut outside = std::collections::BTreeSet::new();
        let mut seen = std::collections::BTreeSet::new();
        let mut open = vec![last];
        while let Some(vertex) = open.pop() {
            if drafts[vertex.0].region != Some(region) {
                outside.insert(vertex);
            } else if seen.insert(vertex) {
                open.extend(&drafts[vertex.0].inputs);
            }
        }
        outside.into_iter().collect()
    }

    /// The arrangement that an operator inside of a recursion looks a stream up in, which may be from outside.
    pub(crate) fn side<T: Row, K: IndexKey>(
        &self,
        stream: VertexId,
        index: &Index<T, K>,
        at: &'static Location<'static>,
    ) -> (VertexId, Side<K, T>) {
        if self.region_of(&[stream]).is_none() {
            let (vertex, table) = self.arrange(stream, index, at);
            return (vertex, Side::new(table, false));
        }
        let known = self.shared(&self.arrangements, stream, index);
        let (vertex, table) = known.unwrap_or_else(|| {
            self.check_index(index, at);
            let role = format!("by_{}", index.name());
            let stored = index.clone().inside::<u32>();
            let table = self.table_for::<Stepped<T>, K>(stored, &role, false);
            let arrange = NestedArrange {
                index: index.clone(),
                table,
            };
            let work = Work::nested(arrange).writing(table);
            let naming = Naming::Derived { suffix: role };
            let vertex = self.draft::<T>(naming, "arrange", &[stream], work, at);
            self.share(&self.arrangements, stream, index, (vertex, table));
            (vertex, table)
        });
        (vertex, Side::new(table, true))
    }

    /// A vertex inside of a recursion that is evaluated by key.
    pub(crate) fn by_key<K: IndexKey, L: Row, R: Row, U: Row>(
        &self,
        (naming, kind): (Naming, &str),
        (left, left_index): (VertexId, &Index<L, K>),
        right: Option<(VertexId, &Index<R, K>)>,
        evaluate: impl Fn(&K, &[(L, Weight)], &[(R, Weight)]) -> Result<Delta<U>, TickErrorKind>
        + Send
        + Sync
        + 'static,
        at: &'static Location<'static>,
    ) -> VertexId {
        let (vertex, left) = self.side(left, left_index, at);
        let (mut inputs, mut tables) = (vec![vertex], vec![left.table]);
        let right = right.map(|(right, index)| {
            let (vertex, right) = self.side(right, index, at);
            inputs.push(vertex);
            tables.push(right.table);
            right
        });
        let mut work = Work::nested(ByKey {
            left,
            right,
            evaluate: Arc::new(evaluate),
        });
        for table in tables {
            work = work.reading(table);
        }
        self.draft::<U>(naming, kind, &inputs, work, at)
    }
}
