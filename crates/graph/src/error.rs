//! What can be wrong with a graph that is being built, and what can go wrong in a tick.

use std::fmt;
use std::panic::Location;

use deltaview_schema::codec::CodecError;
use deltaview_zset::WeightOverflow;
use thiserror::Error;

/// A graph that can't be built: everything that is wrong with it, each with the line of the user's code.
#[derive(Clone, Debug, Error)]
pub struct BuildError {
    pub(crate) graph: String,
    pub(crate) problems: Vec<Problem>,
}

impl BuildError {
    /// All that is wrong, in the order of the code. Never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph `{}` can't be built:", self.graph)?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a graph.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(crate) kind: ProblemKind,
    pub(crate) message: String,
    pub(crate) at: &'static Location<'static>,
}

impl Problem {
    /// What sort of problem it is.
    pub fn kind(&self) -> ProblemKind {
        self.kind
    }

    /// The line of the user's code.
    pub fn location(&self) -> &'static Location<'static> {
        self.at
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

/// The sorts of problems that a graph can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProblemKind {
    /// Two vertices have one name, or two tables would.
    DuplicateName,
    /// A name that can't be one: empty, or with a NUL.
    BadName,
    /// A stream of another graph.
    ForeignStream,
    /// A handle of another graph.
    ForeignHandle,
    /// Two columns of one table have one name.
    DuplicateColumn,
    /// Something that can't be inside of a recursion, or can't leave it.
    InsideRecursion,
    /// The history of one view is to be kept in two ways, for no time at all, or by a further index alone.
    Retention,
}

/// A handle that belongs to another graph.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "this handle belongs to another graph than `{graph}`: use the handles that the same call of `Graph::build` \
     returned"
)]
pub struct HandleError {
    graph: String,
}

impl HandleError {
    pub(crate) fn new(graph: &str) -> Self {
        Self {
            graph: graph.to_string(),
        }
    }
}

/// An iteration that failed. Nothing of it was kept: the state is as it was before.
#[derive(Debug, Error)]
#[error("graph `{graph}`, vertex `{vertex}`: {kind}")]
pub struct TickError {
    graph: String,
    vertex: String,
    #[source]
    kind: TickErrorKind,
}

impl TickError {
    /// An error of a vertex of a graph. For stores, which find rows that don't decode.
    pub fn new(graph: &str, vertex: &str, kind: impl Into<TickErrorKind>) -> Self {
        Self {
            graph: graph.to_string(),
            vertex: vertex.to_string(),
            kind: kind.into(),
        }
    }

    /// The name of the graph.
    pub fn graph(&self) -> &str {
        &self.graph
    }

    /// The name of the vertex that failed.
    pub fn vertex(&self) -> &str {
        &self.vertex
    }

    /// What happened.
    pub fn kind(&self) -> &TickErrorKind {
        &self.kind
    }
}

/// What can go wrong in a tick.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TickErrorKind {
    /// A weight does not fit 64 bits.
    #[error("{0}")]
    WeightOverflow(#[from] WeightOverflow),
    /// A sum does not fit its type.
    #[error("the aggregate of group {key} overflows its type: sum into a wider one, as `i128`")]
    AggregateOverflow {
        /// The key of the group.
        key: String,
    },
    /// A closure of the user panicked.
    #[error("a closure of this vertex panicked: {message}")]
    Panicked {
        /// The panic's message.
        message: String,
    },
    /// A row was inserted under a key that the keyed table has already.
    #[error("the table has a row with key {key} already: use `upsert` to replace it")]
    DuplicateKey {
        /// The key.
        key: String,
    },
    /// A row was to be updated, deleted or removed that the keyed table does not have.
    #[error("the table has no row with key {key}: use `upsert` if it may be missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A row was to be removed from a keyed table that has another row under its key.
    #[error(
        "the table has another row with key {key} than the one to remove: use `delete` to remove it by its key"
    )]
    DifferentRow {
        /// The key.
        key: String,
    },
    /// An update changed the key of its row.
    #[error(
        "the update of the row with key {key} changed its key: `delete` the row and `insert` the new one"
    )]
    UpdatedKey {
        /// The key.
        key: String,
    },
    /// A recursion did not come to an end within its bound.
    #[error(
        "the recursion has no fixed point within {steps} steps: make sure that it can't go on forever, or set another \
         bound with `recursive_within`"
    )]
    TooManySteps {
        /// The bound.
        steps: u32,
    },
    /// More copies of rows than can be numbered.
    #[error(
        "this numbers more than {most} copies of rows in one change: take `distinct` before it, or look for a wrong weight"
    )]
    TooManyCopies {
        /// The most there can be.
        most: u64,
    },
    /// Raw weights were given to a keyed table.
    #[error(
        "a keyed table takes no raw weights: use `insert`, `upsert`, `update`, `delete` or `remove`"
    )]
    RawWeights,
    /// A stored row does not decode.
    #[error("table `{table}`: the stored row with identity {identity} does not decode: {error}")]
    Decode {
        /// The table.
        table: String,
        /// The identity of the row, or its key where the table has one row a key.
        identity: String,
        /// What the codec found.
        #[source]
        error: CodecError,
    },
    /// A stored row has another key than the one that it is stored by.
    #[error(
        "table `{table}`: the stored row with identity {identity} has another key than it is stored by: was the \
         closure of index `{index}` changed? give the changed index a new name"
    )]
    KeyChanged {
        /// The table.
        table: String,
        /// The identity of the row, or its key where the table has one row a key.
        identity: String,
        /// The name of the index.
        index: String,
    },
    /// A row can't be encoded.
    #[error("a row can't be encoded: {0}")]
    Encode(#[source] CodecError),
    /// What was journaled of an iteration does not decode, or is of nothing in this graph.
    #[error("what is in the journal can't be used: {reason}")]
    DamagedJournal {
        /// What is wrong with it.
        reason: String,
    },
    /// A store went on with the iteration without having answered what was asked of it.
    #[error("the store did not answer what was asked of table `{table}`: its driver has a bug")]
    Unanswered {
        /// The table.
        table: String,
    },
    /// A handle of another graph was used in the change.
    #[error("{0}")]
    Handle(#[from] HandleError),
    /// The change was made for another graph.
    #[error("the change was made by another graph: make it with this graph's `change()`")]
    ForeignChange,
}

/// A view that can't be derived anew from the inputs that are stored.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RederiveError {
    /// A handle of another graph.
    #[error("{0}")]
    Handle(#[from] HandleError),
    /// The rows of an input are in no table.
    #[error(
        "graph `{graph}`: view `{view}` can't be derived anew, because input `{input}` is not stored: keep its rows \
         with `.view(\"…\")` on its stream, or make it a keyed table"
    )]
    NotStored {
        /// The graph.
        graph: String,
        /// The view.
        view: String,
        /// The input.
        input: String,
    },
    /// The rows of an input are in the view only.
    #[error(
        "graph `{graph}`: there is nothing to compare view `{view}` with, because it is all that is stored of input \
         `{input}`: views that are made of it can be verified, or keep the input in another view too"
    )]
    OnlyItself {
        /// The graph.
        graph: String,
        /// The view.
        view: String,
        /// The input.
        input: String,
    },
    /// The view depends on what its inputs were, and not on what they are alone.
    #[error(
        "graph `{graph}`: view `{view}` can't be derived anew, because `{vertex}` ({kind}, {at}) depends on the order \
         in which rows came, which is not stored: use a view before it"
    )]
    History {
        /// The graph.
        graph: String,
        /// The view.
        view: String,
        /// The vertex that depends on history.
        vertex: String,
        /// What it does.
        kind: String,
        /// The line of the user's code that made it.
        at: &'static Location<'static>,
    },
}

/// The message of a caught panic.
pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_string())
}
